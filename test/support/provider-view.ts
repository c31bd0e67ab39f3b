/** What a fake provider was sent, reduced to what scenarios ask about. */
import type { FakeRequest } from './fake-provider.js';

interface WireMessage {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly unknown[];
}

/** The conversation as the chat wire told it, without the agent's own instructions: `role: text`. */
export function toldConversation(request: FakeRequest | undefined): readonly string[] {
  return messagesOf(request)
    .filter((message) => message.role !== 'system')
    .map((message) => `${message.role}: ${textOf(message.content)}`);
}

/** Everything said to the model as system messages. */
export function toldInstructions(request: FakeRequest | undefined): string {
  return messagesOf(request)
    .filter((message) => message.role === 'system')
    .map((message) => textOf(message.content))
    .join('\n');
}

/** Without the fences around untrusted text: what stands in them is what these scenarios ask about. */
export function messagesOf(request: FakeRequest | undefined): readonly WireMessage[] {
  if (request?.body.messages === undefined) throw new Error('the provider was not asked over the chat wire');
  return withoutFences(request.body.messages);
}

const FENCED = /<untrusted source="\w+" mark="(\w+)">\n([\s\S]*?)\n<\/untrusted mark="\1">/g;

function withoutFences<T>(value: T): T {
  const unfenced = (_key: string, inner: unknown): unknown =>
    typeof inner === 'string' ? inner.replaceAll(FENCED, '$2') : inner;
  return JSON.parse(JSON.stringify(value), unfenced) as T;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (content === null || content === undefined) return '';
  return (content as readonly { readonly text?: string }[]).map((part) => part.text ?? '').join('');
}
