import { decisionRecord, type DecisionRecord } from '#schemas/records/decision.js';
import { cleanRepositoryName } from '../repository/repository-name.js';
import { scrubText } from '../scrub.js';

// A line written by a newer hook loses the fields we do not know, not its place in the count.
const spoolLine = decisionRecord.strip();

/** The record in one line of a spool file, scrubbed once more; undefined when it is none. */
export function parseDecisionLine(line: string): DecisionRecord | undefined {
  const parsed = spoolLine.safeParse(parseJson(line));
  if (!parsed.success) return undefined;
  const record = parsed.data;
  const repository = cleanRepositoryName(record.repository);
  if (repository === undefined) return undefined;
  const { toolCallId, reason, ruleName } = record;
  return {
    ...record,
    repository,
    sessionId: scrubText(record.sessionId, 200),
    agent: scrubText(record.agent, 100),
    tool: scrubText(record.tool, 200),
    ...(toolCallId === undefined ? {} : { toolCallId: scrubText(toolCallId, 200) }),
    ...(reason === undefined ? {} : { reason: scrubText(reason, 2000) }),
    ...(ruleName === undefined ? {} : { ruleName: scrubText(ruleName, 300) }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
