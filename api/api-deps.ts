/** What the API is made of. Everything outside is a port; only a main knows which adapter stands behind it. */
import type { Agent } from '../domain/agent.js';
import type { TurnLimits } from '../domain/limits.js';
import type { AuditLog } from '../domain/ports/audit-log.js';
import type { ApiKeyStore } from '../domain/ports/api-key-store.js';
import type { BackupStore } from '../domain/ports/backup-store.js';
import type { BudgetStore } from '../domain/ports/budget-store.js';
import type { ApprovalStore } from '../domain/ports/approval-store.js';
import type { ConversationStore } from '../domain/ports/conversation-store.js';
import type { EffectStore } from '../domain/ports/effect-store.js';
import type { EventLog } from '../domain/ports/event-log.js';
import type { FileStore } from '../domain/ports/file-store.js';
import type { Logger } from '../domain/ports/logger.js';
import type { Metrics } from '../domain/ports/metrics.js';
import type { ModelRegistry } from '../domain/ports/model.js';
import type { ImageLinks } from '../domain/ports/image-links.js';
import type { TenantDirectory } from '../domain/ports/tenant-directory.js';
import type { Egress, Tool } from '../domain/ports/tool-runtime.js';
import type { SecretBox } from '../domain/ports/secret-box.js';
import type { SteerStore } from '../domain/ports/steer-store.js';
import type { TurnEngine } from '../domain/ports/turn-engine.js';
import type { RunningAhead, TurnStarter } from '../domain/ports/turn-starter.js';
import type { UndoEngine } from '../domain/ports/undo-engine.js';
import type { UsageStore } from '../domain/ports/usage-store.js';
import type { TurnCredentials } from '../domain/ports/turn-credentials.js';
import type { StepContext, TurnStore } from '../domain/ports/turn-store.js';
import type { TurnRecord } from '../domain/turn.js';
import type { Scope } from '../domain/scope.js';
import type { CodecDeps } from './codec-access.js';

export type ComponentState = 'ok' | 'degraded' | 'down';

export interface ComponentHealth {
  readonly state: ComponentState;
  /** Round trip in milliseconds; null for what has none. */
  readonly latencyMs: number | null;
  /** One line for people: version, or what is wrong and what to do. */
  readonly detail?: string;
}

export interface HealthReport {
  /** `down` when a part without which no turn can run is down; then `/readyz` answers 503. */
  readonly state: ComponentState;
  readonly components: Readonly<Record<string, ComponentHealth>>;
}

export interface ApiDeps {
  readonly turns: TurnStore;
  readonly steers: SteerStore;
  readonly approvals: ApprovalStore;
  readonly conversations: ConversationStore;
  readonly usage: UsageStore;
  readonly budgets: BudgetStore;
  readonly effects: EffectStore;
  readonly undoEngine: UndoEngine;
  readonly apiKeys: ApiKeyStore;
  readonly directory: TenantDirectory;
  readonly files: FileStore;
  readonly credentials: TurnCredentials;
  /** Null where the database is not embedded. */
  readonly backups: BackupStore | null;
  readonly events: EventLog;
  readonly engine: TurnEngine;
  readonly starter: TurnStarter;
  readonly models: ModelRegistry;
  readonly agents: readonly Agent[];
  readonly tools: readonly Tool[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The text behind `/metrics`. */
  readonly metricsText: { text(): Promise<string>; readonly contentType: string };
  readonly health: () => Promise<HealthReport>;
  readonly version: string;
  readonly bodyLimitBytes: number;
  readonly defaultLimits: TurnLimits;
  /** Begin the first model call in this process, right after the commit; absent where no turn worker lives here. */
  readonly headStart?: (scope: Scope, turn: TurnRecord, context?: StepContext) => RunningAhead | null;
  /** Remote images of answers; absent: none is proxied. */
  readonly images?: { readonly links: ImageLinks; readonly egress: Egress };
  readonly isDraining: () => boolean;
  readonly audit: AuditLog;
  /** Null: there is no master key, so Temporal payloads are not encrypted. */
  readonly codec: CodecDeps | null;
  /** Null: there is no master key. */
  readonly keyRing: { rotate(tenantId: string): Promise<string> } | null;
  /** Approval links: what signs them, and where people reach this server; null: where the request that makes one did. */
  readonly links: { readonly box: SecretBox; readonly publicUrl: string | null };
  /** Requests per key: `points` in each window of `durationSeconds`. */
  readonly rateLimit?: { readonly points: number; readonly durationSeconds: number };
  /** Event streams one key may hold open at a time. */
  readonly maxStreamsPerKey?: number;
}
