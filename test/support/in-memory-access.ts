/** API keys, users and tenants in memory. They keep the promises of their ports. */
import type { ApiKey, ApiKeyStore } from '../../domain/ports/api-key-store.js';
import type { Tenant, TenantDirectory, TenantUser } from '../../domain/ports/tenant-directory.js';
import type { Scope } from '../../domain/scope.js';
import { isTerminal } from '../../domain/turn.js';
import { isMine } from './in-memory-stores-tables.js';
import type { MemoryTables } from './in-memory-stores-tables.js';

interface Access {
  readonly apiKeys: ApiKeyStore;
  readonly directory: TenantDirectory;
}

export function createInMemoryAccess(tables: MemoryTables): Access {
  const keys = new Map<string, { key: ApiKey; hash: string }>();
  const tenants = new Map<string, Tenant>();
  const revoked = new Map<string, number>();
  const place = (tenantId: string, principalId: string): string => `${tenantId}/${principalId}`;
  const asNow = (key: ApiKey): ApiKey => ({
    ...key,
    revokedAtMs: key.revokedAtMs ?? revoked.get(place(key.tenantId, key.principalId)) ?? null,
  });
  const all = (): ApiKey[] => [...keys.values()].map((row) => row.key);
  const usersOf = ({ tenantId }: Scope): TenantUser[] =>
    [...new Set(all().flatMap((key) => (key.tenantId === tenantId ? [key.principalId] : [])))]
      .sort()
      .map((principalId) => {
        const own = all().filter((key) => key.tenantId === tenantId && key.principalId === principalId);
        return {
          principalId,
          liveKeys: own.filter((key) => key.revokedAtMs === null).length,
          createdAtMs: Math.min(...own.map((key) => key.createdAtMs)),
          revokedAtMs: revoked.get(place(tenantId, principalId)) ?? null,
        };
      });
  const userOf = (scope: Scope, id: string): TenantUser | null =>
    usersOf(scope).find(({ principalId }) => principalId === id) ?? null;
  const apiKeys: ApiKeyStore = {
    findByHash: async (hash) => {
      const found = [...keys.values()].find((row) => row.hash === hash);
      return found === undefined ? null : asNow(found.key);
    },
    async create(scope, { hash, ...key }) {
      const made: ApiKey = { ...key, tenantId: scope.tenantId, createdAtMs: Date.now(), revokedAtMs: null };
      keys.set(key.id, { key: made, hash });
      return made;
    },
    list: async (scope) => all().filter((key) => isMine(scope, key)),
    async revoke(scope, id) {
      const row = keys.get(id);
      if (row === undefined || !isMine(scope, row.key)) return false;
      row.key = { ...row.key, revokedAtMs: Date.now() };
      return true;
    },
    ensureTenant: async (id, name) => {
      if (!tenants.has(id)) tenants.set(id, { id, name, createdAtMs: Date.now() });
    },
    hasAdminKey: async (tenantId) =>
      all().some((key) => key.tenantId === tenantId && key.scopes.includes('admin') && asNow(key).revokedAtMs === null),
  };
  const directory: TenantDirectory = {
    async createTenant(id, name) {
      const begun = tenants.get(id);
      if (begun !== undefined) return all().some(({ tenantId }) => tenantId === id) ? null : begun;
      const made = { id, name, createdAtMs: Date.now() };
      tenants.set(id, made);
      return made;
    },
    listTenants: async (after) => [...tenants.values()].filter(({ id }) => after === null || id > after),
    listUsers: async (scope, after) =>
      usersOf(scope).filter(({ principalId }) => after === null || principalId > after),
    async revokeUser(scope, principalId) {
      if (userOf(scope, principalId) === null) return null;
      const at = place(scope.tenantId, principalId);
      revoked.set(at, revoked.get(at) ?? Date.now());
      return userOf(scope, principalId);
    },
    async restoreUser(scope, principalId) {
      revoked.delete(place(scope.tenantId, principalId));
      return userOf(scope, principalId);
    },
    isRevoked: async ({ tenantId }, principalId) => revoked.has(place(tenantId, principalId)),
    openTurns: async (scope, principalId, limit) =>
      [...tables.turns.values()]
        .map(({ turn }) => turn)
        .filter((turn) => isMine(scope, turn) && turn.principalId === principalId && !isTerminal(turn.status))
        .slice(0, limit)
        .map((turn) => ({ turnId: turn.id, conversationId: turn.conversationId })),
  };
  return { apiKeys, directory };
}
