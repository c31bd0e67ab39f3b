/** Is this a JSON Schema a model can be held to? Schemas come from clients: bounded in size, compiled and thrown away. */
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { failure, toError } from '../domain/failures.js';
import type { JsonObject } from '../domain/json.js';

const MAX_SCHEMA_CHARS = 200_000;

/** A fresh compiler each time: ajv keeps every schema it has seen, which would grow without end. */
function createCompiler(schema: JsonObject): Ajv {
  const dialect = typeof schema['$schema'] === 'string' ? schema['$schema'] : '';
  const options = { strict: false, allErrors: false, addUsedSchema: false, validateFormats: false };
  return dialect.includes('draft-07') || dialect.includes('draft-06') ? new Ajv(options) : new Ajv2020(options);
}

function withoutDialect(schema: JsonObject): JsonObject {
  const { $schema: _dialect, ...rest } = schema;
  return rest;
}

/** @throws `request.invalid` naming `param`. */
export function checkJsonSchema(schema: JsonObject, param: string): void {
  if (JSON.stringify(schema).length > MAX_SCHEMA_CHARS) {
    throw failure(
      'request.invalid',
      `'${param}' is longer than ${MAX_SCHEMA_CHARS} characters. Send a smaller JSON Schema.`,
      { param },
    );
  }
  try {
    createCompiler(schema).compile(withoutDialect(schema));
  } catch (error) {
    const reason = toError(error).message.slice(0, 300);
    throw failure('request.invalid', `'${param}' is not a valid JSON Schema: ${reason}. Correct the schema.`, {
      param,
      cause: error,
    });
  }
}
