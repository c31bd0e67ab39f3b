/**
 * Which rule holds for a call: the first argument rule that matches, else the rule of the tool by name, else the rule of its
 * effect class, else what the tool says of itself. Arguments are content, so this runs where the call is planned and where
 * it is run, never in the workflow. Pure.
 */
import type { JsonValue } from './json.js';
import type { ApprovalRule, ToolEffect } from './tool.js';

export type EffectClass = ToolEffect | 'egress';

/** One condition on one field of the arguments. Plain comparisons: a pattern would let arguments decide how long it takes. */
export interface ArgumentCondition {
  /** `to`, `message.to`, `recipients.0`; a list along the way means each of its elements. */
  readonly path: string;
  readonly equals?: string | number | boolean | undefined;
  readonly oneOf?: readonly (string | number | boolean)[] | undefined;
  readonly startsWith?: string | undefined;
  readonly endsWith?: string | undefined;
  readonly contains?: string | undefined;
  readonly above?: number | undefined;
  readonly below?: number | undefined;
}

export interface ArgumentRule {
  readonly tool: string;
  /** All of them must hold. */
  readonly when: readonly ArgumentCondition[];
  readonly rule: ApprovalRule;
}

/** Pinned when a turn is accepted. */
export interface ApprovalRules {
  readonly byTool: Readonly<Record<string, ApprovalRule>>;
  readonly byEffect: Readonly<Partial<Record<EffectClass, ApprovalRule>>>;
  readonly byArguments: readonly ArgumentRule[];
}

export const NO_RULES: ApprovalRules = { byTool: {}, byEffect: {}, byArguments: [] };

export interface RuledTool {
  readonly name: string;
  readonly effect: ToolEffect;
  readonly egress: boolean;
  readonly approval: ApprovalRule;
}

const STRICTNESS: Record<ApprovalRule, number> = { never: 0, ask: 1, always: 2 };

/** @param args the parsed arguments; undefined when they are no JSON: then no condition on them holds. */
export function approvalRuleFor(rules: ApprovalRules, tool: RuledTool, args: unknown): ApprovalRule {
  const matching = rules.byArguments.find((each) => each.tool === tool.name && matches(each, args));
  if (matching !== undefined) return matching.rule;
  const byName = Object.hasOwn(rules.byTool, tool.name) ? rules.byTool[tool.name] : undefined;
  return byName ?? effectRule(rules, tool) ?? tool.approval;
}

/** A tool that changes something and reaches the network falls under two classes: the stricter rule holds. */
function effectRule({ byEffect }: ApprovalRules, tool: RuledTool): ApprovalRule | undefined {
  const both = [byEffect[tool.effect], tool.egress ? byEffect.egress : undefined].filter((rule) => rule !== undefined);
  return both.sort((left, right) => STRICTNESS[right] - STRICTNESS[left])[0];
}

/**
 * A rule that lets a call through must hold for every value at its path; one that holds it up needs a single one: a list
 * with one wrong address is not let through by the right ones beside it.
 */
function matches({ when, rule }: ArgumentRule, args: unknown): boolean {
  return when.every((condition) => {
    const values = valuesAt(args, condition.path.split('.'));
    if (values.length === 0) return false;
    return rule === 'never'
      ? values.every((value) => holds(condition, value))
      : values.some((value) => holds(condition, value));
  });
}

function valuesAt(value: unknown, path: readonly string[]): readonly unknown[] {
  const [field, ...rest] = path;
  if (Array.isArray(value)) {
    const list = value as readonly unknown[];
    if (field !== undefined && /^\d+$/.test(field)) return valuesAt(list[Number(field)], rest);
    return list.flatMap((each) => valuesAt(each, path));
  }
  if (field === undefined) return value === undefined ? [] : [value];
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, field)) return [];
  return valuesAt((value as Readonly<Record<string, JsonValue>>)[field], rest);
}

function holds(condition: ArgumentCondition, value: unknown): boolean {
  const { equals, oneOf, above, below } = condition;
  const checks = [
    equals === undefined || value === equals,
    oneOf === undefined || oneOf.some((each) => each === value),
    above === undefined || (typeof value === 'number' && value > above),
    below === undefined || (typeof value === 'number' && value < below),
    holdsForText(condition, value),
  ];
  return checks.every(Boolean);
}

function holdsForText({ startsWith, endsWith, contains }: ArgumentCondition, value: unknown): boolean {
  if (startsWith === undefined && endsWith === undefined && contains === undefined) return true;
  if (typeof value !== 'string') return false;
  return value.startsWith(startsWith ?? '') && value.endsWith(endsWith ?? '') && value.includes(contains ?? '');
}
