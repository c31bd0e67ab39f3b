/** Errors of the connection, by the code of the deepest cause. */
import type { FailureCode } from '../../domain/failures.js';

export interface NetworkFinding {
  readonly code: FailureCode;
  /** What happened, in words, with the system's own code. Never the address: it may carry credentials. */
  readonly why: string;
}

const TLS =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_|UNABLE_TO_(?:VERIFY|GET_ISSUER)|EPROTO$|HOSTNAME_MISMATCH)/;

const FINDINGS: readonly (readonly [RegExp, FailureCode, string])[] = [
  [/^(?:ENOTFOUND|EAI_AGAIN|EAI_FAIL)$/, 'model.unreachable', 'its name cannot be resolved'],
  [/^ECONNREFUSED$/, 'model.unreachable', 'the connection was refused'],
  [/^(?:ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, 'model.unreachable', 'the connection could not be made in time'],
  [/^(?:UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/, 'model.timeout', 'it sent nothing for too long'],
  [
    /^(?:ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET)$/,
    'model.unreachable',
    'the connection was closed before it answered',
  ],
  [/^(?:EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ENETDOWN)$/, 'model.unreachable', 'there is no route to it'],
  [
    TLS,
    'model.unreachable',
    'its TLS certificate or handshake is not accepted (NODE_EXTRA_CA_CERTS adds a certificate authority)',
  ],
  [/^HPE_/, 'model.invalid-reply', 'it does not answer in HTTP'],
];

/** More links than this is a loop. */
const MAX_DEPTH = 8;

export function systemCode(error: unknown): string | null {
  let found: string | null = null;
  let current: unknown = error;
  for (let depth = 0; depth < MAX_DEPTH && current instanceof Error; depth += 1) {
    found = codeOf(current) ?? found;
    // Several addresses were tried: the first one's reason stands for all.
    current = current instanceof AggregateError ? (current.errors as readonly unknown[])[0] : current.cause;
  }
  return found;
}

/** The HTTP parser has codes of its own (HPE_…), and sometimes only its name. */
function codeOf(error: Error): string | null {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  return error.name === 'HTTPParserError' ? 'HPE_INVALID' : null;
}

export function findNetworkError(error: unknown): NetworkFinding {
  const code = systemCode(error);
  const finding = code === null ? undefined : FINDINGS.find(([pattern]) => pattern.test(code));
  if (finding === undefined || code === null) {
    return { code: 'model.unreachable', why: `the connection failed${code === null ? '' : ` (${code})`}` };
  }
  return { code: finding[1], why: `${finding[2]} (${code})` };
}
