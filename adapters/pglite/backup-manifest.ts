/**
 * A backup is a folder: `database/` (a base backup of PostgreSQL with the log it needs), for a whole backup also `files/` and the
 * key of the data folder, and `manifest.json`, which names every file with its size and hash. The manifest is written last:
 * a folder without one is no backup.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { failure, toError } from '../../domain/failures.js';

const MANIFEST = 'manifest.json';

/** A backup may come from anywhere: no name in it leads out of the folder it is restored to. */
const filePath = z
  .string()
  .regex(/^(?!.*(^|\/)\.{1,2}(\/|$))[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/, 'a path below the backup');

const manifestSchema = z.object({
  format: z.literal(1),
  kind: z.enum(['snapshot', 'backup']),
  product_version: z.string(),
  postgres_version: z.string(),
  created_at: z.iso.datetime(),
  files: z
    .array(z.object({ path: filePath, bytes: z.int().min(0), sha256: z.string() }))
    .describe('Paths with /, relative to the backup.'),
});
export type BackupManifest = z.infer<typeof manifestSchema>;
export type ManifestFile = BackupManifest['files'][number];

export async function writeManifest(folder: string, manifest: BackupManifest): Promise<void> {
  const handle = await open(join(folder, MANIFEST), 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(manifest)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** @throws `request.invalid` when the folder is not a backup of ours. */
export async function readManifest(folder: string): Promise<BackupManifest> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')));
  } catch (error) {
    const why =
      (toError(error) as NodeJS.ErrnoException).code === 'ENOENT' ? `it has no ${MANIFEST}` : toError(error).message;
    throw failure(
      'request.invalid',
      `${folder} is not a whole backup of this product: ${why}. Name the folder that holds ${MANIFEST}.`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Reads every file again and compares it with the manifest.
 * @throws `request.invalid` naming the first file that differs; then nothing of the backup should be used.
 */
export async function verifyBackup(folder: string, manifest: BackupManifest): Promise<void> {
  for (const file of manifest.files) {
    const found = await describeFile(folder, file.path).catch((error: unknown) => {
      throw failure('request.invalid', `the backup ${folder} is damaged: ${file.path}: ${toError(error).message}`);
    });
    if (found.bytes !== file.bytes || found.sha256 !== file.sha256) {
      throw failure(
        'request.invalid',
        `the backup ${folder} is damaged: ${file.path} is not what was written. Use another one.`,
      );
    }
  }
}

/** @param path with /, relative to the folder. */
export async function describeFile(folder: string, path: string): Promise<ManifestFile> {
  const hash = createHash('sha256');
  const full = join(folder, ...path.split('/'));
  await pipeline(createReadStream(full), hash);
  return { path, bytes: (await stat(full)).size, sha256: hash.digest('hex') };
}

/** All files below, with /, relative to the folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
    .sort();
}
