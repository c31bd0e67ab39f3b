/**
 * Server-sent events out of text as it arrives, with a bound on one event. Comments and unknown fields are skipped; a line
 * that is bare JSON is taken as an event, since some servers forget the framing, for errors above all.
 */
import type { FailWith } from './wire-reader.js';

/** One event may carry a whole answer (the responses wire ends with one), never more. In characters. */
export const MAX_EVENT_CHARS = 8 * 1024 * 1024;

export interface EventParser {
  /** @returns the `data` of the events completed by this text. @throws `model.invalid-reply` over the bound. */
  push(text: string): string[];
  /** What is left at the end of the stream: the last event of servers that do not end it with an empty line. */
  end(): string[];
}

export function createEventParser(fail: FailWith, maxEventChars: number = MAX_EVENT_CHARS): EventParser {
  /** The line that is not ended yet. Pieces are only joined at its end, so a long line costs no repeated scans. */
  let line = '';
  let data: string[] = [];
  let dataChars = 0;

  function bound(chars: number): void {
    if (chars > maxEventChars)
      throw fail('model.invalid-reply', `it sent one event of more than ${maxEventChars} characters`);
  }

  function flush(events: string[]): void {
    if (data.length > 0) events.push(data.join('\n'));
    data = [];
    dataChars = 0;
  }

  function endLine(raw: string, events: string[]): void {
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (text === '') {
      flush(events);
    } else if (text.startsWith('data:')) {
      const value = text.slice(text.startsWith('data: ') ? 6 : 5);
      // Empty lines cost memory, too.
      dataChars += value.length + 1;
      bound(dataChars);
      data.push(value);
    } else if (text.startsWith('{')) {
      flush(events);
      events.push(text);
    }
  }

  function push(text: string): string[] {
    const events: string[] = [];
    let from = 0;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', from)) {
      const piece = text.slice(from, at);
      bound(line.length + piece.length);
      endLine(line + piece, events);
      line = '';
      from = at + 1;
    }
    if (from < text.length) {
      line += text.slice(from);
      bound(line.length);
    }
    return events;
  }

  function end(): string[] {
    const events: string[] = [];
    if (line !== '') endLine(line, events);
    line = '';
    flush(events);
    return events;
  }

  return { push, end };
}
