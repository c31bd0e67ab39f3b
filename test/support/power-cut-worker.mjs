/**
 * PGlite's worker on a disk that keeps only what was synced: a query that says `cut the power` writes what such a disk would
 * hold to `<dataDir>.disk` and ends the thread. A sync of a file keeps its bytes and its name; a sync of a folder keeps
 * its names; everything else is lost, as it is on the worst disk that still obeys a sync.
 */
import { existsSync, fstatSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { NodeFS } from '@electric-sql/pglite/nodefs';

const root = workerData.dataDir;
/** File number -> the bytes the disk has; -> what was written since; name -> file number, as the disk has it. */
const kept = new Map();
const pending = new Map();
const names = new Map();

function* filesBelow(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else yield path;
  }
}

for (const path of filesBelow(root)) {
  const { ino } = statSync(path);
  names.set(path, ino);
  kept.set(ino, readFileSync(path));
}

function remember(ino, change) {
  if (!pending.has(ino)) pending.set(ino, []);
  pending.get(ino).push(change);
}

function apply(bytes, { position, written, size }) {
  if (size !== undefined) {
    const resized = Buffer.alloc(size);
    bytes.copy(resized);
    return resized;
  }
  const end = position + written.length;
  const grown = end > bytes.length ? Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]) : bytes;
  written.copy(grown, position);
  return grown;
}

function keepFile(path, ino) {
  let bytes = kept.get(ino) ?? Buffer.alloc(0);
  for (const change of pending.get(ino) ?? []) bytes = apply(bytes, change);
  pending.delete(ino);
  kept.set(ino, bytes);
  names.set(path, ino);
}

function keepFolder(folder) {
  for (const path of names.keys()) if (dirname(path) === folder) names.delete(path);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isFile()) names.set(join(folder, entry.name), statSync(join(folder, entry.name)).ino);
  }
}

function watch({ FS }) {
  const { NODEFS } = FS.filesystems;
  const { stream_ops: streams, node_ops: nodes } = NODEFS;
  const { write } = streams;
  streams.write = (stream, buffer, offset, length, position) => {
    const count = write(stream, buffer, offset, length, position);
    const written = Buffer.from(buffer.subarray(offset, offset + count));
    remember(fstatSync(stream.nfd).ino, { position, written });
    return count;
  };
  const { setattr } = nodes;
  nodes.setattr = (node, change) => {
    setattr(node, change);
    if (change.size !== undefined) remember(statSync(NODEFS.realPath(node)).ino, { size: change.size });
  };
  let sync;
  Object.defineProperty(streams, 'fsync', {
    get: () => sync,
    set: (real) => {
      sync = (stream) => {
        const result = real(stream);
        const path = NODEFS.realPath(stream.node);
        const found = fstatSync(stream.nfd);
        if (found.isDirectory()) keepFolder(path);
        else keepFile(path, found.ino);
        return result;
      };
    },
  });
}

const { init } = NodeFS.prototype;
NodeFS.prototype.init = async function initWatched(pg, options) {
  const { emscriptenOpts } = await init.call(this, pg, options);
  return { emscriptenOpts: { ...emscriptenOpts, preRun: [...emscriptenOpts.preRun, watch] } };
};

function writeDisk() {
  const disk = `${root}.disk`;
  const folders = readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isDirectory());
  for (const { parentPath, name } of folders)
    mkdirSync(join(parentPath, name).replace(root, disk), { recursive: true });
  for (const [path, ino] of names) writeFileSync(path.replace(root, disk), kept.get(ino) ?? '');
}

parentPort?.on('message', ({ bytes }) => {
  if (bytes === undefined || !Buffer.from(bytes).includes('cut the power')) return;
  writeDisk();
  process.exit(9);
});
await import('../../adapters/pglite/pglite-worker.mjs');
