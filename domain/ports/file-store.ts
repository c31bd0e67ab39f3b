/** Bytes that belong to a tenant: uploads, data URLs taken out of inputs, and what tools produce. Content-addressed. */
import type { Scope } from '../scope.js';

export interface FileRecord {
  readonly id: string;
  /** A plain name: no path separators, no control characters, at most 255 bytes. */
  readonly filename: string;
  readonly mimeType: string;
  readonly bytes: number;
  /** Hex SHA-256 of the content. */
  readonly sha256: string;
  /** `user_data`: an input; `assistant_output`: made by a tool. */
  readonly purpose: 'user_data' | 'assistant_output';
  readonly createdAtMs: number;
}

export interface NewFile extends Pick<FileRecord, 'filename' | 'mimeType' | 'purpose'> {
  readonly content: Uint8Array;
}

export interface FileStore {
  put(scope: Scope, file: NewFile): Promise<FileRecord>;
  get(scope: Scope, id: string): Promise<FileRecord | null>;
  /** @throws `file.not-found`. */
  read(scope: Scope, id: string): Promise<Uint8Array>;
  /** @returns false when there is none. Bytes go when no other file of the tenant has the same content. */
  remove(scope: Scope, id: string): Promise<boolean>;
}
