import { spoolFolder } from '../spool/location.js';
import { Decisions } from './decisions.js';
import { createSpanProcessor, type GenAiSpanProcessor } from './span-processor.js';
import { ToolBlockedError, wrapTool as wrapToolWith, type WrapOptions } from './wrap-tool.js';
import { environment } from '../environment.js';

export { ToolBlockedError, type GenAiSpanProcessor, type WrapOptions };

const decisions = new Decisions(spoolFolder(environment));

/**
 * Returns the span processor for an agent's own SDK. List it before the exporting processor: `new NodeSDK({
 * spanProcessors: [shieldwatch(), new BatchSpanProcessor(exporter)] })`.
 */
export function shieldwatch(): GenAiSpanProcessor {
  return createSpanProcessor(decisions);
}

/** Judges each call of a tool by the runtime policy and traces it; see the README. */
export function wrapTool<A extends unknown[], R>(
  fn: (...args: A) => R | Promise<R>,
  options: WrapOptions,
): (...args: A) => Promise<R> {
  return wrapToolWith(fn, options, decisions);
}
