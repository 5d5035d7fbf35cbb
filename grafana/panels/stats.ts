import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { table, timeSeries } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { blockedRate, decisionCount } from '../queries/decisions.js';
import { criticalFindings } from '../queries/latest-scan.js';
import { scoreTrend } from '../queries/score.js';
import { colorBy, GRADES, thresholds } from './look.js';

function stat(id: number, title: string): PanelBuilder {
  return new PanelBuilder()
    .id(id)
    .title(title)
    .datasource(DATASOURCE)
    .height(5)
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .textMode(BigValueTextMode.Auto)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
    .colorScheme(colorBy(FieldColorModeId.Thresholds));
}

export function latestScore(): PanelBuilder {
  return stat(1, 'Latest score')
    .description(
      'Last known AgentShield score of each repository, 0 to 100; the twelve lowest if there are more. A score holds until the next scan, also when that scan is older than the time range. Scans of 0 files do not count. Nothing scanned: run shieldwatch scan.',
    )
    .span(12)
    .withTarget(timeSeries(scoreTrend()))
    .graphMode(BigValueGraphMode.Area)
    .displayName('${__field.labels.line}')
    .unit('none')
    .decimals(0)
    .min(0)
    .max(100)
    .thresholds(thresholds([{ value: null, color: 'text' }, { value: 0, color: 'dark-red' }, ...GRADES]))
    .noValue('Nothing scanned');
}

export function blockedRateInRange(): PanelBuilder {
  return stat(2, 'Blocked rate')
    .description(
      'Blocked decisions divided by all decisions of the guard in the time range (allowed, blocked and asked), as a ratio of sums. Without decisions there is no rate. Ranges over 6 hours count whole hours, over 14 days whole days.',
    )
    .span(4)
    .withTarget(table(blockedRate()))
    .unit('percentunit')
    .decimals(1)
    .thresholds(
      thresholds([
        { value: null, color: 'text' },
        { value: 0, color: 'green' },
        { value: 0.05, color: 'orange' },
        { value: 0.2, color: 'red' },
      ]),
    )
    .noValue('No decisions');
}

export function criticalNow(): PanelBuilder {
  return stat(3, 'Critical')
    .description(
      'Critical findings in the newest scan of each repository, added up. Without a scan there is no number. The list below shows what is open.',
    )
    .span(4)
    .withTarget(table(criticalFindings()))
    .unit('short')
    .decimals(0)
    .thresholds(
      thresholds([
        { value: null, color: 'text' },
        { value: 0, color: 'green' },
        { value: 1, color: 'dark-red' },
      ]),
    )
    .noValue('Nothing scanned');
}

export function decisionsInRange(): PanelBuilder {
  return stat(4, 'Decisions')
    .description(
      'Tool calls that the PreToolUse guard decided in the time range. Without decisions there is no number, because a silent guard is not the same as no calls: is the hook installed? Ranges over 6 hours count whole hours, over 14 days whole days.',
    )
    .span(4)
    .withTarget(table(decisionCount()))
    .unit('short')
    .decimals(0)
    .thresholds(
      thresholds([
        { value: null, color: 'text' },
        { value: 0, color: 'blue' },
      ]),
    )
    .noValue('No decisions');
}
