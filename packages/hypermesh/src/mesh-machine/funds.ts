import type { StateReader } from '../machine/machine.ts';
import { type App, replicasWanted } from './app.ts';
import { leasedTime } from './leased-time.ts';
import { FUNDS_AHEAD_MS } from './limits.ts';
import type { FundsView } from './views.ts';

/** Whether the escrow pays for all that the app has leased and, for `FUNDS_AHEAD_MS`, for the replicas that it wants. */
export function isFunded(state: StateReader, funds: FundsView, app: App, time: number): boolean {
  const { name, resources } = app.spec;
  const leased = leasedTime(state, { app: name, appOwner: app.owner }, time);
  const ahead = BigInt(replicasWanted(app) * FUNDS_AHEAD_MS);
  const left = funds.escrowLeft(app.owner, name, {
    cpuMillisMs: leased.cpuMillisMs + BigInt(resources.cpuMillis) * ahead,
    memoryByteMs: leased.memoryByteMs + BigInt(resources.memoryBytes) * ahead,
  });
  return left > 0n;
}
