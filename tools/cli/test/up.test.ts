import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { UpReport } from '@hypermesh/devnet';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
// Eight processes with their keys, a killed node whose lease has to end, and whatever else runs on two cores.
const UP_MS_MAX = 300_000;
// Keys, certificates and genesis of eight daemons, then the first of them.
const STARTING_MS_MAX = 120_000;

const home = mkdtempSync(join(tmpdir(), 'up of a test '));
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function hypermesh(...args: string[]): Promise<Ended> {
  const env = { ...process.env, HYPERMESH_HOME: join(home, 'contexts'), TMPDIR: home, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...texts })));
}

/** Processes that name the folder of this test: command lines by number (proc(5)). */
function started(): ReadonlyMap<number, string> {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map((name): [number, string] => {
      try {
        return [Number(name), readFileSync(`/proc/${name}/cmdline`, 'latin1')];
      } catch {
        return [Number(name), ''];
      }
    });
  return new Map(lines.filter(([, line]) => line.includes(home)));
}

function leftOver(): readonly string[] {
  return [...started().values()];
}

/** Throws while there is none. */
function processOf(entry: string): number {
  for (const [pid, line] of started()) if (line.includes(entry)) return pid;
  throw new Error(`no process of ${entry}`);
}

describe.skipIf(process.platform !== 'linux')('hypermesh up', () => {
  test('--once --json does the main job with real processes and prints one object', { timeout: UP_MS_MAX }, async () => {
    const { code, stdout, stderr } = await hypermesh('up', '--once', '--json');
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const report = JSON.parse(stdout) as UpReport;
    expect(report).toMatchObject({ ok: true, killed: { failed: expect.any(Number) }, app: { name: 'hello', failed: 0 } });
    expect(report.drivers).toContainEqual({ name: 'wasm', available: true, reason: expect.any(String) });
    expect(report.validators).toHaveLength(4);
    expect(new Set(report.validators.map(({ height, stateRoot }) => `${height} ${stateRoot}`)).size).toBe(1);
    expect(report.certificates).toEqual({ issued: 8, verified: 8, logSize: 8 });
    expect(report.app.requests).toBeGreaterThanOrEqual(100);
    expect(new Set(report.app.replicas.map(({ node }) => node)).size).toBeGreaterThanOrEqual(2);
    expect(report.app.replicas.reduce((sum, { requests }) => sum + requests, 0)).toBe(report.app.requests - report.killed.failed);
    expect(report.killed.gapMs).toBeLessThanOrEqual(10_000);
    expect(report.period.totalBefore).toBe(report.period.totalAfter);
    expect(report.period.paid.length).toBeGreaterThan(0);
    expect(Object.keys(report.addresses)).toHaveLength(8);
    expect(leftOver()).toEqual([]);
    expect(readdirSync(home).filter((name) => name.startsWith('hypermesh-'))).toEqual([]);
  });

  test('that loses a daemon it cannot do without ends the others, and leaves the logs that say why', { timeout: UP_MS_MAX }, async () => {
    const ended = hypermesh('up', '--once', '--json');
    const killed = await vi.waitFor(() => processOf('hypermeshd.js'), { timeout: STARTING_MS_MAX, interval: 50 });
    process.kill(killed, 'SIGKILL');
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'devnet.daemon_failed' } });
    const [kept] = readdirSync(home).filter((name) => name.startsWith('hypermesh-'));
    expect(stderr).toBe(`State, keys and logs of the mesh that failed are in ${join(home, kept as string)}\n`);
    expect(readdirSync(join(home, kept as string, 'mesh', 'nodes', 'node-1'))).toContain('log');
    expect(leftOver()).toEqual([]);
  });

  test('starts nothing for an example that cannot be deployed', async () => {
    const before = readdirSync(home);
    const { code, stdout } = await hypermesh('up', '--once', '--json', '--example', join(home, 'no such package'));
    expect([code, JSON.parse(stdout)]).toMatchObject([
      2,
      { error: { code: 'devnet.example_invalid', data: { reason: 'no app document' } } },
    ]);
    expect(readdirSync(home)).toEqual(before);
  });
});
