/** How a start is told to whoever watches: the screen, or nobody. */

export interface StartProgress {
  /** Run one phase; its name is shown when it takes long, its duration when it is done. `say` adds what is going on. */
  phase<T>(title: string, work: (say: (detail: string) => void) => Promise<T>): Promise<T>;
  /** One line to be read. */
  note(line: string): void;
}
