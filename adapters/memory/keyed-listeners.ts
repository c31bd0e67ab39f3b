/** Listeners by key; a key without listeners takes no memory. */
export interface KeyedListeners {
  /** @returns a function that removes the listener. */
  add(key: string, listener: () => void): () => void;
  notify(key: string): void;
}

export function createKeyedListeners(): KeyedListeners {
  const byKey = new Map<string, Set<() => void>>();
  return {
    add(key, listener) {
      const listeners = byKey.get(key) ?? new Set();
      byKey.set(key, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && byKey.get(key) === listeners) byKey.delete(key);
      };
    },
    notify(key) {
      for (const listener of [...(byKey.get(key) ?? [])]) listener();
    },
  };
}
