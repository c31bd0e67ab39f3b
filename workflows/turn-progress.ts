/** What operators see of a running turn: the `progress` query, and a Markdown table as the workflow's current details. */
import { MAX_STAGES } from '../domain/turn-contract.js';
import type {
  ProgressStage,
  TurnInput,
  TurnLoopState,
  TurnProgressView,
  WaitingApproval,
} from '../domain/turn-contract.js';

export interface TurnProgressTracker {
  begin(step: number, name: string, detail: string): ProgressHandle;
  /** A call waits for a person; ended when it is decided. */
  wait(approval: WaitingApproval): ProgressHandle;
  escalated(approvalIds: readonly string[]): void;
  setState(state: TurnLoopState): void;
  setPhase(phase: TurnProgressView['phase']): void;
  view(): TurnProgressView;
  details(): string;
}

export interface ProgressHandle {
  end(status: ProgressStage['status'], detail?: string): void;
}

const MARKS: Readonly<Record<ProgressStage['status'], string>> = {
  running: '… running',
  waiting: '⏸ waits for approval',
  completed: '✓ done',
  failed: '✗ failed',
  outcome_unknown: '? outcome unknown',
  cancelled: '– cancelled',
};

export function createTurnProgress(input: TurnInput, onChange: (details: string) => void): TurnProgressTracker {
  let phase: TurnProgressView['phase'] = 'model';
  let used = { steps: 0, toolCalls: 0, tokens: 0, costMicros: 0 };
  let stages: readonly ProgressStage[] = input.closed?.stages ?? [];
  let waiting: readonly WaitingApproval[] = [];

  const details = (): string => toMarkdown({ phase, used, stages, waiting }, input);
  const add = (first: ProgressStage): ProgressHandle => {
    let stage = first;
    stages = [...stages, stage].slice(-MAX_STAGES);
    onChange(details());
    return {
      end(status, endDetail) {
        const ended = { ...stage, status, detail: endDetail ?? stage.detail };
        stages = stages.map((each) => (each === stage ? ended : each));
        stage = ended;
        onChange(details());
      },
    };
  };
  return {
    begin: (step, name, detail) => add({ step, name, status: 'running', detail }),
    wait(approval) {
      const { approvalId, step, name, expiresAtMs } = approval;
      waiting = [...waiting, approval];
      phase = 'waiting';
      const due = new Date(expiresAtMs).toISOString();
      const handle = add({ step, name, status: 'waiting', detail: `${approvalId}, until ${due}` });
      return {
        end(status, endDetail) {
          waiting = waiting.filter((each) => each.approvalId !== approvalId);
          handle.end(status, endDetail);
        },
      };
    },
    escalated(approvalIds) {
      waiting = waiting.map((each) => (approvalIds.includes(each.approvalId) ? { ...each, escalated: true } : each));
      onChange(details());
    },
    setState(state) {
      used = { steps: state.step, toolCalls: state.toolCalls, tokens: state.tokens, costMicros: state.costMicros };
    },
    setPhase(next) {
      phase = next;
      onChange(details());
    },
    view: () => ({
      turnId: input.turnId,
      step: used.steps,
      phase,
      stages,
      ...(waiting.length === 0 ? {} : { waiting }),
      used,
      limits: input.limits,
    }),
    details,
  };
}

type Shown = Pick<TurnProgressView, 'phase' | 'used' | 'stages'> & { readonly waiting: readonly WaitingApproval[] };

function toMarkdown({ phase, used, stages, waiting }: Shown, { limits }: TurnInput): string {
  const rows = stages.map(
    (stage) => `| ${stage.step} | ${cell(stage.name)} | ${MARKS[stage.status]} | ${cell(stage.detail)} |`,
  );
  const asked = waiting.map(({ approvalId, name, escalated }) => {
    return `- waits for a decision about **${cell(name)}**: ${approvalId}${escalated ? ', escalated' : ''}`;
  });
  return [
    `**${phase}** · ${used.steps} of ${limits.maxSteps} steps, ${used.toolCalls} of ${limits.maxToolCalls} tool calls, ${used.tokens} tokens`,
    '',
    ...(asked.length === 0 ? [] : [...asked, '']),
    '| step | what | state | detail |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
