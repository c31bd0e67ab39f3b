/** JSON columns on their way in and out. They hold what this folder wrote; a value of another shape is damage, and is said. */
import { failure } from '../../domain/failures.js';

export function toJson(value: unknown): string {
  return JSON.stringify(value);
}

export function toNullableJson(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** The one check on the way to a cast: the value must at least be an object. */
export function objectColumn(value: unknown, column: string): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw failure(
      'server.internal',
      `the column ${column} does not hold an object; the row was damaged or written by hand`,
    );
  }
  return value;
}

export function nullableObjectColumn(value: unknown, column: string): object | null {
  return value === null || value === undefined ? null : objectColumn(value, column);
}
