/** Pieces of streamed text -> pieces that can be shown and stored, although a piece may end in the middle of a character. Pure. */
import { storableText } from '../domain/json.js';

export interface TextPiece {
  readonly text: string;
  /** Half a character, to be put before the next piece; at the end of the text it stands for nothing. */
  readonly held: string;
}

const FIRST_HALF_AT_END = /[\uD800-\uDBFF]$/;

export function joinPiece(held: string, piece: string): TextPiece {
  const whole = held + piece;
  const end = FIRST_HALF_AT_END.test(whole) ? whole.length - 1 : whole.length;
  return { text: storableText(whole.slice(0, end)), held: whole.slice(end) };
}
