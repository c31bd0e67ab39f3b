/** The parts of an error body that vendors put in different places: text, code, type, status, delay. */
import { unwrapList } from './wire-reader.js';

export interface VendorError {
  readonly message: string;
  /** Codes, types and reasons in one lower-case text, for matching. */
  readonly codes: string;
  /** A status the body names, where the transport has none (errors inside a stream). */
  readonly status: number | null;
  /** Gemini's RetryInfo. */
  readonly retryDelayMs: number | null;
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function words(...values: readonly unknown[]): string {
  return values
    .filter((value) => typeof value === 'string' || typeof value === 'number')
    .join(' ')
    .toLowerCase();
}

/** @param body parsed JSON, or text, or nothing. Shapes: `{error: {…}}`, `[{error: …}]`, `{error: "…"}`, `{message}`, `{detail}`. */
export function readVendorError(body: unknown): VendorError {
  const outer = fields(unwrapList(parsed(body)));
  if (outer === null)
    return { message: typeof body === 'string' ? body : '', codes: '', status: null, retryDelayMs: null };
  const inner = fields(outer['error']) ?? outer;
  const nested = fields(inner['innererror']) ?? fields(inner['inner_error']);
  return {
    message: messageOf(inner, outer),
    codes: words(inner['code'], inner['type'], inner['status'], nested?.['code'], outer['type'], outer['code']),
    status: statusOf(inner) ?? statusOf(outer),
    retryDelayMs: retryDelayOf(inner),
  };
}

function parsed(body: unknown): unknown {
  if (typeof body !== 'string' || !/^\s*[[{]/.test(body)) return body;
  try {
    return JSON.parse(body);
  } catch {
    // Not JSON after all: then the text itself is what the vendor said.
    return body;
  }
}

function messageOf(inner: Fields, outer: Fields): string {
  const raw = fields(inner['metadata'])?.['raw'];
  const candidates = [inner['message'], outer['message'], outer['error'], inner['detail'], outer['detail']];
  const message = candidates.find((candidate) => typeof candidate === 'string' && candidate !== '');
  const first = typeof message === 'string' ? message : detailText(inner['detail']);
  // Gateways put what the provider behind them said into metadata.
  return typeof raw === 'string' && raw !== '' ? `${first} ${raw}` : first;
}

/** FastAPI servers answer with a list of problems. */
function detailText(detail: unknown): string {
  return detail === undefined || detail === null ? '' : JSON.stringify(detail);
}

function statusOf(value: Fields): number | null {
  for (const candidate of [value['status_code'], value['status'], value['code']]) {
    const number = typeof candidate === 'string' && /^\d{3}$/.test(candidate) ? Number(candidate) : candidate;
    if (typeof number === 'number' && number >= 400 && number <= 599) return number;
  }
  return null;
}

function retryDelayOf(inner: Fields): number | null {
  const details = inner['details'];
  if (!Array.isArray(details)) return null;
  for (const detail of details as readonly unknown[]) {
    const delay = fields(detail)?.['retryDelay'];
    const seconds = typeof delay === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1] : undefined;
    if (seconds !== undefined) return Number(seconds) * 1000;
  }
  return null;
}
