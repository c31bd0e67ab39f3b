/** The block `approvals:` of an agent: which of its calls a person decides, and what happens while nobody does. */
import { z } from 'zod';
import type { ApprovalRules } from './approval-rules.js';
import { NO_RULES } from './approval-rules.js';
import { DEFAULT_POLICY } from './policy.js';
import type { ApprovalMode, TaintPolicy, TurnPolicy } from './policy.js';

const rule = z.enum(['never', 'ask', 'always']);
const toolName = z.string().min(1).max(64);
const plainValue = z.union([z.string().max(1000), z.number(), z.boolean()]);
const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A year: what nobody decided until then nobody will. */
const MAX_DURATION_MS = 366 * UNITS_MS.d;

/** `30s`, `15m`, `2h`, `7d` -> milliseconds. */
const durationSchema = z
  .string()
  .regex(/^[1-9]\d{0,5}[smhd]$/, 'a whole number and s, m, h or d, such as 30m or 7d')
  .transform((text) => Number(text.slice(0, -1)) * UNITS_MS[text.slice(-1) as keyof typeof UNITS_MS])
  .refine((ms) => ms <= MAX_DURATION_MS, 'at most a year');

const conditionSchema = z
  .strictObject({
    path: z.string().min(1).max(200),
    equals: plainValue,
    one_of: z.array(plainValue).min(1).max(1000),
    starts_with: z.string().min(1).max(1000),
    ends_with: z.string().min(1).max(1000),
    contains: z.string().min(1).max(1000),
    above: z.number(),
    below: z.number(),
  })
  .partial()
  .required({ path: true })
  .refine(
    (condition) => Object.keys(condition).length > 1,
    'says nothing about the value: add equals, one_of, starts_with, ends_with, contains, above or below',
  );

export const agentApprovalsSchema = z.strictObject({
  /** By the name of the tool. */
  tools: z.record(toolName, rule).default({}),
  /** By what a tool does; one that does several of them falls under the strictest. */
  effects: z.strictObject({ read: rule, keyed: rule, unkeyed: rule, egress: rule }).partial().default({}),
  /** By its arguments; the first that matches wins over the other two. */
  arguments: z
    .array(z.strictObject({ tool: toolName, when: z.array(conditionSchema).min(1).max(20), rule }))
    .max(100)
    .default([]),
  within: durationSchema.optional(),
  escalate_after: durationSchema.optional(),
  at_deadline: z.enum(['deny', 'end']).optional(),
});
export type AgentApprovals = z.infer<typeof agentApprovalsSchema>;

export function decideApprovalRules(approvals: AgentApprovals | undefined): ApprovalRules {
  if (approvals === undefined) return NO_RULES;
  return {
    byTool: approvals.tools,
    byEffect: Object.fromEntries(Object.entries(approvals.effects).filter(([, value]) => value !== undefined)),
    byArguments: approvals.arguments.map(({ tool, when, rule: holds }) => ({
      tool,
      rule: holds,
      when: when.map(({ one_of, starts_with, ends_with, ...same }) => ({
        ...same,
        oneOf: one_of,
        startsWith: starts_with,
        endsWith: ends_with,
      })),
    })),
  };
}

/** @param mode what the request asks for. */
export function decidePolicy(
  approvals: AgentApprovals | undefined,
  mode: ApprovalMode,
  taint: TaintPolicy | null,
): TurnPolicy {
  return {
    approvals: mode,
    withinMs: approvals?.within ?? DEFAULT_POLICY.withinMs,
    escalateAfterMs: approvals?.escalate_after ?? DEFAULT_POLICY.escalateAfterMs,
    atDeadline: approvals?.at_deadline ?? DEFAULT_POLICY.atDeadline,
    taint,
  };
}
