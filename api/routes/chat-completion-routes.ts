/** `POST /v1/chat/completions`: a turn that is not stored beyond its run, told in the chat completions format. */
import { failure, isFailureCode } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import type { TurnEvent } from '../../domain/event.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import type { AcceptOutcome } from '../../domain/ports/turn-store.js';
import { isTerminal } from '../../domain/turn.js';
import type { TurnRecord } from '../../domain/turn.js';
import { acceptChatTurn } from '../accept-chat-turn.js';
import { awaitTurn, streamTurn } from '../answer-turn.js';
import type { AnswerDeps, StreamRendering } from '../answer-turn.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { readIdempotency } from '../idempotency.js';
import { toAnswerable, toErrorBody } from '../middleware/render-error.js';
import { toChatWaiting } from '../projections/chat-approvals.js';
import { beginChatStream, stepChatStream, toChatCompletion } from '../projections/chat-completions.js';
import { callerOf } from '../request-context.js';
import { chatCompletionSchema } from '../schemas/chat-request.js';
import { chatCompletionAnswerSchema } from '../schemas/answer-schemas.js';
import { reloadResource } from '../stored-response.js';

/** A chat completion has no status: what failed is an error. */
function failureOf(response: ResponseResource): Failure | null {
  if (response.status === 'cancelled')
    return failure('turn.cancelled', 'The completion was cancelled before it was finished.');
  if (response.status !== 'failed') return null;
  const { code = '', message = 'The completion failed.' } = response.error ?? {};
  return failure(isFailureCode(code) ? code : 'server.internal', message);
}

const toData = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** Folds events into chunks; what cannot be told in this format becomes an error chunk. */
function createChatRendering(includeUsage: boolean, requestId: string): StreamRendering {
  let state = beginChatStream(includeUsage);
  const error = (thrown: unknown): string => toData(toErrorBody(toAnswerable(thrown, requestId), requestId));
  const frame = (event: TurnEvent): string => {
    if (state.ended !== 'no') return '';
    const problem = 'response' in event && event.type !== 'turnstone:snapshot' ? failureOf(event.response) : null;
    if (problem !== null) {
      state = { ...state, ended: 'yes' };
      return toData(toErrorBody(problem, requestId));
    }
    const step = stepChatStream(state, event);
    state = step.state;
    const chunks = step.chunks.map(toData).join('');
    if (step.state.ended !== 'departed') return chunks;
    return (
      chunks +
      error(
        failure(
          'model.stream-cut',
          'The answer began again and took another course; what was sent cannot be taken back. Send the request again.',
        ),
      )
    );
  };
  return { frame, error, end: 'data: [DONE]\n\n' };
}

/** Longest list of what one turn waits for. */
const MAX_WAITING = 128;

const isSettled = ({ status, turnstone }: ResponseResource): boolean =>
  isTerminal(status) || turnstone.waiting_for !== undefined;

/**
 * The turn once it has ended or waits for a person; null: the client is gone. Sent again, a request finds requests for approval
 * in the log that were decided since: only what comes after this moment is waited for.
 */
async function settledTurn(
  deps: AnswerDeps,
  res: Parameters<typeof awaitTurn>[1],
  turn: TurnRecord,
  isNew: boolean,
): Promise<ResponseResource | null> {
  const { scope } = callerOf(res);
  const now = async (): Promise<number> =>
    (await deps.events.state({ tenantId: turn.tenantId, turnId: turn.id }))?.lastSequence ?? -1;
  let after = isNew ? -1 : await now();
  if (!isNew) {
    const response = await reloadResource(deps, scope, turn.id);
    if (isSettled(response)) return response;
  }
  if (!(await awaitTurn(deps, res, turn, { orWaits: true, after }))) return null;
  const response = await reloadResource(deps, scope, turn.id);
  if (isSettled(response)) return response;
  // Decided in the moment it was asked about.
  after = await now();
  if (!(await awaitTurn(deps, res, turn, { orWaits: true, after }))) return null;
  return reloadResource(deps, scope, turn.id);
}

async function answerPlain(
  deps: AnswerDeps,
  res: Parameters<typeof awaitTurn>[1],
  { turn, kind }: AcceptOutcome,
): Promise<void> {
  const response = await settledTurn(deps, res, turn, kind !== 'replayed');
  if (response === null) return;
  const problem = failureOf(response);
  if (problem !== null) throw problem;
  if (response.turnstone.waiting_for === undefined) {
    res.json(toChatCompletion(response));
    return;
  }
  const query = { status: 'pending', conversationId: null, turnId: turn.id, after: null, order: 'asc' } as const;
  const { approvals } = await deps.approvals.list(callerOf(res).scope, { ...query, limit: MAX_WAITING });
  res.json(toChatCompletion(response, toChatWaiting(response, approvals)));
}

export function createChatCompletionRoutes(deps: AnswerDeps): readonly ApiRoute[] {
  return [
    defineRoute({
      method: 'post',
      path: '/v1/chat/completions',
      operationId: 'createChatCompletion',
      summary: 'Create a chat completion',
      description:
        'Runs a turn with `store: false`. Tools of the server run unseen; calls of your own tools come whole, at the end. Reasoning comes as ' +
        '`reasoning_content`. When a step is retried after text was sent, the stream goes on where the new text extends what was sent, else it ends ' +
        'with an error. A client that disconnects does not stop the turn. A turn that waits for a person says so in `turnstone`: on a chunk of the stream, ' +
        'which stays open, or on an answer whose text says what it waits for.',
      tag: 'Chat completions',
      scope: 'write',
      body: chatCompletionSchema,
      answers: {
        200: {
          description: 'The completion, or its chunks',
          schema: chatCompletionAnswerSchema,
          stream: 'text/event-stream',
        },
      },
      async handle({ body, caller, context, req, res }) {
        const idempotency = readIdempotency(req, 'createChatCompletion', req.body);
        const outcome = await acceptChatTurn(deps, { ...context, scope: caller.scope, idempotency }, body);
        if (body.stream !== true) return answerPlain(deps, res, outcome);
        const rendering = createChatRendering(body.stream_options?.include_usage ?? false, context.requestId);
        return streamTurn(deps, res, outcome.turn.id, -1, rendering);
      },
    }),
  ];
}
