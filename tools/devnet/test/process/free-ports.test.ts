import { createSocket, type Socket } from 'node:dgram';
import { expect, onTestFinished, test } from 'vitest';
import { freeUdpPorts } from '../../src/process/free-ports.ts';

// ip(7): where the kernel takes the port of a socket that names none.
const EPHEMERAL_MIN = 32_768;

/** Chooses these ports one after the other. */
function drawing(...ports: readonly number[]): () => number {
  const left = [...ports];
  return () => left.shift() as number;
}

async function held(host: string, port: number): Promise<number> {
  const socket = createSocket('udp4');
  onTestFinished(() => new Promise<void>((resolve) => void socket.close(resolve)));
  await new Promise<Socket>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, host, () => resolve(socket));
  });
  return socket.address().port;
}

test('the ports differ, and no socket without a port of its own gets one of them', async () => {
  const ports = await freeUdpPorts(50);
  expect(new Set(ports).size).toBe(50);
  expect(Math.min(...ports)).toBeGreaterThanOrEqual(10_000);
  expect(Math.max(...ports)).toBeLessThan(EPHEMERAL_MIN);
  for (const port of ports) expect(await held('127.0.0.1', port)).toBe(port);
});

test.each(['127.0.0.1', '0.0.0.0'])('a port that somebody holds at %s is passed over, and so is one that is chosen twice', async (host) => {
  const [first = 0, second = 0, taken = 0] = await freeUdpPorts(3);
  await held(host, taken);
  expect(await freeUdpPorts(2, { random: drawing(taken, first, first, taken, second) })).toEqual([first, second]);
});

test('the search ends where every port is held', async () => {
  const [taken = 0] = await freeUdpPorts(1);
  await held('127.0.0.1', taken);
  await expect(freeUdpPorts(1, { random: () => taken })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('a host that is not of this machine is refused', async () => {
  await expect(freeUdpPorts(1, { host: '192.0.2.1' })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
});
