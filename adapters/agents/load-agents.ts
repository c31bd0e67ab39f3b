/** Agents from a folder of YAML files, one agent each. Every problem of every file comes in one message. */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { LineCounter, isNode, parseDocument } from 'yaml';
import { agentSchema } from '../../domain/agent.js';
import type { Agent, AgentDefinition } from '../../domain/agent.js';
import { failure, toError } from '../../domain/failures.js';
import { canonicalJson } from '../../domain/json.js';

/** A folder of agents, not of data: more than this is a wrong path. */
const MAX_FILES = 500;

type Loaded = { readonly agent: Agent } | { readonly problems: readonly string[] };

/**
 * @returns agents sorted by name; `version` is the hash of the definition with its defaults filled in.
 * @throws `config.invalid` naming each file and line.
 */
export async function loadAgents(dir: string): Promise<Agent[]> {
  const files = await agentFiles(dir);
  const loaded = await Promise.all(
    files.map(async (file) => parseAgent(await readFile(join(dir, file), 'utf8'), file)),
  );
  const problems = loaded.flatMap((result) => ('problems' in result ? result.problems : []));
  if (files.length === 0) problems.push('there is no *.yaml file: add one agent, or unset TURNSTONE_AGENTS_DIR.');
  if (problems.length > 0) {
    throw failure(
      'config.invalid',
      `The agents in ${dir} cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
  }
  return loaded.flatMap((result) => ('agent' in result ? [result.agent] : []));
}

async function agentFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    throw failure(
      'config.invalid',
      `The agents folder ${dir} cannot be read (${toError(error).message}): correct agents_dir or TURNSTONE_AGENTS_DIR.`,
      { cause: error },
    );
  });
  const files = names.filter((name) => ['.yaml', '.yml'].includes(extname(name)) && !name.startsWith('.')).sort();
  if (files.length > MAX_FILES)
    throw failure(
      'config.invalid',
      `${dir} holds ${files.length} YAML files, at most ${MAX_FILES} agents are allowed: is it the right folder?`,
    );
  return files;
}

function parseAgent(text: string, file: string): Loaded {
  try {
    return parseYaml(text, file);
  } catch (error) {
    // Aliases that multiply, nesting without end: the parser gives up, and says no line.
    return { problems: [`${file}: not usable YAML: ${toError(error).message}`] };
  }
}

function parseYaml(text: string, file: string): Loaded {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return {
      problems: document.errors.map(
        (error) => `${file}:${lines.linePos(error.pos[0]).line}: not valid YAML: ${error.message}`,
      ),
    };
  }
  const parsed = agentSchema.safeParse(document.toJS({ maxAliasCount: 20 }));
  if (!parsed.success) {
    return {
      problems: parsed.error.issues.map((issue) => {
        const node = document.getIn(issue.path.length === 0 ? [] : [...issue.path], true);
        const line = isNode(node) && node.range ? `:${lines.linePos(node.range[0]).line}` : '';
        return `${file}${line}: ${issue.path.join('.') || 'the agent'}: ${issue.message}`;
      }),
    };
  }
  if (parsed.data.name !== basename(file, extname(file))) {
    return {
      problems: [
        `${file}: name is ${parsed.data.name}: the file must be called ${parsed.data.name}.yaml, so that each name is there once.`,
      ],
    };
  }
  return { agent: { ...parsed.data, version: versionOf(parsed.data) } };
}

function versionOf(definition: AgentDefinition): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('hex').slice(0, 16);
}
