import { z } from 'zod';

/** Body of every error response; `schemas/errors.ts` lists the codes. */
export const errorBody = z.object({
  ok: z.literal(false),
  error: z.object({
    /** Stable code for programs. */
    code: z.string(),
    /** Message for people. Names the field, never its value. */
    message: z.string(),
    field: z.string().optional(),
    expected: z.string().optional(),
  }),
});
