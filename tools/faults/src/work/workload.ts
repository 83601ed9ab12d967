import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPackage } from '@hypermesh/catalog';
import { deployExample, EXAMPLE, publishExample } from '@hypermesh/devnet';
import { formatId } from '@hypermesh/stoq';
import type { TestBed } from '../mesh/test-bed.ts';
import { type Acknowledged, nothingAcknowledged } from './acknowledged.ts';
import type { Task } from './task.ts';
import { createTasks } from './tasks.ts';

/** Deploys the example and hands on all kinds of work around it, with the record of what is acknowledged. */
export async function withTasks<T>(
  bed: TestBed,
  onProgress: (text: string) => void,
  use: (tasks: readonly Task[], acknowledged: Acknowledged) => Promise<T>,
): Promise<T> {
  onProgress('deploying the example');
  const { name, endpoints } = await deployHello(bed);
  const staging = await mkdtemp(join(tmpdir(), 'hypermesh-build-'));
  try {
    const account = `owner/${formatId('node', Uint8Array.from(randomBytes(32)))}`;
    const acknowledged = nothingAcknowledged(account, { name, replicas: endpoints });
    return await use(createTasks(bed, acknowledged, await buildPackage(EXAMPLE, staging)), acknowledged);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function deployHello({ user, signal }: TestBed): Promise<{ readonly name: string; readonly endpoints: number }> {
  await publishExample(user, EXAMPLE, signal);
  const { name, endpoints } = await deployExample(user, EXAMPLE, signal);
  return { name, endpoints: endpoints.length };
}
