/** Streams of the peer that wait to be accepted, and calls that wait for one. */
export class Arrivals<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((arrival: T | null) => void)[] = [];
  #ended = false;

  offer(arrival: T): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#arrived.push(arrival);
    else resolve(arrival);
  }

  /** The next in order of arrival; null when no more will come. */
  async next(): Promise<T | null> {
    const arrival = this.#arrived.shift();
    if (arrival !== undefined) return arrival;
    if (this.#ended) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** What has arrived is dropped. */
  end(): void {
    this.#ended = true;
    this.#arrived.length = 0;
    for (const resolve of this.#waiting.splice(0)) resolve(null);
  }
}
