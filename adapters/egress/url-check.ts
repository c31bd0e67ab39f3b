/** What a URL must be before a name is looked up: one parser (WHATWG) decides, and the parsed URL is what is connected to. */
import { failure } from '../../domain/failures.js';

const MAX_URL_LENGTH = 8192;

/** Ports the Fetch standard refuses: services that would take an HTTP request for commands. */
const BLOCKED_PORTS = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

export function isBlockedPort(port: number): boolean {
  return BLOCKED_PORTS.has(port);
}

/** Text of a URL for messages: without credentials, query and fragment, which may hold secrets. */
export function describeUrl(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

/** @throws `request.invalid` for what is no URL, `egress.blocked` for a URL that may not be used. */
export function parseOutgoingUrl(text: string, base?: URL): URL {
  if (text.length > MAX_URL_LENGTH)
    throw failure('request.invalid', `The URL is ${text.length} characters long; at most ${MAX_URL_LENGTH} are taken`);
  // The parser drops tabs and line ends silently; a URL that holds them was made to be read in two ways.
  if (/[\u0000-\u001f\u007f]/.test(text.trim()))
    throw failure('request.invalid', 'The URL holds control characters; remove them');
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (error) {
    const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
    throw failure('request.invalid', `${shown} is not a URL; give an absolute one, such as https://example.com/page`, {
      cause: error,
    });
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw failure('egress.blocked', `The scheme ${url.protocol} is not allowed; only http and https are`);
  }
  if (url.username !== '' || url.password !== '') {
    throw failure(
      'egress.blocked',
      `The URL for ${url.host} holds a user name or password, which is not allowed; remove the part before @`,
    );
  }
  if (url.hostname === '') throw failure('request.invalid', 'The URL names no host');
  url.hash = '';
  return url;
}
