import type { DaemonKind } from '@hypermesh/devnet';
import type { Address, IdentityKind, LocalIdentity } from '@hypermesh/stoq';
import { isTyped, type Outcome } from './answer.ts';
import { contractOf, isServed, type Target } from './contracts.ts';
import type { Call } from './frames.ts';
import type { Held } from './shared-stream.ts';
import type { Tally } from './tally.ts';

/** One daemon and one identity under which it is attacked. */
export interface Front {
  readonly daemon: string;
  readonly kind: DaemonKind;
  readonly address: Address;
  /** What the daemon is asked to show. */
  readonly expect: IdentityKind;
  readonly identity: LocalIdentity;
}

const SHOWN_BYTES_MAX = 200;
// Contracts between validators.
const INNER: readonly string[] = ['consensus', 'witness', 'issuance-policy'];

/** A call as it was sent. */
export interface Sent {
  readonly target: Target;
  readonly call: Call;
  readonly frames: readonly Uint8Array[];
}

/** Counts the call, and keeps what is wrong with its outcome. */
export function judgeCall(front: Front, { target, call, frames }: Sent, outcome: Outcome, tally: Tally): void {
  tally.add(target.method, outcome);
  const fault = faultOf(front, target, call, outcome);
  if (fault !== null) tally.violate(`${nameOf(front)}, ${target.method}, ${call.form}: ${fault}; ${shown(frames)}`);
}

/** As `judgeCall`, for shared streams and the calls on them. */
export function judgeHeld(front: Front, form: string, { outcomes, faults, sent }: Held, tally: Tally): void {
  for (const { shared, outcome } of outcomes) judgeCall(front, shared, outcome, tally);
  for (const fault of faults) tally.violate(`${nameOf(front)}, shared stream, ${form}: ${fault}; ${shown(sent)}`);
}

/** What is wrong with the outcome, if anything. */
export function faultOf(
  { kind, identity }: Pick<Front, 'kind' | 'identity'>,
  { method }: Target,
  { form }: Call,
  outcome: Outcome,
): string | null {
  const isCallIntact = form === 'sound';
  if (outcome.kind === 'nothing') return form === 'mutated header' || form === 'mutated frames' ? null : 'no answer';
  if (outcome.kind === 'error' && !isTyped(outcome.code)) return `an error without a type: ${outcome.code}`;
  if (outcome.kind === 'error' && isCallIntact && outcome.code === 'stoq.rpc_unknown_method' && isServed(method, kind)) return 'not served';
  if (outcome.kind === 'value' && isCallIntact && INNER.includes(contractOf(method)) && identity.kind !== 'set-entry') return 'not refused';
  return null;
}

function nameOf({ daemon, identity }: Front): string {
  return `${daemon} as ${identity.kind}`;
}

function shown(frames: readonly Uint8Array[]): string {
  const bytes = Buffer.concat(frames);
  const hex = bytes.subarray(0, SHOWN_BYTES_MAX).toString('hex');
  return bytes.length > SHOWN_BYTES_MAX ? `${hex}... (${bytes.length} bytes)` : hex;
}
