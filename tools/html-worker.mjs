// Turns one HTML page into Markdown, in a worker thread: pages are hostile, and a bomb must only take this thread down.
// Plain JavaScript, because a worker thread starts without the loader that the rest of the product runs under.
import { parentPort, workerData } from 'node:worker_threads';
import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import TurndownService from 'turndown';

/** Below this, what Readability took for the article is a fragment, and the whole body says more. */
const SHORT_ARTICLE_CHARS = 200;
const MAX_TITLE_CHARS = 300;
/** Elements that are never content. */
const NOISE = 'script, style, noscript, template, iframe, object, embed, svg, canvas, form, nav, dialog';

/** Links that mean something outside the page; anything but http(s) becomes plain text. */
function absolutize(document, pageUrl) {
  const baseHref = document.querySelector('base[href]')?.getAttribute('href') ?? '';
  const base = URL.canParse(baseHref, pageUrl) ? new URL(baseHref, pageUrl).href : pageUrl;
  for (const [selector, attribute] of [
    ['a[href]', 'href'],
    ['img[src]', 'src'],
  ]) {
    for (const element of document.querySelectorAll(selector)) {
      const value = element.getAttribute(attribute) ?? '';
      const url = URL.canParse(value, base) ? new URL(value, base) : null;
      if (url !== null && /^https?:$/.test(url.protocol)) element.setAttribute(attribute, url.href);
      else element.removeAttribute(attribute);
    }
  }
}

function cellText(cell) {
  return cell.textContent.replace(/\s+/g, ' ').replace(/\|/g, '\\|').trim();
}

/** Tables as Markdown tables; turndown alone would run their cells together. */
function tableToMarkdown(table) {
  const rows = [...table.querySelectorAll('tr')]
    .map((row) => [...row.children].filter((cell) => /^T[DH]$/i.test(cell.nodeName)).map(cellText))
    .filter((cells) => cells.some((text) => text !== ''));
  if (rows.length === 0) return '';
  const width = Math.max(...rows.map((cells) => cells.length));
  const line = (cells) => `| ${Array.from({ length: width }, (_, index) => cells[index] ?? '').join(' | ')} |`;
  const [head, ...body] = rows;
  return `\n\n${[line(head), line(Array(width).fill('---')), ...body.map(line)].join('\n')}\n\n`;
}

function createTurndown() {
  const service = new TurndownService({
    headingStyle: 'atx',
    codeBlockStyle: 'fenced',
    bulletListMarker: '-',
    emDelimiter: '*',
  });
  service.remove(NOISE.split(', '));
  service.addRule('table', {
    // A table inside a table lays a page out; its cells are read as text.
    filter: (node) => node.nodeName === 'TABLE' && node.querySelector('table, p, ul, h1, h2, h3') === null,
    replacement: (_content, node) => tableToMarkdown(node),
  });
  service.addRule('image', {
    filter: 'img',
    replacement: (_content, node) => {
      const alt = (node.getAttribute('alt') ?? '').replace(/\s+/g, ' ').trim();
      const src = node.getAttribute('src') ?? '';
      return alt === '' || src === '' ? alt : `![${alt}](${src})`;
    },
  });
  return service;
}

function toMarkdown(root) {
  try {
    return createTurndown().turndown(root);
  } catch (error) {
    // Nesting deeper than the stack: the text without its structure is still an answer.
    if (error instanceof RangeError) return textOf(root);
    throw error;
  }
}

/** Text content without recursion. */
function textOf(root) {
  const texts = [];
  const stack = [root];
  while (stack.length > 0) {
    const node = stack.pop();
    if (node.nodeType === 3) texts.push(node.data.replace(/\s+/g, ' '));
    if (/^(SCRIPT|STYLE|TEMPLATE|NOSCRIPT)$/i.test(node.nodeName)) continue;
    for (let child = node.lastChild; child !== null && child !== undefined; child = child.previousSibling)
      stack.push(child);
  }
  return texts.join(' ').replace(/ {2,}/g, ' ').trim();
}

function findArticle(html) {
  try {
    const { document } = parseHTML(html);
    absolutize(document, workerData.url);
    const article = new Readability(document, { serializer: (element) => element }).parse();
    return article !== null && (article.textContent ?? '').trim().length >= SHORT_ARTICLE_CHARS ? article : null;
  } catch {
    // Readability is a guess; where it fails the whole body is converted.
    return null;
  }
}

function convert(html) {
  // A fragment without <html> would otherwise lose its text.
  const page = /<html[\s>]/i.test(html) ? html : `<!doctype html><html><head></head><body>${html}</body></html>`;
  const { document } = parseHTML(page);
  const documentTitle = (document.querySelector('title')?.textContent ?? '').replace(/\s+/g, ' ').trim();
  const article = findArticle(page);
  if (article === null) {
    absolutize(document, workerData.url);
    for (const element of document.querySelectorAll(NOISE)) element.remove();
  }
  const root = article === null ? (document.body ?? document.documentElement) : article.content;
  const markdown = toMarkdown(root)
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  return { title: (article?.title || documentTitle).slice(0, MAX_TITLE_CHARS), markdown };
}

parentPort.postMessage(convert(workerData.html));
