import { type Machine, MachineState, Overlay } from '@hypermesh/mesh/machine';
import { decode, encode, uint } from '@hypermesh/stoq';

const COUNT = Buffer.from('count');

/** A machine of one counter. An operation adds a number; a coded error would reject the whole transaction. */
const counter: Machine = {
  name: 'counter',
  version: 1,
  views: [],
  genesis: (state) => state.set(COUNT, encode(uint(), 0)),
  beginBlock: () => undefined,
  apply(state, operation, { time }) {
    const count = decode(uint(), state.get(COUNT) ?? new Uint8Array()) + decode(uint(), operation);
    state.set(COUNT, encode(uint(), count));
    return encode(uint(), time);
  },
  query: (state) => state.get(COUNT) ?? new Uint8Array(),
};

// What a validator does with a block, for one machine.
const state = new MachineState();
const zeroes = new Uint8Array(32);
const genesis = new Overlay(state);
counter.genesis(genesis, { meshId: zeroes, genesis: new Uint8Array() });
state.adopt(state.prepare(genesis.changes()));

const block = new Overlay(state);
const context = { time: 1_000, height: 1, blockId: zeroes, transactionId: zeroes, owner: zeroes, view: () => undefined };
counter.beginBlock(block, context);
counter.apply(block, encode(uint(), 2), context);
counter.apply(block, encode(uint(), 40), context);
const prepared = state.prepare(block.changes());
state.adopt(prepared);

const count = decode(uint(), counter.query?.(state, '', new Uint8Array()) ?? new Uint8Array());
process.stdout.write(`${count} under root ${Buffer.from(state.root).toString('hex').slice(0, 16)}\n`);
