/** The environment as settings: empty means unset, secrets may come from files, a misspelled name of ours is an error. */
import { readFileSync } from 'node:fs';
import { toError } from '../../domain/failures.js';
import { nearestName } from './nearest-name.js';
import type { EnvironmentSetting, TextKind } from './settings-table.js';
import { ENVIRONMENT_SETTINGS, FOREIGN_SECRETS, OTHER_VARIABLES } from './settings-table.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentOverride {
  readonly setting: EnvironmentSetting;
  /** The variable that was used: the setting's own or its `_FILE` form. */
  readonly variable: string;
  readonly value: unknown;
}

export interface ReadEnvironment {
  /** Only what is set, with secrets from files put under their own names. */
  readonly variables: Readonly<Record<string, string>>;
  readonly overrides: readonly EnvironmentOverride[];
  readonly problems: readonly string[];
}

/** Names a cluster gives to every container beside a service called `turnstone`; they are not settings. */
const SERVICE_LINK = /^TURNSTONE_(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;

function fromText(kind: TextKind, text: string): unknown {
  if (kind === 'list')
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  if (kind === 'number' && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (kind === 'boolean' && /^(true|1|yes|on)$/i.test(text)) return true;
  if (kind === 'boolean' && /^(false|0|no|off)$/i.test(text)) return false;
  // Left as text: the schema says what is wrong with it, in the same words as for the file.
  return text;
}

function readSecretFiles(variables: Record<string, string>, problems: string[]): Set<string> {
  const fromFile = new Set<string>();
  const names = [
    ...ENVIRONMENT_SETTINGS.filter((entry) => entry.secret).map((entry) => entry.variable),
    ...FOREIGN_SECRETS,
  ];
  for (const name of names) {
    const path = variables[`${name}_FILE`];
    if (path === undefined) continue;
    if (variables[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE are both set: keep one of them.`);
      continue;
    }
    try {
      const secret = readFileSync(path, 'utf8').trim();
      if (secret === '') problems.push(`${name}_FILE names ${path}, which is empty: put the secret into it.`);
      else variables[name] = secret;
      fromFile.add(name);
    } catch (error) {
      problems.push(
        `${name}_FILE names ${path}, which cannot be read (${toError(error).message}): correct the path or its rights.`,
      );
    }
  }
  return fromFile;
}

function unknownNames(variables: Readonly<Record<string, string>>): string[] {
  const secretFiles = ENVIRONMENT_SETTINGS.filter((entry) => entry.secret).map((entry) => `${entry.variable}_FILE`);
  const known = [...ENVIRONMENT_SETTINGS.map((entry) => entry.variable), ...OTHER_VARIABLES, ...secretFiles];
  return Object.keys(variables)
    .filter((name) => name.startsWith('TURNSTONE_') && !known.includes(name) && !SERVICE_LINK.test(name))
    .map((name) => {
      const near = nearestName(name, known);
      return `${name} is no setting${near === null ? '' : `: did you mean ${near}?`}${near === null ? ': unset it.' : ''}`;
    });
}

export function readEnvironment(environment: Environment): ReadEnvironment {
  const problems: string[] = [];
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value.trim() !== '') variables[name] = value.trim();
  }
  problems.push(...unknownNames(variables));
  const fromFile = readSecretFiles(variables, problems);
  const overrides = ENVIRONMENT_SETTINGS.flatMap((entry): EnvironmentOverride[] => {
    const text = variables[entry.variable];
    if (text === undefined) return [];
    const variable = fromFile.has(entry.variable) ? `${entry.variable}_FILE` : entry.variable;
    return [{ setting: entry, variable, value: fromText(entry.kind, text) }];
  });
  return { variables, overrides, problems };
}
