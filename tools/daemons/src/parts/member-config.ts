import { join } from 'node:path';
import { createCrypto, createHost, createQuicCarrier, type Crypto, systemClock, systemEntropy } from '@hypermesh/stoq';
import { type DaemonConfig, daemonConfigShape, type DaemonContext } from '@hypermesh/stoq/host';
import { type Member, memberOf, type Membership, openMembership } from '@hypermesh/trustchain/client';
import type { MeshAccount } from '@hypermesh/mesh/client';
import { z } from 'zod';

/** What the configuration of every daemon with a certificate has. */
export interface MemberDaemonConfig extends DaemonConfig {
  /** Folder with keystore, passphrase, join token and genesis; data go below it. */
  readonly home: string;
  /** File of the keystore's passphrase; null for the one in the home. */
  readonly passphraseFile: string | null;
  /** Literal addresses, `host:port`; port 0 for any. */
  readonly listen: readonly string[];
}

/** For a daemon's schema: `z.strictObject({ ...memberConfigShape, .. })`. */
export const memberConfigShape: { readonly [K in keyof MemberDaemonConfig]: z.ZodType<MemberDaemonConfig[K]> } = {
  ...daemonConfigShape,
  home: z.string().min(1),
  passphraseFile: z.string().min(1).nullable().default(null),
  listen: z.array(z.string().min(1)).min(1),
};

/** A daemon's own data, apart from what belongs to its membership. */
export function dataDirectoryOf({ home }: MemberDaemonConfig, name: string): string {
  return join(home, 'data', name);
}

export interface OpenedMember {
  readonly member: Member;
  readonly crypto: Crypto;
  readonly account: MeshAccount;
}

/** Cryptography and membership of one daemon process; enrols first where there is no certificate yet. */
export async function openDaemonMembership(
  context: DaemonContext<MemberDaemonConfig>,
): Promise<{ readonly membership: Membership; readonly crypto: Crypto }> {
  const { config, logger, health, signal } = context;
  const crypto = await createCrypto();
  try {
    const membership = await openMembership(
      { home: config.home, passphraseFile: config.passphraseFile },
      {
        crypto,
        clock: systemClock,
        entropy: systemEntropy,
        onError: (error) => logger.warn({ err: error }, 'membership could not be refreshed; trying again'),
      },
      { signal },
    );
    health.check('ready', 'revocations', () => {
      const nextUpdate = membership.revocations.nextUpdate();
      return nextUpdate !== null && nextUpdate > systemClock.now() ? null : 'no current revocation snapshot';
    });
    return { membership, crypto };
  } catch (error) {
    await crypto.close();
    throw error;
  }
}

/** The same with a host of its own on the configured addresses. */
export async function openDaemonMember(context: DaemonContext<MemberDaemonConfig>): Promise<OpenedMember> {
  const { membership, crypto } = await openDaemonMembership(context);
  const { verifier, identities, nodeId, keys } = membership;
  const host = createHost(
    { crypto, clock: systemClock, entropy: systemEntropy, carriers: [createQuicCarrier()], verifier },
    { identities, listen: context.config.listen },
  );
  const member = memberOf(membership, host, { crypto, clock: systemClock });
  return { member, crypto, account: { owner: nodeId, signer: keys.signer } };
}
