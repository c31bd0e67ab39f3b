/** The `taint` block of an agent: what is untrusted to it, and what it may still do by itself after it has seen such. */
import { z } from 'zod';
import type { TaintPolicy, TaintRule } from './policy.js';
import { UNTRUSTED_ORIGINS } from './taint.js';
import type { TaintSettings } from './taint.js';

const rule = z.enum(['ask', 'deny', 'allow']);
/** A host as an operator writes it; `matchesHost` says what it means. */
export const hostPatternSchema = z
  .string()
  .max(255)
  .regex(
    /^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i,
    'a host such as example.org, *.example.org or example.org:8443, without scheme and path',
  );

export const agentTaintSchema = z.strictObject({
  /** Parts from these make a turn tainted. An empty list switches taint off. */
  untrusted: z
    .array(z.enum(UNTRUSTED_ORIGINS))
    .max(10)
    .default([...UNTRUSTED_ORIGINS]),
  /** Calls that change something (`keyed`, `unkeyed`), in a tainted turn. */
  write: rule.default('ask'),
  /** Calls that reach the network, unless they go only where the user or `trusted_hosts` said. */
  egress: rule.default('ask'),
  trusted_hosts: z.array(hostPatternSchema).max(200).default([]),
});
export type AgentTaint = z.infer<typeof agentTaintSchema>;

const RULES: Readonly<Record<z.infer<typeof rule>, TaintRule>> = { ask: 'ask', deny: 'refuse', allow: 'allow' };

/** An agent without the block has the defaults: everything from outside is untrusted, and a person is asked. */
export function decideTaint(block: AgentTaint | undefined): {
  readonly settings: TaintSettings;
  readonly policy: TaintPolicy;
} {
  const taint = block ?? agentTaintSchema.parse({});
  return {
    settings: { untrusted: taint.untrusted, trustedHosts: taint.trusted_hosts },
    policy: { writes: RULES[taint.write], egress: RULES[taint.egress] },
  };
}
