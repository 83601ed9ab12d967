import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CAESAR_QUERIES } from '@hypermesh/caesar/client';
import { hypermeshError, MESH_QUERIES } from '@hypermesh/mesh/client';
import { CodedError, encode, PeerError } from '@hypermesh/stoq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createContexts } from '../../src/context/contexts.ts';
import { runCli } from '../../src/run.ts';
import type { Session } from '../../src/session.ts';
import { appNamed } from './app-named.ts';

const id = new Uint8Array(32);

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli unknown-'));
  await mkdir(join(home, 'member'));
  await createContexts(home).add('lab', join(home, 'member'), { move: false });
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Mesh {
  readonly apps: readonly string[] | 'silent';
  /** What it answers to all but the list of apps and escrows. */
  readonly failure: CodedError;
}

/** Runs a command line at a mesh without escrows. `listed` says how often it was asked which apps there are. */
async function run(argv: readonly string[], { apps, failure }: Mesh): Promise<{ code: number; told: string; listed: number }> {
  let [told, listed] = ['', 0];
  const query = async (_machine: string, method: string): Promise<unknown> => {
    if (method === 'escrow') return { result: encode(CAESAR_QUERIES.escrow.answer, null) };
    if (method !== 'apps') throw failure;
    listed++;
    if (apps === 'silent') throw hypermeshError('hypermesh.not_committed');
    return { result: encode(MESH_QUERIES.apps.answer, listed === 1 ? apps.map(appNamed) : []) };
  };
  const account = { owner: id };
  const { signal } = new AbortController();
  const session = { mesh: { query }, account, signal, close: async () => undefined } as unknown as Session;
  const sink = { write: (text: string) => (told += text) };
  const signals = new EventEmitter();
  const process = {
    env: { HYPERMESH_HOME: home },
    cwd: () => home,
    pid: 1,
    kill: () => true as const,
    on: signals.on.bind(signals) as NodeJS.Process['on'],
    off: signals.off.bind(signals) as NodeJS.Process['off'],
    stdin: Readable.from([]),
    stdout: sink,
    stderr: sink,
  };
  const code = await runCli(argv, process, { openSession: async () => session });
  return { code, told, listed };
}

const UNKNOWN = new PeerError('hypermesh.app_unknown', false, { app: 'clac' });
const REFUSED = new CodedError('hypermesh.app_unknown', { message: 'The mesh refused the transaction', retryable: false }, { height: 912 });

describe('an app that the mesh does not know', () => {
  test.each([
    { argv: ['app', 'rm', 'clac'], failure: REFUSED },
    { argv: ['app', 'scale', 'clac', '3'], failure: REFUSED },
    { argv: ['app', 'status', 'clac'], failure: UNKNOWN },
    { argv: ['app', 'explain', 'clac'], failure: UNKNOWN },
  ])('$argv is told by name, with the app that may be meant', async ({ argv, failure }) => {
    const { code, told } = await run(argv, { apps: ['calc', 'hello'], failure });
    expect(code).toBe(2);
    expect(told).toMatch(
      /^error: No app of that name is known \((?:height=912 )?app=clac\) \[hypermesh\.app_unknown\]\nDid you mean calc\?\n$/u,
    );
  });

  test('is in the data of JSON', async () => {
    const { told } = await run(['app', 'rm', 'clac', '--json'], { apps: ['calc'], failure: REFUSED });
    expect(JSON.parse(told)).toMatchObject({ error: { code: 'hypermesh.app_unknown', data: { app: 'clac', height: 912 } } });
  });

  test.each<{ what: string; apps: Mesh['apps'] }>([
    { what: 'no app of nearly that name', apps: ['hello'] },
    { what: 'no answer to what there is', apps: 'silent' },
  ])('gets the usual hint when there is $what', async ({ apps }) => {
    const { code, told } = await run(['app', 'rm', 'clac'], { apps, failure: REFUSED });
    expect(code).toBe(2);
    expect(told).toContain('(height=912 app=clac)');
    expect(told).toContain('hypermesh app ls');
  });
});

test('an escrow of an app is looked for likewise', async () => {
  const { told } = await run(['ledger', 'escrow', 'clac'], { apps: ['calc'], failure: UNKNOWN });
  expect(told).toContain('(app=clac) [caesar.escrow_unknown]\nDid you mean calc?\n');
});

test('an app that is there, and has only no escrow, is not mistaken for another', async () => {
  const { told } = await run(['ledger', 'escrow', 'calc'], { apps: ['calc', 'calc2'], failure: UNKNOWN });
  expect(told).toContain('open an escrow with');
});

test('another failure costs no query', async () => {
  const { listed, told } = await run(['app', 'rm', 'clac'], { apps: ['calc'], failure: hypermeshError('hypermesh.transaction_owner') });
  expect(listed).toBe(0);
  expect(told).not.toContain('Did you mean');
});
