import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** An app whose only source file is one of this package's guests. */
export interface GuestApp {
  /** Of the app and of its package. */
  readonly name: string;
  /** File in `guests/`. */
  readonly source: string;
  /** Further fields of `app.yaml`. */
  readonly spec: Readonly<Record<string, unknown>>;
}

const GUESTS = new URL('../../guests/', import.meta.url);
const CGI = new URL('../../../../examples/hello/assembly/cgi.ts', import.meta.url);

/** Writes the folder of the app as an author would (JSON is YAML) and hands it to `use`; it is removed afterwards. */
export async function withGuestFolder<T>({ name, source, spec }: GuestApp, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-guest-'));
  try {
    await mkdir(join(folder, 'assembly'));
    await copyFile(fileURLToPath(CGI), join(folder, 'assembly', 'cgi.ts'));
    await copyFile(fileURLToPath(new URL(source, GUESTS)), join(folder, 'assembly', 'index.ts'));
    const identity = { name, version: '1.0.0', license: 'MIT', entry: 'guest.wasm' };
    const recipe = { apiVersion: 'catalog/v1', kind: 'wasm', ...identity, build: { assemblyscript: 'assembly/index.ts' } };
    await writeFile(join(folder, 'package.yaml'), JSON.stringify(recipe));
    await writeFile(
      join(folder, 'app.yaml'),
      JSON.stringify({ apiVersion: 'hypermesh/v1', kind: 'App', name, package: `${name}@1.0.0`, ...spec }),
    );
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
