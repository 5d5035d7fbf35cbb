import type { DestinationKind } from '#schemas/http/alert-delivery.js';
import { alertmanager } from './alertmanager.js';
import type { Destination } from './destination.js';
import { github } from './github.js';
import { pagerduty } from './pagerduty.js';
import { slack, slackBot } from './slack.js';
import { teams } from './teams.js';
import { webhook } from './webhook.js';

/** Every kind of destination, one file each. */
const DESTINATIONS: Readonly<Record<DestinationKind, unknown>> = {
  webhook,
  slack,
  'slack-bot': slackBot,
  pagerduty,
  alertmanager,
  github,
  teams,
};

/** Returns a kind without the types of its settings, which the caller has parsed. */
export const destinationOf = (kind: DestinationKind): Destination => DESTINATIONS[kind] as Destination;
