import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { catalogError } from '../errors.ts';
import { checkModule } from '../executor/module-check.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { packDirectory } from '../pack/pack.ts';
import { ABORT_FILE, ABORT_FUNCTION, ABORT_SOURCE } from './abort.ts';
import { type AuthorDescription, DESCRIPTION_FILE, readDescription } from './description.ts';

/** A package ready to be published. */
export interface BuiltPackage {
  readonly manifest: Manifest;
  /** Holds the files of the manifest, by their paths. */
  readonly directory: string;
}

// Files that go along with a built module when the author has them.
const COMPANIONS = ['LICENSE', 'README.md'];

/**
 * Makes the package that `package.yaml` of `source` describes. What is built goes into `staging`, an empty directory of the
 * caller's; a package without a build is packed where it stands.
 */
export async function buildPackage(source: string, staging: string): Promise<BuiltPackage> {
  const built = await build(source, staging);
  // What no node could run is refused before anybody signs it.
  if (built.manifest.kind === 'wasm') checkModule(await readFile(join(built.directory, built.manifest.entry)));
  return built;
}

async function build(source: string, staging: string): Promise<BuiltPackage> {
  const description = await readDescription(source);
  const { build: recipe, ...fields } = description;
  if (recipe === null) return { manifest: await packDirectory(source, fields), directory: source };
  const module = await compileAssemblyScript(source, recipe.assemblyscript);
  await mkdir(dirname(join(staging, description.entry)), { recursive: true });
  await writeFile(join(staging, description.entry), module);
  await copyCompanions(source, staging, description);
  return { manifest: await packDirectory(staging, fields), directory: staging };
}

async function copyCompanions(source: string, staging: string, { entry }: AuthorDescription): Promise<void> {
  for (const name of [DESCRIPTION_FILE, ...COMPANIONS]) {
    if (name === entry) continue;
    await copyFile(join(source, name), join(staging, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

/** Compiles a CGI program for WASI with AssemblyScript; sources outside the directory are not read. */
async function compileAssemblyScript(source: string, main: string): Promise<Uint8Array> {
  // The compiler takes half a second to load: only whoever builds pays for it.
  const { default: compiler } = await import('assemblyscript/asc');
  const root = resolve(source);
  const decoder = new TextDecoder();
  let module: Uint8Array | undefined;
  let messages = '';
  const options = ['--outFile', 'module.wasm', '--runtime', 'stub', '--use', `abort=${ABORT_FUNCTION}`, '-O'];
  const { error } = await compiler.main([main, ABORT_FILE, ...options], {
    async readFile(name, base) {
      if (name === ABORT_FILE) return ABORT_SOURCE;
      const path = resolve(root, base, name);
      if (relative(root, path).startsWith('..')) return null;
      return readFile(path, 'utf8').catch(() => null);
    },
    writeFile(_name, contents) {
      module = typeof contents === 'string' ? new TextEncoder().encode(contents) : contents;
    },
    listFiles: () => [],
    stderr: {
      write(chunk: Uint8Array | string) {
        messages += typeof chunk === 'string' ? chunk : decoder.decode(chunk);
      },
    },
  });
  if (error !== null || module === undefined) {
    throw catalogError('catalog.build_failed', { main, reason: messages.trim() || error?.message });
  }
  return new Uint8Array(module);
}
