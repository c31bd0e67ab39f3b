/**
 * Our events and objects are what the `openai` package says they are, checked by the compiler. The known departures are
 * listed once below; anything else that drifts stops compiling.
 */
import type { Conversation as WireConversation } from 'openai/resources/conversations/conversations';
import type { Model as WireModel } from 'openai/resources/models';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import type { Response, ResponseOutputItem, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { describe, expectTypeOf, it } from 'vitest';
import type { ChatChunk } from '../../api/projections/chat-completions.js';
import type { ConversationObject } from '../../api/projections/conversation-object.js';
import type { TurnEvent } from '../../domain/event.js';
import type { OutputItem } from '../../domain/item.js';
import type { ResponseResource } from '../../domain/response-resource.js';

/** The package's arrays and fields are mutable; ours are not, which is no difference on the wire. */
type Mutable<Value> = Value extends readonly (infer Entry)[]
  ? Mutable<Entry>[]
  : Value extends object
    ? { -readonly [Key in keyof Value]: Mutable<Value[Key]> }
    : Value;

/** Items of ours that the standard has no type for. */
type StandardItem = Exclude<OutputItem, { type: `turnstone:${string}` }>;

/**
 * Fields of a response where we differ on purpose: null instead of absent (`usage`, `user`), our failure codes and limit
 * reasons (`error`, `incomplete_details`), values echoed as they were sent (`tools`, `tool_choice`, `text`, `reasoning`),
 * and what the client library computes itself (`output_text`).
 */
type Departures =
  | 'usage'
  | 'user'
  | 'error'
  | 'incomplete_details'
  | 'tools'
  | 'tool_choice'
  | 'text'
  | 'reasoning'
  | 'output'
  | 'output_text'
  | 'turnstone';
type StandardResponse = Mutable<Omit<ResponseResource, Departures>>;

type EventOf<Type extends string> = Extract<TurnEvent, { type: Type }>;
type WithResponse = Extract<TurnEvent, { response: ResponseResource }>['type'];
type WithItem = 'response.output_item.added' | 'response.output_item.done';
/** Each event type on its own, as one shape: a union of types within one member is spread out. */
type Spread<Event> = Event extends { type: infer Type }
  ? Type extends string
    ? Mutable<Omit<Event, 'type'>> & { type: Type }
    : never
  : never;
type PlainEvent = Spread<Exclude<TurnEvent, { type: WithResponse | WithItem | `turnstone:${string}` }>>;

describe('types of the openai package', () => {
  it('a response', () => {
    expectTypeOf<StandardResponse>().toExtend<Omit<Response, Departures>>();
    expectTypeOf<NonNullable<Mutable<ResponseResource>['usage']>>().toExtend<
      Omit<NonNullable<Response['usage']>, 'input_tokens_details'> & { input_tokens_details: { cached_tokens: number } }
    >();
  });

  it('every standard output item', () => {
    expectTypeOf<Mutable<StandardItem>>().toExtend<ResponseOutputItem>();
  });

  it('every standard event has a type the package knows', () => {
    expectTypeOf<Exclude<TurnEvent['type'], `turnstone:${string}`>>().toExtend<ResponseStreamEvent['type']>();
  });

  it('every event without a whole response or item in it', () => {
    expectTypeOf<PlainEvent>().toExtend<ResponseStreamEvent>();
  });

  it('events that carry a response or an item, apart from it', () => {
    expectTypeOf<Mutable<Omit<EventOf<WithResponse>, 'response' | 'type'>>>().toExtend<{ sequence_number?: number }>();
    expectTypeOf<Mutable<Omit<EventOf<WithItem>, 'item' | 'type'>>>().toExtend<{
      output_index: number;
      sequence_number: number;
    }>();
  });

  it('a chat completion chunk, apart from reasoning_content', () => {
    type Choice = Mutable<ChatChunk['choices'][number]>;
    expectTypeOf<Mutable<Omit<ChatChunk, 'choices' | 'usage'>>>().toExtend<
      Omit<ChatCompletionChunk, 'choices' | 'usage'>
    >();
    expectTypeOf<Omit<Choice['delta'], 'reasoning_content'>>().toExtend<{
      content?: string | null;
      refusal?: string | null;
    }>();
    expectTypeOf<Choice['finish_reason']>().toExtend<ChatCompletionChunk.Choice['finish_reason']>();
    expectTypeOf<NonNullable<Choice['delta']['tool_calls']>>().toExtend<
      NonNullable<ChatCompletionChunk.Choice.Delta['tool_calls']>
    >();
  });

  it('a conversation and a model', () => {
    expectTypeOf<ConversationObject>().toExtend<WireConversation>();
    expectTypeOf<{
      id: string;
      object: 'model';
      created: number;
      owned_by: string;
      description: string;
    }>().toExtend<WireModel>();
  });
});
