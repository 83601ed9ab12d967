import {
  applyTransfer,
  caesarError,
  issueSupply,
  ownerAccount,
  posted,
  readAccount,
  SUPPLY_UNITS,
  totalUnits,
  UNITS_PER_CAES,
} from '@hypermesh/caesar';
import { MachineState, Overlay } from '@hypermesh/mesh/machine';

const [alice, bob] = [ownerAccount(new Uint8Array(32).fill(1)), ownerAccount(new Uint8Array(32).fill(2))];
const state = new Overlay(new MachineState());
const time = 1_000;

// The whole supply is issued once, into the accounts of genesis.
const start = 100n * UNITS_PER_CAES;
issueSupply(state, [
  { account: alice, amount: start },
  { account: 'pool/rewards', amount: SUPPLY_UNITS - start },
]);

// A transfer has an id of its author's choice: to repeat it changes nothing.
const payment = posted(new Uint8Array(16).fill(7), alice, bob, 40n * UNITS_PER_CAES);
process.stdout.write(`applied: ${applyTransfer(state, alice, payment, time)}, again: ${applyTransfer(state, alice, payment, time)}\n`);

try {
  applyTransfer(state, alice, posted(new Uint8Array(16).fill(8), alice, bob, 61n * UNITS_PER_CAES), time);
} catch (error) {
  if (!caesarError.is(error, 'caesar.funds_insufficient')) throw error;
  process.stdout.write('refused: caesar.funds_insufficient\n');
}

const balance = (account: string): bigint =>
  (readAccount(state, account)?.creditsPosted ?? 0n) - (readAccount(state, account)?.debitsPosted ?? 0n);
process.stdout.write(
  `${balance(alice) / UNITS_PER_CAES} and ${balance(bob) / UNITS_PER_CAES}, total is the supply: ${totalUnits(state) === SUPPLY_UNITS}\n`,
);
