/** Proves which rule holds for a call, and that a list with one wrong value is not let through by the right ones in it. */
import { describe, expect, it } from 'vitest';
import { approvalSubject } from '../../domain/approval.js';
import { approvalRuleFor, NO_RULES } from '../../domain/approval-rules.js';
import type { ApprovalRules, ArgumentCondition, ArgumentRule, RuledTool } from '../../domain/approval-rules.js';
import type { ApprovalRule } from '../../domain/tool.js';

const mail: RuledTool = { name: 'send_mail', effect: 'unkeyed', egress: true, approval: 'ask' };
const rules = (change: Partial<ApprovalRules>): ApprovalRules => ({ ...NO_RULES, ...change });
const when = (condition: ArgumentCondition, rule: ApprovalRule): ArgumentRule => ({
  tool: 'send_mail',
  when: [condition],
  rule,
});
const ruleFor = (change: Partial<ApprovalRules>, args: unknown = {}): ApprovalRule =>
  approvalRuleFor(rules(change), mail, args);

describe('approval rules', () => {
  it('none: the tool speaks for itself', () => {
    expect(ruleFor({})).toBe('ask');
  });

  it('effect class, then tool, then arguments: the nearer one holds', () => {
    const byEffect = { unkeyed: 'always' } as const;
    const byTool = { send_mail: 'never' } as const;
    const byArguments = [when({ path: 'to', equals: 'boss@example.com' }, 'always')];
    expect(ruleFor({ byEffect })).toBe('always');
    expect(ruleFor({ byEffect, byTool })).toBe('never');
    expect(ruleFor({ byEffect, byTool, byArguments }, { to: 'boss@example.com' })).toBe('always');
    expect(ruleFor({ byEffect, byTool, byArguments }, { to: 'me@example.com' })).toBe('never');
  });

  it('a tool of two classes: the stricter rule holds', () => {
    expect(ruleFor({ byEffect: { unkeyed: 'never', egress: 'always' } })).toBe('always');
    expect(ruleFor({ byEffect: { unkeyed: 'ask', egress: 'never' } })).toBe('ask');
  });

  it('a tool called like a property of every object: has no rule by name', () => {
    expect(approvalRuleFor(NO_RULES, { ...mail, name: 'constructor' }, {})).toBe('ask');
  });

  it.each<[ArgumentCondition, unknown, boolean]>([
    [{ path: 'to', endsWith: '@example.com' }, { to: 'a@example.com' }, true],
    [{ path: 'to', endsWith: '@example.com' }, { to: 'a@evil.test' }, false],
    [{ path: 'to', endsWith: '@example.com' }, {}, false],
    [{ path: 'to', endsWith: '@example.com' }, { to: 7 }, false],
    [{ path: 'to', endsWith: '@example.com' }, 'not JSON', false],
    [{ path: 'to', endsWith: '@example.com' }, undefined, false],
    [{ path: 'to', endsWith: '@example.com' }, { to: ['a@example.com', 'b@example.com'] }, true],
    [{ path: 'to', endsWith: '@example.com' }, { to: ['a@example.com', 'b@evil.test'] }, false],
    [{ path: 'to', endsWith: '@example.com' }, { to: [] }, false],
    [{ path: 'items.price', below: 10 }, { items: [{ price: 1 }, { price: 9 }] }, true],
    [{ path: 'items.price', below: 10 }, { items: [{ price: 1 }, { price: 900 }] }, false],
    [{ path: 'items.1.price', below: 10 }, { items: [{ price: 100 }, { price: 9 }] }, true],
    [{ path: 'amount', above: 0, below: 50 }, { amount: 20 }, true],
    [{ path: 'amount', above: 0, below: 50 }, { amount: '20' }, false],
    [{ path: 'kind', oneOf: ['a', 'b'] }, { kind: 'b' }, true],
    [{ path: 'kind', oneOf: ['a', 'b'] }, { kind: 'c' }, false],
    [{ path: 'text', startsWith: 'Hello', contains: 'friend' }, { text: 'Hello my friend' }, true],
    [{ path: 'sure', equals: true }, { sure: true }, true],
    [{ path: 'toString', equals: true }, {}, false],
  ])('a rule that lets through when %j: arguments %j -> %s', (condition, args, holds) => {
    expect(ruleFor({ byArguments: [when(condition, 'never')] }, args)).toBe(holds ? 'never' : 'ask');
  });

  it('a rule that holds up: one value of a list is enough', () => {
    const byArguments = [when({ path: 'to', endsWith: '@evil.test' }, 'always')];
    expect(ruleFor({ byArguments }, { to: ['a@example.com', 'b@evil.test'] })).toBe('always');
  });
});

describe('what a decision is bound to', () => {
  it('equal arguments in another order: the same; another tool or another value: not', () => {
    const subject = approvalSubject('send_mail', '{"to":"a","text":"b"}');
    expect(approvalSubject('send_mail', '{ "text": "b", "to": "a" }')).toBe(subject);
    expect(approvalSubject('send_fax', '{"to":"a","text":"b"}')).not.toBe(subject);
    expect(approvalSubject('send_mail', '{"to":"a","text":"c"}')).not.toBe(subject);
  });

  it('arguments that are no JSON: stand for themselves', () => {
    expect(approvalSubject('send_mail', '{"to":')).not.toBe(approvalSubject('send_mail', '{"to"'));
  });
});
