/** An address of the operator's that hears what happens, as the Standard Webhooks specification says. */
import type { JsonObject } from '../json.js';

export interface WebhookMessage {
  /** The same for every repeat: whoever hears it twice knows that it is one. No dots. */
  readonly id: string;
  readonly body: JsonObject;
}

export interface Webhook {
  /**
   * Sends once and waits for the answer. May be repeated with the same id.
   * @throws `webhook.failed` for an answer that is no 2xx, `egress.*` when it cannot be reached or may not be,
   * `turn.cancelled` when aborted.
   */
  send(message: WebhookMessage, signal: AbortSignal): Promise<void>;
}
