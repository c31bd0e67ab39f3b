/**
 * Every setting of the product with its default: the shape of `turnstone.config.yaml`. What the environment sets is laid
 * over the file before this schema parses it, so a value is checked by one rule wherever it comes from.
 */
import { z } from 'zod';
import { hostPatternSchema } from '../../domain/agent-taint.js';
import { limitsSchema } from '../../domain/agent.js';
import { fallbackChainSchema, providerSchema } from '../../domain/provider.js';
import { DEFAULT_TASK_QUEUE } from '../../domain/turn-contract.js';

const MIB = 1024 * 1024;
const port = z.int().min(0).max(65_535);
const taskQueueName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_./-]{0,199}$/, 'letters, digits, _ . / and -');

/** A part of Temporal's version string `<deployment>.<build>`, so without dots; short enough to read in a list. */
const deploymentName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'up to 64 letters, digits, _ and -');

const masterKey = z
  .string()
  .regex(
    /^([0-9a-fA-F]{64}|[A-Za-z0-9+/_-]{43}=?)$/,
    '32 random bytes as hex or base64, for example from `openssl rand -hex 32`',
  );

const LOOPBACK = /^(localhost|\[::1\]|127(\.\d+){3})$/;

/** Plain HTTP only on this machine: the message holds a link that decides. */
const isSafeAddress = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));

const isPlainUrl = (url: URL): boolean => url.username === '' && url.password === '' && url.hash === '';

const publicUrl = z
  .string()
  .max(500)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    return url !== null && /^https?:$/.test(url.protocol) && isPlainUrl(url) && url.search === '' && !/[?#]/.test(text);
  }, 'an http or https address without user, query or fragment, as in https://agents.example.com')
  .transform((text) => new URL(text).href.replace(/(?<!\/)\/+$/, ''));

const approvalsSchema = z.strictObject({
  /** Where escalated approvals are sent; with a secret, which signs what is sent. */
  escalation_webhook: z
    .string()
    .max(2_000)
    .refine((text) => {
      const url = URL.canParse(text) ? new URL(text) : null;
      return url !== null && isPlainUrl(url) && isSafeAddress(url);
    }, 'an https address without user or fragment; http only for this machine')
    .optional(),
  escalation_webhook_secret: z
    .string()
    .regex(
      /^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$/,
      'at least 24 random bytes as base64, with or without whsec_ in front, for example from `openssl rand -base64 32`',
    )
    .max(200)
    .optional(),
});

const codecSchema = z.strictObject({
  /** Opens the payloads of all tenants for the Temporal CLI and for a UI that sends it. */
  token: z.string().min(20, 'at least 20 characters: whoever has it reads all payloads').max(200).optional(),
  /** Origins of Temporal UIs that may ask from a browser; the embedded one is always among them. */
  ui_origins: z
    .array(z.string().regex(/^https?:\/\/[^/\s]+$/, 'an origin, as in https://temporal.example.com'))
    .max(20)
    .default([]),
});

export const ROLES = ['all', 'api', 'turns', 'tools', 'background'] as const;
export type Role = Exclude<(typeof ROLES)[number], 'all'>;
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

const serverSchema = z.strictObject({
  port: port.default(8080),
  host: z.string().min(1).max(255).default('127.0.0.1'),
  /** Where people reach this server, for links; default: the address a request was sent to, or the one it listens on. */
  public_url: publicUrl.optional(),
  /** Images and files arrive inside the request as data URLs, hence megabytes. */
  body_limit_bytes: z
    .int()
    .min(1024)
    .max(256 * MIB)
    .default(8 * MIB),
  /** Open at once; an idle one gives way to a new one. Each takes a file descriptor. */
  max_connections: z.int().min(10).max(1_000_000).default(10_000),
  /** What running steps may still take when the server stops; what is left over is retried by the next start. */
  shutdown_grace_ms: z.int().min(0).max(600_000).default(10_000),
});

const temporalSchema = z.strictObject({
  /** Ports of the embedded server; 0: the one used last time when it is free, else any free one. */
  port: port.default(0),
  ui_port: port.default(0),
  task_queue: taskQueueName.default(DEFAULT_TASK_QUEUE),
  /** Pins each turn to the build of the workflows that began it; absent: any build runs any turn. */
  deployment: deploymentName.optional(),
});

const pythonSchema = z.strictObject({
  enabled: z.boolean().default(true),
  /** Interpreters kept warm; each takes about 100 MB while it waits. */
  pool_size: z.int().min(0).max(32).default(1),
  concurrent_jobs: z.int().min(1).max(64).default(4),
  /** Of one run: address space, CPU time over all threads, wall-clock time, work folder, output. */
  memory_mb: z.int().min(256).max(65_536).default(2048),
  cpu_seconds: z.int().min(1).max(3600).default(120),
  max_timeout_seconds: z.int().min(1).max(3600).default(120),
  disk_mb: z.int().min(1).max(65_536).default(256),
  output_kb: z.int().min(1).max(16_384).default(512),
});

export const configSchema = z.strictObject({
  server: serverSchema.prefault({}),
  /** Database, files, downloads and the embedded Temporal live here. */
  data_dir: z.string().min(1).default('.turnstone'),
  /** Downloads and built bundles; default: `cache` in the data folder. Several installations may share one. */
  cache_dir: z.string().min(1).optional(),
  agents_dir: z.string().min(1).optional(),
  /** ES modules of the operator's own tools; they run inside the server, with everything it may do. */
  tool_modules: z.array(z.string().min(1).max(4096)).max(100).default([]),
  admin_key: z.string().min(20, 'at least 20 characters: whoever has it owns the server').max(200).optional(),
  /** Wraps the keys of tenants; default with the embedded database: made in the data folder. */
  master_key: masterKey.optional(),
  /** Master keys that may still wrap keys of tenants; the start wraps those with `master_key`. */
  previous_master_keys: z.array(masterKey).max(10).default([]),
  log: z
    .strictObject({
      level: z.enum(LOG_LEVELS).default('info'),
      format: z.enum(['json', 'pretty', 'auto']).default('auto'),
    })
    .prefault({}),
  database: z
    .strictObject({
      url: z
        .string()
        .regex(/^postgres(ql)?:\/\/\S+$/, 'postgres://user:password@host:port/database')
        .optional(),
      /** Embedded only: a commit waits until the disk has it. Off: faster by that wait, and a power cut may cost the database. */
      sync: z.boolean().default(true),
    })
    .prefault({}),
  /** Embedded database only: copies of it, made while it works. */
  backup: z
    .strictObject({
      /** Between snapshots; 0: none. One is made only when something was written since the last. */
      snapshot_interval_minutes: z.int().min(0).max(44_640).default(360),
      keep_snapshots: z.int().min(1).max(100).default(2),
      /** Where `turnstone backup` writes; default: `backups` in the data folder. */
      dir: z.string().min(1).optional(),
    })
    .prefault({}),
  temporal: temporalSchema.prefault({}),
  codec: codecSchema.prefault({}),
  approvals: approvalsSchema.prefault({}),
  roles: z.array(z.enum(ROLES)).min(1).default(['all']),
  egress: z
    .strictObject({
      /** Hosts or CIDR ranges the egress gate lets through although they are private. */
      allow: z.array(z.string().min(1).max(255)).max(200).default([]),
    })
    .prefault({}),
  answers: z
    .strictObject({
      images: z
        .strictObject({
          /** Hosts whose images a reader's browser may fetch itself; all others come through this server. */
          allow: z.array(hostPatternSchema).max(200).default([]),
        })
        .prefault({}),
    })
    .prefault({}),
  python: pythonSchema.prefault({}),
  /** What `model: auto` means; default: the first provider. */
  default_model: z.string().min(1).max(200).optional(),
  providers: z.array(providerSchema).max(50).default([]),
  fallbacks: z.array(fallbackChainSchema).max(100).default([]),
  /** Default limits of a turn; agents and requests go below or above them. */
  limits: limitsSchema.default({}),
});
export type ConfigDocument = z.infer<typeof configSchema>;
