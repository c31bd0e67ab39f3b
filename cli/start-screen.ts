/** What a person sees while the server starts and when it is ready. Whole lines only, so that logs may come in between. */
import type { Product } from '../workers/start-product.js';
import type { StartProgress } from '../workers/start-progress.js';

export interface StartScreenOptions {
  readonly out: { write(text: string): unknown };
  readonly colors: boolean;
  readonly now?: () => number;
}

export interface StartScreen extends StartProgress {
  ready(product: Product): void;
}

/** Shorter phases are not worth a line. */
const SHOW_AFTER_MS = 1_000;
const LABEL_WIDTH = 13;

export function createStartScreen({ out, colors, now = Date.now }: StartScreenOptions): StartScreen {
  const startedAt = now();
  const style = (code: number, text: string): string => (colors ? `\u001B[${code}m${text}\u001B[0m` : text);
  const bold = (text: string): string => style(1, text);
  const dim = (text: string): string => style(2, text);
  const note = (line: string): void => {
    out.write(`${line}\n`);
  };
  const seconds = (since: number): string => `${((now() - since) / 1000).toFixed(1)} s`;

  const phase: StartProgress['phase'] = async (title, work) => {
    const begun = now();
    let detail = '';
    const state = { shown: false };
    const show = (): void => {
      state.shown = true;
      note(dim(`… ${title}${detail === '' ? '' : `: ${detail}`}`));
    };
    const timer = setTimeout(show, SHOW_AFTER_MS);
    try {
      const result = await work((said) => {
        detail = said;
        if (state.shown) show();
      });
      if (state.shown) note(`${style(32, '✓')} ${title} ${dim(seconds(begun))}`);
      return result;
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    phase,
    note,
    ready: (product) => {
      const label = (text: string): string => `  ${text.padEnd(LABEL_WIDTH)}`;
      note('');
      note(`${bold('Turnstone is ready')} ${dim(`(${seconds(startedAt)})`)}`);
      note('');
      if (product.apiUrl !== null) {
        note(`${label('API')}${product.apiUrl}/v1`);
        note(`${label('Docs')}${product.apiUrl}/docs`);
      }
      if (product.temporalUiUrl !== null) note(`${label('Temporal UI')}${product.temporalUiUrl}`);
      note(`${label('Model')}${modelLine(product)}`);
      if (product.adminKey !== null)
        note(`${label('Admin key')}${bold(product.adminKey)}  ${dim('(shown this once: keep it)')}`);
      if (product.apiUrl !== null) for (const line of tryLines(product.apiUrl, product.adminKey)) note(line);
      note('');
      note(dim('Ctrl-C stops the server.'));
    },
  };
}

function modelLine({ model }: Product): string {
  if (model.name === null) return 'none: default_model names no model that is configured';
  if (!model.demo) return model.name;
  return `${model.name}, a scripted demo and no language model: set OPENAI_API_KEY (or another provider's key) and start again`;
}

function tryLines(apiUrl: string, adminKey: string | null): string[] {
  const body = JSON.stringify({ model: 'general', input: 'Say hello.', stream: true });
  const key = adminKey ?? '$TURNSTONE_API_KEY';
  const curl = `  curl -N ${apiUrl}/v1/responses -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '${body}'`;
  const how =
    adminKey === null
      ? ['  (TURNSTONE_API_KEY: the key of the first start; npm start -- --new-admin-key makes another)']
      : [];
  return ['', 'Try it:', curl, ...how];
}
