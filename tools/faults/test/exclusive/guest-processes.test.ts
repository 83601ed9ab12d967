import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bootClock } from '@hypermesh/mesh';
import { expect, test, vi } from 'vitest';
import { GuestProcesses } from '../../src/exclusive/guest-processes.ts';

const DIRECTORY = '/somewhere/mesh (1)';

test('guest processes are seen from their start to their end', { timeout: 30_000 }, async () => {
  using processes = new GuestProcesses(DIRECTORY, 'single');
  const guestOf = (app: string, node: string): ReturnType<typeof spawn> =>
    spawn(
      process.execPath,
      ['-e', 'setInterval(() => {}, 1e6)', '--', `--x=${DIRECTORY}/nodes/${node}/data/hypermesh/workloads/${app}/module.wasm`],
      { env: {} },
    );
  const before = bootClock();
  const guest = guestOf('single-3', 'node-2');
  const other = guestOf('another-1', 'node-2');
  await vi.waitFor(() => expect(processes.all).toHaveLength(1), { timeout: 10_000 });
  const [seen] = processes.all;
  expect(seen).toMatchObject({ pid: guest.pid, node: 'node-2', placement: 'single-3', goneAt: null });
  expect(seen?.startedAt).toBeGreaterThanOrEqual(before - 20);
  // A stopped process is still there; a zombie is not.
  guest.kill('SIGSTOP');
  await vi.waitFor(() => expect(processes.all[0]?.seenAt).toBeGreaterThan(seen?.seenAt ?? Infinity));
  expect(processes.all[0]?.goneAt).toBeNull();
  const ended = once(guest, 'exit');
  guest.kill('SIGKILL');
  other.kill('SIGKILL');
  await ended;
  await vi.waitFor(() => expect(processes.all[0]?.goneAt).not.toBeNull());
  expect(processes.presences()).toMatchObject([{ instance: `process ${guest.pid} of single-3 on node-2` }]);
});
