/** The metadata of files, kept in the database while the bytes lie elsewhere. What a `FileStore` is built on. */
import type { Scope } from '../scope.js';
import type { FileRecord } from './file-store.js';

export interface FileIndex {
  /** Inserts wait for a removal of the same content that is under way, and the other way round. */
  insert(scope: Scope, file: FileRecord): Promise<void>;
  get(scope: Scope, id: string): Promise<FileRecord | null>;
  /**
   * @param onLastUse called, before the removal is final, when no other file of the tenant has this content.
   * @returns false when there is no such file.
   */
  remove(scope: Scope, id: string, onLastUse: (file: FileRecord) => Promise<void>): Promise<boolean>;
}
