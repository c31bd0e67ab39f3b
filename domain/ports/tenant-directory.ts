/** Tenants and their users, as operators manage them. A user is a principal with at least one API key. */
import type { Scope } from '../scope.js';

export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly createdAtMs: number;
}

export interface TenantUser {
  readonly principalId: string;
  /** Keys that are neither revoked by themselves nor expired. */
  readonly liveKeys: number;
  readonly createdAtMs: number;
  /** While it is set no key of theirs is valid and no step of their turns begins. */
  readonly revokedAtMs: number | null;
}

export interface RunningTurn {
  readonly turnId: string;
  readonly conversationId: string | null;
}

export interface TenantDirectory {
  /** System-wide. @returns null when the id is taken: by a tenant that has, or ever had, a key. @throws `request.invalid` for an id that is none. */
  createTenant(id: string, name: string): Promise<Tenant | null>;
  /** System-wide, by id; at most 1,000 after the given one. */
  listTenants(after: string | null): Promise<readonly Tenant[]>;
  /** By id; at most 1,000 after the given one. */
  listUsers(scope: Scope, after: string | null): Promise<readonly TenantUser[]>;
  /** Safe to repeat: the first time stays. @returns null when no key was ever made for this principal. */
  revokeUser(scope: Scope, principalId: string): Promise<TenantUser | null>;
  /** Their keys work again, but those revoked by themselves. Safe to repeat. @returns null when there is no such user. */
  restoreUser(scope: Scope, principalId: string): Promise<TenantUser | null>;
  /** False for who was never known. */
  isRevoked(scope: Scope, principalId: string): Promise<boolean>;
  /** Turns of a principal without a terminal state, oldest first. */
  openTurns(scope: Scope, principalId: string, limit: number): Promise<readonly RunningTurn[]>;
}
