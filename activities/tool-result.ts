/** A tool's whole result -> what the model is given: the beginning and the end when it is over budget. Pure. */
import { storableText } from '../domain/json.js';

const SHARE_OF_HEAD = 0.7;

export interface BudgetedResult {
  readonly text: string;
  /** The whole text when `text` is a cut of it; stored, and readable with the `read_result` tool. */
  readonly full: string | null;
}

export function cutToBudget(text: string, budgetChars: number, itemId: string): BudgetedResult {
  if (text.length <= budgetChars) return { text, full: null };
  const head = text.slice(0, Math.floor(budgetChars * SHARE_OF_HEAD));
  const tail = text.slice(text.length - Math.floor(budgetChars * (1 - SHARE_OF_HEAD)));
  const left = text.length - head.length - tail.length;
  const note = `[… ${left} of ${text.length} characters left out; read them with read_result, id "${itemId}" …]`;
  // A cut may fall into the middle of a character.
  return { text: storableText(`${head}\n${note}\n${tail}`), full: text };
}
