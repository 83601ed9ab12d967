import { bytes, type Clock, type Codec, decode, encode, list, optional, type Role, struct, uint } from '@hypermesh/stoq';
import { trustError } from '../errors.ts';
import { Turn } from '../log/turn.ts';
import { namesCodec, rolesCodec } from '../policy/question.ts';
import type { DurableMap } from '../service/state-store.ts';

/** The server's side of a join token: what it admits to, without the secret. */
export interface Invitation {
  readonly tokenHash: Uint8Array;
  /** Roles and names of which the newcomer may ask for any. */
  readonly roles: readonly Role[];
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface StoredInvitation extends Invitation {
  /** Digest of the one request that the token was spent on; null while it is unspent. */
  readonly spentOn: Uint8Array | null;
}

/** Owner of the invitations on disk. */
export interface Invitations {
  /** Adds invitations that are not there yet; those that are stay as they are, spent or not. Durable when it resolves. */
  add(invitations: readonly Invitation[]): Promise<void>;
  /** The invitation, if the request may still use it. Throws `trustchain.token_invalid` or `trustchain.token_used`. */
  find(tokenHash: Uint8Array, requestDigest: Uint8Array): Promise<Invitation>;
  /**
   * Spends the token on the request. Durable when it resolves. Spending it again on the same request succeeds, so that
   * a crash or a lost answer after this step costs nobody the invitation. Throws as `find` does.
   */
  spend(tokenHash: Uint8Array, requestDigest: Uint8Array): Promise<void>;
  /** Removes what has expired; answers how many remain. */
  sweep(): Promise<number>;
}

// A year of inviting a node every five minutes; the next invitation sweeps.
export const INVITATION_COUNT_MAX: number = 100_000;
// An invitation lies in mail or on a disk: long enough for a person, short enough for a leak.
export const INVITATION_LIFETIME_MS_MAX: number = 30 * 24 * 3_600_000;

const invitationFields = { tokenHash: bytes(32), roles: rolesCodec, names: namesCodec, expiresAt: uint() } as const;
const storedCodec: Codec<StoredInvitation> = struct({ ...invitationFields, spentOn: optional(bytes(32)) });

/** File format by which `createMesh` hands its invitations to trustchaind. */
export const invitationsCodec: Codec<readonly Invitation[]> = list(struct(invitationFields), INVITATION_COUNT_MAX);

export function createInvitations(stored: DurableMap, clock: Clock): Invitations {
  // One change at a time: two requests that race for one token must not both win.
  const turn = new Turn();

  const load = async (tokenHash: Uint8Array, requestDigest: Uint8Array): Promise<StoredInvitation> => {
    const found = await stored.get(hex(tokenHash));
    if (found === undefined) throw trustError('trustchain.token_invalid', { reason: 'unknown' });
    const invitation = decode(storedCodec, found);
    if (invitation.spentOn !== null && Buffer.compare(invitation.spentOn, requestDigest) !== 0) throw trustError('trustchain.token_used');
    if (invitation.expiresAt <= clock.now()) throw trustError('trustchain.token_invalid', { reason: 'expired' });
    return invitation;
  };

  const sweep = async (): Promise<number> => {
    let kept = 0;
    const now = clock.now();
    for await (const [key, value] of stored.entries()) {
      if (decode(storedCodec, value).expiresAt <= now) await stored.delete(key);
      else kept += 1;
    }
    return kept;
  };

  return {
    add: (invitations) =>
      turn.run(async () => {
        const fresh: Invitation[] = [];
        for (const invitation of invitations) {
          if ((await stored.get(hex(invitation.tokenHash))) === undefined) fresh.push(invitation);
        }
        if (fresh.length + (await sweep()) > INVITATION_COUNT_MAX) {
          throw trustError('trustchain.enrolment_overload', { countMax: INVITATION_COUNT_MAX });
        }
        await stored.putAll(
          fresh.map((invitation) => [hex(invitation.tokenHash), encode(storedCodec, { ...invitation, spentOn: null })] as const),
        );
      }),
    find: load,
    spend: (tokenHash, requestDigest) =>
      turn.run(async () => {
        const invitation = await load(tokenHash, requestDigest);
        if (invitation.spentOn !== null) return;
        await stored.put(hex(tokenHash), encode(storedCodec, { ...invitation, spentOn: requestDigest }));
      }),
    sweep: () => turn.run(sweep),
  };
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}
