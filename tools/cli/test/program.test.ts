import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LOG_LINES_MAX } from '@hypermesh/mesh/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runInProcess, spawnCli } from './cli-run.ts';

// Each run is a process that compiles from source, on a machine that does other things.
const PROCESS_MS = 60_000;
const HELLO = fileURLToPath(new URL('../../../examples/hello', import.meta.url));
const INIT = ['mesh', 'init', '--name', 'lab', '--trustchaind', '127.0.0.1:4400', '--validator', 'a=127.0.0.1:4401'];

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cli program-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('the process', () => {
  test('helps and ends with 0', { timeout: PROCESS_MS }, async () => {
    const { code, stdout } = await spawnCli(['--help'], { home });
    expect(code).toBe(0);
    expect(stdout).toContain('hypermesh pkg publish ./hello');
    expect(stdout).not.toContain('\u001b');
  });

  test('reports what it does not understand with 2, as exactly one JSON value where asked', { timeout: PROCESS_MS }, async () => {
    const { code, stdout, stderr } = await spawnCli(['app', 'scale', 'x', '--json'], { home });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'cli.usage', message: "missing required argument 'replicas'" } });
    expect(stderr).toBe('');
  });

  test('completes', { timeout: PROCESS_MS }, async () => {
    const { stdout } = await spawnCli(['complete', '--', 'ledger', 'tr'], { home });
    expect(stdout).toContain('transfer\tpay from your own account');
  });

  test('reads a token from standard input and refuses a broken one with 2', { timeout: PROCESS_MS }, async () => {
    const { code, stdout } = await spawnCli(['login', '--json'], { home, stdin: 'join1.AAAA\n' });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'trustchain.token_invalid' } });
  });
});

describe('usage', () => {
  test.each([
    { argv: [], says: 'Usage: hypermesh' },
    { argv: ['frob'], says: "unknown command 'frob'\n(Commands of hypermesh: up, down, " },
    { argv: ['wallet'], says: "unknown command 'wallet'\n(Commands of hypermesh: up, down, " },
    { argv: ['publish', '.'], says: '(Did you mean hypermesh pkg publish?)' },
    { argv: ['pubish', '.'], says: '(Did you mean hypermesh pkg publish?)' },
    { argv: ['deploy', 'hello'], says: '(Did you mean hypermesh app deploy?)' },
    { argv: ['statsu'], says: '(Did you mean hypermesh status?)' },
    { argv: ['escrows'], says: '(Did you mean hypermesh ledger escrow?)' },
    { argv: ['app', 'statsu'], says: '(Did you mean hypermesh app status?)' },
    { argv: ['app', 'foo'], says: '(Commands of hypermesh app: deploy, ls, status, explain, ' },
    { argv: ['app', 'deploy'], says: "missing required argument 'what'" },
    { argv: ['app', 'scale', 'hello', 'x'], says: "error: replicas: 'x' is no whole number from 0 to 256\n" },
    { argv: ['app', 'deploy', 'hello', '--replicas', '-1'], says: "--replicas <count>: '-1' is no whole number from 0 to 256" },
    { argv: ['ledger', 'period', '0'], says: "number: '0' is no whole number from 1\n" },
    { argv: ['app', 'logs', 'hello', '--lines', String(LOG_LINES_MAX + 1)], says: `is no whole number from 1 to ${LOG_LINES_MAX}` },
    { argv: ['app', 'deploy', 'hello@', '--json'], says: '' },
    { argv: ['app', 'deploy', 'hello', '--fund', '1.0000000001'], says: 'amount of CAES' },
    { argv: ['app', 'deploy', 'hello', '--env', 'LANG'], says: 'NAME=VALUE' },
    { argv: ['node', 'invite', '--role', 'emperor'], says: "--role <role>: 'emperor' is none of node, owner" },
    { argv: ['cert', 'revoke', 'own', '--reason', 'boredom'], says: "--reason <reason>: 'boredom' is none of unspecified, " },
    { argv: ['status', '--timeout', 'soon'], says: 'seconds' },
    { argv: ['status', '--timeout', '3000000'], says: 'up to 2147483' },
    { argv: ['asset', 'show', 'zz'], says: 'hexadecimal' },
    { argv: ['ledger', 'escrow', 'hello', '--fund', '1', '--close'], says: 'one of --fund and --close' },
    { argv: ['ledger', 'escrow', 'hello', '--payment-id', '0'.repeat(32)], says: 'for --fund' },
    { argv: ['app', 'deploy', 'hello', '--payment-id', '0'.repeat(32)], says: 'for --fund' },
    { argv: ['ledger', 'transfer', 'ann', '1', '--payment-id', 'mine'], says: '32 hexadecimal digits' },
    { argv: ['cert', 'revoke', 'zz'], says: 'hypermesh cert ls' },
    { argv: ['login', 'join1.A', '--home', '.'], says: 'one of a token' },
    { argv: ['login', 'join1.A', '--context', '../evil'], says: 'lower-case' },
    { argv: ['context', 'use', 'nowhere'], says: 'cli.context_missing' },
    { argv: ['context', 'use', 'nowhere'], says: 'hypermesh context ls' },
    { argv: ['status'], says: 'hypermesh login TOKEN' },
    { argv: ['status'], says: 'hypermesh login --home DIR' },
    { argv: [...INIT, '--directory', '.', '--validator', 'b=b.example:1'], says: 'in --validator must be literal' },
    { argv: [...INIT, '--directory', 'm', '--parameter', 'leeseMs=1'], says: 'no such parameter' },
    { argv: [...INIT, '--directory', 'm', '--parameter', 'leaseMs=1'], says: 'from 300 to' },
  ])('$argv is refused with 2', async ({ argv, says }) => {
    const { code, stderr } = await runInProcess(argv, { home });
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  test('every command has examples, and every absent one says that it is', async () => {
    for (const path of await leafCommands([])) {
      const { code, stdout } = await runInProcess([...path, '--help'], { home });
      expect({ path, code }).toEqual({ path, code: 0 });
      const shown = /Examples:|\(not in this version\)/u.test(stdout);
      expect({ path, shown }).toEqual({ path, shown: true });
    }
  });

  test.each([
    { argv: ['--help'], absent: /proxy|chain/u },
    { argv: ['app', '--help'], absent: /exec|rollback/u },
    { argv: ['validator', '--help'], absent: /recover/u },
  ])('$argv is silent about absent commands', async ({ argv, absent }) => {
    const { code, stdout } = await runInProcess(argv, { home });
    expect(code).toBe(0);
    expect(stdout).not.toMatch(absent);
    expect(stdout).not.toContain('not in this version');
  });

  test('a group of absent commands shows them', async () => {
    const { code, stdout } = await runInProcess(['proxy', '--help'], { home });
    expect(code).toBe(0);
    expect(stdout).toContain('export an asset behind an address (not in this version)');
  });

  test('an absent command fails with its own code', async () => {
    const { code, stdout } = await runInProcess(['app', 'exec', 'hello', '--since', '1h', '--json'], { home });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'cli.unsupported', data: { command: 'app exec' } } });
  });
});

describe('offline commands', () => {
  test('mesh init makes a mesh once and tells what goes where', { timeout: PROCESS_MS }, async () => {
    const argv = [...INIT, '--directory', 'lab', '--parameter', 'leaseMs=3000', '--json'];
    const { code, stdout } = await runInProcess(argv, { home });
    expect(code).toBe(0);
    const { handouts, directory, meshId } = JSON.parse(stdout) as { handouts: { folder: string }[]; directory: string; meshId: string };
    expect(meshId).toMatch(/^mesh:[a-z2-7]{52}$/u);
    for (const { folder } of handouts) expect(await readdir(join(directory, folder))).toContain('keystore');
    expect((await stat(join(directory, 'nodes/admin/passphrase'))).mode & 0o077).toBe(0);

    const again = await runInProcess(argv, { home });
    expect(again.code).toBe(2);
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'cli.usage', data: { directory } } });
  });

  test('mesh init hears Ctrl-C and leaves nothing', { timeout: PROCESS_MS }, async () => {
    const { code, stderr } = await runInProcess([...INIT, '--directory', 'lab'], { home, interruptAt: 'Making keys' });
    expect(code).toBe(1);
    expect(stderr).toContain('cli.interrupted');
    expect(await readdir(home)).toEqual([]);
  });

  test('pkg build names the root and leaves the files where asked, never over others', { timeout: PROCESS_MS }, async () => {
    const { code, stdout } = await runInProcess(['pkg', 'build', HELLO, '--output', 'out', '--json'], { home });
    expect(code).toBe(0);
    const built = JSON.parse(stdout) as { name: string; root: string; files: { path: string }[] };
    expect(built).toMatchObject({ name: 'hello', kind: 'wasm', entry: 'hello.wasm' });
    expect(built.root).toMatch(/^pkg:/u);
    expect(await readdir(join(home, 'out'))).toEqual(built.files.map(({ path }) => path).toSorted());

    const again = await runInProcess(['pkg', 'build', HELLO, '--output', 'out'], { home });
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('cli.file_unusable');
    expect((await runInProcess(['pkg', 'build', HELLO], { home })).stdout).toContain('hello@1.0.0 (wasm)');
  });

  test('a package without description and a missing app file are told by name', async () => {
    const none = await runInProcess(['pkg', 'build', '.'], { home });
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('there is no such file');
    expect(none.stderr).toContain('examples/hello/package.yaml');
    const missing = await runInProcess(['app', 'deploy', 'app.yaml', '--json'], { home });
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: 'cli.file_unusable', data: { reason: 'there is no such file' } } });
  });

  test('down says that nothing runs', async () => {
    for (const argv of [['down'], ['down', '--directory', 'nowhere']]) {
      const { code, stderr } = await runInProcess(argv, { home });
      expect(code).toBe(1);
      expect(stderr).toContain('devnet.not_running');
    }
  });

  test('a token file is read, and a foreign file refused', async () => {
    await writeFile(join(home, 'token'), 'not a token');
    const { code, stderr } = await runInProcess(['login', '--token-file', 'token'], { home });
    expect(code).toBe(2);
    expect(stderr).toContain('Paste the whole line');
    expect(await readFile(join(home, 'token'), 'utf8')).toBe('not a token');
  });
});

describe('a mesh that nobody runs', () => {
  let mesh: string;
  beforeAll(async () => {
    mesh = await mkdtemp(join(tmpdir(), 'cli-mesh-'));
    await runInProcess([...INIT, '--directory', 'lab'], { home: mesh });
  }, PROCESS_MS);
  afterAll(() => rm(mesh, { recursive: true, force: true }));

  test('Ctrl-C ends what would wait, and says so', async () => {
    const argv = ['login', '--home', join(mesh, 'lab/nodes/admin')];
    const { code, stderr } = await runInProcess(argv, { home, interruptAt: 'Enrolling' });
    expect(code).toBe(1);
    expect(stderr).toContain('cli.interrupted');
    expect(await readdir(home)).toEqual([]);
  });

  test('that it does not answer is told with 4 when time is up', async () => {
    const argv = ['login', '--home', join(mesh, 'lab/nodes/admin'), '--timeout', '0.5', '--json'];
    const { code, stdout } = await runInProcess(argv, { home });
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'cli.timeout', retryable: true } });
  });
});

/** Paths of all commands that do something. */
async function leafCommands(path: readonly string[]): Promise<readonly (readonly string[])[]> {
  const { createProgram } = await import('../src/program.ts');
  const program = createProgram(() => async () => undefined, {});
  const walk = (command: typeof program, names: readonly string[]): (readonly string[])[] =>
    command.commands.length === 0 ? [names] : command.commands.flatMap((child) => walk(child as typeof program, [...names, child.name()]));
  return walk(program, path);
}
