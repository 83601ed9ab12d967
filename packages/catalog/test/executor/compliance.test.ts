import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeDriver } from '@hypermesh/testkit/driver-compliance';
import { createWasmDriver } from '../../src/executor/wasm-driver.ts';
import { compileGuest, exampleSource } from '../guests/guest.ts';

describeDriver('wasm', async (directory) => {
  const packageDirectory = join(directory, 'package');
  await mkdir(packageDirectory);
  await writeFile(join(packageDirectory, 'hello.wasm'), await compileGuest(await exampleSource()));
  return {
    driver: createWasmDriver({ cacheDirectory: join(directory, 'modules') }),
    kind: 'wasm',
    packageDirectory,
    entry: 'hello.wasm',
    args: [],
    limits: { memoryBytesMax: 16 * 2 ** 20, pidsMax: 1, cpuMillis: 500, fuelPerRequest: 20_000_000n, requestMsMax: 5_000 },
  };
});
