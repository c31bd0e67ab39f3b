/** Text as HTML: escaped, and with everything made visible that a reader could not see or that would reorder what is seen. */
import { createHash } from 'node:crypto';

/** Markup that was made here; what is no `Markup` is escaped. */
export interface Markup {
  readonly html: string;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');

/** Markup with values in it. */
export function markup(parts: TemplateStringsArray, ...values: readonly (string | Markup)[]): Markup {
  const shown = values.map((value) => (typeof value === 'string' ? escape(value) : value.html));
  return { html: parts.map((part, index) => part + (shown[index] ?? '')).join('') };
}

/**
 * Controls, bidirectional and other format characters, halves of surrogate pairs, private use, characters without a glyph, and
 * spaces that are not the usual one. A line feed is the one that may do what it does.
 */
const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/** For text that came from a model or from outside. */
export function visible(text: string): Markup {
  let html = '';
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    html += `${escape(text.slice(from, match.index))}<b>U+${code}</b>`;
    from = match.index + match[0].length;
  }
  return { html: html + escape(text.slice(from)) };
}

const STYLE = `
:root { color-scheme: light dark; --line: #8886; --mark: #b45309; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.25; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; }
dt { opacity: .7; }
dd { margin: 0; unicode-bidi: isolate; }
pre { font: 14px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow: hidden; border: 1px solid var(--line);
  border-radius: .5rem; padding: .75rem; direction: ltr; unicode-bidi: isolate; }
pre b, dd b { color: var(--mark); border: 1px solid; border-radius: .25rem; font-size: .8em; padding: 0 .2em; }
label { display: block; margin: 1rem 0 .25rem; }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; border: 1px solid var(--line); border-radius: .5rem; }
button { font: inherit; font-weight: 600; padding: .6rem 1.4rem; margin: 1rem .75rem 0 0; border-radius: .5rem; border: 1px solid; cursor: pointer; }
.approve { background: #15803d; border-color: #15803d; color: #fff; }
.deny { background: #b91c1c; border-color: #b91c1c; color: #fff; }
.hint { border-left: .25rem solid var(--mark); padding-left: .75rem; }
.small { opacity: .7; font-size: .9rem; }
`;

/** No script, no image, no frame, nothing from elsewhere; the one style by its hash, and forms only back to this server. */
export const PAGE_POLICY =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; form-action 'self'; ` +
  "base-uri 'none'; frame-ancestors 'none'";

export function page(title: string, body: Markup): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>${title}</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
${body}
</body>
</html>
`.html;
}
