import { ShieldwatchError } from '#schemas/errors.js';

/** Any error as one that may be shown: ours as it is, the framework's by its code, all else as `internal`. */
export function toShieldwatchError(error: unknown): ShieldwatchError {
  if (error instanceof ShieldwatchError) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ShieldwatchError('body_too_large', 'the body is larger than this endpoint takes');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ShieldwatchError('media_type_unsupported', 'this endpoint does not take bodies of that content type');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new ShieldwatchError('body_not_json', 'the body is not JSON');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ShieldwatchError('not_found', 'there is nothing at this address');
  }
  if (statusCode === 413) return new ShieldwatchError('body_too_large', 'the body is larger than this endpoint takes');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ShieldwatchError('body_invalid', 'the body did not arrive as announced');
  }
  const internal = new ShieldwatchError('internal', 'this is our fault, and it has been logged');
  internal.cause = error;
  return internal;
}
