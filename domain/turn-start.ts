/** A turn that stands in the store -> what its workflow is started with; shared by everyone who starts one. */
import type { StartTurn } from './ports/turn-engine.js';
import { firstTurnState } from './turn-state.js';
import type { TurnRecord } from './turn.js';

export type StartableTurn = Pick<
  TurnRecord,
  'id' | 'tenantId' | 'principalId' | 'conversationId' | 'requestId' | 'settings' | 'createdAtMs'
>;

/** @param note for operators, after the agent's name; left out: the model. */
export function toStartTurn(turn: StartableTurn, note?: string): StartTurn {
  const { fork, policy } = turn.settings;
  const model = turn.settings.modelChain[0] ?? turn.settings.requestedModel;
  return {
    input: {
      tenantId: turn.tenantId,
      turnId: turn.id,
      conversationId: turn.conversationId,
      requestId: turn.requestId,
      model,
      limits: turn.settings.limits,
      ...(policy === undefined ? {} : { policy }),
      // The workflow of a forked turn begins behind its copied steps.
      ...(fork === undefined ? {} : { resumed: firstTurnState(fork, turn.createdAtMs) }),
    },
    agent: turn.settings.agent.name,
    model,
    principalId: turn.principalId,
    summary: `${turn.settings.agent.name} · ${note ?? model}`,
  };
}
