/** Replacing the data of a stored item, by the attempt that holds a step and by no other. */
import { sql } from 'kysely';
import { failure } from '../../domain/failures.js';
import type { TurnStore } from '../../domain/ports/turn-store.js';
import type { Scope } from '../../domain/scope.js';
import type { Connection } from './database.js';
import { toJson } from './json-columns.js';
import { owned } from './ownership.js';
import { toSearchText } from './turn-rows.js';

type Arguments = Parameters<TurnStore['replaceItem']>;

export async function replaceItem(
  connection: Connection,
  scope: Scope,
  { turnId, step, index }: Arguments[1],
  item: Arguments[2],
  by: Arguments[3],
): Promise<void> {
  const { rows } = await sql<{ known: string; replaced: string }>`
    with known as (
      select 1 from items where ${owned(scope)} and turn_id = ${turnId}::text and step = ${step}::integer
        and index = ${index}::integer),
    holder as (
      select 1 from turn_steps where ${owned(scope)} and turn_id = ${by.turnId}::text and step = ${by.step}::integer
        and attempt = ${by.attempt}::integer and result is null
      for update),
    replaced as (
      update items set data = ${toJson(item)}::jsonb, item_id = ${item.id}::text, type = ${item.type}::text,
        text = ${toSearchText(item)}::text
      where ${owned(scope)} and turn_id = ${turnId}::text and step = ${step}::integer and index = ${index}::integer
        and exists (select 1 from holder)
      returning 1)
    select (select count(*) from known) as known, (select count(*) from replaced) as replaced`.execute(connection);
  if (Number(rows[0]?.known ?? 0) !== 1) {
    throw failure('item.not-found', `there is no item ${String(index)} in step ${String(step)} of ${turnId}`);
  }
  if (Number(rows[0]?.replaced ?? 0) !== 1) {
    throw failure('turn.stale-attempt', `Attempt ${by.attempt} of step ${by.step} was overtaken; it changes no item.`);
  }
}
