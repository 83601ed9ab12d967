import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { Traffic } from '../../src/exclusive/traffic.ts';

test('every answer is kept and every failure counted', async () => {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    response.statusCode = requests % 2 === 0 ? 503 : 200;
    response.end(JSON.stringify({ node: 'node-1', replica: request.url, at: requests }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const door = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const traffic = new Traffic('app', () => [door]);
  await vi.waitFor(() => expect(traffic.answers.length).toBeGreaterThan(1), { timeout: 10_000 });
  await traffic[Symbol.asyncDispose]();
  expect(traffic.answers[0]).toEqual({ node: 'node-1', replica: '/app/', at: 1 });
  expect(traffic.failed + traffic.answers.length).toBe(requests);
  expect(traffic.failed).toBeGreaterThan(0);
  server.closeAllConnections();
  server.close();
});
