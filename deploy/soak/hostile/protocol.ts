/** What the process with the stack says once it is up. */
export interface Up {
  readonly gateway: string;
  /** `http://reader:password@host:port` */
  readonly sql: string;
  readonly hook: string;
  readonly hookToken: string;
  /** Ingest and read tokens of the hostile organisation, and of the one beside it. */
  readonly hostile: readonly string[];
  readonly neighbour: readonly string[];
}

/** What it has observed since it was asked last. */
export interface Observed {
  /** Of the gateway's event loop, in milliseconds. */
  readonly delay: { readonly max: number; readonly p99: number };
  /** The most CPU time that the thread took in one turn of the loop, and the requests that came meanwhile; undefined where the system does not tell. */
  readonly held: { readonly max: number; readonly during: readonly string[] } | undefined;
  readonly residentMiB: number;
  /** Lines of the stack's log that tell of a process that ended or of a failure, since its start. */
  readonly alarms: readonly string[];
}
