import { ShieldwatchError } from '#schemas/errors.js';
import type { AlertRoute, AlertRoutes } from '#schemas/http/alerts.js';
import type { Actor, ControlPlane } from '../control/control-plane.js';
import { isoOrNull } from '../control/iso.js';
import { readDestinations, readRoutes } from './store.js';

export async function showRoutes(plane: ControlPlane, orgId: string): Promise<AlertRoutes> {
  const { version, routes, updatedBy, updatedAt } = await plane.read(orgId, readRoutes);
  return { version, routes, updatedBy, updatedAt: isoOrNull(updatedAt) };
}

/**
 * Replaces all routes of the organisation, and begins its evaluation. What already fires is routed again.
 *
 * @throws ShieldwatchError 409 when the routes changed since `version`, 400 when a destination does not exist
 */
export async function replaceRoutes(
  plane: ControlPlane,
  actor: Actor,
  { version, routes }: { version: number; routes: AlertRoute[] },
): Promise<AlertRoutes> {
  await plane.change(actor, async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtext('alert_routes'), hashtext($1))", [actor.orgId]);
    const before = await readRoutes(tx);
    if (before.version !== version)
      throw new ShieldwatchError(
        'conflict',
        `version: the routes are at version ${String(before.version)}; read them again before you replace them`,
        { field: 'version' },
      );
    const known = await readDestinations(tx);
    for (const [index, route] of routes.entries())
      for (const [place, name] of route.destinations.entries())
        if (!known.has(name)) {
          const field = `routes[${String(index)}].destinations[${String(place)}]`;
          throw new ShieldwatchError(
            'body_invalid',
            `${field}: expected the name of a destination of the organisation`,
            {
              field,
              expected: 'the name of a destination',
            },
          );
        }
    await tx.query(
      `INSERT INTO alert_routes (org_id, version, routes, updated_by) VALUES ($1, $2, $3, $4)
       ON CONFLICT (org_id) DO UPDATE SET version = excluded.version, routes = excluded.routes,
         updated_by = excluded.updated_by, updated_at = now()`,
      [actor.orgId, version + 1, JSON.stringify(routes), actor.actor],
    );
    await tx.query('INSERT INTO alert_evaluation (org_id) VALUES ($1) ON CONFLICT DO NOTHING', [actor.orgId]);
    await tx.query('UPDATE alert_evaluation SET due_at = now()');
    await tx.query("UPDATE alert_episode SET is_unsettled = true WHERE state IN ('firing', 'no_data')");
    await tx.record({
      action: 'alert_routes.replace',
      subject: actor.orgId,
      detail: {
        version: version + 1,
        routes: routes.length,
        names: routes
          .map(({ name }) => name)
          .join(' ')
          .slice(0, 1_000),
      },
    });
  });
  return showRoutes(plane, actor.orgId);
}
