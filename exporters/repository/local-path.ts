/**
 * Converts a path to this system's form: under WSL, agents and git of Windows write `C:\work\app` or
 * `\\wsl$\Ubuntu\home\me\app`.
 */
export function localPath(path: string): string {
  if (process.platform === 'win32') return path;
  const drive = /^([A-Za-z]):[/\\]/.exec(path)?.[1];
  if (drive !== undefined) return `/mnt/${drive.toLowerCase()}/${path.slice(3).replaceAll('\\', '/')}`;
  const ofLinux = /^[/\\]{2}(?:wsl\$|wsl\.localhost)[/\\][^/\\]+/i.exec(path)?.[0];
  return ofLinux === undefined ? path : path.slice(ofLinux.length).replaceAll('\\', '/') || '/';
}

/** Returns whether a path is on a Windows file system, which is not case-sensitive. */
export function isOnWindowsDrive(path: string): boolean {
  return process.platform === 'win32' || /^(?:[A-Za-z]:|\/mnt\/[A-Za-z]\/)/.test(path);
}
