import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createBlobStore } from '@hypermesh/stoq';

/** Puts random blobs, several at a time, and names each on the standard output once it is kept; until it is killed. */
const store = createBlobStore({ directory: process.argv[2] as string, quotaBytes: 1024 * 1024 * 1024 });
await store.start();
const STDOUT_FD = 1;

async function putForever(): Promise<never> {
  for (;;) {
    const { digest } = await store.put(randomBytes(200_000));
    writeSync(STDOUT_FD, `${Buffer.from(digest).toString('hex')}\n`);
  }
}

await Promise.all([putForever(), putForever(), putForever()]);
