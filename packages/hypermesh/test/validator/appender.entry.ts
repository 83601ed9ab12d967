import { systemEntropy } from '@hypermesh/stoq';
import { type LogRecord } from '../../src/validator/log-segment.ts';
import { WriteAheadLog } from '../../src/validator/write-ahead-log.ts';

// Appends numbers to the log in the given directory and reports each that is durable, until it is killed.
const directory = process.argv[2] as string;
let last = -1;
const record = (count: number): LogRecord => ({ type: 1, body: Buffer.from(String(count)) });
const config = { directory, entropy: systemEntropy, snapshot: () => [record(last)], segmentBytes: 2048 };
const exists = await WriteAheadLog.exists(directory);
if (!exists) last = 0;
const { log, records } = exists ? await WriteAheadLog.open(config) : { log: await WriteAheadLog.create(config), records: [record(0)] };
last = Number(Buffer.from(records.at(-1)!.body).toString());
for (;;) {
  const next = last + 1;
  await log.append(record(next));
  last = next;
  process.send!(next);
}
