/** The one connection of this process: worker and client share it, so that turns can start eagerly. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { Connection, ConnectionOptions } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import type { NativeConnectionOptions } from '@temporalio/worker';
import { failure, toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import { SEARCH_ATTRIBUTES } from '../../domain/turn-contract.js';
import { connectBesideWorker } from './closed-turn-recorder.js';
import { CALL_TIMEOUT_MS } from './engine-errors.js';

export interface ConnectTemporalOptions {
  readonly address: string;
  readonly namespace: string;
  /** TLS, API key, headers. */
  readonly connection?: NativeConnectionOptions & ConnectionOptions;
  /** True for the server this process started: it has the search attributes, and loopback needs no compression. */
  readonly embedded: boolean;
  readonly logger: Logger;
  readonly timeoutMs?: number;
}

export interface TemporalConnection {
  readonly connection: NativeConnection;
  readonly client: Client;
  /** Hands eager tasks to who starts a workflow over it, and not to the worker. */
  readonly besideWorker: Connection;
  readonly namespace: string;
  readonly address: string;
  /** False: the server lacks them and they may not be added; turns then start without. */
  readonly searchAttributes: boolean;
  close(): Promise<void>;
}

/** A server that starts at the same time, as in a compose file, is waited for. */
const CONNECT_TIMEOUT_MS = 15_000;
const PAUSE_MS = 50;
/** `INDEXED_VALUE_TYPE_KEYWORD` of the API. */
const KEYWORD = 2;

/** @throws `server.cannot-start` when the server or its namespace does not answer in time. */
export async function connectTemporal(options: ConnectTemporalOptions): Promise<TemporalConnection> {
  const deadline = Date.now() + (options.timeoutMs ?? CONNECT_TIMEOUT_MS);
  const connection = await connectUntil(options, deadline);
  try {
    await namespaceUntil(connection, options, deadline);
    const searchAttributes = options.embedded || (await ensureSearchAttributes(connection, options));
    const { address, namespace } = options;
    const client = createTemporalClient({ connection, namespace });
    const besideWorker = connectBesideWorker(address, options.connection);
    const close = async (): Promise<void> => {
      await besideWorker.close();
      await connection.close();
    };
    return { connection, client, besideWorker, address, namespace, searchAttributes, close };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** @param dataConverter encrypts what this client sends, and reads what is encrypted. */
export function createTemporalClient(
  { connection, namespace }: Pick<TemporalConnection, 'connection' | 'namespace'>,
  dataConverter?: DataConverter,
): Client {
  return new Client({
    connection,
    namespace,
    // A query of a closed run would have a worker replay it, for progress that nobody waits for.
    workflow: { queryRejectCondition: 'NOT_OPEN' },
    ...(dataConverter === undefined ? {} : { dataConverter }),
  });
}

async function connectUntil(options: ConnectTemporalOptions, deadline: number): Promise<NativeConnection> {
  for (;;) {
    try {
      return await connectOnce(options, Math.max(1, deadline - Date.now()));
    } catch (error) {
      if (Date.now() + PAUSE_MS >= deadline) throw unreachable(options, toError(error));
      await sleep(PAUSE_MS);
    }
  }
}

/** The SDK's connect has no time limit; one that comes too late is closed again. */
async function connectOnce(options: ConnectTemporalOptions, timeoutMs: number): Promise<NativeConnection> {
  const connecting = NativeConnection.connect({
    ...options.connection,
    address: options.address,
    ...(options.embedded ? { grpcCompression: { codec: 'none' as const } } : {}),
  });
  const timeout = new AbortController();
  const late = sleep(timeoutMs, 'late' as const, { signal: timeout.signal }).catch(() => 'late' as const);
  const first = await Promise.race([connecting, late]).finally(() => timeout.abort());
  if (first !== 'late') return first;
  connecting.then(
    (connection) => connection.close(),
    (error: unknown) =>
      options.logger.debug({ err: toError(error) }, 'a connection to Temporal that was given up failed'),
  );
  throw new Error('no answer');
}

/** A dev server listens before its namespace exists. */
async function namespaceUntil(
  connection: NativeConnection,
  options: ConnectTemporalOptions,
  deadline: number,
): Promise<void> {
  for (;;) {
    try {
      await connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
        connection.workflowService.describeNamespace({ namespace: options.namespace }),
      );
      return;
    } catch (error) {
      if (Date.now() + PAUSE_MS >= deadline) throw unreachable(options, toError(error));
      await sleep(PAUSE_MS);
    }
  }
}

function unreachable(options: ConnectTemporalOptions, error: Error): Error {
  const what = `Temporal at ${options.address}, namespace ${options.namespace}, cannot be used: ${error.message}.`;
  const remedy = options.embedded
    ? 'Look into logs/temporal.log in the data folder.'
    : 'Check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the TLS settings, and that the server runs; unset TEMPORAL_ADDRESS for the embedded server.';
  return failure('server.cannot-start', `${what} ${remedy}`, { cause: error });
}

/** @returns false when they are missing and may not be added; says how to add them. */
async function ensureSearchAttributes(connection: NativeConnection, options: ConnectTemporalOptions): Promise<boolean> {
  const names = Object.values(SEARCH_ATTRIBUTES);
  const { namespace } = options;
  try {
    const call = <T>(request: () => Promise<T>): Promise<T> =>
      connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, request);
    const present = await call(() => connection.operatorService.listSearchAttributes({ namespace }));
    const missing = names.filter((name) => present.customAttributes[name] === undefined);
    if (missing.length === 0) return true;
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await call(() => connection.operatorService.addSearchAttributes({ namespace, searchAttributes }));
    options.logger.info({ namespace, missing }, 'search attributes added to Temporal');
    return true;
  } catch (error) {
    const commands = names.map((name) => `temporal operator search-attribute create --name ${name} --type Keyword`);
    options.logger.warn(
      { err: toError(error), namespace, commands },
      'the search attributes could not be checked or added: turns start without them; add them with these commands and start again',
    );
    return false;
  }
}
