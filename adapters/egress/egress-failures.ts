/** Classifies what undici, node:net, node:dns, node:tls and node:zlib throw. */
import type { Failure } from '../../domain/failures.js';
import { failure, isFailure, toError } from '../../domain/failures.js';

const MAX_CAUSES = 8;

function* causesOf(error: unknown): Generator<Error> {
  const queue: unknown[] = [error];
  for (let seen = 0; queue.length > 0 && seen < MAX_CAUSES; seen += 1) {
    const current = queue.shift();
    if (!(current instanceof Error)) continue;
    yield current;
    queue.push(current.cause, ...(current instanceof AggregateError ? (current.errors as unknown[]) : []));
  }
}

const TIMEOUT_CODES = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);
const NAME_CODES = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NONAME', 'ENODATA', 'ESERVFAIL']);
const TLS_CODE = /^(CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/;
const INVALID_CODES = new Set(['UND_ERR_INVALID_ARG', 'ERR_INVALID_CHAR', 'ERR_INVALID_ARG_VALUE']);

export function toEgressFailure(error: unknown, host: string): Failure {
  for (const cause of causesOf(error)) {
    if (isFailure(cause)) return cause;
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (TIMEOUT_CODES.has(code))
      return failure('egress.timeout', `${host} did not answer in time (${code})`, { cause: error });
    if (NAME_CODES.has(code))
      return failure(
        'egress.unreachable',
        `${host} cannot be found: the name has no address (${code}); check its spelling`,
        { cause: error },
      );
    if (TLS_CODE.test(code))
      return failure('egress.unreachable', `${host} has no usable TLS certificate or connection (${code})`, {
        cause: error,
      });
    if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW')
      return failure('egress.too-large', `${host} sent headers that are too large`, { cause: error });
    if (INVALID_CODES.has(code))
      return failure('request.invalid', `The request to ${host} cannot be sent: ${cause.message}`, { cause: error });
    if (code.startsWith('Z_') || code.startsWith('ERR__ERROR_FORMAT'))
      return failure('egress.unreachable', `${host} sent compressed data that is broken (${code})`, { cause: error });
  }
  const { message } = toError(error);
  return failure('egress.unreachable', `${host} cannot be reached: ${message.slice(0, 300)}`, { cause: error });
}
