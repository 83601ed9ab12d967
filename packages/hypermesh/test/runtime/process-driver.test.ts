import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeDriver } from '@hypermesh/testkit/driver-compliance';
import { createProcessDriver } from './process-driver.ts';

describeDriver('a bare process', async (directory) => {
  await writeFile(join(directory, 'program'), '');
  return {
    driver: createProcessDriver(),
    kind: 'program',
    packageDirectory: directory,
    entry: 'program',
    args: [],
    limits: { memoryBytesMax: 2 ** 26, pidsMax: 16, cpuMillis: 500, fuelPerRequest: 0n, requestMsMax: 2_000 },
  };
});
