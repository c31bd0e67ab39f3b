/** Stored things with valid defaults: a test states only what matters to it. */
import { newId } from '../../domain/ids.js';
import type { GenericToolCallItem, InputMessageItem, OutputMessageItem } from '../../domain/item.js';
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { NO_USAGE } from '../../domain/pricing.js';
import type { NewSteer } from '../../domain/ports/steer-store.js';
import type { ModelCallEntry, NewTurn, StepCommit, ToolReceipt, TurnEnding } from '../../domain/ports/turn-store.js';
import type { CallModelResult } from '../../domain/turn-contract.js';
import type { TurnRecord, TurnSettings } from '../../domain/turn.js';

export function aMessage(text: string, changes: Partial<InputMessageItem> = {}): InputMessageItem {
  return {
    type: 'message',
    id: newId('message'),
    role: 'user',
    status: 'completed',
    content: [{ type: 'input_text', text }],
    ...changes,
  };
}

export function anAnswer(text: string, changes: Partial<OutputMessageItem> = {}): OutputMessageItem {
  return {
    type: 'message',
    id: newId('message'),
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
    ...changes,
  };
}

export function aToolItem(changes: Partial<GenericToolCallItem> = {}): GenericToolCallItem {
  return {
    type: 'turnstone:tool_call',
    id: newId('genericToolCall'),
    call_id: 'call_1',
    name: 'clock',
    arguments: '{}',
    output: null,
    status: 'in_progress',
    ...changes,
  };
}

export function theSettings(changes: Partial<TurnSettings> = {}): TurnSettings {
  return {
    agent: { name: 'general', version: 'v1' },
    requestedModel: 'general',
    modelChain: ['demo/script'],
    agentInstructions: 'Be brief.',
    instructions: null,
    tools: [{ name: 'clock', schemaHash: 'h1' }],
    clientFunctions: [],
    requestedTools: [],
    toolChoice: 'auto',
    parallelToolCalls: true,
    temperature: null,
    topP: null,
    maxOutputTokens: null,
    maxToolCalls: null,
    textFormat: { type: 'text' },
    reasoningEffort: null,
    truncation: 'disabled',
    limits: DEFAULT_LIMITS,
    user: null,
    ...changes,
  };
}

export function aNewTurn(changes: Partial<NewTurn> = {}): NewTurn {
  return {
    id: newId('response'),
    conversationId: null,
    parentId: undefined,
    settings: theSettings(),
    metadata: {},
    background: false,
    stored: true,
    requestId: newId('request'),
    idempotencyKey: null,
    requestHash: 'hash-1',
    input: [aMessage('hello')],
    ...changes,
  };
}

export function aTurn(changes: Partial<TurnRecord> = {}): TurnRecord {
  return {
    id: newId('response'),
    tenantId: 'default',
    principalId: 'user-1',
    kind: 'response',
    conversationId: null,
    parentId: null,
    status: 'completed',
    settings: theSettings(),
    metadata: {},
    background: false,
    stored: true,
    requestId: newId('request'),
    usage: NO_USAGE,
    costMicros: 0,
    costIncomplete: false,
    error: null,
    incompleteReason: null,
    answeredBy: 'demo/script',
    lastSequence: null,
    createdAtMs: 1_700_000_000_000,
    completedAtMs: 1_700_000_001_000,
    ...changes,
  };
}

export function aStepResult(changes: Partial<CallModelResult> = {}): CallModelResult {
  return {
    outcome: 'closed',
    status: 'completed',
    model: 'demo/script',
    calls: [],
    clientCalls: 0,
    tokens: 0,
    costMicros: 0,
    ...changes,
  };
}

export function anEnding(changes: Partial<TurnEnding> = {}): TurnEnding {
  return { status: 'completed', incompleteReason: null, error: null, ...changes };
}

export function aModelCall(changes: Partial<ModelCallEntry> = {}): ModelCallEntry {
  return {
    model: 'demo/script',
    outcome: 'completed',
    failureCode: null,
    usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 5 },
    costMicros: 7,
    firstTokenMs: 12.5,
    durationMs: 40.25,
    ...changes,
  };
}

/** A step that answers and closes its turn. */
export function aStepCommit(changes: Partial<StepCommit> & Pick<StepCommit, 'turnId'>): StepCommit {
  return {
    step: 1,
    attempt: 1,
    items: [anAnswer('hi')],
    toolCalls: [],
    modelCalls: [aModelCall()],
    answeredBy: 'demo/script',
    result: aStepResult(),
    ending: anEnding(),
    lastSequence: null,
    ...changes,
  };
}

/** A step that calls one tool, of the given item, and goes on. */
export function aCallingStep(
  turnId: string,
  item: GenericToolCallItem = aToolItem(),
  call: Partial<StepCommit['toolCalls'][number]> = {},
): StepCommit {
  return aStepCommit({
    turnId,
    items: [item],
    result: aStepResult({ outcome: 'calls', status: null }),
    ending: null,
    toolCalls: [
      {
        turnId,
        step: 1,
        callIndex: 0,
        itemId: item.id,
        modelCallId: item.call_id,
        name: item.name,
        kind: 'tool',
        arguments: item.arguments,
        effect: 'read',
        itemType: 'turnstone:tool_call',
        status: 'pending',
        ...call,
      },
    ],
  });
}

export function aReceipt(turnId: string, changes: Partial<ToolReceipt> = {}): ToolReceipt {
  return {
    turnId,
    step: 1,
    callIndex: 0,
    attempt: 1,
    status: 'completed',
    result: 'noon',
    fullResult: null,
    resultHash: 'r1',
    error: null,
    durationMs: 3.5,
    item: aToolItem({ status: 'completed', output: 'noon' }),
    ...changes,
  };
}

/** A message into the running turn. */
export function aNewSteer(turnId: string, text: string, changes: Partial<NewSteer> = {}): NewSteer {
  return {
    id: newId('steer'),
    turnId,
    requestId: newId('request'),
    idempotencyKey: null,
    requestHash: 'hash-1',
    items: [aMessage(text)],
    ...changes,
  };
}
