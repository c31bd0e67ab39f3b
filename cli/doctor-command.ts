/** `turnstone doctor`: the effective configuration without secrets, and the state of each part. */
import { describeConfig } from '../adapters/config/describe-config.js';
import { loadConfig } from '../adapters/config/load-config.js';
import type { Config } from '../adapters/config/load-config.js';
import { createLogger } from '../adapters/logging/create-logger.js';
import { isFailure } from '../domain/failures.js';
import { inspectParts } from '../workers/inspect-parts.js';
import type { Finding } from '../workers/inspect-parts.js';
import { productVersion } from '../workers/product-version.js';

export interface DoctorFlags {
  readonly json?: boolean;
  readonly dataDir?: string;
}

const MARKS: Readonly<Record<Finding['state'], string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** @returns 0 when the server can start (or runs), 1 when something stands in the way */
export async function runDoctor(
  flags: DoctorFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const read = readConfig(flags, env);
  if ('problem' in read) {
    if (flags.json === true)
      print(JSON.stringify({ ok: false, version: productVersion(), problem: read.problem }, null, 2));
    else print(read.problem);
    return 1;
  }
  const logger = createLogger({ level: 'error', format: 'json' });
  const findings = await inspectParts(read.config, logger);
  const ok = findings.every((finding) => finding.state !== 'fail');
  const lines = describeConfig(read.config);
  if (flags.json === true) {
    print(
      JSON.stringify(
        { ok, version: productVersion(), configFile: read.config.configPath, config: lines, parts: findings },
        null,
        2,
      ),
    );
    return ok ? 0 : 1;
  }
  const width = Math.max(...lines.map((line) => line.key.length));
  const nameWidth = Math.max(...findings.map((finding) => finding.part.length));
  print(`Turnstone ${productVersion()}\n\nConfiguration`);
  for (const line of lines)
    print(`  ${line.key.padEnd(width)}  ${line.value}${line.source === 'default' ? '' : `  [${line.source}]`}`);
  print('\nParts');
  for (const finding of findings)
    print(`  ${MARKS[finding.state]}  ${finding.part.padEnd(nameWidth)}  ${finding.detail}`);
  print(ok ? '\nNothing stands in the way of a start.' : '\nSomething stands in the way: see FAIL above.');
  return ok ? 0 : 1;
}

function readConfig(
  flags: DoctorFlags,
  env: Readonly<Record<string, string | undefined>>,
): { readonly config: Config } | { readonly problem: string } {
  const overrides = flags.dataDir === undefined ? {} : { data_dir: { flag: '--data-dir', value: flags.dataDir } };
  try {
    return { config: loadConfig(env, { cwd: process.cwd(), flags: overrides }) };
  } catch (error) {
    if (isFailure(error)) return { problem: error.message };
    throw error;
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
