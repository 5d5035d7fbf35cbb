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
 * Parses a report and looks up its repository, creating it if it is new. An invalid body creates no repository.
 *
 * @throws ShieldwatchError 4xx.
 */
export async function receiveReport<K extends ReportKind>(
  request: FastifyRequest,
  report: K,
  repositories: Repositories,
): Promise<{ report: ReportOf<K>; repository: Repository }> {
  const caller = callerOf(request);
  const { orgId } = caller;
  const body = await readJsonBytes(request, request.routeOptions.bodyLimit);
  const read = (currentName?: string): Promise<ReportOf<K>> =>
    reportOf(
      {
        kind: 'report',
        report,
        body,
        sender: { orgId, repository: caller.repository, ...(currentName === undefined ? {} : { currentName }) },
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
  // The repository was merged: ids are derived from the surviving name.
  return { report: repository.fullName === first.named ? first : await read(repository.fullName), repository };
}

/**
 * Delivers a report's requests one after the other.
 *
 * @throws ShieldwatchError as the sink does, and 400 when the store rejected part of it; without those entries it can
 * be sent again.
 */
export async function sendReport(sink: TelemetrySink, { requests }: Report, request: FastifyRequest): Promise<void> {
  const caller = callerOf(request);
  for (const { signal, type, bytes } of requests) {
    const { rejected } = await sink.deliver({ signal, type, encoding: 'identity', body: [asBuffer(bytes)] }, caller);
    if (rejected !== undefined) throw new ShieldwatchError('body_invalid', rejected);
  }
}
