/** Objects that refuse unknown fields and say which ones they know: a mistyped field must not silently change meaning. */
import { z } from 'zod';

export function closedObject<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown field ${issue.keys.map((key) => `'${key}'`).join(', ')}. Known fields: ${Object.keys(shape).join(', ')}.`
        : undefined,
  });
}
