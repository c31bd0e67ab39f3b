/** The content of a compaction item: opaque to clients, base64url JSON `{ summary }` to us. */
export function writeSummary(summary: string): string {
  return Buffer.from(JSON.stringify({ summary }), 'utf8').toString('base64url');
}

/** A compaction item can come from a client: what does not parse counts as no summary. */
export function readSummary(content: string): string {
  try {
    const parsed = JSON.parse(Buffer.from(content, 'base64url').toString('utf8')) as { summary?: unknown } | null;
    return typeof parsed?.summary === 'string' ? parsed.summary : '';
  } catch {
    return '';
  }
}
