/** Proves the gate: what runs by itself, what a person decides, what is refused, and that doubt is never a yes. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_POLICY, gateCall } from '../../domain/policy.js';
import type { GateDecision, GatedCall, TaintPolicy } from '../../domain/policy.js';

const aCall = (change: Partial<GatedCall> = {}): GatedCall => ({
  effect: 'read',
  egress: false,
  egressTrusted: false,
  approval: 'never',
  argumentsHash: 'h',
  ...change,
});
const taint = (change: Partial<TaintPolicy> = {}): TaintPolicy => ({ writes: 'ask', egress: 'ask', ...change });
const RUN: GateDecision = { action: 'run' };

describe('gate', () => {
  it.each<[string, Partial<GatedCall>, GateDecision]>([
    ['never', { approval: 'never' }, RUN],
    ['never, a tool that changes something', { approval: 'never', effect: 'unkeyed' }, RUN],
    ['ask', { approval: 'ask' }, { action: 'ask', because: 'rule', standing: true }],
    ['always', { approval: 'always' }, { action: 'ask', because: 'rule', standing: false }],
  ])('rule %s: without taint', (_rule, change, decision) => {
    expect(gateCall(DEFAULT_POLICY, aCall(change), false)).toEqual(decision);
  });

  it('a call without a rule: a person is asked each time', () => {
    expect(gateCall(DEFAULT_POLICY, { effect: 'read', argumentsHash: 'h' }, false)).toMatchObject({
      action: 'ask',
      standing: false,
    });
  });

  it('a call without a hash that would have to be asked for: refused, because no decision could be bound to it', () => {
    expect(gateCall(DEFAULT_POLICY, { effect: 'read', approval: 'ask' }, false)).toEqual({
      action: 'refuse',
      because: 'unbound',
    });
  });

  it.each<[string, Partial<GatedCall>, Partial<TaintPolicy>, GateDecision]>([
    ['a read', {}, {}, RUN],
    ['a keyed write', { effect: 'keyed' }, {}, { action: 'ask', because: 'tainted_write', standing: false }],
    ['an unkeyed write', { effect: 'unkeyed' }, {}, { action: 'ask', because: 'tainted_write', standing: false }],
    [
      'a write that is refused',
      { effect: 'keyed' },
      { writes: 'refuse' },
      { action: 'refuse', because: 'tainted_write' },
    ],
    ['a write that is allowed', { effect: 'keyed' }, { writes: 'allow' }, RUN],
    ['an address from outside', { egress: true }, {}, { action: 'ask', because: 'tainted_egress', standing: false }],
    ['an address of the user', { egress: true, egressTrusted: true }, {}, RUN],
    ['egress that is refused', { egress: true }, { egress: 'refuse' }, { action: 'refuse', because: 'tainted_egress' }],
    [
      'a write to an address of the user',
      { effect: 'unkeyed', egress: true, egressTrusted: true },
      {},
      { action: 'ask', because: 'tainted_write', standing: false },
    ],
    [
      'refused writes beside egress to ask for',
      { effect: 'unkeyed', egress: true },
      { writes: 'refuse' },
      { action: 'refuse', because: 'tainted_write' },
    ],
    ['a rule of its own', { approval: 'ask' }, {}, { action: 'ask', because: 'rule', standing: true }],
    [
      'a standing consent does not cover what taint asks for',
      { approval: 'ask', effect: 'keyed' },
      {},
      { action: 'ask', because: 'tainted_write', standing: false },
    ],
  ])('after untrusted content: %s', (_what, call, change, decision) => {
    const policy = { ...DEFAULT_POLICY, taint: taint(change) };
    expect(gateCall(policy, aCall(call), true)).toEqual(decision);
  });

  it('taint without a policy for it, or a policy without taint: changes nothing', () => {
    expect(gateCall(DEFAULT_POLICY, aCall({ effect: 'unkeyed', egress: true }), true)).toEqual(RUN);
    expect(gateCall({ ...DEFAULT_POLICY, taint: taint() }, aCall({ effect: 'unkeyed' }), false)).toEqual(RUN);
  });
});
