/** What one set of public vectors said of our code. */
export interface SuiteResult {
  readonly suite: string;
  readonly passed: number;
  /** Which vectors disagree, by their own names. */
  readonly failed: readonly string[];
  /** Vectors about something that the stack does not offer, with the reason. */
  readonly inapplicable: number;
  readonly reason: string;
}

export interface Verdict {
  readonly name: string;
  /** Undefined: not applicable. */
  readonly agrees: boolean | undefined;
}

export function suiteResult(suite: string, verdicts: readonly Verdict[], reason = ''): SuiteResult {
  return {
    suite,
    passed: verdicts.filter(({ agrees }) => agrees === true).length,
    failed: verdicts.filter(({ agrees }) => agrees === false).map(({ name }) => name),
    inapplicable: verdicts.filter(({ agrees }) => agrees === undefined).length,
    reason,
  };
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
