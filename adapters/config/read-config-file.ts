/** `turnstone.config.yaml` with positions, so that a problem names its line. `${NAME}` stands for an environment variable. */
import { readFileSync } from 'node:fs';
import { LineCounter, isNode, parseDocument } from 'yaml';
import { toError } from '../../domain/failures.js';

export interface ConfigFile {
  readonly data: unknown;
  readonly problems: readonly string[];
  /** `file:line` of a key, or of the nearest one above it that the file has. */
  locate(path: readonly PropertyKey[]): string;
}

/** A configuration is a page, not a data set; the cap keeps a wrong path (a log, a dump) from being parsed. */
const MAX_BYTES = 1024 * 1024;
const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export function emptyConfigFile(name: string): ConfigFile {
  return { data: {}, problems: [], locate: () => name };
}

/** @param name how messages call the file */
export function parseConfigFile(text: string, name: string, variables: Readonly<Record<string, string>>): ConfigFile {
  try {
    return parseYaml(text, name, variables);
  } catch (error) {
    // Aliases that multiply, nesting without end: the parser gives up, and says no line.
    return { data: {}, problems: [`${name}: not usable YAML: ${toError(error).message}`], locate: () => name };
  }
}

function parseYaml(text: string, name: string, variables: Readonly<Record<string, string>>): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problems = document.errors.map(
    (error) => `${name}:${lines.linePos(error.pos[0]).line}: not valid YAML: ${error.message}`,
  );
  const locate = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return `${name}:${lines.linePos(node.range[0]).line}`;
    }
    return name;
  };
  if (problems.length > 0) return { data: {}, problems, locate };
  const data = substitute(document.toJS({ maxAliasCount: 20 }) ?? {}, [], (variable, path) => {
    const value = variables[variable];
    if (value === undefined)
      problems.push(`${locate(path)}: ${path.join('.')} refers to \${${variable}}, which is not set: set ${variable}.`);
    // Any text that is long enough: the schema must not report the same gap a second time.
    return value ?? 'not-set-in-the-environment';
  });
  return { data, problems, locate };
}

function substitute(
  value: unknown,
  path: readonly string[],
  lookUp: (variable: string, path: readonly string[]) => string,
): unknown {
  if (typeof value === 'string') return value.replace(REFERENCE, (_match, variable: string) => lookUp(variable, path));
  if (Array.isArray(value)) return value.map((inner, index) => substitute(inner, [...path, String(index)], lookUp));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, substitute(inner, [...path, key], lookUp)]),
  );
}

/**
 * @param required false: a missing file is an empty one
 */
export function readConfigFile(
  path: string,
  options: { readonly name: string; readonly required: boolean; readonly variables: Readonly<Record<string, string>> },
): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (missing && !options.required) return emptyConfigFile(options.name);
    const problem = missing
      ? `TURNSTONE_CONFIG names ${path}, which does not exist: correct the path, or unset it.`
      : `${path} cannot be read (${toError(error).message}): correct its rights.`;
    return { ...emptyConfigFile(options.name), problems: [problem] };
  }
  if (text.length > MAX_BYTES) {
    return {
      ...emptyConfigFile(options.name),
      problems: [`${path} is larger than 1 MiB: this is no configuration file.`],
    };
  }
  return parseConfigFile(text, options.name, options.variables);
}
