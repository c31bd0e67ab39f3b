/** An exported conversation as it comes back: everything is parsed, because anyone may have written it. */
import { z } from 'zod';
import { closedObject } from './closed-object.js';
import { jsonValueSchema, metadataSchema } from './field-schemas.js';
import { textFormatSchema } from './response-request.js';
import { storedIdSchema as id, storedItemDataSchema } from './stored-item-schema.js';

const MAX_TEXT = 4_000_000;
const text = z.string().max(MAX_TEXT);
const shortText = z.string().max(512);
const count = z.int().min(0);
const timeMs = z.int().min(0).max(8_640_000_000_000_000);

const usageSchema = z.object({
  inputTokens: count,
  cachedTokens: count,
  outputTokens: count,
  reasoningTokens: count,
  estimated: z.boolean(),
});

const limits = z.object({
  maxSteps: count,
  maxToolCalls: count,
  maxWallTimeMs: count,
  maxTokens: count,
  maxCostMicros: count,
  maxRepeats: count,
  maxParallelCalls: count,
});

const settingsSchema = z.object({
  agent: z.object({ name: shortText, version: shortText }),
  requestedModel: shortText,
  modelChain: z.array(shortText).max(20),
  instructions: text.nullable(),
  tools: z.array(z.object({ name: shortText, schemaHash: shortText })).max(256),
  clientFunctions: z
    .array(
      z.object({
        name: shortText,
        description: text.nullable(),
        parameters: z.record(z.string(), jsonValueSchema).nullable(),
        strict: z.boolean(),
      }),
    )
    .max(256),
  requestedTools: z.array(jsonValueSchema).max(256),
  toolChoice: z.union([z.enum(['auto', 'none', 'required']), z.object({ name: shortText })]),
  parallelToolCalls: z.boolean(),
  temperature: z.number().nullable(),
  topP: z.number().nullable(),
  maxOutputTokens: count.nullable(),
  maxToolCalls: count.nullable(),
  textFormat: textFormatSchema,
  reasoningEffort: shortText.nullable(),
  truncation: z.enum(['auto', 'disabled']),
  limits,
  user: shortText.nullable(),
});

const turnSchema = z.object({
  id,
  kind: z.enum(['response', 'items']),
  parentId: id.nullable(),
  status: z.enum(['completed', 'failed', 'incomplete', 'cancelled'], {
    error: 'only turns that have ended can be imported',
  }),
  settings: settingsSchema,
  metadata: metadataSchema,
  background: z.boolean(),
  stored: z.boolean(),
  usage: usageSchema,
  costMicros: count,
  costIncomplete: z.boolean(),
  error: z.object({ code: z.string().max(128), message: z.string().max(4000) }).nullable(),
  incompleteReason: z
    .enum([
      'max_steps',
      'max_tool_calls',
      'max_wall_time',
      'max_tokens',
      'max_cost',
      'repeated_call',
      'max_output_tokens',
      'content_filter',
    ])
    .nullable(),
  answeredBy: shortText.nullable(),
  lastSequence: count.nullable(),
  createdAtMs: timeMs,
  completedAtMs: timeMs.nullable(),
});

const position = z.int().min(0).max(100_000);

export const conversationImportSchema = closedObject({
  object: z.literal('conversation.export'),
  version: z.literal(1),
  conversation: z.object({
    id,
    title: z.string().max(300).nullable(),
    metadata: metadataSchema,
    archived: z.boolean(),
    headTurnId: id.nullable(),
    createdAtMs: timeMs,
    updatedAtMs: timeMs,
  }),
  turns: z
    .array(
      z.object({
        turn: turnSchema,
        items: z
          .array(
            z.object({
              step: position,
              index: position,
              direction: z.enum(['input', 'output']),
              item: storedItemDataSchema,
            }),
          )
          .max(20_000),
      }),
    )
    .max(10_000),
}).meta({
  id: 'ConversationImport',
  description: 'What export answers; the field names inside `conversation` and `turns` are those of the store.',
});
export type ConversationImport = z.infer<typeof conversationImportSchema>;
