/** A tool call's item with another result than the call gave: forks change one, people add to one. Pure. */
import type { ToolItem } from './item.js';

/** The item of a call that is said to have ended with another result than it did. */
export function withResult(item: ToolItem, text: string): ToolItem {
  switch (item.type) {
    case 'code_interpreter_call':
      return { ...item, status: 'completed', outputs: [{ type: 'logs', logs: text }] };
    case 'web_search_call':
      return { ...item, status: 'completed' };
    case 'turnstone:tool_call':
      return { ...item, status: 'completed', output: text, error: null };
  }
}
