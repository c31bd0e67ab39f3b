/**
 * The models of a turn's chain as this step may call them. A turn with a provider key of its own is answered by the models at that
 * address only: another provider never gets the key, and the server's keys do not pay for it.
 */
import { failure } from '../domain/failures.js';
import type { LanguageModel } from '../domain/ports/model.js';
import type { StepRun } from './step-run.js';

type Step = Pick<StepRun, 'deps' | 'scope' | 'context'>;

/** @throws `credential.missing` when the turn's key is gone. */
export async function modelsOf({ deps, scope, context }: Step): Promise<readonly LanguageModel[]> {
  const { id, settings } = context.turn;
  const configured = settings.modelChain.flatMap((name) => deps.models.get(name) ?? []);
  const { providerKey } = settings;
  if (providerKey === undefined) return configured;
  const { provider, origin } = providerKey;
  const reachable = configured.filter((model) => model.provider === provider && model.origin === origin);
  if (reachable.length === 0) {
    throw failure(
      'credential.missing',
      `The key sent with this turn is for ${provider} at ${origin}, which is no longer configured so. Send the message again, with a key.`,
    );
  }
  const credential = await deps.credentials.open(scope, id, origin);
  return reachable.map((model) => ({
    ...model,
    stream: (request, signal) => model.stream(request, signal, credential),
  }));
}
