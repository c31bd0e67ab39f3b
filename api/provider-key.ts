/**
 * A provider key sent with the request: `X-Provider-Key`, or `Api-Key` where another header said who is calling. It serves the turn this
 * request makes, at the address of the chosen model, and nothing else.
 */
import type { Request } from 'express';
import { failure } from '../domain/failures.js';
import type { ModelRegistry } from '../domain/ports/model.js';
import type { TurnCredentials } from '../domain/ports/turn-credentials.js';
import type { Scope } from '../domain/scope.js';
import type { TurnSettings } from '../domain/turn.js';

/** A function, so that no log and no dump of the object that holds it shows the text. */
export type SecretText = () => string;

/** What a header can hold as one word; the longest keys known are tokens of about 2 KB. */
const KEY_FORM = /^[\x21-\x7e]{8,4096}$/;

/** @param authenticatedBy the API key that was taken; the same text again is no provider key. */
export function readProviderKey(req: Request, authenticatedBy: string): SecretText | null {
  const own = req.header('x-provider-key');
  if (own !== undefined) return () => own;
  const forwarded = req.header('api-key');
  return forwarded === undefined || forwarded === authenticatedBy ? null : () => forwarded;
}

export interface KeyedTurn {
  readonly settings: TurnSettings;
  /** Sealed for this turn; undefined: the server's own keys answer. */
  readonly credential?: Uint8Array;
}

interface KeyDeps {
  readonly models: ModelRegistry;
  readonly credentials: TurnCredentials;
}

/**
 * @param turn as it will be accepted; settings of a turn that had a key of its own ask for it again.
 * @throws `credential.missing`, `request.invalid`, `secrets.unavailable`.
 */
export async function withProviderKey(
  deps: KeyDeps,
  context: { readonly scope: Scope; readonly providerKey: SecretText | null },
  turn: { readonly id: string; readonly settings: TurnSettings },
): Promise<KeyedTurn> {
  const { providerKey, ...settings } = turn.settings;
  if (context.providerKey === null) {
    if (providerKey === undefined) return { settings };
    throw failure(
      'credential.missing',
      `This goes on from a response that was answered with a key of ${providerKey.provider} sent by you, which was not kept. Send it again as X-Provider-Key.`,
      { param: 'X-Provider-Key' },
    );
  }
  const apiKey = context.providerKey();
  if (!KEY_FORM.test(apiKey)) {
    throw failure(
      'request.invalid',
      'X-Provider-Key (or Api-Key) is no key: 8 to 4096 printable characters without spaces.',
      { param: 'X-Provider-Key' },
    );
  }
  const { provider, origin } = addressOf(deps.models, settings.modelChain[0] ?? settings.requestedModel);
  const credential = await deps.credentials.seal(context.scope, turn.id, { origin, apiKey });
  return { settings: { ...settings, providerKey: { provider, origin } }, credential };
}

function addressOf(models: ModelRegistry, name: string): { readonly provider: string; readonly origin: string } {
  const model = models.get(name);
  if (model?.origin !== undefined) return { provider: model.provider, origin: model.origin };
  throw failure(
    'request.invalid',
    `The model '${name}' takes no provider key: it does not call a provider. Leave the key out, or choose another model.`,
    { param: 'X-Provider-Key' },
  );
}
