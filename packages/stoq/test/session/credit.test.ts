import { describe, expect, test } from 'vitest';
import { hasCode } from '../../src/index.ts';
import { ReceiveCredit, SendCredit } from '../../src/session/credit.ts';

const thrown = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('credit', () => {
  test('of a sender only grows', () => {
    const credit = new SendCredit(10);
    credit.use(7);
    credit.raise(5);
    expect([credit.left, credit.used]).toEqual([3, 7]);
    credit.raise(20);
    expect(credit.left).toBe(13);
  });

  test('of a receiver is announced at half of the window, or eagerly', () => {
    const credit = new ReceiveCredit(100);
    credit.take(49);
    expect(credit.grant(false)).toBeNull();
    expect(credit.grant(true)).toBe(149);
    expect(credit.grant(true)).toBeNull();
    credit.take(50);
    expect(credit.grant(false)).toBe(199);
    credit.take(100);
    expect(
      hasCode(
        thrown(() => credit.take(1)),
        'stoq.flow_violation',
      ),
    ).toBe(true);
  });
});
