import { removeFolders } from '../bench/folders.js';
import { CommandError } from '#schemas/errors.js';
import { soakAudit } from './audit.js';
import { soakClients } from './clients/clients.js';
import { soakDrill } from './drill.js';
import { soakGuard } from './guard.js';
import { soakHostile } from './hostile/hostile.js';
import { soakLedger } from './ledger.js';
import { soakReadings } from './readings.js';
import { soakRedactionCorpus } from './redaction-corpus/corpus.js';
import { soakRedactionRivals } from './redaction-rivals.js';
import { soakRollups } from './rollups.js';

/** Long runs of what the tests do briefly: `npm run soak -- <name> <argument>`. */
const SOAKS: Readonly<Record<string, (words: readonly string[], err: (line: string) => void) => Promise<void>>> = {
  audit: (words, say) => soakAudit(countOf('audit', words), say),
  clients: soakClients,
  drill: ([argument = ''], say) => soakDrill(argument, say),
  guard: ([argument = ''], say) => soakGuard(argument, say),
  hostile: ([argument = ''], say) => soakHostile(argument, say),
  ledger: ([amount = '1000000'], say) => soakLedger(countOf('ledger', [amount]), say),
  readings: (words, say) => soakReadings(countOf('readings', words), say),
  'redaction-corpus': ([argument = ''], say) => soakRedactionCorpus(argument, say),
  'redaction-rivals': ([argument = ''], say) => soakRedactionRivals(argument, say),
  rollups: (words, say) => soakRollups(countOf('rollups', words), say),
};

function countOf(soak: string, [amount = '']: readonly string[]): number {
  if (!/^[1-9]\d{0,8}$/.test(amount))
    throw new CommandError(`${soak}: expected how much as a whole number, e.g. npm run soak -- ${soak} 10000`);
  return Number(amount);
}

process.on('exit', removeFolders);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const err = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main([name = '', ...rest]: readonly string[]): Promise<void> {
  const soak = Object.hasOwn(SOAKS, name) ? SOAKS[name] : undefined;
  if (soak === undefined)
    throw new CommandError(
      `${name === '' ? 'name a soak' : `no soak ${name}`}; there are: ${Object.keys(SOAKS).join(', ')}`,
    );
  await soak(
    rest.filter((word) => word !== '--minutes'),
    err,
  );
}

main(process.argv.slice(2)).catch((error: unknown) => {
  err(error instanceof CommandError ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 1;
});
