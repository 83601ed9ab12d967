import {
  type Client,
  type Clock,
  CodedError,
  createCrypto,
  type Crypto,
  type Entropy,
  pause as pauseOn,
  type PeerTarget,
  systemClock,
  systemEntropy,
} from '@hypermesh/stoq';
import { type Member, openMember } from '@hypermesh/trustchain/client';
import {
  createMeshClient,
  encodeOperation,
  type MeshAccount,
  type MeshClient,
  type MeshOperation,
  MESH_MACHINE,
  type Receipt,
  validatorTargets,
} from '@hypermesh/mesh/client';
import { caesarContract, type CaesarMethods } from '@hypermesh/caesar/client';
import { catalogContract, type CatalogMethods } from '@hypermesh/catalog/client';

/** A member of a mesh at work for one command. */
export interface Session {
  readonly member: Member;
  readonly mesh: MeshClient;
  readonly account: MeshAccount;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly signal: AbortSignal;
  /** Orders one operation of the mesh machine. */
  order(operation: MeshOperation): Promise<Receipt>;
  /** Where a service of the mesh answers; its certificate can be judged from then on. */
  find(service: string): Promise<PeerTarget>;
  catalog(): Promise<Client<CatalogMethods>>;
  caesar(): Promise<Client<CaesarMethods>>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly signal: AbortSignal;
  /** Told why enrolment has to wait. */
  readonly onWaiting: (text: string) => void;
  /** Told what goes wrong in the background and is tried again: of interest if the command fails. */
  readonly onProblem: (text: string) => void;
}

// TrustChain may be away while the validators are not: the newest policy is worth this wait.
const REFRESH_MS_MAX = 5_000;

/** Opens the membership of a home, enrolling first where that is due, and starts its host as a pure client. */
export async function openSession(home: string, options: SessionOptions): Promise<Session> {
  const crypto = await createCrypto();
  const undo: (() => Promise<unknown>)[] = [() => crypto.close()];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const member = await openMemberOf(home, crypto, options);
    undo.push(() => member.host.stop({ graceMs: 0 }));
    await member.host.start();
    await refresh(member, options);
    undo.push(() => member.following.stop());
    await member.following.start();
    return sessionOf(member, crypto, options.signal, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function openMemberOf(home: string, crypto: Crypto, { signal, onWaiting, onProblem }: SessionOptions): Promise<Member> {
  let tell = onWaiting;
  const onError = (error: unknown): void => {
    // What the end of the command cancels is no problem.
    if (!signal.aborted) tell(error instanceof Error ? error.message : String(error));
  };
  const components = { crypto, clock: systemClock, entropy: systemEntropy, onError };
  const member = await openMember({ home, listen: [] }, components, { signal });
  tell = onProblem;
  return member;
}

/** Validators judge the bundle by the newest witness policy: after a change of phase an old one has to be replaced first. */
async function refresh({ following }: Member, { signal, onProblem }: SessionOptions): Promise<void> {
  try {
    await following.renewer.refresh({ signal: AbortSignal.any([signal, AbortSignal.timeout(REFRESH_MS_MAX)]) });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CodedError) || !error.retryable) throw error;
    onProblem(`TrustChain does not answer (${error.code}); going on with the certificate of before`);
  }
}

function sessionOf(member: Member, crypto: Crypto, signal: AbortSignal, close: () => Promise<void>): Session {
  const { host, genesis, keys, nodeId } = member;
  const mesh = createMeshClient({ host, crypto, clock: systemClock }, { genesis, targets: validatorTargets(genesis, 'bundle') });
  const account: MeshAccount = { owner: nodeId, signer: keys.signer };
  const find = async (service: string): Promise<PeerTarget> => {
    await member.ready(signal);
    return member.find(service, { signal });
  };
  return {
    member,
    mesh,
    account,
    crypto,
    clock: systemClock,
    entropy: systemEntropy,
    signal,
    order: (operation) => mesh.transact(account, MESH_MACHINE, [encodeOperation(operation)], { signal }),
    find,
    catalog: async () => host.connect(catalogContract, await find('catalog')),
    caesar: async () => host.connect(caesarContract, await find('caesar')),
    close,
  };
}

/** Waits; ends early when the signal aborts, with its reason. */
export async function pause(session: Pick<Session, 'clock' | 'signal'>, delayMs: number): Promise<void> {
  const { clock, signal } = session;
  signal.throwIfAborted();
  await pauseOn(clock, delayMs, signal);
  signal.throwIfAborted();
}
