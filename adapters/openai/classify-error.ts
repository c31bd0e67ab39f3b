/**
 * The one place where a provider's error becomes a failure code. Pure: everything it looks at is passed in. What the vendor
 * says decides before the HTTP status does, since vendors send quota as 429, bad keys as 400 and overflow as either.
 */
import { failure, ruleOf } from '../../domain/failures.js';
import type { Failure, FailureCode } from '../../domain/failures.js';
import { SIGNALS, STATUSLESS_CODES, codeOfStatus } from './error-signals.js';
import { findNetworkError } from './network-error.js';
import { readVendorError } from './vendor-error.js';
import type { VendorError } from './vendor-error.js';
import { vendorText } from './vendor-text.js';

/** A provider that asks for more patience than this is treated as asking for this: turns have a time limit of their own. */
export const MAX_RETRY_AFTER_MS = 5 * 60_000;

export interface ErrorSubject {
  readonly provider: string;
  readonly model: string;
  /** Masked wherever they appear in vendor text. */
  readonly secrets: readonly string[];
}

export interface ProviderError {
  /** HTTP status; null for an error inside a stream and for connection errors. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON or text; undefined when there was none. */
  readonly body: unknown;
  /** Set when the connection failed and there is no answer at all. */
  readonly networkError?: unknown;
}

const REMEDIES: Partial<Record<FailureCode, string>> = {
  'model.unauthorized': 'Check the API key of this provider and what it may use.',
  'model.quota-exhausted': 'Add credit at the provider, or choose another model.',
  'model.not-found': 'Check the model name and the base URL of this provider.',
  'model.context-overflow': 'Shorten the input or choose a model with a larger context window.',
  'model.content-filtered': 'Change the input.',
  'model.bad-request': 'Check the request and the settings of this provider.',
  'model.unreachable': 'Check the base URL of this provider and the network.',
  'model.invalid-reply': 'Check the base URL and the wire of this provider.',
};

/** What failed, on what, why, what to do. Shared by every failure of the model adapters. */
export function modelFailure(
  subject: ErrorSubject,
  code: FailureCode,
  why: string,
  options: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {},
): Failure {
  const remedy = REMEDIES[code] ?? (ruleOf(code).retryable ? 'Trying again may help.' : '');
  const message = `${ruleOf(code).title}: ${subject.provider}/${subject.model}: ${why}. ${remedy}`.trim();
  return failure(code, message, options);
}

/** @param nowMs for `Retry-After` as a date. */
export function classifyError(error: ProviderError, subject: ErrorSubject, nowMs: number = Date.now()): Failure {
  if (error.networkError !== undefined) {
    const { code, why } = findNetworkError(error.networkError);
    return modelFailure(subject, code, why);
  }
  const vendor = readVendorError(error.body);
  const status = error.status ?? vendor.status;
  const code = codeOf(status, vendor);
  const retryAfterMs = ruleOf(code).retryable ? readRetryAfter(error.headers, vendor, nowMs) : undefined;
  return modelFailure(subject, code, describe(error, vendor, subject), { retryAfterMs });
}

function codeOf(status: number | null, vendor: VendorError): FailureCode {
  // A passing failure of the server itself is not outvoted by words in its text.
  const trusted =
    status !== null && (status === 408 || status === 409 || status === 425 || status === 502 || status === 504);
  const signal = trusted
    ? undefined
    : SIGNALS.find(
        ({ codes, message }) => codes?.test(vendor.codes) === true || message?.test(vendor.message) === true,
      );
  if (signal !== undefined) return signal.code;
  if (status !== null) return codeOfStatus(status);
  return STATUSLESS_CODES.find(([pattern]) => pattern.test(vendor.codes))?.[1] ?? 'model.unavailable';
}

function describe(error: ProviderError, vendor: VendorError, subject: ErrorSubject): string {
  const requestId = error.headers['x-request-id'] ?? error.headers['apim-request-id'] ?? error.headers['request-id'];
  const facts = [
    error.status === null ? 'error inside the stream' : `HTTP ${error.status}`,
    ...(requestId === undefined ? [] : [`request ${requestId.slice(0, 80)}`]),
  ];
  const redirected = error.status !== null && error.status >= 300 && error.status < 400;
  const said = vendorText(vendor.message, subject.secrets).replace(/(?<![.\s])[.\s]+$/, '');
  const tail = redirected ? ': it redirects elsewhere, and redirects are not followed' : said === '' ? '' : `: ${said}`;
  return `${facts.join(', ')}${tail}`;
}

/** `retry-after-ms`, then `Retry-After` in seconds or as a date, then what the body says; 0 … MAX_RETRY_AFTER_MS. */
function readRetryAfter(
  headers: Readonly<Record<string, string>>,
  vendor: VendorError,
  nowMs: number,
): number | undefined {
  const millis = headers['retry-after-ms'];
  const after = headers['retry-after']?.trim();
  let delay = vendor.retryDelayMs ?? undefined;
  if (millis !== undefined && /^\d+(\.\d+)?$/.test(millis.trim())) delay = Number(millis);
  else if (after !== undefined && /^\d+(\.\d+)?$/.test(after)) delay = Number(after) * 1000;
  else if (after !== undefined && !Number.isNaN(Date.parse(after))) delay = Date.parse(after) - nowMs;
  return delay === undefined ? undefined : Math.round(Math.min(Math.max(delay, 0), MAX_RETRY_AFTER_MS));
}
