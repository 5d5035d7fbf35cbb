import { ShieldwatchError } from '#schemas/errors.js';

/** Converts any error to one that may be shown: ours unchanged, the framework's by code, all others as `internal`. */
export function toShieldwatchError(error: unknown): ShieldwatchError {
  if (error instanceof ShieldwatchError) return error;
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ShieldwatchError('body_too_large', 'the body is larger than this route accepts');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ShieldwatchError('media_type_unsupported', 'this route does not accept bodies of that content type');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new ShieldwatchError('body_not_json', 'the body is not JSON');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ShieldwatchError('not_found', 'there is no such route');
  }
  if (statusCode === 413) return new ShieldwatchError('body_too_large', 'the body is larger than this route accepts');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return new ShieldwatchError('body_invalid', 'the body was not received as its headers announced');
  }
  const internal = new ShieldwatchError('internal', 'internal error; it has been logged');
  internal.cause = error;
  return internal;
}
