/** Resolves on the first SIGINT or SIGTERM. A second SIGINT ends the process at once. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    const first = (): void => {
      process.off('SIGINT', first);
      process.off('SIGTERM', first);
      process.on('SIGINT', () => process.exit(130));
      resolve();
    };
    process.on('SIGINT', first);
    process.on('SIGTERM', first);
  });
}
