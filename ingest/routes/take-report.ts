import type { FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { callerOf } from '../auth/caller.js';
import { readJsonBytes } from '../body/read-json.js';
import type { Repositories, Repository } from '../repositories.js';
import type { TelemetrySink } from '../telemetry/sink.js';
import { asBuffer, reportOf } from '../work/large-work.js';
import type { Report, ReportKind } from '../report/report.js';
import type { ReportOf } from '../work/work.js';

/**
 * Reads a report and finds its repository, which is made if it is new. A body that is refused makes no repository.
 *
 * @throws ShieldwatchError 4xx.
 */
export async function takeReport<K extends ReportKind>(
  request: FastifyRequest,
  report: K,
  repositories: Repositories,
): Promise<{ report: ReportOf<K>; repository: Repository }> {
  const caller = callerOf(request);
  const { orgId } = caller;
  const body = await readJsonBytes(request, request.routeOptions.bodyLimit);
  const read = (keptAs?: string): Promise<ReportOf<K>> =>
    reportOf(
      {
        kind: 'report',
        report,
        body,
        sender: { orgId, repository: caller.repository, ...(keptAs === undefined ? {} : { keptAs }) },
      },
      {
        orgId,
        onEntries: (entries) => {
          request.server.countEntries(request, entries);
        },
      },
    );
  const first = await read();
  const repository = await repositories.ensure(caller, first.named);
  // It was merged into another: ids are made of the name that stays.
  return { report: repository.fullName === first.named ? first : await read(repository.fullName), repository };
}

/**
 * Sends the requests of a report on, one after the other.
 *
 * @throws ShieldwatchError as the sink does, and 400 when the store took some of it only: without those entries it can be sent again.
 */
export async function sendReport(sink: TelemetrySink, { requests }: Report, request: FastifyRequest): Promise<void> {
  const caller = callerOf(request);
  for (const { signal, type, bytes } of requests) {
    const { rejected } = await sink.deliver({ signal, type, encoding: 'identity', body: [asBuffer(bytes)] }, caller);
    if (rejected !== undefined) throw new ShieldwatchError('body_invalid', rejected);
  }
}
