/* eslint-disable @typescript-eslint/no-deprecated -- the classic board JSON is what file provisioning of Grafana 12 takes; the v2 schema is not yet */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
  type AnnotationQuery,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { table } from '../clickhouse-query.js';
import { DATASOURCE } from '../datasource.js';
import { withoutPlacement } from '../panels/look.js';
import { orgVariable } from '../variables.js';

/** Definition of a board. */
export interface BoardOptions {
  uid: string;
  title: string;
  description: string;
  /** Start of the default time range. */
  from: string;
  refresh: string;
}

/** The audience of the boards: everybody (users choose the organisation), or one organisation. */
export interface BoardAudience {
  org?: string;
}

/**
 * Returns a board with the parts that all boards share: the organisation variable, links to the other boards, a shared
 * crosshair. Drops `placement`, which the SDK always writes and which hides links and annotation toggles from Grafana
 * 12.3 on.
 */
export function board(
  { uid, title, description, from, refresh }: BoardOptions,
  { org }: BoardAudience,
): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['shieldwatch'])
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from, to: 'now' })
    .refresh(refresh)
    .readonly()
    .withVariable(orgVariable(org))
    .link(
      withoutPlacement(
        new DashboardLinkBuilder('Shieldwatch boards')
          .type(DashboardLinkType.Dashboards)
          .tags(['shieldwatch'])
          .asDropdown(true)
          .includeVars(true)
          .keepTime(true),
      ),
    );
}

export function row(id: number, title: string): RowBuilder {
  return new RowBuilder(title).id(id);
}

/** Annotations on the charts of a board. */
export function marks(name: string, sql: string, color: string): Builder<AnnotationQuery> {
  return withoutPlacement(
    new AnnotationQueryBuilder().name(name).enable(true).iconColor(color).datasource(DATASOURCE).target(table(sql)),
  );
}
