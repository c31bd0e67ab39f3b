/** The body of `POST /v1/chat/completions`. Fields this server cannot honour are refused, never dropped in silence. */
import { z } from 'zod';
import { closedObject } from './closed-object.js';
import { ignored, jsonValueSchema, metadataSchema, notAvailable } from './field-schemas.js';
import { chatTurnstoneSchema } from './response-request.js';

const MAX_TEXT = 4_000_000;
const text = z.string().max(MAX_TEXT);
const name = z.string().max(128).optional();

const textPart = z.object({ type: z.literal('text'), text });
const refusalPart = z.object({ type: z.literal('refusal'), refusal: text });
const imagePart = z.object({
  type: z.literal('image_url'),
  image_url: z.object({ url: z.string().min(1), detail: z.enum(['low', 'high', 'auto']).optional() }),
});
const filePart = z.object({
  type: z.literal('file'),
  file: closedObject({
    file_data: z.string().optional(),
    file_id: z.string().max(128).optional(),
    filename: z.string().max(255).optional(),
  }),
});
export const chatUserPartSchema = z.union([textPart, imagePart, filePart]);
export type ChatUserPart = z.infer<typeof chatUserPartSchema>;

const plainContent = z.union([text, z.array(textPart).min(1).max(1000)]);

export const chatMessageSchema = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer']), content: plainContent, name }),
  z.object({ role: z.literal('user'), content: z.union([text, z.array(chatUserPartSchema).min(1).max(1000)]), name }),
  z.object({
    role: z.literal('assistant'),
    content: z.union([text, z.array(z.union([textPart, refusalPart])).max(1000)]).nullish(),
    refusal: text.nullish(),
    name,
    tool_calls: z
      .array(
        z.object({
          id: z.string().min(1).max(128),
          type: z.literal('function').optional(),
          function: z.object({ name: z.string().min(1).max(128), arguments: text }),
        }),
      )
      .max(256)
      .nullish(),
  }),
  z.object({ role: z.literal('tool'), content: plainContent, tool_call_id: z.string().min(1).max(128) }),
]);
export type ChatMessage = z.infer<typeof chatMessageSchema>;

const chatToolSchema = z.object({
  type: z.literal('function', { error: 'only tools of type `function` exist in chat completions on this server' }),
  function: closedObject({
    name: z.string().min(1).max(64),
    description: z.string().max(100_000).nullish(),
    parameters: z.record(z.string(), jsonValueSchema).nullish(),
    strict: z.boolean().nullish(),
  }),
});

const noPenalty = z.literal(0, { error: 'penalties are not available on this server; leave it out or send 0' });

export const chatCompletionSchema = closedObject({
  model: z.string().min(1).max(200).nullish(),
  messages: z.array(chatMessageSchema).min(1).max(5000),
  stream: z.boolean().nullish(),
  stream_options: closedObject({
    include_usage: z.boolean().nullish(),
    include_obfuscation: ignored(z.boolean()),
  }).nullish(),
  tools: z.array(chatToolSchema).max(256).nullish(),
  tool_choice: z
    .union([
      z.enum(['auto', 'none', 'required']),
      z.object({ type: z.literal('function'), function: z.object({ name: z.string().min(1) }) }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text') }),
      z.object({ type: z.literal('json_object') }),
      z.object({
        type: z.literal('json_schema'),
        json_schema: closedObject({
          name: z.string().min(1).max(64),
          schema: z.record(z.string(), jsonValueSchema),
          strict: z.boolean().nullish(),
          description: z.string().max(4000).nullish(),
        }),
      }),
    ])
    .nullish(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  max_completion_tokens: z.int().min(1).max(10_000_000).nullish(),
  max_tokens: z.int().min(1).max(10_000_000).nullish().describe('Old name of max_completion_tokens.'),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  user: z.string().max(512).nullish(),
  metadata: metadataSchema.nullish(),
  turnstone: chatTurnstoneSchema
    .nullish()
    .describe(
      'As in /v1/responses. A chat completion stands in no conversation, so nothing runs that `on_conflict` could meet.',
    ),
  n: z.literal(1, { error: 'this server writes one choice; leave it out or send 1' }).nullish(),
  stop: z
    .array(z.string())
    .max(0, { error: 'stop sequences are not available on this server; leave the field out' })
    .nullish(),
  frequency_penalty: noPenalty.nullish(),
  presence_penalty: noPenalty.nullish(),
  logit_bias: z
    .strictObject({}, { error: 'token biases are not available on this server; leave the field out' })
    .nullish(),
  logprobs: z.literal(false, { error: 'log probabilities are not available on this server' }).nullish(),
  top_logprobs: z.literal(0, { error: 'log probabilities are not available on this server' }).nullish(),
  modalities: z.array(z.literal('text', { error: 'this server answers with text only' })).nullish(),
  store: ignored(z.boolean()),
  seed: ignored(z.int()),
  prediction: ignored(z.looseObject({})),
  verbosity: ignored(z.enum(['low', 'medium', 'high'])),
  service_tier: ignored(z.enum(['auto', 'default', 'flex', 'scale', 'priority'])),
  safety_identifier: ignored(z.string().max(512)),
  prompt_cache_key: ignored(z.string().max(512)),
  prompt_cache_options: ignored(z.looseObject({})),
  prompt_cache_retention: ignored(z.string().max(64)),
  audio: notAvailable('This server answers with text only.'),
  functions: notAvailable('Use `tools`.'),
  function_call: notAvailable('Use `tool_choice`.'),
  web_search_options: notAvailable('The agent reads pages by itself when it has the tool.'),
  moderation: notAvailable('Leave the field out.'),
}).meta({
  id: 'ChatCompletionCreate',
  example: { model: 'general', messages: [{ role: 'user', content: 'What is the tenth prime number?' }] },
});
export type ChatCompletionCreate = z.infer<typeof chatCompletionSchema>;
