import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { buildPackage, type BuiltPackage, type Manifest, packageRoot } from '@hypermesh/catalog';
import type { CommandContext } from '../command.ts';
import { formatBytes } from '../text.ts';

export interface BuildOptions {
  readonly output?: string;
}

export async function build(context: CommandContext, source: string, { output }: BuildOptions): Promise<void> {
  const target = output === undefined ? null : resolve(context.cwd, output);
  await withBuilt(resolve(context.cwd, source), async ({ manifest, directory }) => {
    if (target !== null) await copyFiles(manifest, directory, target);
    const value = { ...packageValue(manifest), ...(target === null ? {} : { directory: target }) };
    context.out.result(value, () => manifestText(context, manifest));
  });
}

/** Builds into a temporary folder that is gone afterwards. */
export async function withBuilt<T>(source: string, use: (built: BuiltPackage) => Promise<T>): Promise<T> {
  const staging = await mkdtemp(join(tmpdir(), 'hypermesh-build-'));
  try {
    return await use(await buildPackage(source, staging));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** A folder that is there is not touched. */
export async function copyFiles({ files }: Manifest, from: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await mkdir(target);
  for (const { path } of files) await cp(join(from, path), join(target, path));
}

export function packageValue(manifest: Manifest): object {
  const { name, version, kind, description, license, entry, files } = manifest;
  return { name, version, kind, root: formatId('pkg', packageRoot(manifest)), description, license, entry, files };
}

export function manifestText({ out }: CommandContext, manifest: Manifest): string {
  const { name, version, kind, description, license, entry, files } = manifest;
  return [
    out.fields([
      ['package', `${name}@${version} (${kind})`],
      ['root', formatId('pkg', packageRoot(manifest))],
      ['about', description],
      ['license', license],
      ['entry', entry],
    ]),
    '',
    out.table(
      ['FILE', 'SIZE', 'SHA-256'],
      files.map(({ path, size, sha256 }) => [path, formatBytes(size), sha256]),
    ),
  ].join('\n');
}
