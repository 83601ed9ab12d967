import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseSourceModule, type SourceModule } from './source-module.ts';

/** The text files of a repository, by their path from its root. Rules are pure functions of this. */
export interface Repository {
  readonly paths: readonly string[];
  /** Paths of the files that are not text; nothing else is known of them. */
  readonly binaries: readonly string[];
  has(path: string): boolean;
  hasDirectory(path: string): boolean;
  text(path: string): string;
  /** The parsed form of a TypeScript file; parsed once. */
  sourceModule(path: string): SourceModule;
}

export function createRepository(files: ReadonlyMap<string, string>, binaries: readonly string[] = []): Repository {
  const paths = [...files.keys()].toSorted();
  const directories = new Set(paths.flatMap(parentDirectories));
  const parsed = new Map<string, SourceModule>();
  const text = (path: string): string => {
    const content = files.get(path);
    if (content === undefined) throw new Error(`no such file in the repository: ${path}`);
    return content;
  };
  return {
    paths,
    binaries,
    has: (path) => files.has(path),
    hasDirectory: (path) => directories.has(path.replace(/\/$/, '')),
    text,
    sourceModule(path) {
      const known = parsed.get(path) ?? parseSourceModule(path, text(path));
      parsed.set(path, known);
      return known;
    },
  };
}

/** Reads what git tracks, and what it would track: files that are not ignored. A link to a folder is no file. */
export function readRepository(root: string): Repository {
  const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: LISTING_BYTES_MAX,
  });
  const paths = new Set(
    listing.split('\0').filter((path) => path !== '' && statSync(join(root, path), { throwIfNoEntry: false })?.isFile()),
  );
  const files = new Map<string, string>();
  const binaries: string[] = [];
  for (const path of paths) {
    const bytes = readFileSync(join(root, path));
    if (bytes.includes(0)) binaries.push(path);
    else files.set(path, bytes.toString('utf8'));
  }
  return createRepository(files, binaries);
}

/** A hundred thousand paths of 160 bytes: far above what this repository may become. */
const LISTING_BYTES_MAX = 16 * 1024 * 1024;

function parentDirectories(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
