import { CodedError } from '@hypermesh/stoq';
import { describe, expect, test } from 'vitest';
import type { InitOptions } from '../../src/mesh/init.ts';
import { planOf } from '../../src/mesh/plan.ts';

const OPTIONS: InitOptions = {
  name: 'lab',
  directory: 'd',
  trustchaind: ['10.0.0.1:1'],
  validator: [{ name: 'a', value: '10.0.0.1:2' }],
  user: 'ann',
  endowment: '2.5',
  parameter: [],
};

test('a plan gathers the addresses of each validator and endows the first user', () => {
  const validator = [
    { name: 'a', value: '10.0.0.1:2' },
    { name: 'b', value: '10.0.0.2:2' },
    { name: 'a', value: '[2001:db8::1]:2' },
  ];
  const plan = planOf({ ...OPTIONS, validator, parameter: [{ name: 'windowMs', value: '5000' }] });
  expect(plan.validators).toEqual([
    { name: 'a', addresses: ['10.0.0.1:2', '[2001:db8::1]:2'] },
    { name: 'b', addresses: ['10.0.0.2:2'] },
  ]);
  expect(plan.endowments).toEqual([{ member: 'ann', amount: 2_500_000_000n }]);
  expect(plan.parameters).toEqual([{ name: 'windowMs', value: 5_000 }]);
});

const validator = (name: string, value: string): Partial<InitOptions> => ({ validator: [{ name, value }] });
const parameter = (...names: readonly string[]): Partial<InitOptions> => ({ parameter: names.map((name) => ({ name, value: '10000' })) });

describe('a mistake is told by its option before anything is made', () => {
  test.each<{ options: Partial<InitOptions>; says: string }>([
    { options: { name: 'my lab' }, says: '--name must be' },
    { options: { name: 'a'.repeat(58) }, says: '--name must be' },
    { options: { trustchaind: ['host.example:4400'] }, says: 'The address in --trustchaind must be literal' },
    { options: { trustchaind: ['foo'] }, says: 'The address in --trustchaind must be literal' },
    { options: { trustchaind: ['[::]:4400'] }, says: 'others can reach' },
    { options: validator('a', '0.0.0.0:4400'), says: 'others can reach' },
    { options: validator('a', '10.0.0.1:0'), says: 'The address in --validator must have a port' },
    { options: validator('a', '10.0.0.1:1'), says: 'each only once (twice=10.0.0.1:1)' },
    { options: validator('A', '10.0.0.1:2'), says: 'The name in --validator must be' },
    { options: validator('caesard', '10.0.0.1:2'), says: 'belongs to a daemon of the mesh (name=caesard)' },
    { options: validator('ann', '10.0.0.1:2'), says: 'belongs to the first user (name=ann)' },
    { options: { user: 'stoqd' }, says: 'The name in --user belongs to a daemon' },
    { options: { endowment: '9999999999' }, says: '--endowment is more than the supply of' },
    { options: parameter('leeseMs'), says: 'no such parameter' },
    { options: parameter('leaseMs', 'leaseMs'), says: '--parameter may name each only once (twice=leaseMs)' },
  ])('$says', ({ options, says }) => {
    let failure: unknown;
    try {
      planOf({ ...OPTIONS, ...options });
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(CodedError);
    expect(failure).toMatchObject({ code: 'cli.usage', message: expect.stringContaining(says) });
  });
});
