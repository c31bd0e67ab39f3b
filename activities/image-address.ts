/** Where the address of an image leads, read as a browser reads it after a Markdown renderer has. Pure. */
export type ImageAddress =
  /** On this server, or in the text itself: showing it asks nobody else. */
  | { readonly kind: 'local' }
  | { readonly kind: 'remote'; readonly url: URL }
  /** Anything else: another scheme, or what two programs may read differently. */
  | { readonly kind: 'unclear' };

/** Resolves relative addresses; whoever writes it out reaches a name that never resolves. */
const SELF = 'https://self.invalid/';
const INLINE_IMAGE = /^data:image\/(png|jpeg|gif|webp|avif)[;,]/i;
const ENTITY = /&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z][a-z0-9]{1,31});?/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  colon: ':',
  sol: '/',
  bsol: '\\',
  period: '.',
  Tab: '\t',
  NewLine: '\n',
  num: '#',
  quest: '?',
  equals: '=',
  percnt: '%',
  commat: '@',
};

export function readImageAddress(written: string): ImageAddress {
  const unescaped = written.replace(/\\([!-/:-@[-`{-~])/g, '$1');
  const whole = decodeEntities(unescaped);
  // With and without escapes and entities: programs differ in what they undo. Where it matters, nothing is clear.
  const readings = [whole, unescaped, decodeEntities(written), written].map(readAddress);
  const [first = { kind: 'unclear' }] = readings;
  const placeOf = (address: ImageAddress): string => (address.kind === 'remote' ? address.url.origin : address.kind);
  return readings.every((reading) => placeOf(reading) === placeOf(first)) ? first : { kind: 'unclear' };
}

function readAddress(written: string | null): ImageAddress {
  const text = (written ?? '').replace(/[\t\n\r]/g, '').trim();
  if (written === null || !URL.canParse(text, SELF)) return { kind: 'unclear' };
  if (INLINE_IMAGE.test(text)) return { kind: 'local' };
  const url = new URL(text, SELF);
  if (url.origin === new URL(SELF).origin) return { kind: 'local' };
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { kind: 'unclear' };
  url.hash = '';
  url.username = '';
  url.password = '';
  return { kind: 'remote', url };
}

/** Null: a name of an entity that is not known here, where it could change which host is meant. */
function decodeEntities(text: string): string | null {
  const query = text.indexOf('?');
  const unknown: string[] = [];
  const decoded = text.replace(ENTITY, (whole: string, name: string, at: number) => {
    if (name.startsWith('#')) return fromCodePoint(name);
    const character = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
    // A query may hold `&name=`; before it a name we do not know may be anything.
    if (character === undefined && (query === -1 || at < query)) unknown.push(name);
    return character !== undefined && whole.endsWith(';') ? character : whole;
  });
  return unknown.length > 0 ? null : decoded;
}

function fromCodePoint(name: string): string {
  const point = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
}

/** The address as it stands in a Markdown destination or an HTML attribute: nothing in it ends either. */
export function plainAddress(url: URL): string {
  return withoutDelimiters(url.href);
}

function withoutDelimiters(address: string): string {
  return address.replace(/[()<>"'\\`\s]/g, (character) =>
    /['()]/.test(character) ? `%${character.charCodeAt(0).toString(16)}` : encodeURIComponent(character),
  );
}
