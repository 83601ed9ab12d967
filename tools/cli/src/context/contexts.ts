import { lstat, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type * as Errors from '../errors.ts';

/** One membership of this user: a mesh and the keys to speak in it. */
export interface ContextEntry {
  readonly name: string;
  /** Folder with keystore, passphrase, join token, genesis and data. */
  readonly home: string;
  readonly current: boolean;
  /** Whether the folder lies elsewhere and is only named here. */
  readonly linked: boolean;
  /** False for a folder elsewhere that is gone, such as with its mesh. */
  readonly there: boolean;
}

/** Owner of the user's contexts on disk. */
export interface Contexts {
  readonly directory: string;
  list(): Promise<readonly ContextEntry[]>;
  /** Throws `cli.context_missing`. */
  find(name: string): Promise<ContextEntry>;
  /** Name of the one that commands use; null while there is none. */
  current(): Promise<string | null>;
  use(name: string): Promise<void>;
  /**
   * Whether a context of that name can be made: none is there, or one whose home is gone, or the one of this home. `home` is null for one
   * that does not exist yet. Throws `cli.context_exists`.
   */
  assertFree(name: string, home: string | null): Promise<void>;
  /** The name, with a number where another context has it. */
  freeName(name: string, home: string | null): Promise<string>;
  /**
   * Takes a home over and makes it the current one: `move` puts it under the contexts, otherwise it is only named. One that is named so
   * already stays. Throws `cli.context_exists`.
   */
  add(name: string, home: string, options: { readonly move: boolean }): Promise<ContextEntry>;
  /** Forgets the context; a home under the contexts is deleted with its keys. */
  remove(name: string): Promise<void>;
}

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/u;
// Leaves room for a number.
const DEFAULT_NAME_LENGTH_MAX = 56;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** `$HYPERMESH_HOME`, else `hypermesh` in the folder of the user's configuration. */
export function contextsDirectory(env: NodeJS.ProcessEnv, cwd: string): string {
  const { HYPERMESH_HOME, XDG_CONFIG_HOME } = env;
  if (HYPERMESH_HOME !== undefined && HYPERMESH_HOME !== '') return resolve(cwd, HYPERMESH_HOME);
  const base = XDG_CONFIG_HOME === undefined || XDG_CONFIG_HOME === '' ? join(env['HOME'] ?? homedir(), '.config') : XDG_CONFIG_HOME;
  return join(resolve(cwd, base), 'hypermesh');
}

export function createContexts(directory: string): Contexts {
  const folder = join(directory, 'contexts');
  const currentFile = join(directory, 'current');

  const current = async (): Promise<string | null> => {
    const text = (await orNull(readFile(currentFile, 'utf8')))?.trim();
    return text === undefined || text === '' ? null : text;
  };

  const list = async (): Promise<readonly ContextEntry[]> => {
    const [names, active] = await Promise.all([orNull(readdir(folder)), current()]);
    return Promise.all((names ?? []).filter((name) => NAME.test(name)).map((name) => entryOf(folder, name, active)));
  };

  const find = async (name: string): Promise<ContextEntry> => {
    const found = (await list()).find((entry) => entry.name === name);
    if (found === undefined) throw await missing(name);
    return found;
  };

  const use = async (name: string): Promise<void> => {
    await find(name);
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await writeFile(`${currentFile}.new`, `${name}\n`, { mode: FILE_MODE });
    await rename(`${currentFile}.new`, currentFile);
  };

  const isFree = async (name: string, home: string | null): Promise<boolean> => {
    const known = (await list()).find((entry) => entry.name === name);
    return known === undefined || !known.there || (known.linked && home !== null && known.home === resolve(home));
  };

  const assertFree = async (name: string, home: string | null): Promise<void> => {
    await assertName(name);
    if (!(await isFree(name, home))) throw (await errors()).cliError('cli.context_exists', { context: name });
  };

  return {
    directory,
    assertFree,
    async freeName(name, home) {
      for (let number = 1; ; number++) {
        const numbered = number === 1 ? name : `${name}-${number}`;
        if (await isFree(numbered, home)) return numbered;
      }
    },
    list,
    find,
    current,
    use,
    async add(name, home, { move }) {
      await assertFree(name, move ? null : home);
      const place = join(folder, name);
      await mkdir(folder, { recursive: true, mode: DIRECTORY_MODE });
      // What may be there is a name for this home, or for one that is gone.
      await rm(place, { force: true });
      if (move) await rename(home, place);
      else await symlink(resolve(home), place);
      await use(name);
      return find(name);
    },
    async remove(name) {
      const { home, linked } = await find(name);
      await rm(linked ? join(folder, name) : home, { recursive: !linked });
      if ((await current()) === name) await rm(currentFile);
    },
  };
}

async function entryOf(folder: string, name: string, active: string | null): Promise<ContextEntry> {
  const place = join(folder, name);
  const linked = (await lstat(place)).isSymbolicLink();
  return { name, home: linked ? await readlink(place) : place, current: name === active, linked, there: await isThere(place) };
}

/** One that may not be looked at is there. */
async function isThere(place: string): Promise<boolean> {
  try {
    await stat(place);
    return true;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes(String((error as NodeJS.ErrnoException).code));
  }
}

/** What a mesh is called by default: its name, as far as a context can have it. */
export function contextNameOf(mesh: string): string {
  const name = mesh
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/gu, '-')
    .slice(0, DEFAULT_NAME_LENGTH_MAX)
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/gu, '');
  return name === '' ? 'mesh' : name;
}

/** A name becomes a folder. */
async function assertName(name: string): Promise<void> {
  if (!NAME.test(name)) throw (await errors()).usageError('A context has a name of lower-case letters, digits, ".", "_" and "-"', { name });
}

async function missing(name: string): Promise<Error> {
  return (await errors()).cliError('cli.context_missing', { context: name });
}

/** Errors load the whole transport: only whoever fails pays for it. */
function errors(): Promise<typeof Errors> {
  return import('../errors.ts');
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
