import { join } from 'node:path';
import { createBlobSource, type BlobStore, equalBytes, type PeerTarget } from '@hypermesh/stoq';
import { loadPackage, removeUnfinished } from '@hypermesh/catalog';
import type { PackageSource } from '@hypermesh/mesh';
import type { Member } from '@hypermesh/trustchain/client';

// How long the catalog may take to be found by name before the other nodes are asked alone.
const FIND_MS_MAX = 5_000;

export interface PackagesComponents {
  readonly member: Member;
  readonly blobs: BlobStore;
  /** Other nodes, any of which may have fetched the package before. */
  readonly nodes: () => readonly PeerTarget[];
}

/** Brings packages to this node by digest: from the catalog, or from any node that has them; every byte is verified. */
export function createPackageSource(directory: string, { member, blobs, nodes }: PackagesComponents): PackageSource {
  const packages = join(directory, 'packages');
  let cleaned: Promise<void> | undefined;
  return {
    async fetch({ packageRoot, manifest: manifestDigest }, signal) {
      cleaned ??= removeUnfinished(packages).catch((error: unknown) => {
        cleaned = undefined;
        throw error;
      });
      await cleaned;
      const catalog = await member
        .find('catalog', { signal: AbortSignal.any([signal, AbortSignal.timeout(FIND_MS_MAX)]) })
        .catch(() => null);
      const others = nodes().filter(({ id }) => id === undefined || !equalBytes(id, member.nodeId));
      const providers = catalog === null ? others : [catalog, ...others];
      const source = createBlobSource({ host: member.host, store: blobs, providers: () => providers });
      const loaded = await loadPackage(packages, { root: packageRoot, manifest: manifestDigest }, source, signal);
      return { directory: loaded.directory, kind: loaded.manifest.kind, entry: loaded.manifest.entry };
    },
  };
}
