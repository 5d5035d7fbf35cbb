import type { ControlPlane } from '../control/control-plane.js';
import { advance } from './advance.js';
import { recordEpisodes } from './facts.js';
import { lockEpisodes, settle } from './settle.js';
import { DRIFT, driftObservation, type BadDrift } from './signals.js';
import { knownEvents, ms, readOpen, writeAdvanced } from './store.js';

/** Milliseconds for which the answer to a drift waits for its notice, and its transaction for a lock. It is queued later all the same. */
const MAX_WAIT_MS = 2_000;

/**
 * Opens the episode of a drift that was accepted, and queues its notices in the same transaction. It never fails, and never
 * delays the answer by more than 2 seconds: the next evaluation finds the drift's fact.
 *
 * @returns whether a notice was queued, or waits in a digest
 */
export async function announceDrift(plane: ControlPlane, orgId: string, drift: BadDrift): Promise<boolean> {
  const announced = announce(plane, orgId, drift).catch(() => false);
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, MAX_WAIT_MS);
  });
  return Promise.race([announced, waited]).finally(() => {
    clearTimeout(timer);
  });
}

async function announce(plane: ControlPlane, orgId: string, drift: BadDrift): Promise<boolean> {
  return plane.read(orgId, async (tx) => {
    // Many drifts at once must not hold every connection of the pool: what waits for longer is announced by the evaluation.
    await tx.query("SELECT set_config('lock_timeout', $1, true)", [`${String(MAX_WAIT_MS)}ms`]);
    if ((await lockEpisodes(tx)) === undefined) return false;
    const [clock] = await tx.query<{ at: Date | string }>('SELECT clock_timestamp() AS at');
    const at = clock === undefined ? Date.now() : ms(clock.at);
    const observation = driftObservation(orgId, drift);
    const advanced = advance(
      [{ rule: DRIFT, forSeconds: 0, isComplete: false, observations: [observation] }],
      { pending: [], open: await readOpen(tx, DRIFT), knownEvents: await knownEvents(tx, [observation.occurrence]) },
      at,
    );
    if (advanced.opened.length === 0) return false;
    await writeAdvanced(tx, orgId, advanced, at);
    const announced = await settle(tx, orgId, at);
    await recordEpisodes(tx, orgId, at);
    const [episode] = await tx.query<{ id: string }>('SELECT id FROM alert_episode WHERE occurrence = $1', [
      observation.occurrence,
    ]);
    return episode !== undefined && announced.has(episode.id);
  });
}
