import { z } from 'zod';

/**
 * The part of a Grafana board that running its queries needs. Everything else passes through untouched:
 * how a panel looks is between the JSON and the page.
 */
const target = z.looseObject({
  refId: z.string(),
  rawSql: z.string(),
  /** 0: time series, 1: table, as the ClickHouse datasource numbers them. */
  format: z.number(),
});

const panelFields = {
  id: z.int(),
  type: z.string(),
  title: z.string().optional(),
  targets: z.array(target).optional(),
  maxDataPoints: z.number().nullish(),
  /** Lower limit of the bucket width, e.g. `1m`. */
  interval: z.string().nullish(),
};

/** A row that is folded holds its panels; one that is open is followed by them. */
const panel = z.looseObject({ ...panelFields, panels: z.array(z.looseObject(panelFields)).optional() });

const variable = z.looseObject({
  name: z.string().regex(/^\w+$/),
  type: z.enum(['query', 'custom', 'constant', 'textbox', 'interval']),
  label: z.string().nullish(),
  /** 0: shown, 1: without its label, 2: not shown. */
  hide: z.number().default(0),
  multi: z.boolean().default(false),
  includeAll: z.boolean().default(false),
  query: z.unknown(),
  current: z.looseObject({ value: z.union([z.string(), z.array(z.string())]).optional() }).nullish(),
});

const annotation = z.looseObject({
  name: z.string(),
  /** Grafana's own, which reads what people wrote into Grafana, has no SQL. */
  target: z.looseObject({ rawSql: z.string().optional() }).optional(),
});

export const boardSchema = z.looseObject({
  uid: z.string(),
  title: z.string(),
  description: z.string().optional(),
  tags: z.array(z.string()).optional(),
  time: z.looseObject({ from: z.string(), to: z.string() }).optional(),
  panels: z.array(panel),
  templating: z.looseObject({ list: z.array(variable).default([]) }).default({ list: [] }),
  annotations: z.looseObject({ list: z.array(annotation).default([]) }).default({ list: [] }),
});

export type Board = z.infer<typeof boardSchema>;
export type BoardPanel = z.infer<typeof panel>;
export type BoardVariable = z.infer<typeof variable>;
