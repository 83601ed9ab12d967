import { createInterface } from 'node:readline';
import { bootTime, processStartTime } from './kernel-clock.ts';

// One watchdog guards one exclusive workload. It kills the workload when its deadline passes, whatever has become of
// the agent: dead (standard input ends) or stopped (no line comes). It ends when the workload has.

/** A line of standard input. Deadlines are boot times in milliseconds. */
interface Order {
  readonly deadline: number;
  readonly processes: readonly { readonly pid: number; readonly startTime: string }[];
}

// Fine enough that a kill is never later than the margin that the agent subtracts from the lease.
const CHECK_MS = 50;

let order: Order | undefined;
const timer = setInterval(check, CHECK_MS);

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  const next = JSON.parse(line) as Order;
  // A deadline only moves forward: a late line cannot undo a newer one.
  if (order === undefined || next.deadline >= order.deadline) order = next;
  process.stdout.write(`${order.deadline}\n`);
});
// An agent that died before its first order has left nothing to guard.
orders.on('close', () => {
  if (order === undefined) clearInterval(timer);
});
// The agent reads until it dies; a broken pipe is not a reason to stop guarding.
process.stdout.on('error', () => undefined);

function check(): void {
  if (order === undefined) return;
  const alive = order.processes.filter(({ pid, startTime }) => processStartTime(pid) === startTime);
  if (alive.length === 0) {
    clearInterval(timer);
    process.stdin.destroy();
  } else if (bootTime() >= order.deadline) {
    for (const { pid } of alive) kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended between the look and the kill.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
