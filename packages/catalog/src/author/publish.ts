import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { blobDigest, type Client, encode } from '@hypermesh/stoq';
import type { TrustClient } from '@hypermesh/trustchain/client';
import type { MeshAccount, MeshClient } from '@hypermesh/mesh/client';
import { type CatalogMethods, UPLOAD_PIECE_BYTES_MAX } from '../api.ts';
import { catalogError } from '../errors.ts';
import { INDEX_MACHINE, indexOperationCodec } from '../index/index-machine.ts';
import { packageEntryCodec, signPackage } from '../index/package-entry.ts';
import type { PublishedVersion } from '../index/published-version.ts';
import { encodeManifest } from '../manifest/manifest.ts';
import { packageRoot } from '../manifest/root.ts';
import type { BuiltPackage } from './build.ts';

export interface PublishComponents {
  readonly catalog: Client<CatalogMethods>;
  readonly trust: Pick<TrustClient, 'log.add'>;
  readonly mesh: MeshClient;
  readonly account: MeshAccount;
  /** The publisher's encoded certificate bundle. */
  readonly bundle: () => Uint8Array;
  readonly meshId: Uint8Array;
}

export interface PublishOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (step: 'upload' | 'log' | 'order', detail: string) => void;
}

/** What was published, or had been before with the same root. */
export interface Publication {
  readonly name: string;
  readonly version: string;
  readonly root: Uint8Array;
  /** Whether it was there already. */
  readonly known: boolean;
}

/**
 * Publishes a built package: blobs to the catalog, the signed root into the package log, the index entry with the log's proof
 * into the ordered index. Repeating it after a failure is safe. Throws `catalog.version_exists` when the version stands for
 * another root.
 */
export async function publishPackage(built: BuiltPackage, components: PublishComponents, options: PublishOptions): Promise<Publication> {
  const { manifest } = built;
  const { name, version, kind } = manifest;
  const { account, meshId, catalog, trust, mesh } = components;
  const root = packageRoot(manifest);
  const known = await catalog.resolve({ name, version }, options);
  if (known.value !== null) return knownVersion(known.value, root);
  const encoded = encodeManifest(manifest);
  await uploadAll(built, encoded, components, options);

  options.onProgress?.('log', `${name}@${version}`);
  const statement = { meshId, name, version, kind, root, manifest: blobDigest(encoded), publisher: account.owner };
  const entry = await signPackage(statement, account.signer);
  const { index, proof: hashes, checkpoint } = await trust['log.add']({ entry: encode(packageEntryCodec, entry) }, options);

  options.onProgress?.('order', `${name}@${version}`);
  const operation = { kind: 'publish', entry, proof: { index, hashes, checkpoint }, bundle: components.bundle() } as const;
  await mesh.transact(account, INDEX_MACHINE, [encode(indexOperationCodec, operation)], options);
  return { name, version, root, known: false };
}

function knownVersion({ name, version, root: published }: PublishedVersion, root: Uint8Array): Publication {
  if (Buffer.compare(published, root) !== 0) throw catalogError('catalog.version_exists', { name, version });
  return { name, version, root, known: true };
}

async function uploadAll(
  { manifest, directory }: BuiltPackage,
  encoded: Uint8Array,
  { catalog }: PublishComponents,
  options: PublishOptions,
): Promise<void> {
  options.onProgress?.('upload', 'manifest');
  await uploadPieces(
    catalog,
    { digest: blobDigest(encoded), size: encoded.length },
    (offset, length) => encoded.subarray(offset, offset + length),
    options,
  );
  for (const { path, size, blob } of manifest.files) {
    options.onProgress?.('upload', path);
    const file = await open(join(directory, path));
    try {
      const read = async (offset: number, length: number): Promise<Uint8Array> => {
        const buffer = new Uint8Array(Math.min(length, size - offset));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
        return buffer.subarray(0, bytesRead);
      };
      await uploadPieces(catalog, { digest: Uint8Array.from(Buffer.from(blob, 'hex')), size }, read, options);
    } finally {
      await file.close();
    }
  }
}

/** Goes on where an earlier attempt stopped; the catalog verifies the whole. */
async function uploadPieces(
  catalog: Client<CatalogMethods>,
  blob: { readonly digest: Uint8Array; readonly size: number },
  read: (offset: number, length: number) => Uint8Array | Promise<Uint8Array>,
  { signal }: PublishOptions,
): Promise<void> {
  let { received, complete } = await catalog.upload({ ...blob, offset: 0, bytes: new Uint8Array() }, { signal });
  while (!complete) {
    const bytes = await read(received, UPLOAD_PIECE_BYTES_MAX);
    // A file that has become shorter than its manifest says would never end.
    if (bytes.length === 0 && blob.size > 0) throw catalogError('catalog.file_mismatch', { size: blob.size, received });
    ({ received, complete } = await catalog.upload({ ...blob, offset: received, bytes }, { signal }));
  }
}
