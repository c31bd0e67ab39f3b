/** A chat completion request, accepted as a turn; complaints name the fields of the chat format. */
import { failure, isFailure } from '../domain/failures.js';
import type { AcceptOutcome } from '../domain/ports/turn-store.js';
import { acceptTurn } from './accept-turn.js';
import type { AcceptContext } from './accept-turn.js';
import type { ApiDeps } from './api-deps.js';
import { toChatInput, toMessageParam, toResponseCreate } from './projections/chat-request.js';
import type { ChatCompletionCreate } from './schemas/chat-request.js';

export async function acceptChatTurn(
  deps: ApiDeps,
  context: AcceptContext,
  request: ChatCompletionCreate,
): Promise<AcceptOutcome> {
  const input = toChatInput(request.messages);
  try {
    return await acceptTurn(deps, { ...context, inputField: 'messages' }, toResponseCreate(request, input.items));
  } catch (error) {
    if (!isFailure(error) || error.param === undefined) throw error;
    const param = toMessageParam(error.param, input);
    throw failure(error.code, error.message.replaceAll(error.param, param), {
      param,
      retryAfterMs: error.retryAfterMs,
      cause: error,
    });
  }
}
