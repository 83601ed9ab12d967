// Runs one command of the repository on a machine that has only git, Node.js >= 20.19 and npm. No dependencies, and the
// only file that runs on the machine's own Node.js. What it installs is pinned: pnpm by toolchain/package-lock.json,
// everything else, Node.js included, by pnpm-lock.yaml.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = realpathSync(fileURLToPath(new URL('..', import.meta.url)));
const binDirectory = join(root, 'node_modules', '.bin');
const pinnedToolchain = join(root, 'toolchain', 'node_modules');
const isGlibcLinux = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime !== undefined;
const platform = `${process.platform}-${process.arch}`;
const isPinnedPlatform = isGlibcLinux && ['arm64', 'x64'].includes(process.arch);

/** Oldest Node.js that has ML-KEM and ML-DSA in node:crypto. */
const OTHER_PLATFORM_NODE_MIN = [24, 7];
const OTHER_PLATFORM_PNPM_MAJOR = 12;
/** npm repeats a signal that the terminal has already sent to the whole process group. */
const SIGNAL_REPEAT_MS = 500;
/** A step that takes less says nothing: a look at what is up to date takes a second on a busy machine. */
const STEP_QUIET_MS = 2_000;
const STEP_OUTPUT_LINES_MAX = 30;
const PARENT_POLL_MS = 1_000;

const env = { ...process.env, PATH: [binDirectory, process.env.PATH].join(delimiter) };

/** Each command is a list of programs to run in order; `inputs` are the user's arguments. */
const commands = {
  start: (inputs) => [hypermesh(['up', ...inputs])],
  hypermesh: (inputs) => [hypermesh(inputs)],
  test: (inputs) => [vitestProgram(inputs)],
  check: () => [
    { name: 'format', file: binary('oxfmt'), args: ['--check', '.'] },
    { name: 'lint', file: binary('oxlint'), args: ['--deny-warnings'] },
    { name: 'types', file: binary('tsc'), args: ['-p', 'tsconfig.check.json'] },
    { name: 'dead code', file: binary('knip'), args: ['--no-config-hints'] },
    { name: 'repository', file: nodeFile(), args: ['tools/check/src/main.ts'] },
  ],
  bench: (inputs) => [nodeProgram('tools/bench/dist/main.js', inputs)],
  sim: (inputs) => [nodeProgram('tools/sim/dist/main.js', inputs)],
  faults: (inputs) => [nodeProgram('tools/faults/dist/main.js', inputs)],
  fuzz: (inputs) => [nodeProgram('tools/fuzz/dist/main.js', inputs)],
  conformance: (inputs) => [nodeProgram('tools/bench/dist/conformance.js', inputs)],
};

function nodeProgram(entry, inputs) {
  return { name: entry, entry, file: nodeFile(), args: ['--enable-source-maps', join(root, entry), ...inputs] };
}

/** npm runs scripts in the root; relative paths that a user types are relative to where npm was called. */
function hypermesh(inputs) {
  return { ...nodeProgram('tools/cli/dist/main.js', inputs), cwd: process.env.INIT_CWD ?? process.cwd() };
}

/** Coverage thresholds hold for the whole suite only, so a run that names files goes without coverage. */
function vitestProgram(inputs) {
  const coverage = inputs.some((input) => !input.startsWith('-')) ? [] : ['--coverage'];
  // Huge pages where the C library can: each of some hundred keystores touches 64 MiB to derive its key.
  const tunables = { GLIBC_TUNABLES: process.env.GLIBC_TUNABLES ?? 'glibc.malloc.hugetlb=1' };
  const args = ['run', '--config', 'vitest.workspace.ts', ...coverage, ...inputs];
  return { name: 'tests', file: binary('vitest'), args, env: { ...env, ...tunables } };
}

function binary(name) {
  return join(binDirectory, name);
}

function nodeFile() {
  return isPinnedPlatform ? binary('node') : process.execPath;
}

function pnpmFile() {
  return isPinnedPlatform ? join(pinnedToolchain, '@pnpm', `exe.${platform}`, 'pnpm') : 'pnpm';
}

function say(line) {
  process.stderr.write(`hypermesh: ${line}\n`);
}

function showEndOf(output) {
  process.stderr.write(`${output.trimEnd().split('\n').slice(-STEP_OUTPUT_LINES_MAX).join('\n')}\n`);
}

// Signals. The child has a session of its own and gets each signal from here. setpriv asks the kernel to end the child
// when this process is killed; where there is no setpriv, a SIGKILL of the bootstrap leaves the child running.
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));
let child;
let stopSignal;

function forwardSignals() {
  const lastSeenMs = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
    process.on(signal, () => {
      const nowMs = performance.now();
      const isRepeat = nowMs - (lastSeenMs.get(signal) ?? -Infinity) < SIGNAL_REPEAT_MS;
      if (isRepeat) return;
      lastSeenMs.set(signal, nowMs);
      stopSignal ??= signal;
      child?.kill(signal);
    });
  }
  process.on('SIGWINCH', () => child?.kill('SIGWINCH'));
  if (process.env.npm_lifecycle_event !== undefined) stopWithParent(process.ppid);
}

/** npm passes on SIGINT and SIGTERM only; when it ends in any other way, end too. */
function stopWithParent(parent) {
  const poll = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(poll);
    // Whoever ended npm has told the child too: another signal would cut its cleaning up short.
    if (stopSignal === undefined) process.kill(process.pid, 'SIGTERM');
  }, PARENT_POLL_MS);
  poll.unref();
}

/** Runs a program to its end: `{code, signal, output}`; `output` is empty unless `options.stdio` pipes it. */
function run(file, args, options = {}) {
  if (stopSignal !== undefined) return Promise.resolve({ code: null, signal: stopSignal, output: '' });
  const [program, ...programArgs] = setpriv === undefined ? [file, ...args] : [setpriv, '--pdeathsig', 'TERM', '--', file, ...args];
  return new Promise((resolve, reject) => {
    let output = '';
    child = spawn(program, programArgs, { cwd: root, env, stdio: 'inherit', detached: true, ...options });
    child.stdout?.on('data', (data) => (output += data));
    child.stderr?.on('data', (data) => (output += data));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output }));
  });
}

/** Ends this process the way the child ended: by its exit code, or by the signal that ended it. */
function endAs({ code, signal }) {
  if (code !== null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  setTimeout(() => process.exit(128 + constants.signals[signal]), 100);
  return new Promise(() => {});
}

function fail(line) {
  say(line);
  return endAs({ code: 1, signal: null });
}

/** A set-up step: silent when quick, one line when slow; what the tool printed is shown only when it failed. */
async function step(name, advice, file, args, options) {
  const startedMs = performance.now();
  const late = setTimeout(say, STEP_QUIET_MS, `${name} ...`);
  const result = await run(file, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  clearTimeout(late);
  if (stopSignal !== undefined) await endAs({ code: null, signal: stopSignal });
  if (result.code !== 0) {
    showEndOf(result.output);
    say(`${name} failed (${result.signal ?? `exit ${result.code}`}). ${advice}`);
    await endAs(result);
  }
  const tookMs = performance.now() - startedMs;
  if (tookMs >= STEP_QUIET_MS) say(`${name} done in ${(tookMs / 1000).toFixed(1)} s`);
  return result;
}

/** Taken by one set-up of this checkout at a time; the kernel drops an abstract socket with its owner, so it is never stale. */
async function takeLock() {
  if (process.platform !== 'linux') return () => {};
  const name = `\0hypermesh-bootstrap-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`;
  for (let isFirstTry = true; ; isFirstTry = false) {
    const release = await tryLock(name);
    if (release !== undefined) return release;
    if (isFirstTry) say('another set-up of this checkout is running; waiting for it ...');
    await waitForRelease(name);
    if (stopSignal !== undefined) await endAs({ code: null, signal: stopSignal });
  }
}

async function tryLock(name) {
  const waiting = new Set();
  const server = createServer((socket) => waiting.add(socket.on('error', () => {})));
  const isHeld = await new Promise((resolve, reject) => {
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(name, () => resolve(true));
  });
  if (!isHeld) return undefined;
  server.unref();
  return () => {
    server.close();
    for (const socket of waiting) socket.destroy();
  };
}

/** The owner of the lock never writes: a connection to it ends when it releases the lock or dies. */
function waitForRelease(name) {
  return new Promise((resolve) => {
    const socket = connect(name);
    const poll = setInterval(() => stopSignal !== undefined && socket.destroy(), 100);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(poll);
      resolve();
    });
    socket.resume();
  });
}

const NETWORK_ADVICE = 'Check that the npm registry can be reached (`npm ping`), then run the command again.';

async function installPnpm() {
  const stampFile = join(pinnedToolchain, '.stamp');
  const lockfile = readFileSync(join(root, 'toolchain', 'package-lock.json'));
  const stamp = createHash('sha256').update(platform).update(lockfile).digest('hex');
  if (existsSync(pnpmFile()) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  rmSync(stampFile, { force: true });
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=http'];
  const network = ['--prefer-offline', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  const { output } = await step('pnpm', NETWORK_ADVICE, 'npm', ['ci', '--ignore-scripts', ...quiet, ...network], {
    cwd: join(root, 'toolchain'),
    env: environmentOfNpm(),
  });
  if (!existsSync(pnpmFile())) {
    showEndOf(output); // npm succeeds when an optional package could not be fetched
    await fail(`pnpm for ${platform} was not installed. ${NETWORK_ADVICE}`);
  }
  writeFileSync(stampFile, stamp);
}

/**
 * npm must run on the Node.js that it came with and find its own global settings: nothing of node_modules/.bin before it
 * in PATH, and no prefix left in the environment by an outer npm.
 */
function environmentOfNpm() {
  const kept = Object.entries(process.env).filter(([key]) => !/^npm_config_(\w*prefix|globalconfig)$/i.test(key));
  const path = (process.env.PATH ?? '').split(delimiter).filter((directory) => !/node_modules[\\/]\.bin$/.test(directory));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

async function requireOwnTools() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [majorMin, minorMin] = OTHER_PLATFORM_NODE_MIN;
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    const needed = OTHER_PLATFORM_NODE_MIN.join('.');
    await fail(`there is no pinned Node.js for ${platform}: install Node.js >= ${needed} (this is ${process.version}) and run again.`);
  }
  const { code, output } = await run('pnpm', ['--version'], { stdio: ['ignore', 'pipe', 'pipe'] }).catch(() => ({ code: 1, output: '' }));
  if (code !== 0 || Number.parseInt(output, 10) !== OTHER_PLATFORM_PNPM_MAJOR) {
    await fail(`there is no pinned pnpm for ${platform}: install pnpm ${OTHER_PLATFORM_PNPM_MAJOR} (npm install -g pnpm) and run again.`);
  }
}

/** Every step does nothing, quickly, when its work is done already. */
async function setUp() {
  const releaseLock = await takeLock();
  if (isPinnedPlatform) await installPnpm();
  else await requireOwnTools();
  // CI=true means a frozen lockfile and no questions, and unlike --frozen-lockfile keeps the 15 ms check that nothing changed.
  await step('dependencies', NETWORK_ADVICE, pnpmFile(), ['install', '--prefer-offline', '--reporter=append-only'], {
    env: { ...env, CI: 'true' },
  });
  if (!existsSync(nodeFile())) await fail(`Node.js for ${platform} was not installed. ${NETWORK_ADVICE}`);
  await step('build', 'Mend what the compiler says, then run the command again.', binary('tsc'), ['-b']);
  releaseLock();
}

/** Runs all programs even when one fails, and ends as the first that failed. */
async function runAll(programs) {
  let firstFailure;
  const failed = [];
  for (const program of programs) {
    if (program.entry !== undefined && !existsSync(join(root, program.entry))) {
      await fail(`${program.entry} does not exist: this version of the repository does not have the command.`);
    }
    const result = await run(program.file, program.args, { cwd: program.cwd ?? root, env: program.env ?? env });
    if (stopSignal !== undefined || result.signal !== null) await endAs(result);
    if (result.code === 0) continue;
    firstFailure ??= result;
    failed.push(program.name);
  }
  if (programs.length > 1) say(failed.length === 0 ? 'all checks passed' : `failed: ${failed.join(', ')}`);
  await endAs(firstFailure ?? { code: 0, signal: null });
}

const usage = `usage: node tools/bootstrap.mjs ${Object.keys(commands).join('|')} [arguments]`;
const [command = '', ...inputs] = process.argv.slice(2);
if (['--help', '-h'].includes(command)) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
if (!Object.hasOwn(commands, command)) {
  say(command === '' ? 'name a command' : `there is no command '${command}'`);
  say(usage);
  process.exit(2);
}
forwardSignals();
await setUp();
await runAll(commands[command](inputs));
