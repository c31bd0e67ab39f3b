/** The pages behind an approval link: the question, what was decided, and why a link does not work. Nothing in them runs. */
import type { Failure } from '../../domain/failures.js';
import { ruleOf } from '../../domain/failures.js';
import { MAX_REASON_CHARS } from '../../domain/approval-item.js';
import type { ToolEffect } from '../../domain/tool.js';
import type { ApprovalLinkView } from '../projections/approval-link-view.js';
import { markup, page, visible } from './markup.js';
import type { Markup } from './markup.js';

const EFFECTS: Readonly<Record<ToolEffect, string>> = {
  read: 'only reads',
  keyed: 'changes something; a repeat of this call changes it once',
  unkeyed: 'changes something, and may change it again if it is repeated',
};

const NOTHING: Markup = { html: '' };

const atText = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

function facts(view: ApprovalLinkView): Markup {
  return markup`<dl>
    <dt>Agent</dt>
    <dd>${visible(view.agent)}</dd>
    <dt>Tool</dt>
    <dd>${visible(view.tool)}</dd>
    <dt>Effect</dt>
    <dd>${EFFECTS[view.effect]}</dd>
    <dt>Why it asks</dt>
    <dd>${view.because.message}</dd>
    <dt>Until</dt>
    <dd>${atText(view.expires_at)}</dd>
  </dl>`;
}

/** Opening the page decides nothing. Deny comes first: it is what a browser presses when somebody hits Enter in the field. */
function form(mayApprove: boolean): Markup {
  const approve = markup`<button class="approve" name="decision" value="approve">Approve</button>`;
  return markup`<form method="post">
    <label for="reason">Reason (may stay empty; the agent is told it when you deny)</label>
    <input id="reason" name="reason" maxlength="${String(MAX_REASON_CHARS)}" autocomplete="off" />
    <button class="deny" name="decision" value="deny">Deny</button>${mayApprove ? approve : NOTHING}
  </form>`;
}

export function questionPage(view: ApprovalLinkView): string {
  const cut = markup`<p class="hint">
    The arguments are longer than this page can show, so the call cannot be approved here. Deny it, or look at the whole
    of it with a key: GET /v1/approvals.
  </p>`;
  return page(
    'Approve a call?',
    markup`<h1>An agent asks to call <bdi>${visible(view.tool)}</bdi></h1>
      ${facts(view)}
      <h2>Arguments${view.arguments_cut ? ' (the beginning)' : ''}</h2>
      <pre>${visible(view.arguments)}</pre>
      ${view.arguments_cut ? cut : NOTHING} ${form(!view.arguments_cut)}
      <p class="small">This link decides about this call once. Whoever has it can decide: do not pass it on.</p>`,
  );
}

export function decidedPage(view: ApprovalLinkView): string {
  const approved = view.status === 'approved';
  const title = approved ? 'Approved' : 'Denied';
  const next = approved ? 'The agent may make the call.' : 'The agent does not make the call, and is told so.';
  return page(
    title,
    markup`<h1>${title}: <bdi>${visible(view.tool)}</bdi></h1>
      <p>${next} This link is used up.</p>`,
  );
}

export function problemPage(problem: Failure): string {
  const { title } = ruleOf(problem.code);
  return page(
    title,
    markup`<h1>${title}</h1>
      <p>${visible(problem.message)}</p>`,
  );
}
