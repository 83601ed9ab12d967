import {
  bytes,
  type Codec,
  formatId,
  hybridPublicKeyCodec,
  type HybridPublicKey,
  list,
  oneOf,
  optional,
  type PublicKey,
  publicKeyCodecOf,
  type Role,
  struct,
  text,
  uint,
} from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { ADDRESS_COUNT_MAX, ADDRESS_LENGTH_MAX, MEMBER_COUNT_MAX, MEMBER_NAME_LENGTH_MAX, SPONSOR_COUNT_MAX } from './limits.ts';
import { hex, table, type Table } from './table.ts';

/** Somebody whose transactions the mesh accepts: a node, a service or a person. */
export interface Member {
  /** Node id, which is also its owner id and account, 32 bytes. */
  readonly id: Uint8Array;
  /** Unique in the mesh. */
  readonly name: string;
  readonly roles: readonly Role[];
  readonly key: HybridPublicKey;
  /** Who earns what it earns: itself, or the member that invited it as its own. */
  readonly owner: Uint8Array;
  readonly addresses: readonly string[];
  /** Block time in milliseconds; 0 for genesis. */
  readonly joinedAt: number;
  readonly invitedBy: Uint8Array | null;
}

/** A member of the committee that judges Proof of State: a validator of genesis. */
export interface CommitteeMember {
  readonly id: Uint8Array;
  readonly witnessKey: PublicKey<'ml-dsa-44'>;
}

export const rolesCodec: Codec<readonly Role[]> = list(oneOf('viewer', 'owner', 'operator', 'validator', 'node', 'service'), 8);
export const addressesCodec: Codec<readonly string[]> = list(text(ADDRESS_LENGTH_MAX), ADDRESS_COUNT_MAX);

export const memberCodec: Codec<Member> = struct({
  id: bytes(32),
  name: text(MEMBER_NAME_LENGTH_MAX),
  roles: rolesCodec,
  key: hybridPublicKeyCodec,
  owner: bytes(32),
  addresses: addressesCodec,
  joinedAt: uint(),
  invitedBy: optional(bytes(32)),
});

export const committeeMemberCodec: Codec<CommitteeMember> = struct({ id: bytes(32), witnessKey: publicKeyCodecOf('ml-dsa-44') });

const members: Table<Member> = table('member', memberCodec);
const names: Table<Uint8Array> = table('member-name', bytes(32));
const committee: Table<CommitteeMember> = table('committee', committeeMemberCodec);

export function readMember(state: StateReader, id: Uint8Array): Member | undefined {
  return members.read(state, hex(id));
}

/** Throws `hypermesh.member_unknown`. */
export function memberOf(state: StateReader, id: Uint8Array): Member {
  const member = readMember(state, id);
  if (member === undefined) throw hypermeshError('hypermesh.member_unknown', { id: formatId('node', id) });
  return member;
}

/** Owner ids of the member and of those by whose invitations it is here, nearest first. */
export function sponsorsOf(state: StateReader, id: Uint8Array): readonly Uint8Array[] {
  const sponsors: Uint8Array[] = [];
  let member = readMember(state, id);
  while (member !== undefined && sponsors.length < SPONSOR_COUNT_MAX) {
    sponsors.push(member.owner);
    member = member.invitedBy === null ? undefined : readMember(state, member.invitedBy);
  }
  return sponsors;
}

/** The keys that sign the owner's transactions; undefined for strangers. */
export function memberKey(state: StateReader, owner: Uint8Array): HybridPublicKey | undefined {
  return readMember(state, owner)?.key;
}

export function allMembers(state: StateReader): Iterable<Member> {
  return members.all(state);
}

export function allCommittee(state: StateReader): Iterable<CommitteeMember> {
  return committee.all(state);
}

export function readCommitteeMember(state: StateReader, id: Uint8Array): CommitteeMember | undefined {
  return committee.read(state, hex(id));
}

export function addCommitteeMember(state: StateWriter, member: CommitteeMember): void {
  committee.write(state, hex(member.id), member);
}

/** Throws `hypermesh.not_authorised` unless the member has one of the roles. */
export function assertRole(member: Member, ...roles: readonly Role[]): void {
  if (!roles.some((role) => member.roles.includes(role))) {
    throw hypermeshError('hypermesh.not_authorised', { member: member.name, needs: roles.join(' or ') });
  }
}

/** Adds or replaces a member. Throws `hypermesh.name_taken`, `hypermesh.mesh_full`. */
export function writeMember(state: StateWriter, member: Member): void {
  const known = readMember(state, member.id);
  const holder = names.read(state, member.name);
  if (holder !== undefined && hex(holder) !== hex(member.id)) throw hypermeshError('hypermesh.name_taken', { name: member.name });
  if (known === undefined && members.count(state) >= MEMBER_COUNT_MAX) {
    throw hypermeshError('hypermesh.mesh_full', { limit: 'members', countMax: MEMBER_COUNT_MAX });
  }
  if (known !== undefined && known.name !== member.name) names.remove(state, known.name);
  names.write(state, member.name, member.id);
  members.write(state, hex(member.id), member);
}

export function isNameFree(state: StateReader, name: string): boolean {
  return !names.has(state, name);
}
