import { bytes, type Codec, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import { readApp } from './app.ts';
import { addressesCodec } from './member.ts';
import { readNode } from './node.ts';
import { placementsOfApp } from './placement.ts';

/** One replica that may answer. */
export interface Endpoint {
  readonly placement: string;
  readonly lease: number;
  /** Node id, 32 bytes, and where the node listens. */
  readonly node: Uint8Array;
  readonly addresses: readonly string[];
}

export const endpointCodec: Codec<Endpoint> = struct({ placement: text(128), lease: uint(), node: bytes(32), addresses: addressesCodec });

/** The replicas of a service that answer requests, as agreed. Throws `hypermesh.service_unknown`. */
export function endpointsOf(state: StateReader, service: string): readonly Endpoint[] {
  if (readApp(state, service) === undefined) throw hypermeshError('hypermesh.service_unknown', { service });
  return placementsOfApp(state, service)
    .filter(({ phase }) => phase === 'ready')
    .map(({ id, lease, node }) => ({ placement: id, lease, node, addresses: readNode(state, node)?.addresses ?? [] }));
}
