import { z } from 'zod';
import { urlProblem } from '../egress.js';

/** A secret of printable ASCII. It is not redacted: it is what must be sent. */
export const secretText = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[\u0021-\u007e]+$/, 'printable ASCII without spaces');

/** An https URL (http only where the operator permits it); with `hosts`, one of these or below. */
export const targetUrl = (...hosts: readonly string[]) =>
  z
    .string()
    .max(2_000)
    .superRefine((text, context) => {
      const problem = urlProblem(text);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      else if (hosts.length > 0 && !hosts.some((host) => isBelow(new URL(text), host)))
        context.addIssue({ code: 'custom', message: `an https: URL of ${hosts.join(' or ')}` });
    });

function isBelow(url: URL, host: string): boolean {
  return url.protocol === 'https:' && (url.hostname === host || url.hostname.endsWith(`.${host}`));
}
