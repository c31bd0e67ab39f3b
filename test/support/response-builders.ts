/** Builders for turns and responses with valid defaults: a test states only what matters. */
import { DEFAULT_LIMITS } from '../../domain/limits.js';
import { NO_USAGE } from '../../domain/pricing.js';
import { toResponseResource } from '../../domain/response-resource.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import type { TurnRecord, TurnSettings } from '../../domain/turn.js';

export function someSettings(change: Partial<TurnSettings> = {}): TurnSettings {
  return {
    agent: { name: 'general', version: 'v1' },
    requestedModel: 'general',
    modelChain: ['fake/model'],
    agentInstructions: 'Be helpful.',
    instructions: null,
    tools: [],
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
    ...change,
  };
}

export function someTurn(change: Partial<TurnRecord> = {}): TurnRecord {
  return {
    id: 'resp_1',
    tenantId: 'default',
    principalId: 'tester',
    kind: 'response',
    conversationId: null,
    parentId: null,
    status: 'in_progress',
    settings: someSettings(),
    metadata: {},
    background: false,
    stored: true,
    requestId: 'req_1',
    usage: NO_USAGE,
    costMicros: 0,
    costIncomplete: false,
    error: null,
    incompleteReason: null,
    answeredBy: null,
    lastSequence: null,
    createdAtMs: 1_000,
    completedAtMs: null,
    ...change,
  };
}

export function someResponse(change: Partial<TurnRecord> = {}): ResponseResource {
  return toResponseResource(someTurn(change), []);
}
