import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { expect, onTestFinished } from 'vitest';
import { type Agent, createAgent } from '../../src/agent/agent.ts';
import { bootClock, type BootClock } from '../../src/agent/boot-clock.ts';
import type { DesiredPlacement, LeaseDeadline, PackageSource, PlacementReport } from '../../src/agent/desired.ts';
import type { RuntimeDriver, StartOptions, Workload } from '../../src/runtime/driver.ts';
import { createProcessDriver } from '../runtime/process-driver.ts';

export const FAR_MS = 3_600_000;

export interface Bench {
  readonly agent: Agent;
  readonly clock: SteppedClock;
  readonly reports: PlacementReport[];
  readonly want: (...placements: DesiredPlacement[]) => void;
  lease: LeaseDeadline | null;
  closing: readonly { readonly id: string; readonly lease: number }[];
  readonly directory: string;
  /** Waits until the agent has reported so. */
  readonly until: (id: string, state: PlacementReport['state'], lease?: number) => Promise<PlacementReport>;
}

interface BenchOverrides {
  readonly drivers?: readonly RuntimeDriver[];
  readonly packages?: PackageSource;
  readonly clock?: SteppedClock;
  readonly bootClock?: BootClock;
  readonly onFailure?: (id: string, error: unknown) => void;
}

export async function bench(overrides: BenchOverrides = {}): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  await writeFile(join(directory, 'program'), '');
  const clock = overrides.clock ?? new SteppedClock();
  const listeners = new Set<() => void>();
  const reports: PlacementReport[] = [];
  let wanted: readonly DesiredPlacement[] = [];
  const made: Bench = {
    clock,
    reports,
    directory,
    closing: [],
    lease: { number: 1, deadline: bootClock() + FAR_MS },
    agent: createAgent({
      desired: {
        placements: () => wanted,
        closing: () => made.closing,
        lease: () => made.lease,
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      packages: overrides.packages ?? { fetch: async () => ({ directory, kind: 'program', entry: 'program' }) },
      drivers: overrides.drivers ?? [createProcessDriver()],
      clock,
      bootClock: overrides.bootClock ?? bootClock,
      report: (report) => reports.push(report),
      onFailure: overrides.onFailure ?? (() => undefined),
      stateDirectory: join(directory, 'state'),
    }),
    want(...placements) {
      wanted = placements;
      listeners.forEach((listener) => listener());
    },
    async until(id, state, lease = 1) {
      const deadline = AbortSignal.timeout(20_000);
      for (;;) {
        const found = reports.findLast((report) => report.id === id);
        if (found?.state === state && found.lease === lease) return found;
        expect(deadline.aborted ? reports : 'in time').toBe('in time');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
  onTestFinished(async () => {
    await made.agent.stop();
    await rm(directory, { recursive: true, force: true });
  });
  await made.agent.start();
  return made;
}

export function placement(id: string, changes: Partial<DesiredPlacement> = {}): DesiredPlacement {
  return {
    id,
    lease: 1,
    app: 'a',
    packageRoot: new Uint8Array(32),
    manifest: new Uint8Array(32),
    env: {},
    args: [],
    limits: { memoryBytesMax: 1, pidsMax: 1, cpuMillis: 1, fuelPerRequest: 1n, requestMsMax: 1 },
    health: null,
    exclusive: false,
    ...changes,
  };
}

const request = (path: string) => ({ method: 'GET', path, headers: {}, body: new Uint8Array() });
export const bodyOf = async (agent: Agent, id: string, lease = 1): Promise<string> => {
  const { body } = await agent.workload(id, lease).handle(request('/'), { signal: AbortSignal.timeout(5_000) });
  return Buffer.from(body).toString();
};
/** The process driver with another start. */
export function altered(start: (inner: () => Promise<Workload>, options: StartOptions) => Promise<Workload>): RuntimeDriver {
  const inner = createProcessDriver();
  return { ...inner, start: (spec, options) => start(() => inner.start(spec, options), options) };
}
