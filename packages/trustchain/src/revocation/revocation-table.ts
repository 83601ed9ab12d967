import type { Revocation } from './revocation.ts';

/** Revocations by serial; what is known of one serial only grows worse. */
export class RevocationTable {
  readonly #bySerial: Map<string, Revocation> = new Map();

  add(revocation: Revocation): void {
    const known = this.#bySerial.get(revocation.serial);
    this.#bySerial.set(revocation.serial, known === undefined ? revocation : worse(known, revocation));
  }

  find(serial: string): Revocation | null {
    return this.#bySerial.get(serial) ?? null;
  }
}

/** The first revocation stays in force from its time; a later report of key compromise reaches back before it. */
function worse(first: Revocation, later: Revocation): Revocation {
  if (later.reason !== 'key-compromise') return first;
  const dates = [first, later].filter(({ reason }) => reason === 'key-compromise').map(({ invalidityDate }) => invalidityDate);
  const known = dates.filter((date) => date !== null);
  return { ...first, reason: 'key-compromise', invalidityDate: known.length === 0 ? null : Math.min(...known) };
}
