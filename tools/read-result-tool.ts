/** `read_result`: the rest of an earlier result that was too long to be shown whole. */
import { z } from 'zod';
import { failure } from '../domain/failures.js';
import type { Tool } from '../domain/ports/tool-runtime.js';
import { defineTool } from './sdk/define-tool.js';

const TIMEOUT_MS = 15_000;
const DEFAULT_LIMIT = 8000;
const MAX_LIMIT = 20_000;
/** Room for a whole page and its footer: a page must not be cut again. */
const RESULT_BUDGET_CHARS = MAX_LIMIT + 2000;
const MAX_HITS = 20;
const HIT_CONTEXT_CHARS = 200;

interface Window {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** A piece of the text that does not cut a surrogate pair in two. */
function windowOf(text: string, offset: number, limit: number): Window {
  const isLow = (index: number): boolean =>
    index > 0 && index < text.length && (text.charCodeAt(index) & 0xfc00) === 0xdc00;
  const from = isLow(offset) ? offset - 1 : offset;
  const end = Math.min(text.length, from + limit);
  const to = isLow(end) && end - 1 > from ? end - 1 : end;
  return { text: text.slice(from, to), from, to };
}

function findHits(text: string, find: string, offset: number): readonly number[] {
  const [haystack, needle] = [text.toLowerCase(), find.toLowerCase()];
  const hits: number[] = [];
  for (
    let at = haystack.indexOf(needle, offset);
    at >= 0 && hits.length < MAX_HITS;
    at = haystack.indexOf(needle, at + needle.length)
  )
    hits.push(at);
  return hits;
}

function showHits(text: string, find: string, offset: number, limit: number): string {
  const hits = findHits(text, find, offset);
  if (hits.length === 0)
    return `${JSON.stringify(find)} does not occur after offset ${offset}; the result has ${text.length} characters.`;
  const shown: string[] = [];
  let used = 0;
  for (const at of hits) {
    const piece = windowOf(text, Math.max(0, at - HIT_CONTEXT_CHARS), find.length + 2 * HIT_CONTEXT_CHARS);
    if (used + piece.text.length > limit && shown.length > 0) break;
    used += piece.text.length;
    shown.push(`[at ${at}]\n${piece.text}`);
  }
  const last = hits[shown.length - 1] ?? offset;
  const footer = `[${shown.length} places shown; ask with offset ${last + find.length} for later ones, of ${text.length} characters in all]`;
  return [...shown, footer].join('\n\n');
}

function showPage(text: string, offset: number, limit: number): string {
  if (offset >= text.length) return `The offset ${offset} is behind the end; the result has ${text.length} characters.`;
  const page = windowOf(text, offset, limit);
  const more = page.to < text.length ? `; ask with offset ${page.to} for more` : '; this is the end';
  return `${page.text}\n\n[characters ${page.from} to ${page.to} of ${text.length}${more}]`;
}

export function createReadResultTool(): Tool {
  return defineTool({
    name: 'read_result',
    description:
      'Read more of an earlier tool result in this conversation that was shown only in part. Give the id that the cut result names; ' +
      'page with offset and limit, or give find to see the places where a text occurs.',
    input: z.object({
      id: z.string().min(1).max(128).describe('The id of the result, as named where it was cut.'),
      offset: z.int().min(0).default(0).describe('First character to read, from 0.'),
      limit: z
        .int()
        .min(1)
        .max(MAX_LIMIT)
        .default(DEFAULT_LIMIT)
        .describe(`Number of characters, at most ${MAX_LIMIT}.`),
      find: z
        .string()
        .min(1)
        .max(500)
        .optional()
        .describe('Show only the places after offset where this text occurs, whatever its case.'),
    }),
    effect: 'read',
    origin: 'tool',
    timeoutMs: TIMEOUT_MS,
    resultBudgetChars: RESULT_BUDGET_CHARS,
    run: async ({ id, offset, limit, find }, context) => {
      const text = await context.results.read(id);
      if (text === null) {
        throw failure(
          'item.not-found',
          `There is no result ${id} in this conversation; use the id that the cut result names`,
          { param: 'id' },
        );
      }
      return {
        text: find === undefined ? showPage(text, offset, limit) : showHits(text, find, offset, limit),
        details: { characters: text.length },
      };
    },
  });
}
