import {
  bytes,
  type Codec,
  decode,
  encode,
  equalBytes,
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
import { REQUESTS_PER_SECOND_MAX } from '../constants.ts';
import { caesarError } from '../errors.ts';
import { hex, textKey } from '../ledger/keys.ts';
import type { BilledNode, BilledPlacement, PlacementView } from '../settlement/placement-view.ts';
import { addRequests } from './bill.ts';

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

export interface CountContext {
  readonly meshId: Uint8Array;
  /** Owner id of who submits, 32 bytes. */
  readonly submitter: Uint8Array;
  /** Block time in milliseconds. */
  readonly time: number;
  readonly view: PlacementView;
  readonly verify: VerifyHybrid;
}

/**
 * Records a higher count; one that is not higher changes nothing, because a provider hands in whatever its ingresses say. Throws
 * `caesar.placement_unknown`, `.not_authorised`, `.count_forged`, `.count_self_dealing`, `.count_excessive`.
 */
export function recordCount(state: StateWriter, { count, signature }: CountersignedCount, context: CountContext): void {
  const placement = context.view.placement(count.placement);
  if (placement === undefined) throw caesarError('caesar.placement_unknown', { placement: count.placement });
  if (!equalBytes(placement.provider, context.submitter)) throw caesarError('caesar.not_authorised');
  const ingress = context.view.ingress(count.ingress);
  if (ingress === undefined || !equalBytes(count.meshId, context.meshId)) throw caesarError('caesar.count_forged');
  if (isSelfDealing(context.view, placement.provider, count.ingress, ingress)) throw caesarError('caesar.count_self_dealing');
  const key = countKey(count);
  const added = count.requests - readCount(state, key);
  if (added <= 0) return;
  const { counted, billed } = readTally(state, placement.id);
  const requestsMax = requestsPossible(placement, context.time);
  if (counted + added > requestsMax) throw caesarError('caesar.count_excessive', { requestsMax });
  if (!context.verify(ingress.key, requestCountMessage(count), signature)) throw caesarError('caesar.count_forged');
  state.set(key, encode(uint(), count.requests));
  writeTally(state, placement.id, { counted: counted + added, billed });
  addRequests(state, placement, added);
}

/** Requests of the placement that are counted and not billed. */
export function unbilledRequests(state: StateReader, placement: string): number {
  const { counted, billed } = readTally(state, placement);
  return counted - billed;
}

/** Answers them and makes them billed. */
export function takeRequests(state: StateWriter, placement: string): number {
  const requests = unbilledRequests(state, placement);
  if (requests > 0) {
    const { counted } = readTally(state, placement);
    writeTally(state, placement, { counted, billed: counted });
  }
  return requests;
}

export function forgetCounts(state: StateWriter, placement: string): void {
  state.delete(textKey(TALLY, placement));
  for (const [key] of [...state.scan(textKey(COUNT, `${placement}/`))]) state.delete(key);
}

/** Whether one of the two is there by the other's invitation: who invites a second key of his own signs for himself. */
function isSelfDealing(view: PlacementView, provider: Uint8Array, node: Uint8Array, { owner }: BilledNode): boolean {
  const isAmong = (id: Uint8Array, ids: readonly Uint8Array[]): boolean => ids.some((other) => equalBytes(id, other));
  return equalBytes(owner, provider) || isAmong(provider, view.sponsors(node)) || isAmong(owner, view.sponsors(provider));
}

/** As many as a replica may answer in its lease time through all ingresses together. */
function requestsPossible({ openedAt, closedAt }: BilledPlacement, time: number): number {
  return Math.ceil(((Math.min(closedAt ?? time, time) - openedAt) * REQUESTS_PER_SECOND_MAX) / 1_000);
}

/** Of all ingresses together. */
interface Tally {
  readonly counted: number;
  readonly billed: number;
}

const tallyCodec: Codec<Tally> = struct({ counted: uint(), billed: uint() });

const TALLY = 'requests';
const COUNT = 'requests-of-ingress';

function readTally(state: StateReader, placement: string): Tally {
  const stored = state.get(textKey(TALLY, placement));
  return stored === undefined ? { counted: 0, billed: 0 } : decode(tallyCodec, stored);
}

function writeTally(state: StateWriter, placement: string, tally: Tally): void {
  state.set(textKey(TALLY, placement), encode(tallyCodec, tally));
}

function countKey({ placement, ingress }: RequestCount): Uint8Array {
  return textKey(COUNT, `${placement}/${hex(ingress)}`);
}

function readCount(state: StateReader, key: Uint8Array): number {
  const stored = state.get(key);
  return stored === undefined ? 0 : decode(uint(), stored);
}
