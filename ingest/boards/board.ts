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

const panel = z.looseObject({
  id: z.int(),
  type: z.string(),
  title: z.string().optional(),
  targets: z.array(target).optional(),
  maxDataPoints: z.number().optional(),
  /** Lower limit of the bucket width, e.g. `1m`. */
  interval: z.string().optional(),
});

const variable = z.looseObject({
  name: z.string().regex(/^\w+$/),
  type: z.string(),
  label: z.string().optional(),
  multi: z.boolean().default(false),
  includeAll: z.boolean().default(false),
  query: z.unknown(),
});

export const boardSchema = z.looseObject({
  uid: z.string(),
  title: z.string(),
  description: z.string().optional(),
  panels: z.array(panel),
  templating: z.looseObject({ list: z.array(variable).default([]) }),
});

export type Board = z.infer<typeof boardSchema>;
export type BoardPanel = z.infer<typeof panel>;
