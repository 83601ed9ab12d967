import { hypermeshError } from '@hypermesh/mesh';
import { type AppAnswer, MESH_QUERIES, type NodeAnswer, type ReplicaLogs, type ReplicaLogsRequest } from '@hypermesh/mesh/client';
import type { Placement } from '@hypermesh/mesh/machine';
import { encode, type PeerTarget, stoqError } from '@hypermesh/stoq';
import { expect, test } from 'vitest';
import { showLogs } from '../../src/app/logs.ts';
import type { CommandContext } from '../../src/command.ts';
import { Output } from '../../src/output.ts';
import { appNamed } from './app-named.ts';

const id = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function placementOn(node: number): Placement {
  const names = { id: `hello-${node}`, app: 'hello', appOwner: id(9), node: id(node), provider: id(node) };
  const numbers = { generation: 1, lease: 1, failures: 0, cpuMillis: 1, memoryBytes: 1, changedAt: 0, openedAt: 0, closedAt: null };
  return { ...names, ...numbers, exclusive: false, phase: 'ready', reason: '' };
}

function nodeAt(byte: number): NodeAnswer {
  const capacity = { cpuMillis: 1, memoryBytes: 1, workloads: 1 };
  const described = { packageKinds: ['wasm'], capacity, ingress: null, storageRoot: id(0), cordoned: false, describedAt: 0 };
  const usage = { cpuMillis: 0, memoryBytes: 0, workloads: 0, ready: 0 };
  const node = { ...described, id: id(byte), addresses: [`127.0.0.1:${byte}`] };
  return { node, name: `node-${byte}`, lease: null, usage, verdict: null, schedulable: true };
}

type Answer = (node: number, asked: ReplicaLogsRequest) => ReplicaLogs;

/** Shows the logs of an app with a replica on nodes 1 and 2, which answer so. */
async function shown(
  answer: Answer,
  options: { readonly json?: boolean; readonly replica?: string; readonly placements?: readonly Placement[] } = {},
): Promise<[string, string]> {
  const { json = false, placements = [placementOn(1), placementOn(2)], ...asked } = options;
  let [stdout, stderr] = ['', ''];
  const out = new Output({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    json,
    color: false,
  });
  const app: AppAnswer = { app: appNamed('hello'), placements };
  const session = {
    signal: new AbortController().signal,
    mesh: {
      query: async (_machine: string, method: string) => ({
        result: method === 'app' ? encode(MESH_QUERIES.app.answer, app) : encode(MESH_QUERIES.nodes.answer, [nodeAt(1), nodeAt(2)]),
      }),
    },
    member: {
      host: {
        connect: (_contract: unknown, { addresses }: PeerTarget) => ({
          logs: async (request: ReplicaLogsRequest) => answer(Number(addresses[0]?.split(':')[1]), request),
        }),
      },
    },
  };
  await showLogs({ out, session: async () => session } as unknown as CommandContext, 'hello', { lines: 7, ...asked });
  return [stdout, stderr];
}

test('every replica tells what it printed, under its name', async () => {
  const [stdout, stderr] = await shown((node, { linesMax }) => ({ lines: [`${node} asked for ${linesMax}`, 'a\u001b[2J'] }));
  expect(stdout).toBe('hello-1 | 1 asked for 7\nhello-1 | a\ufffd[2J\nhello-2 | 2 asked for 7\nhello-2 | a\ufffd[2J\n');
  expect(stderr).toBe('');
});

test('one replica is told by its id', async () => {
  const [stdout] = await shown((node) => ({ lines: [`of ${node}`] }), { replica: 'hello-2' });
  expect(stdout).toBe('hello-2 | of 2\n');
  await expect(shown(() => ({ lines: [] }), { replica: 'hello-9' })).rejects.toMatchObject({ code: 'cli.not_found' });
});

test('a silent app has printed nothing yet', async () => {
  expect((await shown(() => ({ lines: [] })))[0]).toBe('Nothing printed yet.\n');
});

const oneFails: Answer = (node) => {
  if (node === 1) throw stoqError('stoq.carrier_refused');
  return { lines: ['here'] };
};

test('a node that does not answer hides no other', async () => {
  const [stdout, stderr] = await shown(oneFails);
  expect([stdout, stderr]).toEqual(['hello-2 | here\n', expect.stringMatching(/^hello-1 on node-1: /u)]);
  const [json] = await shown(oneFails, { json: true });
  expect(JSON.parse(json)).toMatchObject([
    { replica: 'hello-1', lines: [], error: 'stoq.carrier_refused' },
    { replica: 'hello-2', lines: ['here'], error: null },
  ]);
});

test.each([
  ['no node answers', 'stoq.carrier_refused', () => stoqError('stoq.carrier_refused')],
  ['somebody else owns the app', 'hypermesh.not_authorised', () => hypermeshError('hypermesh.not_authorised')],
])('it fails when %s', async (_, code, error) => {
  const failing: Answer = (node) => {
    throw node === 2 ? error() : stoqError('stoq.carrier_refused');
  };
  await expect(shown(failing)).rejects.toMatchObject({ code });
});

test('no line looks like that of another replica', async () => {
  const [stdout] = await shown((node) => ({ lines: node === 1 ? ['fine\nhello-2 | fine'] : ['gone'] }));
  expect(stdout).toBe('hello-1 | fine hello-2 | fine\nhello-2 | gone\n');
});

test('an app without replicas has nothing to show, and says where to look', async () => {
  const [stdout] = await shown(() => ({ lines: [] }), { placements: [] });
  expect(stdout).toContain('hypermesh app explain');
});
