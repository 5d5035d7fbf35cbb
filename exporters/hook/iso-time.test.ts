import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isoTime } from './iso-time.js';

it('formats a time as Date does', () => {
  fc.assert(
    fc.property(
      fc.date({
        min: new Date('0000-01-01T00:00:00.000Z'),
        max: new Date('9999-12-31T23:59:59.999Z'),
        noInvalidDate: true,
      }),
      (date) => {
        expect(isoTime(date.getTime())).toBe(date.toISOString());
      },
    ),
    { numRuns: 5000 },
  );
});
