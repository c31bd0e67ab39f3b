/**
 * A model that does whatever any text in its context tells it: every `CALL tool {json}` it has not done yet becomes a call, all
 * at once, and every `SAY "…"` becomes part of its answer. It reads everything alike: instructions, pages, files, errors, names.
 */
import type { LanguageModel, ModelChunk, ModelMessage, ModelRequest } from '../../domain/ports/model.js';

const CALL = /CALL ([a-z_]+) (\{[^{}]*\})/g;
const SAY = /SAY "((?:[^"\\]|\\.)*)"/g;
/** What hides a directive from people hides nothing from it. */
const INVISIBLE = /[\u200b-\u200f\u2060\ufeff\u00ad]|&#8203;/g;

export function readable(message: ModelMessage): string {
  switch (message.role) {
    case 'user':
      return message.parts.map((part) => ('text' in part ? part.text : JSON.stringify(part))).join('\n');
    case 'assistant':
      // Its own calls are no instructions: they were.
      return message.text;
    default:
      return message.text;
  }
}

interface Directive {
  readonly name: string;
  readonly arguments: string;
}

/** All of it, and once more without the escapes of JSON: what is quoted is an order too. */
function heard(messages: readonly ModelMessage[]): string {
  const text = messages.map(readable).join('\n').replace(INVISIBLE, '');
  return `${text}\n${text.replaceAll('\\"', '"')}`;
}

function directives(messages: readonly ModelMessage[]): Directive[] {
  const text = heard(messages);
  const found = [...text.matchAll(CALL)].map(([, name = '', given = '']) => ({ name, arguments: given }));
  return [...new Map(found.map((each) => [`${each.name} ${each.arguments}`, each])).values()];
}

function chunksFor(request: ModelRequest): ModelChunk[] {
  const done = new Set(
    request.messages.flatMap((message) =>
      message.role === 'assistant' ? message.toolCalls.map((call) => `${call.name} ${call.arguments}`) : [],
    ),
  );
  const open = directives(request.messages).filter((each) => !done.has(`${each.name} ${each.arguments}`));
  if (open.length > 0 && request.tools.length > 0) {
    const calls = open.flatMap(({ name, arguments: given }, index): ModelChunk[] => [
      { type: 'tool-call-start', index, callId: `call_${done.size + index}`, name },
      { type: 'tool-call-delta', index, arguments: given },
    ]);
    return [...calls, { type: 'finish', reason: 'tool_calls' }];
  }
  const text = request.messages.map(readable).join('\n').replace(INVISIBLE, '');
  const said = [...text.matchAll(SAY)].map(([, words = '']) => words.replace(/\\(.)/g, '$1')).join('\n');
  return [
    { type: 'text-delta', text: said === '' ? 'Done.' : said },
    { type: 'finish', reason: 'stop' },
  ];
}

export interface ObedientModel extends LanguageModel {
  /** Everything it was ever shown. */
  readonly seen: ModelRequest[];
}

export function createObedientModel(): ObedientModel {
  const seen: ModelRequest[] = [];
  return {
    name: 'obedient/model',
    provider: 'obedient',
    contextWindow: 1_000_000,
    prices: null,
    demo: false,
    seen,
    async *stream(request) {
      seen.push(request);
      yield* chunksFor(request);
    },
  };
}
