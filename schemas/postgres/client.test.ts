import { expect, it } from 'vitest';
import { openPostgres } from './client.js';

it('the embedded engine runs few statements in one turn of the event loop, also of transactions', async () => {
  const postgres = await openPostgres({});
  let turns = 0;
  let isCounting = true;
  const count = (): void => {
    turns += 1;
    if (isCounting) setImmediate(count);
  };
  setImmediate(count);
  await Promise.all(
    Array.from({ length: 40 }, () =>
      postgres.transaction((tx) => Promise.all([tx.query('SELECT 1'), tx.query('SELECT 2')])),
    ),
  );
  isCounting = false;
  await postgres.close();
  expect(turns).toBeGreaterThanOrEqual(80 / 8 - 1);
});
