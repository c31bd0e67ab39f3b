/** The bodies of the `/v1/responses` routes: every field of the standard is taken, ignored on purpose, or refused by name. */
import { z } from 'zod';
import { limitsSchema } from '../../domain/agent.js';
import { inputItemSchema } from '../../domain/item.js';
import { ON_CONFLICT } from '../../domain/steer.js';
import { closedObject } from './closed-object.js';
import {
  flagQuerySchema,
  ignored,
  jsonValueSchema,
  metadataSchema,
  notAvailable,
  pageQuerySchema,
} from './field-schemas.js';

const MAX_INPUT_CHARS = 4_000_000;
const MAX_INPUT_ITEMS = 5000;

export const includeSchema = z.array(
  z.enum([
    'file_search_call.results',
    'web_search_call.results',
    'web_search_call.action.sources',
    'message.input_image.image_url',
    'computer_call_output.output.image_url',
    'code_interpreter_call.outputs',
    'reasoning.encrypted_content',
    'message.output_text.logprobs',
  ]),
);

export const textFormatSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  closedObject({
    type: z.literal('json_schema'),
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and -, at most 64'),
    schema: z.record(z.string(), jsonValueSchema),
    strict: z.boolean().nullish(),
    description: z.string().max(4000).nullish(),
  }),
]);

const reasoningSchema = closedObject({
  effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
  summary: ignored(z.enum(['auto', 'concise', 'detailed'])),
  generate_summary: ignored(z.enum(['auto', 'concise', 'detailed'])),
});

export const requestedToolSchema = z
  .looseObject({ type: z.string().min(1).max(64) })
  .describe('`function` (run by the client), `code_interpreter` or `web_search`; other hosted types are refused.');
export type RequestedTool = z.infer<typeof requestedToolSchema>;

const namedTool = z.looseObject({ type: z.string(), name: z.string().optional() });
export const toolChoiceSchema = z.union([
  z.enum(['auto', 'none', 'required']),
  z.object({
    type: z.literal('allowed_tools'),
    mode: z.enum(['auto', 'required']),
    tools: z.array(namedTool).min(1).max(256),
  }),
  z.object({ type: z.literal('function'), name: z.string().min(1).max(128) }),
  z.object({ type: z.enum(['code_interpreter', 'web_search', 'web_search_preview', 'web_search_preview_2025_03_11']) }),
]);
export type RequestedToolChoice = z.infer<typeof toolChoiceSchema>;

const conversationRefSchema = z
  .union([z.string().min(1).max(128), z.object({ id: z.string().min(1).max(128) })])
  .transform((value) => (typeof value === 'string' ? value : value.id));

const turnstoneFields = {
  limits: limitsSchema
    .optional()
    .describe('Limits of this turn; values above the server’s ceilings are lowered to them.'),
  on_conflict: z
    .enum(ON_CONFLICT)
    .optional()
    .describe(
      'What happens while another turn of the conversation runs. `reject` (the default): 409. `queue`: the message waits its turn. `steer`: it joins the ' +
        'running turn at its next step. `interrupt`: it stops the running turn, whose partial text stays, and runs next.',
    ),
};

const turnstoneSchema = closedObject({
  ...turnstoneFields,
  approvals: z
    .enum(['wait', 'return'])
    .optional()
    .describe('`wait` (default): the turn waits for decisions. `return`: it ends with `mcp_approval_request` items.'),
});

/** The chat format has no items: what it cannot carry is refused by name. */
export const chatTurnstoneSchema = closedObject({
  ...turnstoneFields,
  approvals: z
    .literal('wait', {
      error:
        "a chat completion cannot end with a request for approval; leave it out, or use /v1/responses with 'return'",
    })
    .optional(),
});

/** What decides how a turn runs, shared by create and input_tokens. */
const promptFields = {
  model: z.string().min(1).max(200).nullish().describe('An agent (`general`), a fallback chain, or `provider/model`.'),
  input: z.union([z.string().max(MAX_INPUT_CHARS), z.array(inputItemSchema).max(MAX_INPUT_ITEMS)]).nullish(),
  instructions: z.string().max(1_000_000).nullish(),
  conversation: conversationRefSchema.nullish(),
  previous_response_id: z.string().min(1).max(128).nullish(),
  tools: z.array(requestedToolSchema).max(256).nullish(),
  tool_choice: toolChoiceSchema.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  reasoning: reasoningSchema.nullish(),
  text: closedObject({
    format: textFormatSchema.nullish(),
    verbosity: ignored(z.enum(['low', 'medium', 'high'])),
  }).nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
};

export const responseCreateSchema = closedObject({
  ...promptFields,
  background: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  store: z.boolean().nullish(),
  max_output_tokens: z.int().min(16).max(10_000_000).nullish(),
  max_tool_calls: z.int().min(0).max(5000).nullish(),
  metadata: metadataSchema.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  user: z.string().max(512).nullish(),
  turnstone: turnstoneSchema.nullish(),
  include: includeSchema.nullish().describe('Accepted; what exists is always included.'),
  safety_identifier: ignored(z.string().max(512)),
  service_tier: ignored(z.enum(['auto', 'default', 'flex', 'scale', 'priority'])),
  stream_options: ignored(z.looseObject({ include_obfuscation: z.boolean().optional() })),
  prompt_cache_key: ignored(z.string().max(512)),
  prompt_cache_options: ignored(z.looseObject({})),
  prompt_cache_retention: ignored(z.string().max(64)),
  top_logprobs: ignored(
    z.literal(0, { error: 'log probabilities are not available on this server; leave it out or send 0' }),
  ),
  prompt: notAvailable('Send the text as `instructions` and `input`.'),
  context_management: notAvailable('Long conversations are compacted by the server itself.'),
  moderation: notAvailable('Leave the field out.'),
}).meta({
  id: 'ResponseCreate',
  example: { model: 'general', input: 'What is the tenth prime number?', stream: true },
});
export type ResponseCreate = z.infer<typeof responseCreateSchema>;

export const responseContinueSchema = closedObject({
  limits: limitsSchema.optional(),
  stream: z.boolean().nullish(),
  background: z.boolean().nullish(),
}).meta({ id: 'ResponseContinue', example: { limits: { max_steps: 40 } } });

export const responseSteerSchema = closedObject({
  input: promptFields.input.describe('A text, or messages of the user.'),
}).meta({ id: 'ResponseSteer', example: { input: 'Only the ones in Europe, please.' } });

export const inputTokensSchema = closedObject({ ...promptFields, personality: ignored(z.string().max(64)) }).meta({
  id: 'InputTokensRequest',
  example: { model: 'general', input: 'How long is this?' },
});

export const responseQuerySchema = z.object({
  stream: flagQuerySchema.optional(),
  starting_after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  include_obfuscation: flagQuerySchema.optional(),
});

export const inputItemsQuerySchema = pageQuerySchema;
