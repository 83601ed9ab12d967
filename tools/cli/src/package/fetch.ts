import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { loadPackage } from '@hypermesh/catalog';
import type { CommandContext } from '../command.ts';
import { resolveInCatalog, withBlobs } from './browse.ts';
import { copyFiles } from './build.ts';

/** Brings a package here; what does not match the published root never appears in the folder. */
export async function fetchPackage(context: CommandContext, reference: string, output: string): Promise<void> {
  const session = await context.session();
  const version = await resolveInCatalog(session, reference);
  const target = resolve(context.cwd, output);
  const staging = await mkdtemp(join(tmpdir(), 'hypermesh-package-'));
  try {
    const { manifest, directory } = await withBlobs(session, (blobs) => loadPackage(staging, version, blobs, session.signal));
    await copyFiles(manifest, directory, target);
    const value = { name: version.name, version: version.version, root: formatId('pkg', version.root), directory: target };
    context.out.result({ ...value, files: manifest.files.length }, () => `Fetched ${value.name}@${value.version} into ${target}.`);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
