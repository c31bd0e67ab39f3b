/**
 * Records turns that had ended before their workflow began. Such a workflow decides nothing: its first task, which comes back
 * with an eager start, is completed here with what the workflow would return. That spares a run in the sandbox and all that
 * leads to it, which is a sixth of the processor time of a short turn; the history is the same, event for event.
 *
 * Where it cannot be completed here, the task times out and the worker does it: nothing depends on this.
 */
import { Connection, WorkflowClient } from '@temporalio/client';
import type {
  ConnectionOptions,
  WorkflowClientOptions,
  WorkflowStartInput,
  WorkflowStartOutput,
} from '@temporalio/client';
import { encodeToPayloadsWithContext } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { toError } from '../../domain/failures.js';
import type { Logger } from '../../domain/ports/logger.js';
import { resultOfClosed } from '../../domain/turn-contract.js';
import type { TurnInput } from '../../domain/turn-contract.js';
import { CALL_TIMEOUT_MS } from './engine-errors.js';

/** `COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION` of the API. */
const COMPLETE_WORKFLOW = 4;

/**
 * A connection of its own: the one that a worker shares hands every eager task to that worker. Connects with the first call.
 */
export function connectBesideWorker(address: string, options: ConnectionOptions = {}): Connection {
  return Connection.lazy({ ...options, address });
}

export class ClosedTurnRecorder extends WorkflowClient {
  readonly #logger: Logger;

  /** @param options with a connection of `connectBesideWorker`. */
  constructor(options: WorkflowClientOptions & { readonly connection: Connection }, logger: Logger) {
    super(options);
    this.#logger = logger;
  }

  /** What `start` ends in. @throws what the server answers: that the id is taken, that it cannot be reached. */
  protected override async _startWorkflowHandler(input: WorkflowStartInput): Promise<WorkflowStartOutput> {
    const request = await this.createStartWorkflowRequest(input);
    const started = await this.workflowService.startWorkflowExecution({ ...request, requestEagerExecution: true });
    const taskToken = started.eagerWorkflowTask?.taskToken;
    // A server may have eager starts switched off: then the task waits in the queue.
    if (taskToken) await this.#complete(input, taskToken);
    return { runId: started.runId, eagerlyStarted: Boolean(taskToken) };
  }

  async #complete({ options }: WorkflowStartInput, taskToken: Uint8Array): Promise<void> {
    const { workflowId } = options;
    try {
      const [turn] = options.args as unknown as readonly [TurnInput];
      if (turn.closed === undefined) throw new Error('the turn has not ended');
      const context = this.workflowSerializationContext(workflowId);
      const payloads = await encodeToPayloadsWithContext(this.dataConverter, context, [resultOfClosed(turn.closed)]);
      const { namespace, identity } = this.options;
      const result = { payloads: payloads ?? [] };
      const command = { commandType: COMPLETE_WORKFLOW, completeWorkflowExecutionCommandAttributes: { result } };
      await this.connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
        this.workflowService.respondWorkflowTaskCompleted({ namespace, identity, taskToken, commands: [command] }),
      );
    } catch (error) {
      this.#logger.debug({ err: toError(error), workflowId }, 'a record is left to the worker');
    }
  }
}
