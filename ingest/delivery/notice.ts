import { z } from 'zod';
import { scrubText } from '#schemas/scrub.js';

/** Maximum members of a digest; `more` counts the others. */
export const MAX_MEMBERS = 50;
/** Maximum labels; those beyond it are left out. */
export const MAX_LABELS = 20;

/** Text of at most `max` characters, without secrets and control characters. Its content is untrusted. */
const untrusted = (max: number) => z.string().transform((text) => scrubText(text, max));
const iso = z.iso.datetime();
const severity = z.enum(['critical', 'warning']);
/** Absolute URL, or a path of the gateway that begins with one slash. */
const link = z
  .string()
  .max(2_000)
  .regex(/^(?:https?:\/\/|\/(?![/\\]))[\u0021-\u007e]*$/, 'an http(s) URL or a path of the gateway')
  .nullable();

/**
 * What a destination is given to render. Every text in it is untrusted, as attackers choose titles and names: a
 * destination escapes it at rendering, and nothing before it does.
 */
export const noticeSchema = z.object({
  /** Dedupe key, opaque: notices of one key are about one thing. Grafana's notices have the same. */
  key: z.string().min(1).max(500),
  /** 1, 2, ... of that key. */
  episode: z.int().min(1),
  kind: z.enum(['firing', 'resolved', 'digest', 'test', 'acknowledged']),
  severity,
  /** `uid` of a rule of `schemas/alerts/rules.ts`, or of a signal. */
  rule: untrusted(100),
  title: untrusted(300),
  summary: untrusted(2_000),
  /** Canonical name; null: the organisation. */
  repository: untrusted(200).nullable(),
  /** Id of the organisation. */
  organisation: untrusted(100),
  labels: z.record(z.string(), z.string()).transform((labels) =>
    Object.fromEntries(
      Object.entries(labels)
        .slice(0, MAX_LABELS)
        .map(([name, value]) => [scrubText(name, 100), scrubText(value, 300)]),
    ),
  ),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  windowSeconds: z.number().nullable(),
  since: iso,
  until: iso.nullable(),
  /** Number of notices that were not sent since the last one. */
  suppressed: z.int().min(0),
  links: z.object({ board: link, explain: link, runbook: link }),
  /** Of a digest. */
  members: z
    .array(
      z.object({
        title: untrusted(300),
        repository: untrusted(200).nullable(),
        severity,
        since: iso,
        board: link,
      }),
    )
    .max(MAX_MEMBERS)
    .default([]),
  /** Members of the digest that are not listed. */
  more: z.int().min(0).default(0),
});

/** A notice as callers make it. */
export type NoticeInput = z.input<typeof noticeSchema>;
/** A notice as it is stored and rendered: bounded, and without secrets. */
export type Notice = z.output<typeof noticeSchema>;
