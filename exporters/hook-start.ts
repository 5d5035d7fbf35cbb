/** What `install/`, `drill/` and `hook/` agree on: how the hook is started and tested. */

/** V8's option that leaves the seed as Node was built with it. */
export const FIXED_SEED_OPTION = '--no-rehash-snapshot';

/**
 * Session of the calls by which `shieldwatch status` tests an installed hook; they leave no record. No agent can
 * use it: their session ids are UUIDs that the agent itself makes.
 */
export const PROBE_SESSION = 'shieldwatch-probe';

/**
 * Begins the name of the file that the call of a drill would create; the drill's id follows. The hook looks for a drill
 * only in calls that contain it.
 */
export const DRILL_MARK = 'shieldwatch-drill-';
