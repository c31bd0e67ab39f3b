/** One place where a schema's complaint becomes a 400 that names the field and says what would be right. */
import type { z } from 'zod';
import { failure } from '../../domain/failures.js';
import type { Failure } from '../../domain/failures.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** `['input', 0, 'content']` -> `input[0].content`. */
export function toParam(path: Path): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text;
}

/** A branch that got past its own `type` is the one that was meant. */
function branchRank(branch: readonly Issue[]): number {
  const mistyped = branch.some(
    (issue) => issue.path.at(-1) === 'type' || (issue.path.length === 0 && issue.code === 'invalid_type'),
  );
  return (mistyped ? 1000 : 0) + branch.length;
}

/** Of a union's many complaints, the ones of the branch the value was most likely meant for. */
function deepest(issue: Issue, prefix: Path): { issue: Issue; path: Path } {
  const path = [...prefix, ...issue.path];
  if (issue.code !== 'invalid_union') return { issue, path };
  const branches = [...issue.errors].sort((left, right) => branchRank(left) - branchRank(right));
  const [first] = branches[0] ?? [];
  if (first === undefined || (branches.length > 1 && branchRank(branches[0] ?? []) >= 1000)) return { issue, path };
  return deepest(first, path);
}

/** What one complaint of a branch says would be right at the union's own place, or as its `type`. */
function expectedBy(issue: Issue): readonly string[] {
  const here = issue.path.length === 0;
  if (issue.code === 'invalid_union') return here || issue.path.at(-1) === 'type' ? expectedTypes(issue) : [];
  if (issue.code === 'invalid_value') return here || issue.path.at(-1) === 'type' ? issue.values.map(String) : [];
  return issue.code === 'invalid_type' && here ? [issue.expected] : [];
}

function expectedTypes(issue: Issue): readonly string[] {
  if (issue.code !== 'invalid_union') return [];
  const { options } = issue as { readonly options?: readonly unknown[] };
  return [...new Set([...(options ?? []).map(String), ...issue.errors.flat().flatMap(expectedBy)])];
}

function describe(issue: Issue): string {
  if (issue.code === 'invalid_union') {
    const expected = expectedTypes(issue);
    return expected.length === 0 ? 'no accepted form of this field matches' : `expected one of: ${expected.join(', ')}`;
  }
  return issue.message.replace(/^Invalid input: /, '');
}

export function toRequestFailure(error: z.ZodError, where: 'body' | 'query', prefix: Path = []): Failure {
  const [first] = error.issues;
  if (first === undefined) return failure('request.invalid', `The ${where} is not valid.`);
  const { issue, path } = deepest(first, prefix);
  const unknown = issue.code === 'unrecognized_keys' ? [...path, issue.keys[0] ?? ''] : path;
  const param = toParam(unknown);
  const at = param === '' ? `The request ${where}` : `'${param}'`;
  const more = error.issues.length > 1 ? ` (${error.issues.length - 1} more problem(s) after this one)` : '';
  return failure('request.invalid', `${at} is not valid: ${describe(issue)}${more}`, {
    ...(param === '' ? {} : { param }),
  });
}

/**
 * @param prefix where the value sits in the request, for `param`.
 * @throws `request.invalid` with `param`.
 */
export function parseRequest<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: 'body' | 'query',
  prefix: Path = [],
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw toRequestFailure(parsed.error, where, prefix);
  return parsed.data;
}
