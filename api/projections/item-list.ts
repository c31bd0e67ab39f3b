/** Stored items -> the list shape of the API. Pure. */
import type { Item } from '../../domain/item.js';
import type { ItemPage } from '../../domain/ports/turn-store.js';

export interface ListShape<Entry> {
  readonly object: 'list';
  readonly data: readonly Entry[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

export function toList<Entry extends { readonly id: string }>(
  data: readonly Entry[],
  hasMore: boolean,
): ListShape<Entry> {
  return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: hasMore };
}

export function toItemList(page: ItemPage): ListShape<Item> {
  return toList(
    page.items.map(({ item }) => item),
    page.hasMore,
  );
}
