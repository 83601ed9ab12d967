import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createLifeCycle, type Daemon, type Startable } from '@hypermesh/stoq/host';
import { meshIdOf, openWitnessStore } from '@hypermesh/trustchain';
import type { Agent } from './agent/agent.ts';
import { hypermeshError } from './errors.ts';
import { createLogAccess } from './node/log-access.ts';
import type { HypermeshComponents, HypermeshConfig, HypermeshSecrets, NodeParts } from './node/node-components.ts';
import { openNodeProvenance } from './node/provenance-genesis.ts';
import { serveNode } from './node/services.ts';
import { createUpkeep, type Upkeep } from './node/upkeep.ts';
import { createWorkloads, type Workloads } from './node/workloads.ts';
import { createCommittee } from './proof/committee.ts';
import { openPlot } from './proof/plot-file.ts';
import type { Validator } from './validator/validator.ts';

/** A validator that is also a node: orders the log, runs workloads, lets requests in. */
export interface Hypermesh extends Daemon {
  readonly validator: Validator;
  readonly agent: Agent;
}

// Reports of the last moment: what is not ordered by then, the end of the lease says.
const LAST_REPORTS_MS = 2_000;

/** Opens what the node keeps on disk and puts its parts together; nothing runs before `start`. */
export async function createHypermesh(
  config: HypermeshConfig,
  secrets: HypermeshSecrets,
  components: HypermeshComponents,
): Promise<Hypermesh> {
  const { genesis, host, clock, entropy, membership, blobs, health } = components;
  const self = genesis.validators.find(({ name }) => name === config.name);
  if (self === undefined) throw hypermeshError('hypermesh.not_validator', { name: config.name });
  await mkdir(config.directory, { recursive: true, mode: 0o700 });
  const plot = await openPlot(join(config.directory, 'storage'), meshIdOf(genesis), self.nodeId);
  const provenance = await openNodeProvenance(join(config.directory, 'provenance'), self.nodeId, config.directory, clock);
  const witnessStore = await openWitnessStore(join(config.directory, 'witness'));

  const parts: NodeParts = { config, secrets, components, self };
  const log = createLogAccess(parts);
  const workloads = createWorkloads(parts, log);
  const committee = createCommittee({ state: log.state, witness: secrets.witness, clock, entropy });
  serveNode(parts, { log, workloads, committee, witnessStore });
  const upkeep = createUpkeep(parts, { log, workloads, committee, plot, provenance });
  const { validator } = log;
  health?.check('ready', 'log', () => validator.status().halted || validator.status().stalled || null);
  health?.check('ready', 'announced', () => (upkeep.announcement.isDone() ? null : 'not announced yet'));

  const lifeCycle = createLifeCycle([
    ['files', onStop(async () => void (await Promise.all([plot.close(), provenance.close()])))],
    ['blobs', blobs],
    ['validator', validator],
    ['host', host],
    ['membership', membership],
    ...runningParts(workloads, upkeep),
  ]);
  return {
    validator,
    agent: workloads.agent,
    start: () => lifeCycle.start(),
    stop: () => lifeCycle.stop(),
    addresses: () => ({ stoq: host.addresses(), ...(workloads.ingress && { ingress: workloads.ingress.address() }) }),
  };
}

/** In the order of their start: what answers first, then what asks for work. */
function runningParts(workloads: Workloads, { announcement, proofs, counts }: Upkeep): [string, Startable][] {
  const { ingress, reports, agent, lease } = workloads;
  return [
    ...(ingress === undefined ? [] : ([['ingress', ingress]] satisfies [string, Startable][])),
    ['announcement', background(announcement)],
    ['reports', onStop(() => reports.stop({ graceMs: LAST_REPORTS_MS }))],
    ['agent', agent],
    ['lease', background(lease)],
    ['proofs', background(proofs)],
    ['counts', background(counts)],
  ];
}

function onStop(stop: () => Promise<void>): Startable {
  return { start: () => Promise.resolve(), stop };
}

function background(part: { start(): void; stop(): Promise<void> }): Startable {
  return { start: async () => part.start(), stop: () => part.stop() };
}
