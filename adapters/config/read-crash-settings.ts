/**
 * `CRASH_AT` and `CRASH_TRACE`: how the fault tests make this process die at a chosen point. They are no settings of the
 * product: outside of `NODE_ENV=test` they are refused, so that no deployment can carry them by accident.
 */

export interface CrashSettings {
  /** `point`, `point#n` (die the n-th time it is reached), or `@file`: a file that holds that text once a test wants it. */
  readonly at: string | null;
  /** A file to which every point that exists, and every point that is reached, is appended. */
  readonly traceFile: string | null;
}

export const CRASH_VARIABLES: readonly string[] = ['CRASH_AT', 'CRASH_TRACE'];
const POINT = /^(@.+|[a-z][\w-]*(\.[\w-]+)+(#[1-9]\d{0,5})?)$/i;

export interface ReadCrashSettings {
  readonly settings: CrashSettings | null;
  readonly problems: readonly string[];
}

export function readCrashSettings(variables: Readonly<Record<string, string>>): ReadCrashSettings {
  const given = CRASH_VARIABLES.filter((name) => variables[name] !== undefined);
  if (given.length === 0) return { settings: null, problems: [] };
  if (variables['NODE_ENV'] !== 'test') {
    const problems = given.map(
      (name) => `${name} kills the process on purpose and is for fault tests only: unset it (or set NODE_ENV=test).`,
    );
    return { settings: null, problems };
  }
  const at = variables['CRASH_AT'] ?? null;
  if (at !== null && !POINT.test(at)) {
    const problem = `CRASH_AT: ${JSON.stringify(at)} is no crash point: write part.method.before, part.method.after#2 or @file.`;
    return { settings: null, problems: [problem] };
  }
  return { settings: { at, traceFile: variables['CRASH_TRACE'] ?? null }, problems: [] };
}
