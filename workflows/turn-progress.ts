/** What operators see of a running turn: the `progress` query, and a Markdown table as the workflow's current details. */
import { MAX_STAGES } from '../domain/turn-contract.js';
import type { ProgressStage, TurnInput, TurnLoopState, TurnProgressView } from '../domain/turn-contract.js';

export interface TurnProgressTracker {
  begin(step: number, name: string, detail: string): ProgressHandle;
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
  completed: '✓ done',
  failed: '✗ failed',
  outcome_unknown: '? outcome unknown',
  cancelled: '– cancelled',
};

export function createTurnProgress(input: TurnInput, onChange: (details: string) => void): TurnProgressTracker {
  let phase: TurnProgressView['phase'] = 'model';
  let used = { steps: 0, toolCalls: 0, tokens: 0, costMicros: 0 };
  const stages: ProgressStage[] = [...(input.closed?.stages ?? [])];

  const tracker: TurnProgressTracker = {
    begin(step, name, detail) {
      const stage: ProgressStage = { step, name, status: 'running', detail };
      stages.push(stage);
      if (stages.length > MAX_STAGES) stages.shift();
      onChange(tracker.details());
      return {
        end(status, endDetail) {
          const at = stages.lastIndexOf(stage);
          if (at >= 0) stages[at] = { ...stage, status, detail: endDetail ?? detail };
          onChange(tracker.details());
        },
      };
    },
    setState(state) {
      used = { steps: state.step, toolCalls: state.toolCalls, tokens: state.tokens, costMicros: state.costMicros };
    },
    setPhase(next) {
      phase = next;
      onChange(tracker.details());
    },
    view: () => ({ turnId: input.turnId, step: used.steps, phase, stages: [...stages], used, limits: input.limits }),
    details() {
      const rows = stages.map(
        (stage) => `| ${stage.step} | ${cell(stage.name)} | ${MARKS[stage.status]} | ${cell(stage.detail)} |`,
      );
      return [
        `**${phase}** · ${used.steps} of ${input.limits.maxSteps} steps, ${used.toolCalls} of ${input.limits.maxToolCalls} tool calls, ${used.tokens} tokens`,
        '',
        '| step | what | state | detail |',
        '| --- | --- | --- | --- |',
        ...rows,
      ].join('\n');
    },
  };
  return tracker;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
