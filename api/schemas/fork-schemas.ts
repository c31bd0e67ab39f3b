/** Forks and comparisons: what is asked, and what is answered. */
import { z } from 'zod';
import { inputItemSchema } from '../../domain/item.js';
import { closedObject } from './closed-object.js';

const MAX_INPUT_CHARS = 4_000_000;
const MAX_INPUT_ITEMS = 5000;

export const forkSchema = closedObject({
  step: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe(
      'The first step that runs again; those before it are taken over as recorded. Default 1, or the step after the changed call.',
    ),
  change: closedObject({
    instructions: z.string().max(1_000_000).nullish().describe('In place of the request’s; the agent’s own stay.'),
    input: z
      .union([z.string().min(1).max(MAX_INPUT_CHARS), z.array(inputItemSchema).min(1).max(MAX_INPUT_ITEMS)])
      .optional()
      .describe('In place of the turn’s input.'),
    model: z.string().min(1).max(200).optional().describe('A model or fallback chain; an agent stands for its model.'),
    tool_result: closedObject({
      call: z.string().min(1).max(128).describe('The id of the call’s item, or its call_id.'),
      output: z.string().max(MAX_INPUT_CHARS),
    })
      .optional()
      .describe('What a call of the last taken-over step is said to have answered.'),
  }).default({}),
  stream: z.boolean().nullish(),
  background: z.boolean().nullish(),
}).meta({ id: 'ResponseFork', example: { step: 2, change: { model: 'openai/gpt-4o' } } });
export type ForkRequest = z.infer<typeof forkSchema>;

export const compareQuerySchema = z.object({ with: z.string().min(1).max(128).describe('The other response.') });

const sideSchema = z.object({
  id: z.string(),
  status: z.string(),
  answer: z.string(),
  model: z.string(),
  answered_by: z.string().nullable(),
  forked_from: z.looseObject({ id: z.string(), step: z.int() }).nullable(),
  steps: z.int(),
  tools: z.array(
    z.object({
      step: z.int(),
      call: z.string(),
      name: z.string(),
      arguments_hash: z.string(),
      effect: z.string(),
      outcome: z.string(),
      copied: z.boolean().describe('True: it ran in the response this one was forked from.'),
    }),
  ),
  usage: z.looseObject({ input_tokens: z.int(), output_tokens: z.int(), total_tokens: z.int() }),
  cost_micros: z.int().describe('Of its own steps; what copied ones cost was paid there.'),
  cost_incomplete: z.boolean(),
  duration_ms: z.int().nullable(),
});

export const comparisonSchema = z
  .object({
    object: z.literal('response.comparison'),
    diverges_at_step: z.int().nullable().describe('0: the input. Null: both recorded the same.'),
    left: sideSchema,
    right: sideSchema,
  })
  .meta({ id: 'ResponseComparison' });
