/**
 * Results of a live drill: the call that a policy must deny was judged and stopped (`proved`), or what happened instead.
 * `configured` and the like are no results: nothing is proved without a run.
 */
export const DRILL_RESULTS = [
  'proved',
  // The call ran, and none of our hooks is in the client's settings.
  'no_hook',
  // One of our hooks is in the settings, and gave no verdict.
  'hook_failed',
  // Our hook denied the call, and it ran.
  'failed_open',
  // Our hook judged the call and let it run.
  'policy_allowed',
  // Denied and not run, but the model was not informed.
  'not_reported',
  // The client did not start, or did not come as far as the call.
  'client_failed',
  'timeout',
] as const;
export type DrillResult = (typeof DRILL_RESULTS)[number];
