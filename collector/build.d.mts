/** What a collector is made of. */
export interface CollectorSource {
  /** Text of a manifest of the OpenTelemetry Collector Builder, its distribution named `shieldwatch-collector`. */
  readonly manifest: string;
  /** CPU profile (pprof) that the compiler optimises for. */
  readonly profile?: Uint8Array;
}

/** Our distribution. */
export function ownSource(): CollectorSource;
/** Path of the collector that {@link buildCollector} made for today's sources, or undefined: not built, or no Go. */
export function collectorBinary(source?: CollectorSource): string | undefined;
/** True where a Go toolchain answers. */
export function hasGo(): boolean;
/** Builds the collector, ours unless `source` is another, if that was not done before, and returns its path. */
export function buildCollector(onProgress?: (line: string) => void, source?: CollectorSource): Promise<string>;
