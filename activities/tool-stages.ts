/** Stages of one tool call, for people: what it is doing now. One at a time; each that begins also ends. */
import type { EventWriter } from './event-writer.js';

export interface ToolStages {
  /** The stage before it is completed by this. */
  begin(title: string, content?: string): void;
  /** The call is over: ends the open stage; a tool that goes on nevertheless is not heard any more. */
  end(outcome: 'completed' | 'failed'): void;
}

/** @param item the call's item; ids of stages are made from its id, the same for every attempt. */
export function createToolStages(
  writer: Pick<EventWriter, 'emit'>,
  item: { readonly id: string; readonly outputIndex: number },
): ToolStages {
  let count = 0;
  let open: { readonly stage_id: string; readonly title: string } | null = null;
  let over = false;
  const place = { item_id: item.id, output_index: item.outputIndex };
  const close = (outcome: 'completed' | 'failed'): void => {
    if (open !== null) writer.emit({ type: `turnstone:stage.${outcome}`, ...open, ...place });
    open = null;
  };
  return {
    begin(title, content) {
      if (over) return;
      close('completed');
      count += 1;
      open = { stage_id: `${item.id}/${count}`, title };
      writer.emit({
        type: 'turnstone:stage.started',
        ...open,
        ...place,
        ...(content === undefined ? {} : { content }),
      });
    },
    end(outcome) {
      close(outcome);
      over = true;
    },
  };
}
