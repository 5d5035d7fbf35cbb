/** Path of the collector that {@link buildCollector} made for today's sources, or undefined: not built, or no Go. */
export function collectorBinary(): string | undefined;
/** True where a Go toolchain answers. */
export function hasGo(): boolean;
/** Builds the collector unless that was done before, and returns its path. */
export function buildCollector(onProgress?: (line: string) => void): Promise<string>;
