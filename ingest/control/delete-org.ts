import { ShieldwatchError } from '#schemas/errors.js';
import type { Purge } from '#schemas/http/control.js';
import type { Caller } from '../auth/caller.js';
import { LOCAL_ORG_ID } from './first-tokens.js';
import type { ControlPlane } from './control-plane.js';
import { requestPurge } from './purges.js';

/** Starts the deletion of an organisation: it accepts nothing more, and a purge removes its data. */
export async function deleteOrg(plane: ControlPlane, caller: Caller, name: string): Promise<Purge> {
  if (caller.orgId === LOCAL_ORG_ID) {
    throw new ShieldwatchError(
      'conflict',
      'the organisation of the machine itself cannot be deleted; purge its telemetry instead',
    );
  }
  return requestPurge(plane, caller, { organisation: true }, async (tx) => {
    const deleted = await tx.query(
      'UPDATE org SET deleted_at = now() WHERE name = $1 AND deleted_at IS NULL RETURNING id',
      [name],
    );
    if (deleted.length === 0) {
      throw new ShieldwatchError('conflict', 'name: expected the name of an organisation that is not deleted', {
        field: 'name',
      });
    }
    await tx.query('UPDATE token SET revoked_at = now() WHERE revoked_at IS NULL AND id <> $1', [caller.tokenId]);
    await tx.record({ action: 'org.delete', subject: caller.orgId, detail: {} });
  });
}
