/** What tools get from the product while they run, and the outside parts they are made of. */
import type { ToolItemType } from '../item.js';
import type { JsonObject } from '../json.js';
import type { Scope } from '../scope.js';
import type { Origin } from '../taint.js';
import type { ApprovalRule, ToolEffect } from '../tool.js';
import type { FileRecord } from './file-store.js';
import type { Logger } from './logger.js';

/** A file a tool may read: inputs of the conversation and what earlier calls produced. */
export interface ToolFile {
  readonly id: string;
  readonly filename: string;
  readonly mimeType: string;
  readonly bytes: number;
}

export interface ToolFiles {
  list(): Promise<readonly ToolFile[]>;
  read(id: string): Promise<Uint8Array>;
  /** Keep bytes the tool made; readable by the user at the returned id and by later calls. */
  save(file: { filename: string; mimeType: string; content: Uint8Array }): Promise<FileRecord>;
}

export interface EgressResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** After redirects. */
  readonly url: string;
}

export interface EgressRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Fewer than the gate allows; 0: a redirect is refused. */
  readonly maxRedirects?: number;
  readonly signal: AbortSignal;
}

/** The one way out for URLs that come from outside: checks scheme, the address at connect time, each redirect, size, time. */
export interface Egress {
  /** @throws `egress.*` failures, `request.invalid` for what is no URL; `turn.cancelled` when aborted. Any HTTP status is an answer. */
  fetch(url: string, request: EgressRequest): Promise<EgressResponse>;
}

export interface ToolContext {
  readonly signal: AbortSignal;
  readonly scope: Scope;
  readonly turnId: string;
  readonly conversationId: string | null;
  /** Derived from turn, step and call index; the same for every attempt. */
  readonly idempotencyKey: string;
  /** Show progress to people as a stage under the call. */
  readonly progress: (title: string, content?: string) => void;
  readonly files: ToolFiles;
  readonly egress: Egress;
  /** Whole results of earlier calls on this conversation path, by item id (for `read_result`). */
  readonly results: { read(itemId: string): Promise<string | null> };
  readonly log: Logger;
}

/** What a tool returns. `text` is for the model; `files` are ids saved through `ctx.files`. */
export interface ToolOutput {
  readonly text: string;
  readonly details?: JsonObject;
  readonly files?: readonly FileRecord[];
}

/** What an undo is given of the call it takes back. */
export interface ToolReceiptView {
  /** The whole text the call returned; empty when it ended without one. */
  readonly text: string;
  /** The key the call ran with. */
  readonly idempotencyKey: string;
}

/** A tool as the product holds it, whatever its argument type; made by `defineTool`. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, generated from the tool's zod schema. */
  readonly parameters: JsonObject;
  /** Hash over name, description, parameters and effect; pinned in each turn. */
  readonly schemaHash: string;
  readonly effect: ToolEffect;
  readonly approval: ApprovalRule;
  /** Needs the network; the egress gate applies. */
  readonly egress: boolean;
  /** What its results count as for the model; `derived`: as the context the call was made in. */
  readonly origin: Origin;
  /**
   * The addresses a call would reach, from its arguments as the model wrote them (unknown JSON). Absent: not known from the
   * arguments. Never throws.
   */
  destinations?(argumentsJson: unknown): readonly string[];
  readonly timeoutMs: number;
  /** Attempts for `read` and `keyed`; `unkeyed` always has one. */
  readonly attempts: number;
  readonly itemType: ToolItemType;
  /** Longest result handed to the model, in characters; the rest stays readable through `read_result`. */
  readonly resultBudgetChars: number;
  /**
   * Parse arguments (unknown JSON) and run.
   * @throws `tool.invalid-arguments` (names the field), any other failure with its own code.
   */
  invoke(argumentsJson: unknown, context: ToolContext): Promise<ToolOutput>;
  /**
   * Only look at arguments (unknown JSON), as `invoke` would. Absent: nothing to say before it runs.
   * @throws `tool.invalid-arguments` (names the field).
   */
  checkArguments?(argumentsJson: unknown): void;
  /** Null when it can run here; else why not and what to do. */
  unavailable?(): string | null;
  /** Take back what a call did; absent: this tool cannot. Repeated with the same key of its own (`context.idempotencyKey`). */
  undo?(argumentsJson: unknown, receipt: ToolReceiptView, context: ToolContext): Promise<ToolOutput>;
}

export interface PythonJob {
  readonly code: string;
  readonly files: readonly { readonly filename: string; readonly content: Uint8Array }[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface PythonResult {
  /** `completed`: exit without an exception. `error`: an exception; its traceback ends `stderr`. */
  readonly status: 'completed' | 'error' | 'timeout' | 'killed' | 'cancelled';
  readonly stdout: string;
  readonly stderr: string;
  /** True when stdout or stderr was cut at the output limit. */
  readonly truncated: boolean;
  /** New or changed files of the work folder, figures included. */
  readonly files: readonly { readonly filename: string; readonly content: Uint8Array }[];
  readonly durationMs: number;
}

export interface PythonRunner {
  /** `ready`, `preparing` (environment is being built) or `unavailable`; `detail` says why and what to do. */
  status(): {
    readonly state: 'ready' | 'preparing' | 'unavailable';
    readonly backend: string;
    readonly detail: string;
  };
  /** Waits while preparing. @throws `tool.unavailable`. Never throws for what the code does. */
  run(job: PythonJob): Promise<PythonResult>;
  close(): Promise<void>;
}
