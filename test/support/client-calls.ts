/** Small steps that scenarios with the official clients share. */
import { expect } from 'vitest';

export async function collect<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** The call is refused with an exception of this class whose fields are these. */
export async function expectRejection(call: Promise<unknown>, errorClass: ErrorClass, fields: object): Promise<void> {
  const refused: unknown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(errorClass);
  expect(refused).toMatchObject(fields);
}
