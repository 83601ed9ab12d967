import {
  bytes,
  type Codec,
  decode,
  encode,
  hybridSignatureCodec,
  type HybridPublicKey,
  type HybridSignature,
  type HybridSigner,
  labelled,
  struct,
  text,
  uint,
} from '@hypermesh/stoq';
import type { StateReader, StateWriter } from '@hypermesh/mesh/machine';
import { caesarError } from '../errors.ts';
import { hex, textKey } from '../ledger/keys.ts';
import type { PlacementView } from '../settlement/placement-view.ts';

/** Requests that one ingress has seen answered by one placement since the placement opened: it only grows. */
export interface RequestCount {
  readonly meshId: Uint8Array;
  readonly placement: string;
  /** Node id of the ingress, 32 bytes. */
  readonly ingress: Uint8Array;
  readonly requests: number;
}

/** The provider submits it; the ingress of another owner has countersigned it. */
export interface CountersignedCount {
  readonly count: RequestCount;
  readonly signature: HybridSignature;
}

export const PLACEMENT_ID_LENGTH_MAX: number = 128;

export const requestCountCodec: Codec<RequestCount> = struct({
  meshId: bytes(32),
  placement: text(PLACEMENT_ID_LENGTH_MAX),
  ingress: bytes(32),
  requests: uint(),
});

export const countersignedCountCodec: Codec<CountersignedCount> = struct({
  count: requestCountCodec,
  signature: hybridSignatureCodec,
});

/** Checks a hybrid signature; injected so that the machine stays free of key handling. */
export type VerifyHybrid = (key: HybridPublicKey, message: Uint8Array, signature: HybridSignature) => boolean;

export function requestCountMessage(count: RequestCount): Uint8Array {
  return labelled('caesar/request-count/1', encode(requestCountCodec, count));
}

export async function countersign(count: RequestCount, signer: HybridSigner): Promise<CountersignedCount> {
  return { count, signature: await signer.sign(requestCountMessage(count)) };
}

/** Records a higher count; refuses forged, stale and self-dealt ones. */
export function recordCount(
  state: StateWriter,
  submitted: CountersignedCount,
  context: { readonly meshId: Uint8Array; readonly submitter: Uint8Array; readonly view: PlacementView; readonly verify: VerifyHybrid },
): void {
  const { count, signature } = submitted;
  const placement = context.view.placement(count.placement);
  if (placement === undefined) throw caesarError('caesar.placement_unknown', { placement: count.placement });
  if (hex(placement.provider) !== hex(context.submitter)) throw caesarError('caesar.not_authorised');
  const ingress = context.view.node(count.ingress);
  if (ingress === undefined || hex(count.meshId) !== hex(context.meshId)) throw caesarError('caesar.count_forged');
  if (hex(ingress.owner) === hex(placement.provider)) throw caesarError('caesar.count_self_dealing');
  if (!context.verify(ingress.key, requestCountMessage(count), signature)) throw caesarError('caesar.count_forged');
  const previous = readTally(state, count.placement, count.ingress);
  if (count.requests <= previous.counted) throw caesarError('caesar.count_stale', { recorded: previous.counted });
  writeTally(state, count.placement, count.ingress, { ...previous, counted: count.requests });
}

/** Counted but not yet billed requests of a placement; `mark` makes them billed. */
export function takeUnbilled(state: StateWriter, placement: string): number {
  let unbilled = 0;
  for (const [key, value] of [...state.scan(textKey('requests', `${placement}/`))]) {
    const tally = decode(tallyCodec, value);
    unbilled += tally.counted - tally.billed;
    state.set(key, encode(tallyCodec, { counted: tally.counted, billed: tally.counted }));
  }
  return unbilled;
}

interface Tally {
  readonly counted: number;
  readonly billed: number;
}

const tallyCodec: Codec<Tally> = struct({ counted: uint(), billed: uint() });

function readTally(state: StateReader, placement: string, ingress: Uint8Array): Tally {
  const stored = state.get(textKey('requests', `${placement}/${hex(ingress)}`));
  return stored === undefined ? { counted: 0, billed: 0 } : decode(tallyCodec, stored);
}

function writeTally(state: StateWriter, placement: string, ingress: Uint8Array, tally: Tally): void {
  state.set(textKey('requests', `${placement}/${hex(ingress)}`), encode(tallyCodec, tally));
}
