/** The format of an answer when neither the query nor the request names one, as for a server. */
export const DEFAULT_FORMAT = 'TabSeparated';

const CONTENT_TYPES: readonly (readonly [RegExp, string])[] = [
  [
    /^(JSON|JSONStrings|JSONCompact|JSONCompactStrings|JSONColumns|JSONCompactColumns|JSONColumnsWithMetadata|JSONObjectEachRow)$/i,
    'application/json; charset=UTF-8',
  ],
  [/^(JSON.*EachRow.*|NDJSON|JSONLines)$/i, 'application/x-ndjson; charset=UTF-8'],
  [/^CSV/i, 'text/csv; charset=UTF-8; header=absent'],
  [/^(TabSeparated|TSV|Raw)/i, 'text/tab-separated-values; charset=UTF-8'],
  [/^XML$/i, 'application/xml; charset=UTF-8'],
  [/^Prometheus$/i, 'text/plain; version=0.0.4; charset=UTF-8'],
  [/^(Native|RowBinary.*|Parquet|Arrow.*|ORC|Avro|MsgPack|Protobuf.*|BSONEachRow|Npy)$/i, 'application/octet-stream'],
];

export function contentTypeOf(format: string): string {
  return CONTENT_TYPES.find(([pattern]) => pattern.test(format))?.[1] ?? 'text/plain; charset=UTF-8';
}

/** Format names go into SQL text: a name, nothing else. */
export function isFormatName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(text);
}
