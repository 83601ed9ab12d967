import { equalBytes, formatId, type HybridPublicKey, type Role } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { ApplyContext, StateWriter } from '../machine/machine.ts';
import { addInvitation, type Invitation, useInvitation } from './invitation.ts';
import { assertRole, isNameFree, type Member, memberOf, readMember, writeMember } from './member.ts';
import type { MeshOperation } from './operation.ts';
import { readParameters } from './parameters.ts';
import { advancePhase, readPhase } from './phase.ts';

type Of<Kind extends MeshOperation['kind']> = Extract<MeshOperation, { readonly kind: Kind }>;

/** What a certificate bundle says of its holder. */
export interface BundleIdentity {
  readonly nodeId: Uint8Array;
  readonly key: HybridPublicKey;
  readonly roles: readonly Role[];
  readonly names: readonly string[];
}

/** Checks a bundle at an agreed time; pure; throws a coded error that says why it refuses. */
export type BundleCheck = (bundle: Uint8Array, time: number) => BundleIdentity;

const MEMBER_NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** Takes in the holder of a certificate, or refreshes what the mesh knows of it. */
export function join(state: StateWriter, operation: Of<'member.join'>, context: ApplyContext, check: BundleCheck): void {
  const identity = check(operation.bundle, context.time);
  if (!equalBytes(identity.nodeId, context.owner)) throw hypermeshError('hypermesh.not_authorised', { reason: 'certificate of another' });
  const known = readMember(state, context.owner);
  if (known !== undefined) assertSameKey(known.key, identity.key);
  const invitation = operation.token === null ? undefined : useInvitation(state, operation.token, context.time);
  const { phase } = readPhase(state);
  if (known === undefined && invitation === undefined && phase >= readParameters(state).invitationPhase) {
    throw hypermeshError('hypermesh.invitation_invalid', { reason: `needed from phase ${readParameters(state).invitationPhase} on` });
  }
  if (operation.name !== null) assertName(operation.name);
  const roles = rolesOf(identity, known, invitation, phase);
  const owner = invitation?.owned === true ? invitation.invitedBy : (known?.owner ?? context.owner);
  writeMember(state, {
    id: context.owner,
    name: invitation?.name ?? operation.name ?? known?.name ?? defaultName(state, identity),
    roles,
    key: identity.key,
    owner,
    addresses: operation.addresses,
    joinedAt: known?.joinedAt ?? context.time,
    invitedBy: invitation?.invitedBy ?? known?.invitedBy ?? null,
  });
}

export function invite(state: StateWriter, operation: Of<'invite'>, context: ApplyContext): void {
  assertRole(memberOf(state, context.owner), 'operator', 'validator');
  if (operation.roles.includes('validator')) throw hypermeshError('hypermesh.not_authorised', { reason: 'validators are not invited' });
  if (operation.name !== null) assertName(operation.name);
  addInvitation(state, { ...operation, invitedBy: context.owner }, context.time);
}

export function advance(state: StateWriter, to: number, context: ApplyContext): void {
  assertRole(memberOf(state, context.owner), 'operator', 'validator');
  advancePhase(state, to, context.time);
}

/**
 * A validator of genesis stays one; every other role follows the certificate. After phase 0 a member that is no operator becomes
 * one by an ordered invitation only.
 */
function rolesOf(identity: BundleIdentity, known: Member | undefined, invitation: Invitation | undefined, phase: number): readonly Role[] {
  const certified = identity.roles.filter((role) => role !== 'validator');
  if (invitation !== undefined && certified.some((role) => !invitation.roles.includes(role))) {
    throw hypermeshError('hypermesh.not_authorised', { reason: 'certified for a role without invitation' });
  }
  const trusted = invitation !== undefined || phase === 0;
  const granted = certified.filter((role) => role !== 'operator' || trusted || known?.roles.includes('operator') === true);
  const kept = (known?.roles ?? []).filter((role) => role === 'validator');
  return [...new Set([...kept, ...granted])].sort();
}

function assertSameKey(known: HybridPublicKey, certified: HybridPublicKey): void {
  const same =
    equalBytes(known.classical.bytes, certified.classical.bytes) && equalBytes(known.postQuantum.bytes, certified.postQuantum.bytes);
  if (!same) throw hypermeshError('hypermesh.unsupported', { feature: 'rotation of an identity key' });
}

function defaultName(state: StateWriter, identity: BundleIdentity): string {
  const free = identity.names.find((name) => MEMBER_NAME.test(name) && isNameFree(state, name));
  return free ?? formatId('node', identity.nodeId);
}

function assertName(name: string): void {
  if (!MEMBER_NAME.test(name)) throw hypermeshError('hypermesh.name_invalid', { name });
}
