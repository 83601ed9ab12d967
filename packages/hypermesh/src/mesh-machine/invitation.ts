import { bool, bytes, type Codec, optional, type Role, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import { INVITATION_COUNT_MAX, INVITATION_MS_MAX, MEMBER_NAME_LENGTH_MAX, PRUNED_PER_BLOCK_MAX } from './limits.ts';
import { rolesCodec } from './member.ts';
import { hex, index, type Index, sortable, table, type Table } from './table.ts';

/** One ordered permission to join; the secret behind the hash travels in the join token. */
export interface Invitation {
  /** Hash of the token's secret, 32 bytes. */
  readonly token: Uint8Array;
  readonly roles: readonly Role[];
  /** The name that the new member must take; null leaves it free. */
  readonly name: string | null;
  /** Whether what the new node earns belongs to the inviter. */
  readonly owned: boolean;
  readonly invitedBy: Uint8Array;
  /** Block time in milliseconds. */
  readonly expiresAt: number;
}

export const invitationCodec: Codec<Invitation> = struct({
  token: bytes(32),
  roles: rolesCodec,
  name: optional(text(MEMBER_NAME_LENGTH_MAX)),
  owned: bool,
  invitedBy: bytes(32),
  expiresAt: uint(),
});

const invitations: Table<Invitation> = table('invitation', invitationCodec);
const expiries: Index = index('invitation-expiry');

/** The invitation if it may still be used at `time`. */
export function readInvitation(state: StateReader, token: Uint8Array, time: number): Invitation | undefined {
  const invitation = invitations.read(state, hex(token));
  return invitation !== undefined && time < invitation.expiresAt ? invitation : undefined;
}

/** Throws `hypermesh.invitation_invalid`, `hypermesh.mesh_full`. */
export function addInvitation(state: StateWriter, invitation: Invitation, time: number): void {
  const { expiresAt, token } = invitation;
  if (expiresAt <= time || expiresAt > time + INVITATION_MS_MAX) throw hypermeshError('hypermesh.invitation_invalid', { reason: 'expiry' });
  if (invitations.has(state, hex(token))) throw hypermeshError('hypermesh.invitation_invalid', { reason: 'used twice' });
  if (invitations.count(state) >= INVITATION_COUNT_MAX) {
    throw hypermeshError('hypermesh.mesh_full', { limit: 'invitations', countMax: INVITATION_COUNT_MAX });
  }
  invitations.write(state, hex(token), invitation);
  expiries.add(state, expiryOf(invitation));
}

/** Takes the invitation out. Throws `hypermesh.invitation_invalid`. */
export function useInvitation(state: StateWriter, token: Uint8Array, time: number): Invitation {
  const invitation = readInvitation(state, token, time);
  if (invitation === undefined) throw hypermeshError('hypermesh.invitation_invalid', { reason: 'unknown, used or expired' });
  remove(state, invitation);
  return invitation;
}

export function pruneInvitations(state: StateWriter, time: number): void {
  for (const entry of expiries.entries(state, '', PRUNED_PER_BLOCK_MAX)) {
    if (entry.slice(0, sortable(0).length) > sortable(time)) return;
    const invitation = invitations.read(state, entry.slice(sortable(0).length + 1));
    if (invitation !== undefined) remove(state, invitation);
  }
}

function remove(state: StateWriter, invitation: Invitation): void {
  invitations.remove(state, hex(invitation.token));
  expiries.remove(state, expiryOf(invitation));
}

function expiryOf({ expiresAt, token }: Invitation): string {
  return `${sortable(expiresAt)}/${hex(token)}`;
}
