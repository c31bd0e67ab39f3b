/**
 * Token counts without a tokenizer: close enough to decide when to compact and to bill a provider that sends no usage
 * (such counts are always flagged as estimated). About 4 characters of English a token, fewer for other scripts.
 */
export function estimateTokens(text: string): number {
  let ascii = 0;
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) < 0x80) ascii += 1;
  const other = text.length - ascii;
  return Math.ceil(ascii / 4 + other / 1.5);
}
