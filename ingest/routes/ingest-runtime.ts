import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { runtimeBody, type RuntimeAnswer, type RuntimeBody } from '#schemas/http/ingest-runtime.js';
import { redactText } from '#schemas/redaction.js';
import { callerOf, type Caller } from '../auth/caller.js';
import { requireScope } from '../auth/require-scope.js';
import { bodyBytes, contentEncoding, mediaType } from '../body/content.js';
import { inflate } from '../body/inflate.js';
import { parseJson } from '../body/json.js';
import { fromZod } from '../errors/from-zod.js';
import type { Repositories } from '../repositories.js';
import { checkFields } from '../runtime/known-fields.js';
import { toDecisions } from '../runtime/to-decisions.js';
import { toOtlp } from '../runtime/to-otlp.js';
import { JSON_TYPE, type TelemetrySink } from '../telemetry/sink.js';

const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** `POST /v1/ingest/runtime` (SPEC 4.2): a batch of AgentShield's runtime log, sent on as OTLP. */
export function ingestRuntimeRoute(app: FastifyInstance, options: { sink: TelemetrySink; repositories: Repositories }): void {
  app.post(
    '/v1/ingest/runtime',
    { onRequest: requireScope('ingest:runtime'), bodyLimit: MAX_BODY_BYTES },
    async (request): Promise<RuntimeAnswer> => {
      const caller = callerOf(request);
      const input = await readBody(request);
      const warnings = checkFields(input);
      const parsed = runtimeBody.safeParse(input);
      if (!parsed.success) throw fromZod(parsed.error, input, 'body_invalid');
      const repository = chooseRepository(parsed.data, caller);
      const decisions = toDecisions(parsed.data, repository);

      await options.repositories.ensure(caller, repository);
      if (decisions.length > 0) {
        const body = toOtlp(decisions, repository, caller.orgId);
        await options.sink.deliver({ signal: 'traces', type: JSON_TYPE, encoding: 'identity', body }, caller);
      }
      return {
        ok: true,
        accepted: decisions.length,
        blocked: decisions.filter((each) => each.decision === 'block').length,
        allowed: decisions.filter((each) => each.decision === 'allow').length,
        rollupsUpdated: ['blocked_command_rate'],
        ...(warnings.length === 0 ? {} : { warnings }),
      };
    },
  );
}

async function readBody(request: FastifyRequest): Promise<unknown> {
  if (mediaType(request) !== JSON_TYPE) {
    throw new ShieldwatchError('media_type_unsupported', `content-type: expected ${JSON_TYPE}`);
  }
  return parseJson(await inflate(bodyBytes(request), contentEncoding(request), MAX_BODY_BYTES));
}

/** The token's own repository, or else the one that the body names. */
function chooseRepository(body: RuntimeBody, caller: Caller): string {
  const named = body.repository ?? undefined;
  if (caller.repository !== null) {
    if (named === undefined || named === caller.repository) return caller.repository;
    throw new ShieldwatchError('repository_not_allowed', 'repository: this token is bound to another repository', {
      field: 'repository',
    });
  }
  if (named === undefined) {
    throw new ShieldwatchError('body_invalid', 'repository: expected owner/name, since the token is bound to none', {
      field: 'repository',
      expected: 'owner/name',
    });
  }
  return redactText(named);
}
