import { z } from 'zod';

/** Body of every refusal; see `schemas/errors.ts` for the codes. */
export const errorBody = z.object({
  ok: z.literal(false),
  error: z.object({
    /** Stable, for programs. */
    code: z.string(),
    /** For people: names the field, never its value. */
    message: z.string(),
    field: z.string().optional(),
    expected: z.string().optional(),
  }),
});
