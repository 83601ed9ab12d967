import { readFile } from 'node:fs/promises';
import { CodedError, type ErrorData, PeerError } from '@hypermesh/stoq';
import { expect, test } from 'vitest';
import { cliError } from '../src/errors.ts';
import { explain } from '../src/explanation.ts';
import { pemOf } from '../src/certificate/own.ts';

test('a refusal of the mesh or of a peer gets the words of its code back', async () => {
  const refused = new CodedError(
    'caesar.funds_insufficient',
    { message: 'The mesh refused the transaction', retryable: false },
    { height: 3 },
  );
  const { error, hint } = await explain(refused);
  expect((error as Error).message).toBe('The account does not hold enough unreserved funds (height=3)');
  expect(hint).toContain('hypermesh ledger balance');
  const peer = await explain(new PeerError('catalog.version_exists', false, {}));
  expect((peer.error as Error).message).toContain('versions never change');
  expect(peer.hint).toContain('package.yaml');
});

test('an unknown code keeps its words', async () => {
  const peer = new PeerError('other.code', false, {});
  expect(await explain(peer)).toEqual({ error: peer, hint: '' });
});

test('a daemon that was not ready in time points to the load of the machine, one that ended does not', async () => {
  const failed = (data: ErrorData): CodedError => new CodedError('devnet.daemon_failed', { message: 'failed', retryable: true }, data);
  const { hint } = await explain(failed({ daemon: 'node-1', loadAverage: 8.8, cores: 2 }));
  expect(hint).toContain('busy machine');
  expect(hint).toContain('load average 8.8 on 2 cores');
  expect(hint).toContain('run again');
  expect((await explain(failed({ daemon: 'node-1' }))).hint).toBe('');
});

test('a failure of the file system names the file', async () => {
  const failure: unknown = await readFile('/nonexistent/file').catch((error: unknown) => error);
  const { error, hint } = await explain(failure);
  expect(error).toMatchObject({ code: 'cli.file_unusable', data: { path: '/nonexistent/file', reason: 'there is no such file' } });
  expect(hint).toContain('path');
});

test('own errors and faults stay as they are', async () => {
  const own = cliError('cli.not_found');
  expect((await explain(own)).error).toBe(own);
  const fault = new Error('fault');
  expect(await explain(fault)).toEqual({ error: fault, hint: '' });
});

test('PEM has lines of 64 characters', () => {
  const lines = pemOf(new Uint8Array(100)).trimEnd().split('\n');
  expect(lines.at(0)).toBe('-----BEGIN CERTIFICATE-----');
  expect(lines.slice(1, -1).map(({ length }) => length)).toEqual([64, 64, 8]);
  expect(lines.at(-1)).toBe('-----END CERTIFICATE-----');
});
