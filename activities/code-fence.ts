/** Fenced code blocks in streamed Markdown, from the first column only. Pure. */
export interface CodePlace {
  readonly text: string;
  readonly at: number;
  readonly atLineStart: boolean;
  /** No more text will come. */
  readonly over: boolean;
  /** The fence of the block this place is in; null: in none. */
  readonly fence: string | null;
}
/** What is code, up to `end`, and the block that follows it is in. */
export interface CodePiece {
  readonly fence: string | null;
  readonly end: number;
}

/** Longer lines are no fences. */
const MAX_FENCE_CHARS = 1_000;
const MAY_BE_FENCE = /^(`{1,2}$|~{1,2}$|`{3}|~{3})/;
const OPENING = /^(`{3,}(?=[^`]*$)|~{3,})/;

/** Null: no code here; `more`: not enough text to tell. */
export function fenceStep(place: CodePlace): CodePiece | 'more' | null {
  const { text, at, atLineStart, over, fence } = place;
  const newline = text.indexOf('\n', at);
  const end = newline === -1 ? text.length : newline + 1;
  const line = text.slice(at, end).trimEnd();
  if (!atLineStart || !MAY_BE_FENCE.test(line) || line.length > MAX_FENCE_CHARS)
    return fence === null ? null : { fence, end };
  if (newline === -1 && !over) return 'more';
  if (fence !== null) return { fence: isClosing(line, fence) ? null : fence, end };
  const opening = OPENING.exec(line);
  return opening === null ? null : { fence: opening[0], end };
}

function isClosing(line: string, fence: string): boolean {
  return /^(`+|~+)$/.test(line) && line.startsWith(fence);
}
