import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatId } from '@hypermesh/stoq';
import { loadPackage } from '@hypermesh/catalog';
import type { CommandContext } from '../command.ts';
import { resolveInCatalog, withBlobs } from './browse.ts';
import { intoNewFolder } from '../reserved.ts';
import { copyFiles } from './build.ts';

/** Brings a package here; what does not match the published root never appears in the folder. */
export async function fetchPackage(context: CommandContext, reference: string, output: string): Promise<void> {
  const target = resolve(context.cwd, output);
  const value = await intoNewFolder(target, () => fetchInto(context, reference, target));
  context.out.result(value, () => `Fetched ${value.name}@${value.version} into ${target}.`);
}

interface Fetched {
  readonly name: string;
  readonly version: string;
  readonly root: string;
  readonly directory: string;
  readonly files: number;
}

async function fetchInto(context: CommandContext, reference: string, target: string): Promise<Fetched> {
  const session = await context.session();
  const found = await resolveInCatalog(session, reference);
  const staging = await mkdtemp(join(tmpdir(), 'hypermesh-package-'));
  try {
    const { manifest, directory } = await withBlobs(session, (blobs) => loadPackage(staging, found, blobs, session.signal));
    await copyFiles(manifest, directory, target);
    return {
      name: found.name,
      version: found.version,
      root: formatId('pkg', found.root),
      directory: target,
      files: manifest.files.length,
    };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}
