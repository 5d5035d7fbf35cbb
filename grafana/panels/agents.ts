import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  costOverTime,
  errorsOverTime,
  tokensOverTime,
  usageByAgent,
  usageByModel,
  usageTotal,
} from '../queries/agents.js';
import { bars, count, rows, stat } from './kit.js';
import { column, REPOSITORY_LINK } from './look.js';

const SILENT = 'No model call: none reported in this range, do the agents send telemetry?';
const usd = [
  { id: 'unit', value: 'currencyUSD' },
  { id: 'decimals', value: 2 },
];
const short = { id: 'unit', value: 'short' };

export function usageStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Cost, US dollars',
        description:
          'US dollars of the model calls in the range, as the agents report them. Only Claude Code reports a cost; without one nothing is shown.',
        sql: usageTotal('cost'),
        noValue: 'No cost: Codex, Gemini CLI and agents that send spans report none.',
        w: 6,
        h: 4,
      },
      'currencyUSD',
      [[null, 'text']],
    ).decimals(2),
    stat(
      {
        id: 2,
        title: 'Tokens',
        description: 'Input and output tokens of the model calls in the range, as the agents report them.',
        sql: usageTotal('tokens'),
        noValue: SILENT,
        w: 6,
        h: 4,
      },
      'short',
      [[null, 'text']],
    ),
    count({
      id: 3,
      title: 'Model calls',
      description: 'Requests to a model that agents report in the range.',
      sql: usageTotal('model_calls'),
      noValue: SILENT,
      w: 6,
      h: 4,
    }),
    stat(
      {
        id: 4,
        title: 'Error share',
        description: 'Failed requests divided by model calls and failed requests, as a ratio of sums.',
        sql: usageTotal('error_share'),
        noValue: SILENT,
        w: 6,
        h: 4,
      },
      'percentunit',
      [
        [null, 'text'],
        [0, 'green'],
        [0.05, 'orange'],
        [0.2, 'red'],
      ],
    ).decimals(1),
  ];
}

export function usageCharts(): Builder<Panel>[] {
  return [
    bars(
      {
        id: 5,
        title: 'Cost by agent',
        description:
          'What is spent, by whom? US dollars by agent, as the agents report them; an agent that reports none has no bar. By hour up to 14 days, then by day.',
        sql: costOverTime(),
        noValue: 'No agent reported a cost in this range',
        w: 12,
        h: 8,
      },
      'currencyUSD',
      'agent',
    ).decimals(2),
    bars(
      {
        id: 6,
        title: 'Tokens by model',
        description:
          'Which models are used? Input and output tokens by model: the 10 with most, and the others as one. By hour up to 14 days, then by day.',
        sql: tokensOverTime(),
        noValue: SILENT,
        w: 12,
        h: 8,
      },
      'short',
      'name',
    ),
  ];
}

export function usageTables(): Builder<Panel>[] {
  return [
    rows(
      {
        id: 7,
        title: 'Agents and repositories',
        description:
          'Which agent costs what, where? Model calls, tokens, cost and failed requests by agent and repository, the most expensive first; 100 rows. The repository is that of the session, as its hook names it. A dash for cost: not reported.',
        sql: usageByAgent(),
        noValue: 'No model call in this range',
        w: 12,
        h: 9,
      },
      {
        agent: column('Agent', 90),
        repository: [...column('Repository', 165), REPOSITORY_LINK],
        calls_made: column('Calls', 60),
        tokens_in: [...column('Input', 70), short],
        tokens_out: [...column('Output', 70), short],
        cost: [...column('Cost', 75), ...usd],
        failures: column('Errors', 65),
      },
    ),
    rows(
      {
        id: 8,
        title: 'Models',
        description:
          'Model calls and tokens by model and agent, the most tokens first; 100 rows. Per million: cost divided by all tokens, input and output, cached or not.',
        sql: usageByModel(),
        noValue: 'No model call in this range',
        w: 12,
        h: 9,
      },
      {
        name: column('Model', 160),
        agent: column('Agent', 90),
        calls_made: column('Calls', 55),
        tokens_in: [...column('Input', 65), short],
        tokens_out: [...column('Output', 65), short],
        cost: [...column('Cost', 70), ...usd],
        cost_of_million: [...column('Per million', 85), ...usd],
      },
    ),
  ];
}

export function errorsChart(): Builder<Panel> {
  return bars(
    {
      id: 9,
      title: 'Errors by agent',
      description:
        'Do agents fail? Failed requests and model calls by agent. 0 where model calls were reported and none failed. By hour up to 14 days, then by day.',
      sql: errorsOverTime(),
      noValue: SILENT,
      w: 24,
      h: 7,
    },
    'short',
    'agent',
  );
}
