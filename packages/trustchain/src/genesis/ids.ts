import { formatId, hashLabelled, type PublicKey } from '@hypermesh/stoq';

/** 32 bytes: BLAKE3 of the FALCON key that the node was first certified with. */
export function nodeIdOf(genesisKey: PublicKey<'falcon1024'>): Uint8Array {
  return hashLabelled('hypermesh/node-id/1', genesisKey.bytes);
}

/** `node:<base32>`: the common name of a certificate without a DNS name. */
export function nodeNameOf(nodeId: Uint8Array): string {
  return formatId('node', nodeId);
}

/** `mesh://<base32>`: the URI by which every leaf names its node. */
export function nodeUriOf(nodeId: Uint8Array): string {
  return `mesh://${formatId('node', nodeId).slice('node:'.length)}`;
}
