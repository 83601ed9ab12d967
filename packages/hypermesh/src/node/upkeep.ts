import type { ValidatorEntry } from '@hypermesh/trustchain';
import { allocatable, detectAssets } from '../assets/detection.ts';
import type { MeshOperation } from '../mesh-machine/operation.ts';
import type { Committee } from '../proof/committee.ts';
import { proofContract } from '../proof/contract.ts';
import type { Plot } from '../proof/plot-file.ts';
import { createProofKeeper, type ProofKeeper } from '../proof/proof-keeper.ts';
import type { CommitteePeer } from '../proof/prover.ts';
import type { ProvenanceChain } from '../proof/provenance.ts';
import { type Announcement, createAnnouncement } from './announcement.ts';
import type { LogAccess } from './log-access.ts';
import type { NodeParts } from './node-components.ts';
import { createRequestCounts, type RequestCounts } from './request-counts.ts';
import type { Workloads } from './workloads.ts';

export interface UpkeepParts {
  readonly log: LogAccess;
  readonly workloads: Workloads;
  readonly committee: Committee;
  readonly plot: Plot;
  readonly provenance: ProvenanceChain;
}

/** What keeps the node in good standing: its description, its proofs of state, its earnings. */
export interface Upkeep {
  readonly announcement: Announcement;
  readonly proofs: ProofKeeper;
  readonly counts: RequestCounts;
}

export function createUpkeep(parts: NodeParts, { log, workloads, committee, plot, provenance }: UpkeepParts): Upkeep {
  const { components, secrets, self } = parts;
  const { clock, crypto, genesis, host, logger, metering } = components;
  const { source, state, submit } = log;
  const node = self.nodeId;
  const warn =
    (what: string) =>
    (error: unknown): void =>
      logger.warn({ err: error }, what);
  return {
    announcement: createAnnouncement({
      describe: () => describeNode(parts, workloads, plot),
      submit,
      clock,
      onFailure: warn('the node was not announced'),
    }),
    proofs: createProofKeeper({
      source,
      submit,
      provenance,
      node,
      plot,
      peers: genesis.validators.map((entry) => (entry === self ? ownSeat(committee, self) : remoteSeat(parts, entry))),
      crypto,
      clock,
      onFailure: warn('the window was not proven'),
    }),
    counts: createRequestCounts({
      node,
      agent: workloads.agent,
      host,
      state,
      async submit(counted, signal) {
        const { machine, operations } = metering.operationsOf(counted);
        await log.client.transact(secrets.account, machine, operations, { signal });
      },
      clock,
      onFailure: warn('request counts were not recorded'),
    }),
  };
}

async function describeNode({ config, components }: NodeParts, { ingress }: Workloads, plot: Plot): Promise<MeshOperation> {
  const assets = await detectAssets(config.directory);
  const statuses = await Promise.all(components.drivers.map((driver) => driver.status()));
  const kinds = statuses.flatMap((status) => (status.available ? status.capabilities.packageKinds : []));
  return {
    kind: 'node.describe',
    assets,
    packageKinds: [...new Set(kinds)].toSorted(),
    capacity: config.capacity ?? allocatable(assets),
    addresses: components.host.addresses(),
    ingress: ingress?.address() ?? null,
    storageRoot: plot.root,
  };
}

function ownSeat(committee: Committee, { nodeId: member }: ValidatorEntry): CommitteePeer {
  return {
    member,
    challenge: (request) => committee.challenge(member, request),
    answer: (answer) => committee.answer(member, answer),
  };
}

function remoteSeat({ components }: NodeParts, { nodeId: member, addresses }: ValidatorEntry): CommitteePeer {
  const client = components.host.connect(proofContract, { addresses, id: member, expect: 'set-entry' });
  return {
    member,
    challenge: (request, options) => client.challenge(request, options),
    answer: (answer, options) => client.answer(answer, options),
  };
}
