import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBlobSource, createBlobStore, formatId } from '@hypermesh/stoq';
import {
  type BlobSource,
  catalogError,
  decodeManifest,
  MANIFEST_BYTES_MAX,
  PACKAGE_BYTES_MAX,
  type PublishedVersion,
} from '@hypermesh/catalog';
import { parseReference } from '../app/document.ts';
import type { CommandContext } from '../command.ts';
import { namesById } from '../node/members.ts';
import type { Session } from '../session.ts';
import { formatTime, yesNo } from '../text.ts';
import { manifestText, packageValue } from './build.ts';
import { described } from './index-query.ts';

export async function listPackages(context: CommandContext, name: string): Promise<void> {
  const session = await context.session();
  const { value: versions } = await (await session.catalog()).list({ name }, { signal: session.signal });
  const names = await namesById(session);
  context.out.result(versions.map(versionValue), () =>
    context.out.table(
      ['PACKAGE', 'KIND', 'PUBLISHED', 'PUBLISHER', 'YANKED', 'ROOT'],
      versions.map(({ name: of, version, kind, root, publisher, publishedAt, yanked }) => [
        `${of}@${version}`,
        kind,
        formatTime(publishedAt),
        names.get(formatId('node', publisher)) ?? '',
        yesNo(yanked),
        formatId('pkg', root),
      ]),
    ),
  );
}

export async function showPackage(context: CommandContext, reference: string): Promise<void> {
  const session = await context.session();
  const version = await resolveInCatalog(session, reference);
  const manifest = await withBlobs(session, async (blobs) =>
    decodeManifest(await blobs.get(version.manifest, { bytesMax: MANIFEST_BYTES_MAX, signal: session.signal })),
  );
  context.out.result({ ...versionValue(version), ...packageValue(manifest) }, () => manifestText(context, manifest));
}

/** Throws `catalog.version_unknown`. */
export async function resolveInCatalog(session: Session, reference: string): Promise<PublishedVersion> {
  const wanted = parseReference(reference);
  const { value } = await (await session.catalog()).resolve(wanted, { signal: session.signal });
  if (value === null) throw catalogError('catalog.version_unknown', described(wanted));
  return value;
}

/** Blobs of the catalog, through a store that is gone afterwards. */
export async function withBlobs<T>(session: Session, use: (blobs: BlobSource) => Promise<T>): Promise<T> {
  const provider = await session.find('catalog');
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-blobs-'));
  const store = createBlobStore({ directory, quotaBytes: 2 * PACKAGE_BYTES_MAX, entropy: session.entropy });
  try {
    await store.start();
    return await use(createBlobSource({ host: session.member.host, store, providers: () => [provider] }));
  } finally {
    await store.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function versionValue({ name, version, kind, root, publisher, publishedAt, logIndex, yanked }: PublishedVersion): object {
  return { name, version, kind, root: formatId('pkg', root), publisher: formatId('node', publisher), publishedAt, logIndex, yanked };
}
