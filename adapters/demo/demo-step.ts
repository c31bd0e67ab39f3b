/** What the scripted demo does next, and the texts it says. Pure: a request gives a step. */
import type { ModelMessage, ModelRequest } from '../../domain/ports/model.js';
import { planFrom } from './demo-script.js';
import type { DemoCall, DemoPlan } from './demo-script.js';
import { schemaInstance } from './schema-instance.js';

export type DemoStep =
  /** `place` makes the call ids of different steps differ. */
  | { readonly kind: 'calls'; readonly calls: readonly DemoCall[]; readonly place: number }
  | { readonly kind: 'answer'; readonly text: string; readonly thought: string }
  | { readonly kind: 'count'; readonly to: number };

/** How much of a tool's result is repeated in the answer. */
const MAX_RESULT_CHARS = 4_000;

export const WHO = 'This is a scripted demo, not a language model.';
const HOW =
  'To talk to a real model, set OPENAI_API_KEY (or ANTHROPIC_API_KEY, GEMINI_API_KEY, HF_TOKEN, AZURE_OPENAI_API_KEY, DIAL_URL), ' +
  'start Ollama, or list providers in turnstone.config.yaml, and start again.';
const WHAT = [
  'What the demo can do:',
  '- `run python: print(2 ** 100)` runs Python in a jail',
  '- `read https://example.com` reads a web page',
  '- `call <name> {"key": "value"}` calls a function you sent along',
  '- `count to 20` counts slowly: stop it, close the tab, or kill the server meanwhile',
  '- several lines of these run at the same time',
].join('\n');

/** Decided by the messages alone, so that every attempt of a step says the same. */
export function nextStep(request: ModelRequest): DemoStep {
  const { messages, textFormat } = request;
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  const asked = textOf(messages[lastUser]);
  const since = messages.slice(lastUser + 1);
  const plan = planFrom(asked, offeredTools(request));
  const called = since.reduce((sum, message) => sum + (message.role === 'assistant' ? message.toolCalls.length : 0), 0);
  const open = plan.calls.slice(called);
  // One at a time where the request wants it so: the others follow when the result is back.
  const calls = request.parallelToolCalls ? open : open.slice(0, 1);
  if (calls.length > 0) return { kind: 'calls', calls, place: messages.length };
  if (textFormat.type === 'json_schema') return answerWith(JSON.stringify(schemaInstance(textFormat.schema)));
  if (textFormat.type === 'json_object') return answerWith(JSON.stringify({ demo: true, message: WHO }));
  if (called > 0) return answerWith(reportOf(since), 'The tools have answered; the script repeats what they said.');
  if (plan.countTo !== null) return { kind: 'count', to: plan.countTo };
  return answerWith(introduction(asked, plan), 'The script looks for commands it knows and finds none.');
}

function answerWith(text: string, thought = ''): DemoStep {
  return { kind: 'answer', text, thought };
}

function offeredTools({ tools, toolChoice }: ModelRequest): ModelRequest['tools'] {
  if (toolChoice === 'none') return [];
  return typeof toolChoice === 'object' ? tools.filter((tool) => tool.name === toolChoice.name) : tools;
}

function introduction(asked: string, { missing }: DemoPlan): string {
  const heard = asked.trim() === '' ? '' : `\n\nYou wrote: ${cut(asked.trim(), 500)}`;
  const absent = missing.length === 0 ? '' : `\n\nThis agent has no tool named ${missing.join(', ')}.`;
  return `${WHO} ${HOW}${heard}${absent}\n\n${WHAT}`;
}

function reportOf(since: readonly ModelMessage[]): string {
  const names = new Map(
    since
      .flatMap((message) => (message.role === 'assistant' ? message.toolCalls : []))
      .map((call) => [call.callId, call.name]),
  );
  const results = since.filter((message) => message.role === 'tool');
  const parts = results.map(({ callId, text }) => {
    return `**${names.get(callId) ?? 'tool'}** answered:\n\n${fenced(cut(text, MAX_RESULT_CHARS))}`;
  });
  return `${WHO} The tools are real, though.\n\n${parts.join('\n\n')}`;
}

/** A fence longer than any in the text, so that a result cannot end it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars)}…`;
}

function textOf(message: ModelMessage | undefined): string {
  if (message?.role !== 'user') return '';
  return message.parts
    .map((part) => (part.type === 'text' ? part.text : ''))
    .filter((text) => text !== '')
    .join('\n');
}
