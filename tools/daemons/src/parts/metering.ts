import { CAESAR_MACHINE, caesarOperationCodec, countersign, countersignedCountCodec } from '@hypermesh/caesar';
import type { Metering } from '@hypermesh/mesh';
import { decode, encode } from '@hypermesh/stoq';
import type { Member } from '@hypermesh/trustchain/client';

/** Counted requests in the ledger's format, signed by this node as the ingress. */
export function createMetering({ meshId, nodeId, keys }: Pick<Member, 'meshId' | 'nodeId' | 'keys'>): Metering {
  return {
    async countersign(placement, requests) {
      const counted = await countersign({ meshId, placement, ingress: nodeId, requests }, keys.signer);
      return encode(countersignedCountCodec, counted);
    },
    operationsOf: (counted) => ({
      machine: CAESAR_MACHINE,
      operations: counted.map((bytes) =>
        encode(caesarOperationCodec, { kind: 'requests.count', counted: decode(countersignedCountCodec, bytes) }),
      ),
    }),
  };
}
