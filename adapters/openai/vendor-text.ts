/** Text a provider sent, made fit for our messages: on one line, short, without secrets. */
import { preview } from '../../domain/json.js';

const MASK = '***';
/** Long enough for what a provider says first, short enough for an error line. */
const MAX_VENDOR_BYTES = 300;

/** Forms of keys and tokens; vendors echo them, sometimes half masked (`sk-***abcd`). */
const SECRET_FORMS: readonly (readonly [RegExp, string])[] = [
  [/:\/\/[^/\s@]+@/g, `://${MASK}@`],
  [/\b(Bearer|Basic)\s+[^\s"',]+/gi, `$1 ${MASK}`],
  [/([?&](?:key|api[-_]?key|token|sig|signature|code)=)[^&\s"']+/gi, `$1${MASK}`],
  [/(api[ _-]?key(?: provided)?\s*[:=]\s*["']?)[^\s"',]+/gi, `$1${MASK}`],
  [/\b(?:sk|pk|rk|gsk|hf|xai|pplx|r8|ghp|glpat)[-_][\w*-]{4,}/g, MASK],
  [/\bAIza[\w-]{10,}/g, MASK],
  [/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, MASK],
  [/[\w+/-]{40,}={0,2}/g, MASK],
];

/** @param secrets values known to be secret; they are masked wherever they appear, whatever their form. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  let masked = text;
  for (const secret of secrets) if (secret !== '') masked = masked.replaceAll(secret, MASK);
  for (const [form, replacement] of SECRET_FORMS) masked = masked.replace(form, replacement);
  return masked;
}

/** Masked first, then cut: a cut could leave half a secret that no form matches. */
export function vendorText(text: string, secrets: readonly string[]): string {
  // The bound before masking keeps the patterns off a megabyte of HTML.
  const printable = text.slice(0, 8 * MAX_VENDOR_BYTES).replace(/\p{Cc}/gu, ' ');
  return preview(maskSecrets(printable, secrets), MAX_VENDOR_BYTES);
}
