/** A filter over streamed text: pieces in, pieces out. It may hold text back until it knows what it is. */
export interface TextFilter {
  push(piece: string): string;
  /** The text is over: what was held back. */
  end(): string;
}

export function chainFilters(first: TextFilter, second: TextFilter): TextFilter {
  return {
    push: (piece) => second.push(first.push(piece)),
    end: () => second.push(first.end()) + second.end(),
  };
}
