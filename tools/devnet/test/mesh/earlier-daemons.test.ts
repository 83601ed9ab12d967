import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { awaitEarlierDaemons } from '../../src/mesh/earlier-daemons.ts';
import { configFileOf, TRUSTCHAIND, VALIDATORS } from '../../src/mesh/layout.ts';

async function holder(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A mesh whose last validator listens at the port; every other daemon takes what it gets. */
async function meshAt(port: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'earlier '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const name of [TRUSTCHAIND, ...VALIDATORS]) {
    const file = configFileOf(directory, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, stringify({ listen: [`127.0.0.1:${name === VALIDATORS.at(-1) ? port : 0}`] }));
  }
  return directory;
}

test('waits until the address is given up, and says so once', async () => {
  const socket = await holder();
  const directory = await meshAt(socket.address().port);
  let [told, closed] = [0, false];
  const onWait = (): void => {
    told++;
    socket.close(() => (closed = true));
  };
  await awaitEarlierDaemons(directory, { signal: new AbortController().signal, onWait });
  expect({ told, closed }).toEqual({ told: 1, closed: true });
});

test('says nothing where nobody holds one', async () => {
  const socket = await holder();
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
  const told = (): void => expect.unreachable();
  await awaitEarlierDaemons(await meshAt(port), { signal: new AbortController().signal, onWait: told });
});

test('leaves a stranger to the daemon that cannot bind, and ends with its signal', async () => {
  const socket = await holder();
  onTestFinished(() => new Promise<void>((resolve) => void socket.close(() => resolve())));
  const directory = await meshAt(socket.address().port);
  const controller = new AbortController();
  await awaitEarlierDaemons(directory, { signal: controller.signal, onWait: () => undefined, timeoutMs: 50 });
  const onWait = (): void => controller.abort();
  await expect(awaitEarlierDaemons(directory, { signal: controller.signal, onWait })).rejects.toMatchObject({ name: 'AbortError' });
});
