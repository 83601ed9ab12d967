import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { buildPackage, type BuiltPackage, type Manifest, packageRoot } from '@hypermesh/catalog';
import type { CommandContext } from '../command.ts';
import { intoNewFolder } from '../reserved.ts';
import { formatBytes } from '../text.ts';

export interface BuildOptions {
  readonly output?: string;
}

export async function build(context: CommandContext, source: string, { output }: BuildOptions): Promise<void> {
  const from = resolve(context.cwd, source);
  if (output === undefined) return withBuilt(from, async ({ manifest }) => tell(context, manifest, {}));
  const target = resolve(context.cwd, output);
  const manifest = await intoNewFolder(target, () =>
    withBuilt(from, async (built) => {
      await copyFiles(built.manifest, built.directory, target);
      return built.manifest;
    }),
  );
  tell(context, manifest, { directory: target });
}

function tell(context: CommandContext, manifest: Manifest, place: { readonly directory?: string }): void {
  context.out.result({ ...packageValue(manifest), ...place }, () => manifestText(context, manifest));
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

export async function copyFiles({ files }: Manifest, from: string, target: string): Promise<void> {
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
