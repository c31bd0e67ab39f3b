/** Copies of everything the embedded parts hold, made while the server runs. A served PostgreSQL has tools of its own for that. */

/** `snapshot`: the database only, made on a schedule and kept in the data folder. `backup`: files and keys too. */
export type BackupKind = 'snapshot' | 'backup';

export interface BackupRecord {
  readonly kind: BackupKind;
  /** Name of its folder, time first. */
  readonly name: string;
  /** Where it lies on the server's disk. */
  readonly path: string;
  readonly createdAtMs: number;
  readonly bytes: number;
  readonly fileCount: number;
}

export interface BackupStore {
  /**
   * Everything acknowledged before the call returns is in the copy; what is acknowledged while it runs may be. Turns go on
   * meanwhile. One at a time: a second call waits for the first. A copy that fails leaves nothing behind.
   * @throws `store.unavailable` when there is no room or the folder cannot be written.
   */
  create(kind: BackupKind): Promise<BackupRecord>;
  /** Newest first. A folder that is not a whole backup is left out. */
  list(): Promise<readonly BackupRecord[]>;
}
