import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const EXAMPLE = new URL('../../../../examples/hello/assembly/', import.meta.url);

/** Compiles a guest with AssemblyScript; `./cgi` is the library of the example. */
export async function compileGuest(source: string): Promise<Uint8Array> {
  const files = new Map([
    ['guest.ts', source],
    ['cgi.ts', await readFile(fileURLToPath(new URL('cgi.ts', EXAMPLE)), 'utf8')],
  ]);
  let module: Uint8Array | undefined;
  const { error } = await asc.main(['guest.ts', '--outFile', 'guest.wasm', '--runtime', 'stub', '--use', 'abort=', '-O'], {
    readFile: (name) => files.get(name.replace(/^.*\//u, '')) ?? null,
    writeFile: (_name, contents) => {
      module = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  assert(error === null && module !== undefined, error?.message ?? 'no module');
  return new Uint8Array(module);
}

export async function exampleSource(): Promise<string> {
  return readFile(fileURLToPath(new URL('index.ts', EXAMPLE)), 'utf8');
}

export async function hostileSource(): Promise<string> {
  return readFile(fileURLToPath(new URL('./hostile.as', import.meta.url)), 'utf8');
}
