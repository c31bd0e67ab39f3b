/** The shapes the API answers with, for the OpenAPI document. The types of domain/ are what the code holds itself to. */
import { z } from 'zod';

const id = z.string();
const seconds = z.int().describe('Seconds since the epoch.');

export const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      code: z.string(),
      param: z.string().nullable(),
      request_id: z.string(),
    }),
  })
  .meta({
    id: 'Error',
    example: {
      error: {
        message: "'input' is empty. Send a text or a list with at least one item that says something.",
        type: 'invalid_request_error',
        code: 'request.invalid',
        param: 'input',
        request_id: 'req_01k2f9v3zqf5m9cw1y8e7d6b5a',
      },
    },
  });

export const itemSchema = z.looseObject({ type: z.string(), id }).meta({ id: 'Item' });

export const usageSchema = z
  .object({
    input_tokens: z.int(),
    input_tokens_details: z.object({ cached_tokens: z.int() }),
    output_tokens: z.int(),
    output_tokens_details: z.object({ reasoning_tokens: z.int() }),
    total_tokens: z.int(),
  })
  .meta({ id: 'Usage' });

export const responseSchema = z
  .looseObject({
    id,
    object: z.literal('response'),
    created_at: seconds,
    completed_at: seconds.nullable(),
    status: z.enum(['queued', 'in_progress', 'completed', 'failed', 'incomplete', 'cancelled']),
    background: z.boolean(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.string() }).nullable(),
    instructions: z.string().nullable(),
    model: z.string(),
    output: z.array(itemSchema),
    previous_response_id: z.string().nullable(),
    conversation: z.object({ id }).nullable(),
    usage: usageSchema.nullable(),
    metadata: z.record(z.string(), z.string()),
    turnstone: z.object({
      agent: z.string(),
      answered_by: z.string().nullable(),
      cost_micros: z.int(),
      cost_incomplete: z.boolean(),
      usage_estimated: z.boolean(),
      queue_position: z.int().optional().describe('While it is `queued`: 1 runs next.'),
      waiting_for: z.literal('approval').optional().describe('Present while a person must decide about a call.'),
    }),
  })
  .meta({ id: 'Response' });

const listOf = (entry: z.ZodType, name: string): z.ZodType =>
  z
    .object({
      object: z.literal('list'),
      data: z.array(entry),
      first_id: z.string().nullable(),
      last_id: z.string().nullable(),
      has_more: z.boolean(),
    })
    .meta({ id: name });

export const itemListSchema = listOf(itemSchema, 'ItemList');
export const steerSchema = z
  .object({
    id: z.string().nullable().describe('Null where the message came too late to wait: the response is its own.'),
    object: z.literal('response.steer'),
    status: z.enum(['pending', 'picked_up', 'cancelled', 'moved']),
    response_id: z.string().describe('The response that answers it: the one it was sent into, or the one it moved to.'),
    sent_to: z.string(),
    step: z.int().nullable().describe('The model step that sees it first.'),
    created_at: seconds,
    items: z.array(itemSchema),
  })
  .meta({ id: 'Steer' });
export const steerListSchema = listOf(steerSchema, 'SteerList');
export const deletedSchema = z.object({ id, object: z.string(), deleted: z.literal(true) }).meta({ id: 'Deleted' });

export const conversationSchema = z
  .object({
    id,
    object: z.literal('conversation'),
    created_at: seconds,
    updated_at: seconds,
    metadata: z.record(z.string(), z.string()),
    title: z.string().nullable(),
    archived: z.boolean(),
    last_response_id: z.string().nullable().describe('Where a message without previous_response_id continues.'),
    snippet: z.string().nullable().optional().describe('Best match of a search, hits between **.'),
  })
  .meta({ id: 'Conversation' });
export const conversationListSchema = listOf(conversationSchema, 'ConversationList');
export const bundleSchema = z
  .looseObject({ object: z.literal('conversation.export'), version: z.literal(1) })
  .meta({ id: 'ConversationExport' });

const usageFields = {
  object: z.literal('usage'),
  usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() }),
  usage_estimated: z.boolean().describe('True when a provider sent no counts.'),
  cost_micros: z.int().describe('Millionths of the currency of your price list.'),
  cost_incomplete: z.boolean().describe('True when a model without a price took part.'),
};
export const conversationUsageSchema = z.object({ ...usageFields, turns: z.int() }).meta({ id: 'ConversationUsage' });
export const responseUsageSchema = z
  .object({
    ...usageFields,
    calls: z.array(
      z.looseObject({
        step: z.int(),
        attempt: z.int(),
        model: z.string(),
        outcome: z.enum(['completed', 'failed', 'cancelled']),
        failure_code: z.string().nullable(),
        cost_micros: z.int().nullable(),
        duration_ms: z.int(),
      }),
    ),
  })
  .meta({ id: 'ResponseUsageReport' });

export const chatCompletionAnswerSchema = z
  .looseObject({
    id,
    object: z.literal('chat.completion'),
    created: seconds,
    model: z.string(),
    choices: z.array(
      z.looseObject({ index: z.int(), message: z.looseObject({ role: z.string() }), finish_reason: z.string() }),
    ),
    usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: 'ChatCompletion' });

export const modelSchema = z
  .object({ id, object: z.literal('model'), created: seconds, owned_by: z.string(), description: z.string() })
  .meta({ id: 'Model' });
export const modelListSchema = z
  .object({ object: z.literal('list'), data: z.array(modelSchema) })
  .meta({ id: 'ModelList' });

export const fileSchema = z
  .object({
    id,
    object: z.literal('file'),
    bytes: z.int(),
    created_at: seconds,
    filename: z.string(),
    purpose: z.enum(['user_data', 'assistant_output']),
    status: z.literal('processed'),
    mime_type: z.string(),
    sha256: z.string(),
  })
  .meta({ id: 'File' });

export const keySchema = z
  .object({
    id,
    object: z.literal('api_key'),
    name: z.string(),
    principal: z.string(),
    scopes: z.array(z.string()),
    hint: z.string(),
    created_at: seconds,
    expires_at: seconds.nullable(),
    revoked_at: seconds.nullable(),
  })
  .meta({ id: 'ApiKey' });
export const newKeySchema = keySchema.extend({ key: z.string() }).meta({ id: 'NewApiKey' });
export const keyListSchema = listOf(keySchema, 'ApiKeyList');

export const tenantSchema = z
  .object({ id, object: z.literal('tenant'), name: z.string(), created_at: seconds })
  .meta({ id: 'Tenant' });
export const tenantListSchema = listOf(tenantSchema, 'TenantList');
export const newTenantSchema = tenantSchema.extend({ key: newKeySchema }).meta({ id: 'NewTenant' });

export const userSchema = z
  .object({
    id,
    object: z.literal('user'),
    live_keys: z.int(),
    temporal_user: z.string().describe('What the search attribute `TurnstoneUser` holds for their turns.'),
    created_at: seconds,
    revoked_at: seconds.nullable(),
    stopped_responses: z.int().optional().describe('How many running responses a revocation told to stop.'),
  })
  .meta({ id: 'User' });
export const userListSchema = listOf(userSchema, 'UserList');

export const healthSchema = z
  .object({
    state: z.enum(['ok', 'degraded', 'down']),
    version: z.string(),
    components: z.record(
      z.string(),
      z.object({
        state: z.enum(['ok', 'degraded', 'down']),
        latency_ms: z.number().nullable(),
        detail: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Health' });
