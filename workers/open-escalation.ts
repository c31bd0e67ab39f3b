/** Who hears of approvals that nobody decides about: the operator's webhook, where one is configured. */
import type { Config } from '../adapters/config/load-config.js';
import { createStandardWebhook } from '../adapters/webhooks/standard-webhook.js';
import type { ActivityDeps } from '../activities/activity-deps.js';
import type { SecretBox } from '../domain/ports/secret-box.js';
import type { Egress } from '../domain/ports/tool-runtime.js';

/** @param listening the address of the API once it listens, for an installation that says no public one. */
export function openEscalation(
  { approvals, server }: Config,
  box: SecretBox,
  egress: Egress,
  listening: () => string | null,
): Pick<ActivityDeps, 'escalation'> {
  const { escalation_webhook: url, escalation_webhook_secret: secret } = approvals;
  if (url === undefined || secret === undefined) return {};
  const webhook = createStandardWebhook({ url, secret, egress });
  return { escalation: { webhook, box, baseUrl: () => server.public_url ?? listening() } };
}
