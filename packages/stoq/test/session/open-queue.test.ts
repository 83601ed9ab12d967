import { describe, expect, test } from 'vitest';
import { hasCode, stoqError } from '../../src/index.ts';
import { OpenQueue } from '../../src/session/open-queue.ts';

describe('the queue of own streams', () => {
  test('gives places in order and takes back what was not used', async () => {
    const queue = new OpenQueue(1, 2);
    await queue.admit(undefined);
    const order: string[] = [];
    const one = queue.admit(undefined).then(() => order.push('one'));
    const two = queue.admit(undefined).then(() => order.push('two'));
    queue.giveBack();
    await one;
    queue.raise(0);
    queue.raise(2);
    await two;
    expect(order).toEqual(['one', 'two']);
    expect([queue.used(), queue.used(), queue.count]).toEqual([0, 1, 2]);
  });

  test('fails whoever waits, and whoever comes, once closed', async () => {
    const queue = new OpenQueue(0, 1);
    const waiting = queue.admit(undefined).catch((error: unknown) => error);
    queue.close(stoqError('stoq.session_closed'));
    expect(hasCode(await waiting, 'stoq.session_closed')).toBe(true);
    await expect(queue.admit(undefined)).rejects.toMatchObject({ code: 'stoq.session_closed' });
  });
});
