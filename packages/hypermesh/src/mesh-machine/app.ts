import { bigUint, bool, bytes, type Codec, list, oneOf, optional, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader, StateWriter } from '../machine/machine.ts';
import {
  APP_COUNT_MAX,
  APP_NAME_LENGTH_MAX,
  APPS_PER_OWNER_MAX,
  ARG_COUNT_MAX,
  ARG_LENGTH_MAX,
  AVOIDED_COUNT_MAX,
  ENV_COUNT_MAX,
  ENV_NAME_LENGTH_MAX,
  ENV_VALUE_LENGTH_MAX,
  REASON_LENGTH_MAX,
  REPLICA_COUNT_MAX,
} from './limits.ts';
import { packageKindCodec } from './node.ts';
import { hex, sortable, table, type Table } from './table.ts';

/** The package that an app runs, resolved: nodes verify what they fetch against root and manifest. */
export interface AppPackage {
  readonly name: string;
  readonly version: string;
  /** Identity of the package and content address of its manifest, 32 bytes each. */
  readonly root: Uint8Array;
  readonly manifest: Uint8Array;
  readonly kind: string;
}

export interface AppResources {
  /** Thousandths of one core. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

export interface AppLimits {
  readonly pids: number;
  /** Instructions of one request; WASM only. */
  readonly fuelPerRequest: bigint;
  readonly requestMs: number;
}

/** A request whose answer below 500 shows that the replica works. */
export interface HealthCheck {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row after which the replica is restarted. */
  readonly failuresMax: number;
}

export interface EnvVariable {
  readonly name: string;
  readonly value: string;
}

/** What an owner wants to run. */
export interface AppSpec {
  /** A DNS label, unique in the mesh: the app is reached as `<name>.mesh`. */
  readonly name: string;
  readonly package: AppPackage;
  readonly replicas: number;
  readonly resources: AppResources;
  readonly limits: AppLimits;
  /** In name order. */
  readonly env: readonly EnvVariable[];
  readonly args: readonly string[];
  readonly health: HealthCheck | null;
  /** `never`: a replica that ended is not replaced. */
  readonly restart: 'always' | 'never';
  /** At most one instance at any time, fenced by the lease of its node. */
  readonly exclusive: boolean;
  /** `stop`: the node kills it when its lease ends without renewal. */
  readonly onPartition: 'keep' | 'stop';
}

export interface App {
  readonly spec: AppSpec;
  readonly owner: Uint8Array;
  /** Grows when a deployment changes what runs. */
  readonly generation: number;
  readonly state: 'active' | 'suspended';
  /** Replicas that ended for good (`restart: never`) in this generation. */
  readonly ended: number;
  /** Nodes that could not keep a replica running, oldest first. */
  readonly avoided: readonly Uint8Array[];
  /** Why replicas are missing; empty when none is. */
  readonly explanation: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const PACKAGE_NAME_LENGTH_MAX = 128;
const VERSION_LENGTH_MAX = 64;
const PATH_LENGTH_MAX = 1_024;

export const appSpecCodec: Codec<AppSpec> = struct({
  name: text(APP_NAME_LENGTH_MAX),
  package: struct({
    name: text(PACKAGE_NAME_LENGTH_MAX),
    version: text(VERSION_LENGTH_MAX),
    root: bytes(32),
    manifest: bytes(32),
    kind: packageKindCodec,
  }),
  replicas: uint(REPLICA_COUNT_MAX),
  resources: struct({ cpuMillis: uint(), memoryBytes: uint() }),
  limits: struct({ pids: uint(), fuelPerRequest: bigUint(64), requestMs: uint() }),
  env: list(struct({ name: text(ENV_NAME_LENGTH_MAX), value: text(ENV_VALUE_LENGTH_MAX) }), ENV_COUNT_MAX),
  args: list(text(ARG_LENGTH_MAX), ARG_COUNT_MAX),
  health: optional(struct({ path: text(PATH_LENGTH_MAX), intervalMs: uint(), timeoutMs: uint(), failuresMax: uint() })),
  restart: oneOf('always', 'never'),
  exclusive: bool,
  onPartition: oneOf('keep', 'stop'),
});

export const appCodec: Codec<App> = struct({
  spec: appSpecCodec,
  owner: bytes(32),
  generation: uint(),
  state: oneOf('active', 'suspended'),
  ended: uint(),
  avoided: list(bytes(32), AVOIDED_COUNT_MAX),
  explanation: text(REASON_LENGTH_MAX),
  createdAt: uint(),
  updatedAt: uint(),
});

export const APP_NAME: RegExp = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
export const ENV_NAME: RegExp = /^[A-Za-z_][A-Za-z0-9_]*$/u;

/** Bounds of the numbers of a specification: beyond them a replica cannot work, or one request is no request. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

type Bounded = keyof AppResources | 'pids' | 'requestMs' | 'intervalMs' | 'timeoutMs' | 'failuresMax';

export const APP_BOUNDS: Readonly<Record<Bounded, Bounds>> = {
  cpuMillis: { min: 1, max: 1_000_000 },
  memoryBytes: { min: 1024 * 1024, max: 2 ** 44 },
  pids: { min: 1, max: 65_536 },
  requestMs: { min: 1, max: 300_000 },
  intervalMs: { min: 100, max: 3_600_000 },
  timeoutMs: { min: 10, max: 60_000 },
  failuresMax: { min: 1, max: 100 },
};

const apps: Table<App> = table('app', appCodec);
/** How many there are, under the empty text all, under an owner's id its own. */
const counts: Table<number> = table('app-count', uint());
/** Specifications of earlier generations that still run, under `<app>/<generation>`. */
const revisions: Table<AppSpec> = table('revision', appSpecCodec);

export function readApp(state: StateReader, name: string): App | undefined {
  return apps.read(state, name);
}

/** Throws `hypermesh.app_unknown`. */
export function appOf(state: StateReader, name: string): App {
  const app = readApp(state, name);
  if (app === undefined) throw hypermeshError('hypermesh.app_unknown', { app: name });
  return app;
}

export function allApps(state: StateReader): Iterable<App> {
  return apps.all(state);
}

/** Replicas that the app runs while it has funds. */
export function replicasWanted({ spec, ended }: App): number {
  return Math.max(0, spec.replicas - ended);
}

/** Throws `hypermesh.mesh_full`. */
export function writeApp(state: StateWriter, app: App): void {
  if (!apps.has(state, app.spec.name)) {
    count(state, '', 1, { limit: 'apps', countMax: APP_COUNT_MAX });
    count(state, hex(app.owner), 1, { limit: 'apps of one owner', countMax: APPS_PER_OWNER_MAX });
  }
  apps.write(state, app.spec.name, app);
}

export function removeApp(state: StateWriter, { owner, spec }: App): void {
  apps.remove(state, spec.name);
  for (const whose of ['', hex(owner)]) count(state, whose, -1);
  retainRevisions(state, spec.name, () => []);
}

function count(state: StateWriter, whose: string, sign: 1 | -1, limit?: { readonly limit: string; readonly countMax: number }): void {
  const counted = (counts.read(state, whose) ?? 0) + sign;
  if (limit !== undefined && counted > limit.countMax) throw hypermeshError('hypermesh.mesh_full', limit);
  if (counted === 0) counts.remove(state, whose);
  else counts.write(state, whose, counted);
}

/** The specification under which a placement of that generation runs. */
export function specOf(state: StateReader, name: string, generation: number): AppSpec | undefined {
  const app = readApp(state, name);
  return app?.generation === generation ? app.spec : revisions.read(state, revisionId(name, generation));
}

/** Replaces what runs: the earlier specification is kept for its placements. */
export function writeGeneration(state: StateWriter, before: App, app: App): void {
  revisions.write(state, revisionId(before.spec.name, before.generation), before.spec);
  writeApp(state, app);
}

/** Forgets specifications of generations that no placement needs; `needed` is asked only when there are any. */
export function retainRevisions(state: StateWriter, name: string, needed: () => readonly number[]): void {
  const ids = revisions.ids(state, `${name}/`);
  if (ids.length === 0) return;
  const kept = new Set(needed().map((generation) => revisionId(name, generation)));
  for (const id of ids) if (!kept.has(id)) revisions.remove(state, id);
}

function revisionId(name: string, generation: number): string {
  return `${name}/${sortable(generation)}`;
}

/** What a codec cannot say. Throws `hypermesh.app_invalid` with the key. */
export function assertAppSpec(spec: AppSpec): void {
  const refuse = (key: string, reason: string): never => {
    throw hypermeshError('hypermesh.app_invalid', { key, reason });
  };
  if (!APP_NAME.test(spec.name)) refuse('name', 'not a DNS label');
  const numbers = { ...spec.resources, pids: spec.limits.pids, requestMs: spec.limits.requestMs };
  for (const [key, value] of Object.entries({ ...numbers, ...healthNumbers(spec.health) })) {
    const { min, max } = APP_BOUNDS[key as Bounded];
    if (value < min || value > max) refuse(key, `not within ${min} and ${max}`);
  }
  if (spec.health !== null && !spec.health.path.startsWith('/')) refuse('health.path', 'does not begin with /');
  const names = spec.env.map(({ name }) => name);
  if (names.some((name) => !ENV_NAME.test(name))) refuse('env', 'not the name of a variable');
  if (names.some((name, position) => position > 0 && name <= (names[position - 1] as string))) refuse('env', 'not in order, or twice');
  if (spec.exclusive && spec.onPartition === 'keep') refuse('onPartition', 'an exclusive app cannot keep running without its lease');
  if (spec.exclusive && spec.replicas > 1) refuse('replicas', 'an exclusive app has one instance');
}

function healthNumbers(health: HealthCheck | null): Record<string, number> {
  if (health === null) return {};
  return { intervalMs: health.intervalMs, timeoutMs: health.timeoutMs, failuresMax: health.failuresMax };
}
