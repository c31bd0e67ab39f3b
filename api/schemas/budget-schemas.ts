/** Budgets: what is set, and what is answered. */
import { z } from 'zod';
import { principalIdSchema } from '../../domain/scope.js';
import { closedObject } from './closed-object.js';

const micros = z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('Millionths of the currency of your price list.');
const period = z.enum(['day', 'month', 'total']).describe('Days and months begin in UTC; `total` never begins anew.');

export const budgetSetSchema = closedObject({
  principal: principalIdSchema.nullish().describe('Whose turns it counts; null or absent: all of the tenant’s.'),
  period,
  limit_micros: micros,
  allow_unpriced: z
    .boolean()
    .default(false)
    .describe('True: models without a known price may be called, and count nothing.'),
}).meta({ id: 'BudgetSet', example: { period: 'month', limit_micros: 50_000_000 } });

export const budgetSchema = z
  .object({
    id: z.string(),
    object: z.literal('budget'),
    principal: z.string().nullable(),
    period,
    limit_micros: micros,
    used_micros: micros.describe('In this period.'),
    held_micros: micros.describe('What calls that run now may still cost.'),
    left_micros: micros,
    allow_unpriced: z.boolean(),
    resets_at: z.int().nullable().describe('Seconds since the epoch; null: never.'),
  })
  .meta({ id: 'Budget' });

export const budgetListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(budgetSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'BudgetList' });

export const limitsAnswerSchema = z
  .object({
    object: z.literal('limits'),
    budgets: z.array(budgetSchema),
    turn: z
      .object({ max_cost_micros: micros, max_tokens: z.int() })
      .describe('Of a single turn, unless an agent or a request says less.'),
  })
  .meta({ id: 'Limits' });

export const inputTokensAnswerSchema = z
  .object({
    object: z.literal('response.input_tokens'),
    input_tokens: z.int(),
    turnstone: z.object({
      model: z.string().nullable().describe('The model that would be asked first.'),
      first_call_micros: z
        .object({ min: micros, max: micros })
        .nullable()
        .describe(
          'With a short and with the longest answer; null: no price is known. A turn with tools makes several calls.',
        ),
      max_turn_micros: micros.describe('Where the limits end the turn.'),
      budgets_allow: z.boolean().describe('Would the first call be made now?'),
    }),
  })
  .meta({ id: 'InputTokens' });
