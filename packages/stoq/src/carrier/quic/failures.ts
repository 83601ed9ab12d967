import { type CodedError, type ErrorData, stoqError, type StoqErrorCode } from '../../errors.ts';

/** What was under way when the binding failed: the same text means different things to a dial and to a read. */
export type Operation = 'listen' | 'dial' | 'connection' | 'stream';

type CarrierCode = Extract<StoqErrorCode, `stoq.carrier_${string}`>;

interface Rule {
  readonly text: RegExp;
  readonly code: CarrierCode;
  /** For a dial, where it differs. */
  readonly dialCode?: CarrierCode;
}

// The binding passes the text of quinn's and the system's errors; their kinds are lost. Texts of quinn 0.11:
// ConnectionError, ConnectError, ReadError, WriteError; of std::net: AddrParseError; of the system: strerror.
const RULES: readonly Rule[] = [
  { text: /^timed out$/, code: 'stoq.carrier_timeout' },
  { text: /^stream reset by peer: error \d+$/, code: 'stoq.carrier_reset' },
  { text: /^sending stopped by peer: error \d+$/, code: 'stoq.carrier_reset' },
  { text: /^closed stream$/, code: 'stoq.carrier_closed' },
  { text: /^connection lost$/, code: 'stoq.carrier_closed', dialCode: 'stoq.carrier_refused' },
  { text: /^closed$/, code: 'stoq.carrier_closed' },
  { text: /^server closed$/, code: 'stoq.carrier_closed' },
  { text: /^endpoint stopping$/, code: 'stoq.carrier_closed' },
  { text: /^(closed|aborted|reset) by peer/, code: 'stoq.carrier_closed', dialCode: 'stoq.carrier_refused' },
  { text: /^invalid IP address syntax$/, code: 'stoq.carrier_address' },
  { text: /^invalid remote address: /, code: 'stoq.carrier_address' },
  { text: /^Failed to convert u32 to u16$/, code: 'stoq.carrier_address' },
  { text: /\(os error (1|13|97|98|99)\)$/, code: 'stoq.carrier_address' },
];

const LISTENER_ENDS: readonly string[] = ['server closed', 'endpoint stopping'];

/** Whether the binding says that a listener takes no more connections at all, rather than that one handshake failed. */
export function isListenerEnd(cause: unknown): boolean {
  return LISTENER_ENDS.includes(textOf(cause));
}

/** The coded error for what the binding threw; texts without a rule count as a lost connection. */
export function carrierFailure(cause: unknown, during: Operation, data: ErrorData = {}): CodedError {
  const text = textOf(cause);
  const rule = RULES.find((candidate) => candidate.text.test(text));
  const fallback: CarrierCode =
    during === 'dial' ? 'stoq.carrier_refused' : during === 'listen' ? 'stoq.carrier_address' : 'stoq.carrier_closed';
  const code = (during === 'dial' ? rule?.dialCode : undefined) ?? rule?.code ?? fallback;
  return stoqError(code, { ...data, reason: text }, { cause });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
