import { type Clock, decode, encode, equalBytes, type HybridSigner, type PeerIdentity } from '@hypermesh/stoq';
import type { NameHolder } from '../enrolment/name-policy.ts';
import { trustError } from '../errors.ts';
import { BoundedCache } from '../log/bounded-cache.ts';
import { Turn } from '../log/turn.ts';
import type { DurableMap } from '../service/state-store.ts';
import { type Answer, ANSWER_LIFETIME_MS, type Question, signAnswer } from './answer.ts';
import { assertRecords, assertZoneName, type RecordSet } from './record.ts';
import { type ZoneName, zoneNameCodec, ZoneState } from './zone-state.ts';

export interface Publication extends RecordSet {
  /** Grows with each publication of that name and type, e.g. a block height. */
  readonly version: number;
}

/** The zone of a mesh: owner of its names on disk, and of the signatures over its answers. */
export interface Zone {
  readonly size: number;
  /** A signed answer. Throws `trustchain.name_malformed`. */
  resolve(question: Question): Promise<Uint8Array>;
  /**
   * Replaces a record set, durably, and answers the version in force: one that is not higher than what is there changes
   * nothing. Throws `trustchain.name_malformed`, `trustchain.name_refused`, `trustchain.name_taken`, `trustchain.zone_full`.
   */
  publish(publication: Publication, publisher: PeerIdentity): Promise<number>;
}

export interface ZoneConfig {
  readonly meshId: Uint8Array;
  readonly zone: string;
}

export interface ZoneComponents {
  readonly stored: DurableMap;
  readonly signer: HybridSigner;
  readonly clock: Clock;
  /** The node that has the name in a certificate. */
  readonly holderOf: NameHolder;
}

// Nodes and services of a large mesh; about 1 KiB each.
export const ZONE_NAMES_MAX: number = 10_000;
// A FALCON signature takes 6 ms of a core; an answer is below 2 KiB in most cases.
const SIGNED_ANSWERS_MAX = 4_096;

interface SignedAnswer {
  readonly signedAt: number;
  readonly bytes: Uint8Array;
}

/** Loads the zone from its store. */
export async function createZone(config: ZoneConfig, components: ZoneComponents): Promise<Zone> {
  const { clock, signer, stored } = components;
  const state = new ZoneState();
  for await (const [name, value] of stored.entries()) state.set(name, decode(zoneNameCodec, value));
  const signed = new BoundedCache<SignedAnswer>(SIGNED_ANSWERS_MAX);
  const signing = new Map<string, Promise<Uint8Array>>();
  const turn = new Turn();

  const sign = (answer: Answer): Promise<Uint8Array> => {
    const key = JSON.stringify(answer);
    const signedAt = clock.now();
    const known = signed.get(key);
    // In the second half of its life an answer is signed anew, so that clients may keep what they get.
    if (known !== undefined && known.signedAt + ANSWER_LIFETIME_MS / 2 > signedAt) return Promise.resolve(known.bytes);
    const underWay = signing.get(key);
    if (underWay !== undefined) return underWay;
    const making = signAnswer(answer, config, signer, signedAt)
      .then((bytes) => {
        signed.set(key, { signedAt, bytes });
        return bytes;
      })
      .finally(() => signing.delete(key));
    signing.set(key, making);
    return making;
  };

  return {
    get size() {
      return state.size;
    },
    async resolve(question) {
      assertZoneName(question.name, config.zone);
      return sign(state.answer(question));
    },
    async publish(publication, publisher) {
      assertZoneName(publication.name, config.zone);
      assertRecords(publication);
      return turn.run(() => apply(publication, publisher, state, config, components));
    },
  };
}

async function apply(
  { version, ...set }: Publication,
  publisher: PeerIdentity,
  state: ZoneState,
  config: ZoneConfig,
  { holderOf, stored }: ZoneComponents,
): Promise<number> {
  const { name, type, ttlSeconds, records } = set;
  const existing = state.get(name);
  const owner = await ownerOf(name, publisher, config.meshId, holderOf);
  if (existing === undefined) await makeRoom(state, stored);
  // Versions count for one owner; who takes a name over starts with none of its records.
  const sets = existing !== undefined && equalBytes(existing.owner, owner) ? existing.sets : [];
  const held = sets.find((candidate) => candidate.set.type === type);
  if (held !== undefined && held.version >= version) return held.version;
  const others = sets.filter((candidate) => candidate !== held);
  const entry: ZoneName = { owner, sets: [...others, { version, set: { name, type, ttlSeconds, records } }] };
  await stored.put(name, encode(zoneNameCodec, entry));
  state.set(name, entry);
  return version;
}

/**
 * Whose the name is for this publisher. A certificate gives a name to its node; all other names are the mesh's, and the
 * daemons of genesis keep them.
 */
async function ownerOf(name: string, publisher: PeerIdentity, meshId: Uint8Array, holderOf: NameHolder): Promise<Uint8Array> {
  const holder = await holderOf(name);
  const own = holder === hex(publisher.id);
  if (publisher.kind === 'bundle' && !publisher.names.includes(name)) throw trustError('trustchain.name_refused', { name });
  if (publisher.kind !== 'bundle' && publisher.kind !== 'set-entry') throw trustError('trustchain.name_refused', { name });
  if (!own && (holder !== null || publisher.kind === 'bundle')) throw trustError('trustchain.name_taken', { name });
  return own ? publisher.id : meshId;
}

/** Forgets withdrawn names when the zone is full. */
async function makeRoom(state: ZoneState, stored: DurableMap): Promise<void> {
  if (state.size < ZONE_NAMES_MAX) return;
  for (const name of [...state.withdrawn()]) {
    await stored.delete(name);
    state.delete(name);
  }
  if (state.size >= ZONE_NAMES_MAX) throw trustError('trustchain.zone_full', { namesMax: ZONE_NAMES_MAX });
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}
