/** `POST /v1/chat/completions`: a turn that is not stored beyond its run, told in the chat completions format. */
import { failure, isFailureCode } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';
import type { TurnEvent } from '../../domain/event.js';
import type { ResponseResource } from '../../domain/response-resource.js';
import type { TurnRecord } from '../../domain/turn.js';
import { acceptChatTurn } from '../accept-chat-turn.js';
import { awaitTurn, streamTurn } from '../answer-turn.js';
import type { AnswerDeps, StreamRendering } from '../answer-turn.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';
import { readIdempotency } from '../idempotency.js';
import { toAnswerable, toErrorBody } from '../middleware/render-error.js';
import { beginChatStream, stepChatStream, toChatCompletion } from '../projections/chat-completions.js';
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

async function answerPlain(
  deps: AnswerDeps,
  res: Parameters<typeof awaitTurn>[1],
  turn: TurnRecord,
  scope: Parameters<typeof reloadResource>[1],
): Promise<void> {
  if (!(await awaitTurn(deps, res, turn))) return;
  const response = await reloadResource(deps, scope, turn.id);
  const problem = failureOf(response);
  if (problem !== null) throw problem;
  res.json(toChatCompletion(response));
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
        'with an error. A client that disconnects does not stop the turn.',
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
        const turn = await acceptChatTurn(deps, { ...context, scope: caller.scope, idempotency }, body);
        if (body.stream !== true) return answerPlain(deps, res, turn, caller.scope);
        const rendering = createChatRendering(body.stream_options?.include_usage ?? false, context.requestId);
        return streamTurn(deps, res, turn.id, -1, rendering);
      },
    }),
  ];
}
