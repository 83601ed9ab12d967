import { type Client, CodedError, type Host } from '@hypermesh/stoq';
import { createLogger } from '@hypermesh/stoq/host';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { FollowItem, MeshMethods, MeshStatus } from '../../src/api.ts';
import { createFollower } from '../../src/follower/follower.ts';
import { registerAccounts } from '../executor/register-machine.ts';
import { createMeshKeys, LocalMesh, type MeshKeys } from '../validator/local-mesh.ts';

const IDLE_COUNT = 3;

let keys: MeshKeys;
let mesh: LocalMesh;
beforeAll(async () => {
  keys = await createMeshKeys({ voteAlgorithm: 'ed25519' });
  mesh = await LocalMesh.create(keys);
}, 60_000);
afterAll(async () => {
  await mesh.close();
  await keys.crypto.close();
});

/** Validators that have nothing new; each says how far it is, or does not answer. The list is of what was followed, in order. */
function idlers(certified: readonly (number | 'away')[]): { host: Pick<Host, 'connect'>; seen: string[] } {
  const seen: string[] = [];
  let at = 0;
  const connect = (): Partial<Client<MeshMethods>> => {
    const index = at++;
    const height = certified[index] as number | 'away';
    return {
      async status() {
        if (height === 'away') throw new CodedError('stoq.carrier_refused', { message: 'away', retryable: true });
        return { certifiedHeight: height } as MeshStatus;
      },
      async *follow(_, options): AsyncGenerator<FollowItem, void> {
        for (let count = 0; count < IDLE_COUNT; count++) {
          seen.push(`v${index}`);
          yield { kind: 'idle' };
        }
        await new Promise<void>((resolve) => options?.signal?.addEventListener('abort', () => resolve()));
      },
    };
  };
  return { host: { connect } as unknown as Pick<Host, 'connect'>, seen };
}

describe('a follower of a validator that is idle', () => {
  test.each<[string, (number | 'away')[], string]>([
    ['stays while the others have no more either', [0, 0, 0, 0], 'v0 v0 v0'],
    ['stays while nobody else answers', [0, 'away', 'away', 'away'], 'v0 v0 v0'],
    ['asks one more than may be faulty, and not itself', [9, 0, 0, 9], 'v0 v0 v0'],
    ['goes on to the next when one of them is further', [0, 'away', 1, 0], 'v0 v1 v2'],
  ])('%s', async (_, certified, followed) => {
    const directory = await mkdtemp(join(tmpdir(), 'follower-'));
    const clock = new SteppedClock();
    const { host, seen } = idlers(certified);
    const follower = createFollower(
      {
        host,
        clock,
        crypto: mesh.crypto,
        machines: mesh.machines(),
        accounts: registerAccounts,
        logger: createLogger({ name: 'test', level: 'silent' }),
        alarm: (error) => expect.fail(error.code),
      },
      { genesis: mesh.genesis, directory, as: 'set-entry' },
    );
    onTestFinished(async () => {
      await follower.stop();
      await rm(directory, { recursive: true, force: true });
    });
    await follower.start();
    const deadline = AbortSignal.timeout(10_000);
    while (seen.length < 3 && !deadline.aborted) {
      await clock.stepAndSettle(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.slice(0, 3).join(' ')).toBe(followed);
  });
});
