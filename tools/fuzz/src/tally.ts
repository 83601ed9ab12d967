import type { Outcome } from './answer.ts';

/** What was asked and how it was answered; what must never happen is kept in words. */
export class Tally {
  readonly methods: Map<string, { calls: number; values: number; errors: number }> = new Map();
  readonly codes: Map<string, number> = new Map();
  readonly violations: string[] = [];
  readonly #violationsMax = 100;
  calls = 0;
  values = 0;
  errors = 0;
  ended = 0;
  sharedStreams = 0;
  handshakes = 0;
  handshakesRefused = 0;
  garbageConnections = 0;
  garbageSessions = 0;

  add(method: string, outcome: Outcome): void {
    const counts = this.methods.get(method) ?? { calls: 0, values: 0, errors: 0 };
    this.methods.set(method, counts);
    this.calls++;
    counts.calls++;
    if (outcome.kind === 'value') {
      this.values++;
      counts.values++;
    }
    if (outcome.kind === 'error') {
      this.errors++;
      counts.errors++;
    }
    if (outcome.kind === 'ended') this.ended++;
    if (outcome.kind === 'error' || outcome.kind === 'ended') this.code(outcome.code);
  }

  code(code: string): void {
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
  }

  violate(text: string): void {
    if (this.violations.length < this.#violationsMax) this.violations.push(text);
  }
}
