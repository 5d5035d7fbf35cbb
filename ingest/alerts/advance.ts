import type { Observation, Reading } from './observation.js';

/** Seconds between two evaluations of an organisation. */
export const INTERVAL_S = 60;
/** Longest time between two evaluations that counts towards a rule's `for`: after an outage nothing is known of the rest. */
const MAX_GAP_S = 2 * INTERVAL_S;
/** Without data for this long, the same instance firing again is a new episode. */
const SAME_EPISODE_MS = 3_600_000;
/** Without data for this long, an episode expires. It is not resolved. */
const EXPIRY_MS = 30 * 86_400_000;
/** Maximum open episodes of a rule. */
export const MAX_OPEN = 1_000;

export interface Pending {
  key: string;
  rule: string;
  heldSeconds: number;
  /** Milliseconds since 1970, as all times here. */
  observedAt: number;
}

/** An open episode, as far as its state matters. */
export interface OpenEpisode {
  id: string;
  key: string;
  rule: string;
  state: 'firing' | 'no_data';
  since: number;
  observedAt: number;
  missingSince: number | null;
}

export interface Advanced {
  opened: Observation[];
  /** Open episodes of which something changed. */
  changed: {
    id: string;
    state: 'firing' | 'no_data';
    observedAt: number;
    missingSince: number | null;
    seen?: Observation;
  }[];
  ended: { id: string; state: 'resolved' | 'expired' | 'superseded' }[];
  pending: Pending[];
  /** Keys that are no longer pending. */
  settled: string[];
  /** Number of episodes that were not opened because the rule has {@link MAX_OPEN}, by rule. */
  notOpened: Map<string, number>;
}

/**
 * Advances the state of every instance of the rules that were read, at the time `at`. Instances of rules that could not
 * be read keep their state: a failing store resolves nothing.
 *
 * @param knownEvents ids of events that had an episode
 */
export function advance(
  readings: readonly Reading[],
  state: { pending: readonly Pending[]; open: readonly OpenEpisode[]; knownEvents: ReadonlySet<string> },
  at: number,
): Advanced {
  const result: Advanced = { opened: [], changed: [], ended: [], pending: [], settled: [], notOpened: new Map() };
  for (const reading of readings) {
    const open = new Map(
      state.open.filter(({ rule }) => rule === reading.rule).map((episode) => [episode.key, episode]),
    );
    const pending = new Map(state.pending.filter(({ rule }) => rule === reading.rule).map((each) => [each.key, each]));
    advanceRule(reading, { open, pending, knownEvents: state.knownEvents }, at, result);
  }
  return result;
}

function advanceRule(
  reading: Reading,
  state: { open: Map<string, OpenEpisode>; pending: Map<string, Pending>; knownEvents: ReadonlySet<string> },
  at: number,
  result: Advanced,
): void {
  const { open, pending } = state;
  const seen = new Set<string>();
  /** Open episodes that were not seen, the longest missing first: they give way when the rule has too many. */
  const missing = [...open.values()].filter(({ state: now }) => now === 'no_data').sort((a, b) => a.since - b.since);
  let count = open.size;
  const ended = new Set<string>();
  const end = (episode: OpenEpisode, how: 'resolved' | 'expired' | 'superseded'): void => {
    if (ended.has(episode.id)) return;
    ended.add(episode.id);
    result.ended.push({ id: episode.id, state: how });
    count -= 1;
  };
  const begin = (observation: Observation): void => {
    if (count >= MAX_OPEN) {
      const oldest = missing.find(({ id, key }) => !ended.has(id) && !seen.has(key));
      if (oldest !== undefined) end(oldest, 'expired');
    }
    if (count >= MAX_OPEN) {
      result.notOpened.set(reading.rule, (result.notOpened.get(reading.rule) ?? 0) + 1);
      return;
    }
    count += 1;
    result.opened.push(observation);
  };

  for (const { key } of reading.observations) seen.add(key);
  const opened = new Map<string, Observation>();
  for (const observation of reading.observations) {
    const { key, isFiring, canOpen, occurrence } = observation;
    const episode = open.get(key);
    if (occurrence !== '') {
      if (!isFiring) {
        if (episode !== undefined && !opened.has(key)) end(episode, 'resolved');
        continue;
      }
      if (!canOpen || state.knownEvents.has(occurrence) || opened.has(key)) continue;
      if (episode !== undefined) end(episode, 'superseded');
      opened.set(key, observation);
      begin(observation);
      continue;
    }
    const held = pending.get(key);
    if (!isFiring) {
      if (episode !== undefined) end(episode, 'resolved');
      if (held !== undefined) result.settled.push(key);
      continue;
    }
    const isSame =
      episode !== undefined && (episode.state === 'firing' || at - (episode.missingSince ?? at) < SAME_EPISODE_MS);
    if (isSame) {
      result.changed.push({ id: episode.id, state: 'firing', observedAt: at, missingSince: null, seen: observation });
      continue;
    }
    if (!canOpen) continue;
    const gap = held === undefined ? 0 : Math.min(MAX_GAP_S, Math.max(0, Math.floor((at - held.observedAt) / 1_000)));
    const heldSeconds = (held?.heldSeconds ?? 0) + gap;
    if (heldSeconds < reading.forSeconds) {
      result.pending.push({ key, rule: reading.rule, heldSeconds, observedAt: at });
      continue;
    }
    if (held !== undefined) result.settled.push(key);
    if (episode !== undefined) end(episode, 'expired');
    begin(observation);
  }

  if (!reading.isComplete) return;
  for (const [key] of pending) if (!seen.has(key)) result.settled.push(key);
  for (const [key, episode] of open) {
    if (seen.has(key) || ended.has(episode.id)) continue;
    const missingSince = episode.missingSince ?? at;
    if (at - missingSince > EXPIRY_MS) end(episode, 'expired');
    else if (episode.state === 'firing')
      result.changed.push({ id: episode.id, state: 'no_data', observedAt: episode.observedAt, missingSince });
  }
}
