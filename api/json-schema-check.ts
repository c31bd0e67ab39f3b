/** Is this a JSON Schema a model can be held to? Schemas come from clients: bounded in size, compiled and forgotten. */
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { failure, toError } from '../domain/failures.js';
import type { JsonObject } from '../domain/json.js';

const MAX_SCHEMA_CHARS = 200_000;
const OPTIONS = { strict: false, allErrors: false, addUsedSchema: false, validateFormats: false } as const;

/** Making a compiler means compiling the dialect itself, which takes far longer than a client's schema: made once. */
const compilers: { draft7?: Ajv; draft2020?: Ajv } = {};

function compilerFor(schema: JsonObject): Ajv {
  const dialect = typeof schema['$schema'] === 'string' ? schema['$schema'] : '';
  if (/draft-0[67]/.test(dialect)) return (compilers.draft7 ??= new Ajv(OPTIONS));
  return (compilers.draft2020 ??= new Ajv2020(OPTIONS));
}

function withoutDialect(schema: JsonObject): JsonObject {
  const { $schema: _dialect, ...rest } = schema;
  return rest;
}

/** @throws `request.invalid` naming `param`. */
export function checkJsonSchema(schema: JsonObject, param: string): void {
  if (JSON.stringify(schema).length > MAX_SCHEMA_CHARS) {
    const message = `'${param}' is longer than ${MAX_SCHEMA_CHARS} characters. Send a smaller JSON Schema.`;
    throw failure('request.invalid', message, { param });
  }
  const compiler = compilerFor(schema);
  const bare = withoutDialect(schema);
  try {
    compiler.compile(bare);
  } catch (error) {
    const reason = toError(error).message.slice(0, 300);
    const message = `'${param}' is not a valid JSON Schema: ${reason}. Correct the schema.`;
    throw failure('request.invalid', message, { param, cause: error });
  } finally {
    // The compiler keeps what it has compiled; without this it would grow with every request.
    compiler.removeSchema(bare);
  }
}
