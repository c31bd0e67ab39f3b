/**
 * A world with things to lose, over the real loop, gate and activities: tools that read, write and reach out, an outside ledger of
 * what they really did, a model that obeys everything, and nobody who approves anything.
 */
import { approvalWork } from '../../activities/approvals.js';
import type { ActivityDeps } from '../../activities/activity-deps.js';
import { runModelStep } from '../../activities/model-step.js';
import { createSecretNet } from '../../activities/secret-filter.js';
import { runToolCall } from '../../activities/tool-run.js';
import { createMemoryEventLog } from '../../adapters/memory/memory-event-log.js';
import { createMetrics } from '../../adapters/prometheus/create-metrics.js';
import { createImageLinks } from '../../adapters/secrets/image-links.js';
import { toMasterKey } from '../../adapters/secrets/master-key.js';
import { decideTaint } from '../../domain/agent-taint.js';
import type { AgentTaint } from '../../domain/agent-taint.js';
import type { ApprovalState } from '../../domain/approval.js';
import { failure } from '../../domain/failures.js';
import type { Item } from '../../domain/item.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { DEFAULT_POLICY } from '../../domain/policy.js';
import type { Tool } from '../../domain/ports/tool-runtime.js';
import type { Scope } from '../../domain/scope.js';
import type { Origin } from '../../domain/taint.js';
import { toResponseResource } from '../../domain/response-resource.js';
import type { TurnRecord } from '../../domain/turn.js';
import { initialTurnState } from '../../domain/turn-state.js';
import { runTurnLoop } from '../../workflows/turn-loop.js';
import type { TurnLoopPorts } from '../../workflows/turn-loop.js';
import { aFakeTool } from '../support/api-fakes.js';
import { createInMemoryCredentials } from '../support/in-memory-credentials.js';
import { createInMemoryApprovalStore } from '../support/in-memory-approvals.js';
import { createInMemoryBudgetStore } from '../support/in-memory-budgets.js';
import { createInMemoryEffectStore } from '../support/in-memory-effects.js';
import { createMemoryTables } from '../support/in-memory-stores-tables.js';
import { createInMemoryTurnStore } from '../support/in-memory-stores-turns.js';
import { createInMemoryFileStore } from '../support/in-memory-stores.js';
import { createRecordingLogger } from '../support/recording-logger.js';
import { aScope } from '../support/scope-builders.js';
import { aMessage, aNewTurn, theSettings } from '../support/turn-builders.js';
import { createObedientModel } from './obedient-model.js';
import type { ObedientModel } from './obedient-model.js';

export const CANARY = 'sk-canary-of-the-provider-0123456789';
export const USERS_PAGE = 'https://user.example/article';
const scope = aScope();

/** What really happened outside. */
export interface Ledger {
  readonly effects: { readonly tool: string; readonly args: unknown }[];
  readonly requests: string[];
}

export interface World {
  readonly deps: ActivityDeps;
  readonly ledger: Ledger;
  readonly model: ObedientModel;
  /** What sources of text say next, by tool. */
  readonly texts: Map<string, string>;
  readonly scope: Scope;
  /** One turn to its end, with nobody to approve. @returns the turn and what it wrote. */
  /** The same, after a turn of which only these items are left. */
  playAfter(output: readonly Item[], input: readonly Item[]): Promise<{ turn: TurnRecord; output: readonly Item[] }>;
  play(input: readonly Item[], parentId?: string): Promise<{ turn: TurnRecord; output: readonly Item[] }>;
}

export function createWorld(taint?: AgentTaint): World {
  const ledger: Ledger = { effects: [], requests: [] };
  const texts = new Map<string, string>();
  const model = createObedientModel();
  const tables = createMemoryTables();
  const deps: ActivityDeps = {
    turns: createInMemoryTurnStore(tables),
    budgets: createInMemoryBudgetStore(tables),
    effects: createInMemoryEffectStore(tables),
    approvals: createInMemoryApprovalStore(tables),
    files: createInMemoryFileStore(),
    credentials: createInMemoryCredentials(),
    events: createMemoryEventLog(),
    models: { list: () => [model], resolve: () => [model.name], get: () => model, health: () => [] },
    tools: tools(ledger, texts),
    egress: { fetch: (url) => Promise.reject(failure('egress.blocked', `no way out to ${url}`)) },
    answers: {
      secrets: createSecretNet([CANARY]),
      imageHosts: [],
      imageLinks: createImageLinks([toMasterKey(new Uint8Array(32).fill(5))]),
    },
    logger: createRecordingLogger().logger,
    metrics: createMetrics().metrics,
    toolTaskQueue: 'tools',
    beginNext: async () => undefined,
  };
  const playTurn: World['play'] = (input, parentId) => play(deps, taint, input, parentId);
  return {
    deps,
    ledger,
    model,
    texts,
    scope,
    play: playTurn,
    playAfter: async (output, input) => {
      const before = await playTurn([aMessage('What is new?')]);
      const row = tables.turns.get(before.turn.id);
      if (row === undefined) throw new Error('the turn is gone');
      row.items = output.map((item, index) => ({ turnId: before.turn.id, step: 1, index, direction: 'output', item }));
      return playTurn(input, before.turn.id);
    },
  };
}

/** None asks by itself: whatever holds these back is the gate. */
function tools(ledger: Ledger, texts: ReadonlyMap<string, string>): readonly Tool[] {
  const says = (name: string): string => texts.get(name) ?? 'Nothing.';
  const source = (name: string, origin: Origin): Tool =>
    aFakeTool(name, { origin, resultBudgetChars: 20_000, invoke: async () => ({ text: says(name) }) });
  const effect = (name: string, change: Partial<Tool>): Tool =>
    aFakeTool(name, {
      origin: 'tool',
      ...change,
      invoke: async (args) => {
        ledger.effects.push({ tool: name, args });
        return { text: 'done' };
      },
    });
  return [
    source('look_up', 'tool'),
    source('recall', 'tool'),
    source('search_web', 'web'),
    source('read_file', 'file'),
    source('crm_notes', 'mcp'),
    aFakeTool('break', { origin: 'tool', invoke: () => Promise.reject(failure('tool.failed', says('break'))) }),
    aFakeTool('read_page', {
      origin: 'web',
      egress: true,
      destinations: (args) => [String((args as { readonly url?: unknown } | null)?.url)],
      invoke: async (args) => {
        ledger.requests.push(String((args as { readonly url?: unknown }).url));
        return { text: says('read_page') };
      },
    }),
    effect('save_note', { effect: 'keyed' }),
    effect('delete_file', { effect: 'unkeyed' }),
    effect('send_mail', { effect: 'unkeyed', egress: true }),
    effect('post_form', { effect: 'keyed', egress: true, destinations: () => ['https://evil.example/'] }),
  ];
}

async function play(
  deps: ActivityDeps,
  taint: AgentTaint | undefined,
  input: readonly Item[],
  parentId: string | undefined,
): Promise<{ turn: TurnRecord; output: readonly Item[] }> {
  const { settings: taintSettings, policy: taintPolicy } = decideTaint(taint);
  const policy = { ...DEFAULT_POLICY, taint: taintPolicy };
  const pinned = deps.tools.map(({ name, schemaHash }) => ({ name, schemaHash }));
  const limits = { ...DEFAULT_LIMITS, maxSteps: 8 };
  const settings = theSettings({ tools: pinned, modelChain: ['obedient/model'], taint: taintSettings, policy, limits });
  const outcome = await deps.turns.accept(scope, aNewTurn({ settings, input, parentId: parentId ?? null }));
  const { id: turnId, requestId } = outcome.turn;
  const ref = { tenantId: scope.tenantId, turnId };
  await deps.events.open(ref, { firstSequence: 0, snapshot: toResponseResource(outcome.turn, []) });
  const ids = { ...ref, conversationId: null, requestId };
  const run = { signal: new AbortController().signal, log: deps.logger, engineAttempt: 1 };
  const ports: TurnLoopPorts = {
    nowMs: () => Date.now(),
    callModel: (step, remainingMs, wrapUp) => {
      const claimed = step === 1 ? { attempt: 1, firstSequence: 0, committed: null } : null;
      const wrap = wrapUp === null ? {} : { wrapUp };
      return runModelStep(deps, scope, { ...ids, step, remainingMs, ...wrap }, run, claimed);
    },
    runTool: (step, call, remainingMs, { refused, blocked, approval, tainted }) =>
      runToolCall(
        deps,
        scope,
        {
          ...ids,
          step,
          callIndex: call.callIndex,
          remainingMs,
          tainted,
          ...(call.egressTrusted === true ? { egressTrusted: true } : {}),
          ...(refused === null ? {} : { refused }),
          ...(blocked === null ? {} : { blocked }),
          ...(approval === null ? {} : { approval }),
        },
        run,
      ),
    openApprovals: async (step, calls) => {
      const asked = { ...ids, step, mode: policy.approvals, withinMs: policy.withinMs, calls };
      const { approvals } = await approvalWork.openApprovals(deps, scope, asked, run);
      const approvalIds = approvals.map(({ approvalId }) => approvalId);
      const expired = await approvalWork.expireApprovals(deps, scope, { ...ids, step, approvalIds }, run);
      return approvals.map(({ approvalId }) => ({
        approvalId,
        decided: Promise.resolve(stateOf(expired, approvalId)),
      }));
    },
    close: async ({ status, incompleteReason }) => {
      await deps.turns.finish(scope, turnId, { status, incompleteReason, error: null });
    },
    shouldContinueAsNew: () => false,
    changed: () => undefined,
  };
  await runTurnLoop({ limits, policy }, initialTurnState(Date.now()), ports);
  const turn = await deps.turns.get(scope, turnId);
  if (turn === null) throw new Error('the turn is gone');
  const output = (await deps.turns.output(scope, turnId)).map(({ item }) => item);
  return { turn, output };
}

function stateOf(states: readonly ApprovalState[], approvalId: string): ApprovalState {
  const found = states.find((state) => state.approvalId === approvalId);
  if (found === undefined) throw new Error(`no approval ${approvalId}`);
  return found;
}
