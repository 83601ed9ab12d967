import { SteppedClock } from '@hypermesh/testkit/stepped-clock';
import { expect, test } from 'vitest';
import type { Consensus } from '../../src/consensus/consensus.ts';
import { ConsensusShell } from '../../src/validator/consensus-shell.ts';

test('a core that fails stops the validator with an alarm, instead of leaving it mute', () => {
  const failures: unknown[] = [];
  const handled: string[] = [];
  const fault = new Error('an invariant does not hold');
  const consensus = {
    handle: ({ kind }: { kind: string }) => {
      handled.push(kind);
      throw fault;
    },
  } as unknown as Consensus;
  const shell = new ConsensusShell({
    consensus,
    clock: new SteppedClock(),
    voteSigner: undefined as never,
    safety: undefined as never,
    links: [],
    perform: () => undefined,
    failed: (error) => failures.push(error),
  });
  shell.dispatch({ kind: 'started' });
  shell.dispatch({ kind: 'connected', peer: 1 });
  expect(failures).toEqual([fault]);
  expect(handled).toEqual(['started']);
});
