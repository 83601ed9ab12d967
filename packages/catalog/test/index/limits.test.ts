import { createCrypto, type Crypto, decode, encode } from '@hypermesh/stoq';
import {
  BUNDLE_BYTES_MAX,
  CERTIFICATE_BYTES_MAX,
  CHECKPOINT_BYTES_MAX,
  encodeBundle,
  INTERMEDIATE_COUNT_MAX,
  PROOF_HASHES_MAX,
} from '@hypermesh/trustchain';
import { TRANSACTION_BYTES_MAX } from '@hypermesh/mesh';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type IndexOperation, indexOperationCodec } from '../../src/index/index-machine.ts';
import { type PackageEntry, signPackage } from '../../src/index/package-entry.ts';
import { encodeManifest, FILES_MAX, type Manifest, MANIFEST_BYTES_MAX } from '../../src/manifest/manifest.ts';
import { PACKAGE_NAME_LENGTH_MAX, VERSION_LENGTH_MAX } from '../../src/manifest/name.ts';
import { PATH_LENGTH_MAX } from '../../src/manifest/path.ts';

// Owner, sequence and names of a transaction, and its hybrid signature.
const TRANSACTION_ENVELOPE_BYTES = 8 * 1024;

let crypto: Crypto;
let entry: PackageEntry;

beforeAll(async () => {
  crypto = await createCrypto();
  const signer = crypto.createHybridSigner(await crypto.generateKeyPair('ed25519'), await crypto.generateKeyPair('falcon1024'));
  const hash = new Uint8Array(32);
  const statement = { meshId: hash, root: hash, manifest: hash, publisher: hash, kind: 'container' } as const;
  entry = await signPackage({ ...statement, name: 'n'.repeat(PACKAGE_NAME_LENGTH_MAX), version: '1'.repeat(VERSION_LENGTH_MAX) }, signer);
});
afterAll(() => crypto.close());

const hashes = Array.from({ length: PROOF_HASHES_MAX }, () => new Uint8Array(32));

function publication(bundle: Uint8Array): IndexOperation {
  return { kind: 'publish', entry, proof: { index: 2 ** 53 - 1, hashes, checkpoint: new Uint8Array(CHECKPOINT_BYTES_MAX) }, bundle };
}

describe('the limits of a publication', () => {
  test('take whatever bundle and checkpoint the authority may issue', () => {
    const largest = publication(new Uint8Array(BUNDLE_BYTES_MAX));
    expect(decode(indexOperationCodec, encode(indexOperationCodec, largest))).toEqual(largest);
  });

  // Rotations of keys, which this version refuses, would come on top.
  test('let the publication of the largest mesh fit into a transaction', () => {
    const bundle = encodeBundle({
      leaf: new Uint8Array(CERTIFICATE_BYTES_MAX),
      intermediates: Array.from({ length: INTERMEDIATE_COUNT_MAX }, () => new Uint8Array(CERTIFICATE_BYTES_MAX)),
      logIndex: 2 ** 53 - 1,
      inclusionProof: hashes,
      checkpoint: new Uint8Array(CHECKPOINT_BYTES_MAX),
      rotations: [],
    });
    const { length } = encode(indexOperationCodec, publication(bundle));
    expect(length + TRANSACTION_ENVELOPE_BYTES).toBeLessThanOrEqual(TRANSACTION_BYTES_MAX);
  });

  test('let the manifest of the most files with the longest paths be fetched', () => {
    const path = (index: number): string => String(index).padStart(PATH_LENGTH_MAX, 'p');
    const digest = 'f'.repeat(64);
    const manifest: Manifest = {
      apiVersion: 'catalog/v1',
      kind: 'container',
      name: entry.statement.name,
      version: entry.statement.version,
      description: 'd'.repeat(1_000),
      license: 'l'.repeat(100),
      entry: path(0),
      files: Array.from({ length: FILES_MAX }, (_, index) => ({ path: path(index), size: 2 ** 28, sha256: digest, blob: digest })),
    };
    expect(encodeManifest(manifest).length).toBeLessThanOrEqual(MANIFEST_BYTES_MAX);
  });
});
