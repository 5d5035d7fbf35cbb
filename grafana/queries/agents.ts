import { hourOrDay, inRange } from './resolution.js';
import { SCOPE } from './scope.js';

/** Model calls over the range. The view has no days of its own: hours are folded at each read, from one row per session. */
const USED = `FROM agent_usage_hour
WHERE ${SCOPE} AND $__conditionalAll(agent IN (\${agent:singlequote}), $agent) AND ${inRange('bucket_start')}`;

const TOKENS = 'sum(input_tokens) + sum(output_tokens)';
/** US dollars; NULL where no agent reports any. */
const COST = 'nullIf(round(sum(cost_usd), 6), 0)';
const MODEL = "if(model = '', 'not named', model)";

/** Returns one number of the range; NULL if no model call was reported. */
export function usageTotal(what: 'cost' | 'tokens' | 'model_calls' | 'error_share'): string {
  const value = {
    cost: COST,
    tokens: TOKENS,
    model_calls: 'sum(model_calls)',
    error_share: 'sum(errors) / (sum(model_calls) + sum(errors))',
  }[what];
  return `SELECT if(sum(model_calls) + sum(errors) = 0, NULL, ${value}) AS ${what}
${USED}`;
}

/** Returns US dollars over time by agent; no point where an agent reports none. */
export function costOverTime(): string {
  return `SELECT ${hourOrDay('bucket_start')} AS time, agent, ${COST} AS cost
${USED}
GROUP BY time, agent
HAVING isNotNull(cost)
ORDER BY time, agent`;
}

/** Returns tokens over time by model: the 10 with most, and the others as one. */
export function tokensOverTime(): string {
  return `SELECT ${hourOrDay('bucket_start')} AS time, if(place <= 10, ${MODEL}, 'other models') AS name, sum(used) AS tokens
FROM
(
    SELECT bucket_start, model, used, dense_rank() OVER (ORDER BY total DESC, model) AS place
    FROM
    (
        SELECT bucket_start, model, ${TOKENS} AS used, sum(used) OVER (PARTITION BY model) AS total
        ${USED}
        GROUP BY bucket_start, model
        HAVING used > 0
    )
)
GROUP BY time, name
ORDER BY time, name`;
}

/** Returns what model calls used, by agent and repository, the most expensive first; 100 rows. */
export function usageByAgent(): string {
  return `SELECT agent, if(repo = '', 'not known', repo) AS repository, sum(model_calls) AS calls_made, sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
    ${COST} AS cost, sum(errors) AS failures
${USED}
GROUP BY agent, repository
ORDER BY cost DESC NULLS LAST, tokens_in + tokens_out DESC, agent, repository
LIMIT 100`;
}

/** Returns what model calls used, by model and agent, the most tokens first; 100 rows. */
export function usageByModel(): string {
  return `SELECT ${MODEL} AS name, agent, sum(model_calls) AS calls_made, sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out,
    ${COST} AS cost, cost / nullIf(tokens_in + tokens_out, 0) * 1000000 AS cost_of_million
${USED}
GROUP BY name, agent
HAVING calls_made > 0
ORDER BY tokens_in + tokens_out DESC, name, agent
LIMIT 100`;
}

/** Returns failed requests over time by agent. */
export function errorsOverTime(): string {
  return `SELECT ${hourOrDay('bucket_start')} AS time, agent, sum(errors) AS failures
${USED}
GROUP BY time, agent
ORDER BY time, agent`;
}
