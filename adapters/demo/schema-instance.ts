/**
 * A small value that fits a JSON Schema, so that structured output can be tried without a model. Covers what schemas for
 * models use: object, array, string, number, integer, boolean, null, enum, const, anyOf/oneOf (the first), allOf (merged),
 * local $ref, and the usual bounds. The same schema always gives the same value.
 */
import type { JsonObject, JsonValue } from '../../domain/json.js';

/** Schemas may refer to themselves; optional parts are left out on the way down, and here it ends for good. */
const MAX_DEPTH = 12;
/** An instance is a sample: bounds that ask for more are met only this far. */
const MAX_ITEMS = 20;
const MAX_CHARS = 1000;

const FORMATS: Readonly<Record<string, string>> = {
  date: '2025-01-01',
  time: '12:00:00Z',
  'date-time': '2025-01-01T12:00:00Z',
  email: 'demo@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
};

export function schemaInstance(schema: JsonObject): JsonValue {
  return instanceOf(schema, schema, 0);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

function numberOf(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function instanceOf(schema: JsonValue | undefined, root: JsonObject, depth: number): JsonValue {
  if (!isObject(schema) || depth > MAX_DEPTH) return null;
  const fixed = schema['const'] ?? listOf(schema['enum'])[0] ?? schema['default'];
  if (fixed !== undefined) return fixed;
  const elsewhere = referredTo(schema, root);
  if (elsewhere !== undefined) return instanceOf(elsewhere, root, depth + 1);
  return byType(typeOf(schema), schema, root, depth);
}

/** Where the schema says "like that one": a local reference, the first alternative, or all parts put together. */
function referredTo(schema: JsonObject, root: JsonObject): JsonValue | undefined {
  const reference = schema['$ref'];
  if (typeof reference === 'string') return resolveReference(reference, root);
  const alternative = listOf(schema['anyOf'])[0] ?? listOf(schema['oneOf'])[0];
  if (alternative !== undefined) return alternative;
  const parts = listOf(schema['allOf']);
  if (parts.length === 0) return undefined;
  const { allOf, ...own } = schema;
  return [own, ...parts].reduce<JsonObject>((merged, part) => mergeSchemas(merged, part, root), {});
}

function mergeSchemas(merged: JsonObject, part: JsonValue, root: JsonObject): JsonObject {
  if (!isObject(part)) return merged;
  const reference = part['$ref'];
  const target = typeof reference === 'string' ? resolveReference(reference, root) : part;
  if (!isObject(target)) return merged;
  const properties = { ...asObject(merged['properties']), ...asObject(target['properties']) };
  const required = [...listOf(merged['required']), ...listOf(target['required'])];
  return { ...merged, ...target, properties, required };
}

function asObject(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function resolveReference(reference: string, root: JsonObject): JsonValue | undefined {
  if (!reference.startsWith('#')) return null;
  let current: JsonValue | undefined = root;
  for (const part of reference.slice(1).split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    current = isObject(current) && Object.hasOwn(current, key) ? current[key] : null;
  }
  return current;
}

function typeOf(schema: JsonObject): JsonValue | undefined {
  const type = schema['type'];
  if (Array.isArray(type)) return (type as readonly JsonValue[]).find((one) => one !== 'null') ?? 'null';
  if (type !== undefined) return type;
  if (schema['properties'] !== undefined) return 'object';
  return schema['items'] === undefined ? undefined : 'array';
}

function byType(type: JsonValue | undefined, schema: JsonObject, root: JsonObject, depth: number): JsonValue {
  switch (type) {
    case 'object':
      return objectInstance(schema, root, depth);
    case 'array':
      return arrayInstance(schema, root, depth);
    case 'string':
      return stringInstance(schema);
    case 'number':
    case 'integer':
      return numberInstance(schema, type === 'integer');
    case 'boolean':
      return true;
    default:
      return null;
  }
}

/** Required properties always; all others too while the schema is shallow, so that the sample shows what there is. */
function objectInstance(schema: JsonObject, root: JsonObject, depth: number): JsonObject {
  const required = new Set(listOf(schema['required']));
  const entries = Object.entries(asObject(schema['properties'])).filter(([name]) => required.has(name) || depth < 2);
  return Object.fromEntries(entries.map(([name, property]) => [name, instanceOf(property, root, depth + 1)]));
}

function arrayInstance(schema: JsonObject, root: JsonObject, depth: number): readonly JsonValue[] {
  const tuple = listOf(schema['prefixItems']);
  if (tuple.length > 0) return tuple.map((item) => instanceOf(item, root, depth + 1));
  const least = numberOf(schema['minItems']) ?? (depth < 2 ? 1 : 0);
  const length = Math.min(least, numberOf(schema['maxItems']) ?? least, MAX_ITEMS);
  return Array.from({ length }, () => instanceOf(schema['items'], root, depth + 1));
}

function stringInstance(schema: JsonObject): string {
  const format = schema['format'];
  const known = typeof format === 'string' ? FORMATS[format] : undefined;
  if (known !== undefined) return known;
  const least = Math.min(numberOf(schema['minLength']) ?? 0, MAX_CHARS);
  const text = 'demo'.padEnd(least, '.');
  return text.slice(0, numberOf(schema['maxLength']) ?? text.length);
}

/** The value in the allowed range that is nearest to 1. */
function numberInstance(schema: JsonObject, whole: boolean): number {
  const step = numberOf(schema['multipleOf']) ?? (whole ? 1 : 0);
  const [least, most] = rangeOf(schema, step === 0 ? 0.5 : step);
  const value = Math.min(Math.max(1, least), most);
  if (step === 0) return value;
  const up = Math.ceil(value / step) * step;
  return up > most ? Math.floor(value / step) * step : up;
}

/** Both ends included; an exclusive bound is moved inwards by `nudge`. */
function rangeOf(schema: JsonObject, nudge: number): readonly [number, number] {
  const above = numberOf(schema['exclusiveMinimum']);
  const below = numberOf(schema['exclusiveMaximum']);
  const least = numberOf(schema['minimum']) ?? Number.MIN_SAFE_INTEGER;
  const most = numberOf(schema['maximum']) ?? Number.MAX_SAFE_INTEGER;
  return [
    above === undefined ? least : Math.max(least, above + nudge),
    below === undefined ? most : Math.min(most, below - nudge),
  ];
}
