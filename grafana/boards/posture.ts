/* eslint-disable @typescript-eslint/no-deprecated -- the classic board JSON is what file provisioning of Grafana 12 takes; the v2 schema is not yet */
import { DashboardBuilder, DashboardCursorSync, DashboardLinkBuilder, DashboardLinkType, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { blockedCallsTable, blockedRateOverTime, decisionsOverTime } from '../panels/decisions.js';
import { openFindings } from '../panels/findings.js';
import { quarantineTable } from '../panels/quarantine.js';
import { scoreOverTime } from '../panels/score.js';
import { blockedRateInRange, criticalNow, decisionsInRange, latestScore } from '../panels/stats.js';
import { orgVariable, repoVariable } from '../variables.js';

/** Ids of panels are part of the address of a picture: they stay with the panel and are never given out again. */
export function postureBoard(): DashboardBuilder {
  return new DashboardBuilder('Agent security posture')
    .uid('shieldwatch-posture')
    .description('Scores, findings and guard decisions of AI coding agents, per repository.')
    .tags(['shieldwatch'])
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .readonly()
    .withVariable(orgVariable())
    .withVariable(repoVariable())
    .link(
      new DashboardLinkBuilder('Shieldwatch boards')
        .type(DashboardLinkType.Dashboards)
        .tags(['shieldwatch'])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .withRow(new RowBuilder('Now').id(100))
    .withPanel(latestScore())
    .withPanel(blockedRateInRange())
    .withPanel(criticalNow())
    .withPanel(decisionsInRange())
    .withRow(new RowBuilder('Posture').id(101))
    .withPanel(scoreOverTime())
    .withPanel(openFindings())
    .withRow(new RowBuilder('Guard').id(102))
    .withPanel(blockedRateOverTime())
    .withPanel(decisionsOverTime())
    .withPanel(blockedCallsTable())
    .withRow(new RowBuilder('Data quality').id(103))
    .withPanel(quarantineTable());
}
