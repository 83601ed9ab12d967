import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, link, lstat, mkdir, symlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract, type Extract } from 'tar-stream';
import { hypermeshError } from '../../errors.ts';

// A layer of an ordinary distribution; more is a bomb.
export const UNPACKED_BYTES_MAX: number = 2 * 1024 * 1024 * 1024;
export const ENTRIES_MAX: number = 100_000;
const PATH_LENGTH_MAX = 1_024;
// Read by everybody, run by everybody, never set-user-id.
const MODE_MASK = 0o755;

type Entry = Extract extends AsyncIterable<infer Element> ? Element : never;

/**
 * Unpacks one layer (a tar archive) into `target`, a new directory that nobody else writes to. Refuses by name whatever
 * could leave the directory (`..`, absolute paths, links through links), devices, and archives over the limits.
 */
export async function unpackLayer(archive: string, target: string, signal: AbortSignal): Promise<void> {
  await mkdir(target, { recursive: true, mode: 0o755 });
  const tar = extract();
  const feeding = pipeline(createReadStream(archive), tar, { signal });
  // The loop below ends with the error of the archive; the feeder's is the same one.
  feeding.catch(() => undefined);
  let bytes = 0;
  let entries = 0;
  try {
    for await (const entry of tar) {
      bytes += entry.header.size ?? 0;
      if (++entries > ENTRIES_MAX || bytes > UNPACKED_BYTES_MAX) refuse(entry, 'the layer is larger than allowed');
      await place(entry, target);
    }
    await feeding;
  } catch (cause) {
    if ((cause as { code?: string }).code?.startsWith('hypermesh.') === true) throw cause;
    throw hypermeshError('hypermesh.workload_failed', { reason: 'the layer cannot be unpacked' }, { cause });
  }
}

async function place(entry: Entry, target: string): Promise<void> {
  const { type, linkname, mode } = entry.header;
  const path = await safePath(entry, entry.header.name, target);
  if (path === target) return void entry.resume();
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  switch (type) {
    case 'directory':
      await mkdir(path, { recursive: true, mode: 0o755 });
      break;
    case 'file':
    case 'contiguous-file':
      await pipeline(entry, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      await chmod(path, ((mode ?? 0o644) | 0o444) & MODE_MASK);
      return;
    case 'symlink':
      // Resolved inside the container only, where its root is this directory.
      await symlink(linkname ?? '', path);
      break;
    case 'link':
      await link(await safePath(entry, linkname ?? '', target), path);
      break;
    default:
      refuse(entry, `entries of type ${type ?? 'unknown'} are not allowed`);
  }
  entry.resume();
}

/** The place of an entry; no folder on the way may be a link, or the entry would land somewhere else. */
async function safePath(entry: Entry, name: string, target: string): Promise<string> {
  const clean = normalize(name.replace(/^\.\//u, ''));
  if (name === '' || name.startsWith('/') || name.includes('\0') || name.length > PATH_LENGTH_MAX) refuse(entry, 'the path is not allowed');
  const parts = clean.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) refuse(entry, 'the path leaves the layer');
  let folder = target;
  for (const part of parts.slice(0, -1)) {
    folder = join(folder, part);
    const known = await lstat(folder).catch(() => undefined);
    if (known !== undefined && !known.isDirectory()) refuse(entry, 'the path leads through a link or file');
  }
  return join(target, ...parts);
}

function refuse(entry: Entry, reason: string): never {
  throw hypermeshError('hypermesh.workload_failed', { reason, entry: entry.header.name.slice(0, PATH_LENGTH_MAX) });
}
