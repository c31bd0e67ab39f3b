/**
 * Proves that nothing in an answer makes a reader's browser tell somebody something by itself: after untrusted content no form of
 * image, tag or style leaves an address that is asked without a click, wherever the stream is cut. The reader here is greedier
 * than any browser: it loads whatever looks like an image to any renderer.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { createImageFilter } from '../../activities/image-filter.js';
import { matchesHost } from '../../activities/egress-trust.js';
import { createImageLinks } from '../../adapters/secrets/image-links.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import { countCases } from './case-count.js';
import { EVIL, IMAGE_FORMS, SURROUNDINGS } from './image-corpus.js';

const links = createImageLinks([toMasterKey(new Uint8Array(32).fill(3))]);

function shown(text: string, tainted: boolean, pieceChars: number): string {
  const filter = createImageFilter({
    tainted,
    isAllowedHost: (url) => matchesHost('cdn.example', url),
    isUsersOwn: () => false,
    proxied: (url) => links.link('default', url),
  });
  let out = '';
  for (let at = 0; at < text.length; at += pieceChars) out += filter.push(text.slice(at, at + pieceChars));
  return out + filter.end();
}

const LOADING_TAG =
  /<(?:img|image|picture|source|video|audio|track|iframe|frame|object|embed|applet|link|style|svg|math|base|meta|script|input|body|bgsound)(?![\w-])/gi;
/** A tag, quotes or not, up to wherever it may end. */
const TAG = /<[a-z][^<]*/gi;
const LOADING_ATTRIBUTE = /[\s"'/](?:src|srcset|style|background|poster|data|ping|formaction|action|on\w+)\s*=/i;

/** What this server writes for an image of a host that is allowed. */
const ALLOWED = '<img src="https://cdn.example/x" alt="">';

/** Everything that may be asked without a click. */
function greedyLoads(shownText: string): string[] {
  const text = shownText.replaceAll(ALLOWED, '');
  const images = [...text.matchAll(/!\[[^\]]*\]\s*\(\s*<?([^)>\s]*)/g)].map(([, address = '']) => address);
  const others =
    [...text.matchAll(/!\[/g)].length > images.length ? ['an image by reference or in a form of its own'] : [];
  const tags = [...text.matchAll(LOADING_TAG)].map(([tag]) => tag);
  const attributes = [...text.matchAll(TAG)].map(([tag]) => tag).filter((tag) => LOADING_ATTRIBUTE.test(tag));
  return [...images, ...others, ...tags, ...attributes];
}
const isHarmless = (address: string): boolean =>
  address === '' ||
  address === 'https://cdn.example/x' ||
  /^\/(?![/\\])[\w.-]+\.png$/.test(address) ||
  address === 'x.png';

const CASES = IMAGE_FORMS.flatMap((form) => SURROUNDINGS.map(([before, after]) => before + form + after));

describe('images in answers', () => {
  afterAll(() =>
    countCases({
      corpus: 'images, tags and styles in answers',
      required: 'no request without a click',
      payloads: CASES.length * 3,
    }),
  );

  it.each([1, 5, 100_000])(
    'after untrusted content, in pieces of %i characters -> nothing is asked without a click',
    (size) => {
      const leaks = CASES.flatMap((text) => {
        const out = shown(text, true, size);
        const asked = greedyLoads(out).filter((address) => !isHarmless(address));
        return asked.length === 0 ? [] : [{ text, out, asked }];
      });
      expect(leaks).toEqual([]);
    },
  );

  it('before any untrusted content -> remote images come through this server, without their query', () => {
    for (const [before, after] of [
      ['', ''],
      ['Look: ', ' there.'],
      ['Wow!', '!'],
    ] as const) {
      for (const form of [`![a](${EVIL})`, `![a](<${EVIL}> "t")`, `<img src="${EVIL}">`]) {
        const [address = ''] = [...shown(before + form + after, false, 4).matchAll(/(?:\(|src=")([^)"]+)/g)].map(
          ([, found]) => found,
        );
        const link = new URL(address, 'https://this.server.example');
        expect(link.pathname).toBe('/v1/images/proxy');
        expect(link.searchParams.get('url')).toBe('https://evil.example/SECRET/x');
      }
    }
  });

  it('the reader can fail: what is not filtered is found', () => {
    const found = IMAGE_FORMS.filter((form) => greedyLoads(form).some((address) => !isHarmless(address)));
    expect(found.length).toBeGreaterThan(IMAGE_FORMS.length * 0.9);
  });
});
