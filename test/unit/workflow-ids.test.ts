/** Proven: a workflow's id says whose it is; ids of older versions say nothing, and an id that hides its tenant is a mistake. */
import { expect, it } from 'vitest';
import { turnWorkflowId } from '../../domain/turn-contract.js';
import { tenantOfWorkflow, workflowIdOf } from '../../domain/workflow-ids.js';

it.each([
  [turnWorkflowId({ tenantId: 'acme', turnId: 'resp_1', conversationId: null }), 'acme'],
  [turnWorkflowId({ tenantId: 'a-b_c9', turnId: 'resp_1', conversationId: 'conv_1' }), 'a-b_c9'],
  [workflowIdOf('undo', 'conversation', 'x/y/z'), 'conversation'],
  ['turn/resp_01h', null],
  ['conversation/conv_01h', null],
])('tenant of %s -> %s', (id, tenant) => {
  expect(tenantOfWorkflow(id)).toBe(tenant);
});

it.each(['', 'turn', 'turn/', 'turn/acme', 'turn/ACME/x', 'turn//x', 'x', 'other/resp_1', 'turn/acme/'])(
  'tenant of %j -> refused: it would be readable',
  (id) => {
    expect(() => tenantOfWorkflow(id)).toThrow(/workflowIdOf/);
  },
);
