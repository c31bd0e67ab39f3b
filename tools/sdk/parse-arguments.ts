/** A model's arguments -> parsed input, or a message that tells the model how to call again. */
import type { z } from 'zod';
import { failure } from '../../domain/failures.js';

const MAX_SHOWN_VALUE = 80;
const MAX_SHOWN_PROBLEMS = 8;

function shorten(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > MAX_SHOWN_VALUE ? `${text.slice(0, MAX_SHOWN_VALUE)}…` : text;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    return (value as Record<PropertyKey, unknown>)[key];
  }, root);
}

function toPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}${text === '' ? '' : '.'}${String(key)}`),
    '',
  );
}

function describeProblem(issue: z.core.$ZodIssue, root: unknown, fields: readonly string[]): string {
  const where = toPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys
      .slice(0, MAX_SHOWN_PROBLEMS)
      .map((key) => shorten(key))
      .join(', ');
    return `${where === '' ? '' : `${where}: `}unknown field ${keys}; the fields are ${fields.join(', ')}`;
  }
  return `${where === '' ? 'arguments' : where}: ${issue.message}, got ${shorten(valueAt(root, issue.path))}`;
}

/** @throws `tool.invalid-arguments`, naming each field, what it was and what is expected. */
export function parseArguments(tool: string, input: z.ZodObject, argumentsJson: unknown): unknown {
  const fields = Object.keys(input.shape);
  if (argumentsJson === null || typeof argumentsJson !== 'object' || Array.isArray(argumentsJson)) {
    throw failure(
      'tool.invalid-arguments',
      `The arguments of ${tool} must be a JSON object with the fields ${fields.join(', ')}, got ${shorten(argumentsJson)}`,
    );
  }
  const parsed = input.safeParse(argumentsJson);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, MAX_SHOWN_PROBLEMS)
    .map((issue) => describeProblem(issue, argumentsJson, fields));
  const [first] = parsed.error.issues;
  const param = first?.code === 'unrecognized_keys' ? first.keys[0] : toPath(first?.path ?? []);
  throw failure('tool.invalid-arguments', `The arguments of ${tool} are not valid. ${problems.join('; ')}`, { param });
}
