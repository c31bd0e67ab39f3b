/**
 * What the started product must do, as data: id -> behaviour. A scenario says which one it proves with `verifies(id)`;
 * test/architecture/requirements.test.ts fails for one that nothing proves.
 */
export const REQUIREMENTS = {
  'start.screen': 'npm start shows addresses, a key once, and a curl line that works as printed',
  'start.one-owner': 'a second start on the same data folder says who holds it and exits 1',
  'start.stop': 'Ctrl-C drains and stops everything the start began',
  'doctor.report': 'turnstone doctor shows the effective configuration without secrets, and each part’s state',
  'demo.tools': 'without a provider the demo model says what it is and drives the real tools',
  'responses.node': 'the official Node client works unchanged against /v1/responses',
  'responses.python': 'the official Python client works unchanged against /v1',
  'responses.background': 'a background response runs without a client and can be retrieved, streamed and cancelled',
  'responses.branches': 'previous_response_id continues any earlier response, so edits and branches need nothing else',
  'responses.functions': 'function tools are called on the client and answered with function_call_output',
  'responses.structured': 'text.format json_schema reaches the model and its answer comes back as it is',
  'responses.files': 'images and files by data URL reach the model',
  'chat.node': 'chat completions work with the official Node client: plain, stream, tools, usage',
  'conversations.crud': 'conversations are created, renamed, archived, deleted, exported and imported',
  'conversations.search': 'conversations are found by content, with snippets',
  'models.fallback': 'when a provider fails, the next model of the chain answers and the answer says so',
  'usage.cost': 'usage and cost are counted per call and turn',
  'stream.resume': 'a client that lost its stream gets exactly what it missed',
  'durable.kill':
    'a killed server finishes the turn after its next start, and a reader gets step.reset and the right text',
  'durable.kill-tools': 'a tool call that was committed before the kill is not run again',
  'conflict.modes': 'a second message waits, joins the running turn, or stops it, as the caller chooses, in one order',
  'conflict.kill': 'messages that waited or were to join when the server was killed are answered once, in order',
  'backup.drill':
    'a backup made under load is restored on an empty folder: every turn acknowledged before it is there, and goes on',
  'cancel.fast': 'stop from elsewhere closes the provider’s socket within a second and keeps the partial text',
  'sweeper.terminated': 'a turn whose workflow an operator terminated is settled within 60 s',
  'limits.wrap-up': 'at a limit a last answer is written, status incomplete says why, and continue goes on',
  'compaction.item': 'a conversation that passes the window is compacted, shown as an item, and goes on',
  'tools.failed': 'bad arguments and unknown tools go back to the model, never fail the turn',
  'tools.large-result': 'a result over budget is cut and its rest can be read',
  'tools.python-files': 'python reads the files of the conversation and gives files back',
  'budgets.reserved':
    'parallel turns at the end of a budget make one call; a new turn is then refused, and limits say what is left',
  'fork.recorded':
    'a fork with another tool result asks the model once more and runs no tool again; both branches compare',
  'effects.undo': 'an effect is listed with its receipt and undone once, as a workflow, with a key of its own',
  'secrets.canary': 'a provider key sent with a request reaches the chosen host only, and is found nowhere afterwards',
  'secrets.ui-codec':
    'the embedded Temporal UI is given a codec endpoint that decrypts, and each decode is in the audit trail',
  'operators.temporal': 'a turn is readable in Temporal: summaries, groups, search attributes, details, progress',
  'operators.updates':
    'with a deployment, health shows build and standing, and a start after an update is current and answers',
  'operators.logs': 'every log line of a turn carries request, tenant, turn, step and attempt',
  'operators.metrics': '/metrics counts requests, turns, model and tool calls, tokens and cost',
} as const;

export type RequirementId = keyof typeof REQUIREMENTS;

/** Title of a scenario that proves a requirement. */
export function verifies(id: RequirementId): string {
  return `${id}: ${REQUIREMENTS[id]}`;
}
