import { bool, bytes, type Codec, type Decoded, decode, encode, hasCode, list, optional, struct, text, uint } from '@hypermesh/stoq';
import { hypermeshError } from '../errors.ts';
import type { StateReader } from '../machine/machine.ts';
import type { Query } from '../machine/query.ts';
import { allApps, type App, appCodec, appOf } from './app.ts';
import { allAssets, type Asset, assetCodec, assetOf, assetsOfNode } from './asset.ts';
import { type Endpoint, endpointCodec, endpointsOf } from './endpoint.ts';
import { type Invitation, invitationCodec, readInvitation } from './invitation.ts';
import { type Lease, leaseCodec, readLease } from './lease.ts';
import { APP_COUNT_MAX, APP_NAME_LENGTH_MAX, NODE_COUNT_MAX, REPLICA_COUNT_MAX } from './limits.ts';
import { allMembers, type Member, memberCodec, readMember } from './member.ts';
import { allNodes, isInService, type MeshNode, meshNodeCodec, readNode, readUsage, type Usage, usageCodec } from './node.ts';
import { type MeshParameters, parametersCodec, readParameters } from './parameters.ts';
import { type Phase, phaseCodec, readPhase } from './phase.ts';
import { allPlacements, type Placement, placementCodec, placementsOfApp, placementsOfNode } from './placement.ts';
import { currentVerdict, readVerdict, type Verdict, verdictCodec } from './verdict.ts';
import { type ChallengeWindow, challengeWindowCodec, readWindow } from './window.ts';

export interface NodeAnswer {
  readonly node: MeshNode;
  readonly name: string;
  readonly lease: Lease | null;
  readonly usage: Usage;
  readonly verdict: Verdict | null;
  /** Whether it takes part in placement: lease, recent verdict, assets in service, not cordoned. */
  readonly schedulable: boolean;
}

export interface AppAnswer {
  readonly app: App;
  /** Not closed, in id order. */
  readonly placements: readonly Placement[];
}

/** Which placements: one of both, or none for all, after an id. */
export interface PlacementsArgument {
  readonly app: string | null;
  readonly node: Uint8Array | null;
  readonly after: string;
}

// Records of one answer; the next call names the last one.
export const RECORDS_PER_ANSWER_MAX: number = 1_000;

// A page of apps ends with the one that reaches this: with the largest app it stays far below the 4 MiB that a validator answers.
export const APP_PAGE_BYTES_MIN: number = 1024 * 1024;

/** Argument and answer of each query, for daemons and clients. Lists go on after the last record of the answer before. */
export interface MeshQueries {
  readonly parameters: Query<number, MeshParameters>;
  /** After a name. */
  readonly members: Query<string, readonly Member[]>;
  readonly member: Query<Uint8Array, Member | null>;
  readonly nodes: Query<number, readonly NodeAnswer[]>;
  readonly node: Query<Uint8Array, NodeAnswer | null>;
  /** After a name; an empty page is the end. */
  readonly apps: Query<string, readonly App[]>;
  /** Throws `hypermesh.app_unknown`. */
  readonly app: Query<string, AppAnswer>;
  readonly placements: Query<PlacementsArgument, readonly Placement[]>;
  /** Replicas of a service that answer requests. Throws `hypermesh.service_unknown`. */
  readonly endpoints: Query<string, readonly Endpoint[]>;
  readonly phase: Query<number, Phase>;
  readonly window: Query<number, ChallengeWindow | null>;
  readonly verdict: Query<Uint8Array, Verdict | null>;
  /** Of one node, or of all. */
  readonly assets: Query<Uint8Array | null, readonly Asset[]>;
  /** Throws `hypermesh.asset_unknown`. */
  readonly asset: Query<Uint8Array, Asset>;
  /** The invitation behind the hash of a token if it may be used at `time`. */
  readonly invitation: Query<{ readonly token: Uint8Array; readonly time: number }, Invitation | null>;
}

const nodeAnswerCodec: Codec<NodeAnswer> = struct({
  node: meshNodeCodec,
  name: text(128),
  lease: optional(leaseCodec),
  usage: usageCodec,
  verdict: optional(verdictCodec),
  schedulable: bool,
});

const nothing = uint(0);
const id = bytes(32);
const appName = text(APP_NAME_LENGTH_MAX);
const placementList = list(placementCodec, RECORDS_PER_ANSWER_MAX);

export const MESH_QUERIES: MeshQueries = {
  parameters: { argument: nothing, answer: parametersCodec },
  members: { argument: text(128), answer: list(memberCodec, RECORDS_PER_ANSWER_MAX) },
  member: { argument: id, answer: optional(memberCodec) },
  nodes: { argument: nothing, answer: list(nodeAnswerCodec, NODE_COUNT_MAX) },
  node: { argument: id, answer: optional(nodeAnswerCodec) },
  apps: { argument: text(APP_NAME_LENGTH_MAX), answer: list(appCodec, APP_COUNT_MAX) },
  app: { argument: appName, answer: struct({ app: appCodec, placements: list(placementCodec, 4 * REPLICA_COUNT_MAX) }) },
  placements: { argument: struct({ app: optional(appName), node: optional(id), after: text(128) }), answer: placementList },
  endpoints: { argument: appName, answer: list(endpointCodec, 4 * REPLICA_COUNT_MAX) },
  phase: { argument: nothing, answer: phaseCodec },
  window: { argument: nothing, answer: optional(challengeWindowCodec) },
  verdict: { argument: id, answer: optional(verdictCodec) },
  assets: { argument: optional(id), answer: list(assetCodec, RECORDS_PER_ANSWER_MAX) },
  asset: { argument: id, answer: assetCodec },
  invitation: { argument: struct({ token: id, time: uint() }), answer: optional(invitationCodec) },
};

type Answerers = { readonly [Method in keyof MeshQueries]: (state: StateReader, argument: Uint8Array) => Uint8Array };

const ANSWERERS: Answerers = {
  parameters: answer('parameters', (state) => readParameters(state)),
  members: answer('members', membersAfter),
  member: answer('member', (state, member) => readMember(state, member) ?? null),
  nodes: answer('nodes', (state) => [...allNodes(state)].map((node) => nodeAnswer(state, node))),
  node: answer('node', (state, node) => {
    const known = readNode(state, node);
    return known === undefined ? null : nodeAnswer(state, known);
  }),
  apps: answer('apps', appsAfter),
  app: answer('app', (state, name) => ({ app: appOf(state, name), placements: placementsOfApp(state, name) })),
  placements: answer('placements', selectPlacements),
  endpoints: answer('endpoints', endpointsOf),
  phase: answer('phase', (state) => readPhase(state)),
  window: answer('window', (state) => readWindow(state) ?? null),
  verdict: answer('verdict', (state, node) => readVerdict(state, node) ?? null),
  assets: answer('assets', (state, node) => take(node === null ? allAssets(state) : assetsOfNode(state, node))),
  asset: answer('asset', (state, asset) => assetOf(state, asset)),
  invitation: answer('invitation', (state, { token, time }) => readInvitation(state, token, time) ?? null),
};

/** Throws `hypermesh.query_unknown`, `hypermesh.operation_malformed` and what the query names. */
export function answerQuery(state: StateReader, method: string, argument: Uint8Array): Uint8Array {
  if (!Object.hasOwn(ANSWERERS, method)) throw hypermeshError('hypermesh.query_unknown', { method });
  try {
    return ANSWERERS[method as keyof MeshQueries](state, argument);
  } catch (cause) {
    if (!hasCode(cause, 'stoq.codec_malformed') && !hasCode(cause, 'stoq.codec_limit')) throw cause;
    throw hypermeshError('hypermesh.operation_malformed', { query: method }, { cause });
  }
}

type ArgumentOf<Method extends keyof MeshQueries> = Decoded<MeshQueries[Method]['argument']>;
type AnswerOf<Method extends keyof MeshQueries> = Decoded<MeshQueries[Method]['answer']>;

function answer<Method extends keyof MeshQueries>(
  method: Method,
  from: (state: StateReader, argument: ArgumentOf<Method>) => AnswerOf<Method>,
): (state: StateReader, argument: Uint8Array) => Uint8Array {
  const codecs = MESH_QUERIES[method] as object as Query<ArgumentOf<Method>, AnswerOf<Method>>;
  return (state, argument) => encode(codecs.answer, from(state, decode(codecs.argument, argument)));
}

function nodeAnswer(state: StateReader, node: MeshNode): NodeAnswer {
  const lease = readLease(state, node.id) ?? null;
  const proven = currentVerdict(state, node.id) !== undefined;
  return {
    node,
    name: readMember(state, node.id)?.name ?? '',
    lease,
    usage: readUsage(state, node.id),
    verdict: readVerdict(state, node.id) ?? null,
    schedulable: lease?.expired === false && proven && !node.cordoned && isInService(state, node.id),
  };
}

function membersAfter(state: StateReader, after: string): readonly Member[] {
  const sorted = [...allMembers(state)].sort((one, other) => (one.name < other.name ? -1 : 1));
  return take(sorted.filter(({ name }) => name > after));
}

function appsAfter(state: StateReader, after: string): readonly App[] {
  const page: App[] = [];
  let pageBytes = 0;
  for (const app of allApps(state)) {
    if (app.spec.name <= after) continue;
    if (pageBytes >= APP_PAGE_BYTES_MIN) break;
    page.push(app);
    pageBytes += encode(appCodec, app).length;
  }
  return page;
}

function selectPlacements(state: StateReader, { app, node, after }: PlacementsArgument): readonly Placement[] {
  const isOfNode = (placement: Placement): boolean => node === null || Buffer.compare(placement.node, node) === 0;
  const all = app !== null ? placementsOfApp(state, app) : node !== null ? placementsOfNode(state, node) : allPlacements(state);
  return take(all, (placement) => placement.id > after && isOfNode(placement));
}

function take<T>(records: Iterable<T>, wanted: (record: T) => boolean = () => true): readonly T[] {
  const found: T[] = [];
  for (const record of records) {
    if (found.length >= RECORDS_PER_ANSWER_MAX) break;
    if (wanted(record)) found.push(record);
  }
  return found;
}
