/** Effects of tool calls: what is asked, and what is answered. */
import { z } from 'zod';
import { closedObject } from './closed-object.js';

export const effectsQuerySchema = z.object({
  after: z.string().max(128).optional().describe('The id the page starts after.'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

export const resolveSchema = closedObject({
  happened: z.boolean().describe('Did the call take effect?'),
  note: z.string().max(2_000).nullish().describe('What you found out; the model reads it too.'),
}).meta({ id: 'EffectResolve', example: { happened: true, note: 'The mail is in the outbox.' } });

const seconds = z.int().describe('Seconds since the epoch.');

export const effectSchema = z
  .object({
    id: z.string(),
    object: z.literal('effect'),
    response_id: z.string(),
    conversation_id: z.string().nullable(),
    step: z.int(),
    tool: z.string(),
    effect: z.enum(['keyed', 'unkeyed']),
    arguments_hash: z.string(),
    idempotency_key: z.string().nullable().describe('What a keyed call ran with, in every attempt.'),
    status: z.enum(['running', 'completed', 'failed', 'outcome_unknown', 'cancelled', 'pending']),
    happened: z.boolean().nullable().describe('Null: nobody knows.'),
    receipt: z.string().nullable().describe('The beginning of what the call returned.'),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    started_at: seconds,
    finished_at: seconds.nullable(),
    undoable: z.boolean().describe('The tool declares an undo, and there is something to take back.'),
    undo: z
      .object({
        status: z.enum(['running', 'undone', 'failed', 'unknown']),
        text: z.string().nullable(),
        error: z.object({ code: z.string(), message: z.string() }).nullable(),
        requested_at: seconds,
        finished_at: seconds.nullable(),
      })
      .nullable(),
    resolution: z
      .object({ happened: z.boolean(), note: z.string().nullable(), by: z.string(), at: seconds })
      .nullable()
      .describe('What a person found out.'),
  })
  .meta({ id: 'Effect' });

export const effectListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(effectSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'EffectList' });
