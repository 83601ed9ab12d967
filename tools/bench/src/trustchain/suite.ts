import { performance } from 'node:perf_hooks';
import { createCrypto, type Crypto, systemClock } from '@hypermesh/stoq';
import { verifyBundle, ZONE } from '@hypermesh/trustchain';
import { createResolver, enrol, type Member } from '@hypermesh/trustchain/client';
import { latency, type Metric } from '../report/metric.ts';
import { sampleMs } from '../sampling.ts';
import type { SuiteContext } from '../suite.ts';
import { startAuthority } from './authority.ts';
import { measureAppends } from './log.ts';
import { inviteNewcomer } from './newcomer.ts';

const ENROLMENTS_PER_RUN = 8;
const ENROLMENTS_WARM_UP = 4;
const VERIFICATIONS = 200;
const VERIFICATIONS_WARM_UP = 20;
const LOOKUPS = 300;
const LOOKUPS_WARM_UP = 50;
/** trustchaind's own name. */
const NAME = `trust.${ZONE}`;

export async function* measureTrustchain({ runs, signal, onProgress }: Omit<SuiteContext, 'mesh'>): AsyncGenerator<Metric> {
  await using opened = new AsyncDisposableStack();
  const crypto = await createCrypto();
  opened.defer(() => crypto.close());
  onProgress('trustchain: starting trustchaind');
  const { operator } = await startAuthority(opened, crypto, signal);
  onProgress('trustchain: enrolling');
  const { issuing, bundle } = await enrolments(operator, crypto, runs, signal);
  yield issuing;
  yield await measureVerification(operator, crypto, bundle);
  yield* measureNames(operator, crypto, signal);
  onProgress('trustchain: appending to a log');
  yield await measureAppends(crypto, runs);
}

interface Enrolments {
  readonly issuing: Metric;
  readonly bundle: Uint8Array;
}

/** Request, challenge, proof of possession and submission, until the logged certificate is here; the keys and the session are made before. */
async function enrolments(operator: Member, crypto: Crypto, runs: number, signal: AbortSignal): Promise<Enrolments> {
  const samples: number[] = [];
  let bundle: Uint8Array = operator.bundle();
  for (let turn = 0; turn < ENROLMENTS_WARM_UP + runs * ENROLMENTS_PER_RUN; turn++) {
    await using newcomer = await inviteNewcomer(operator, crypto, signal);
    const { client, keys, token } = newcomer;
    const startedAt = performance.now();
    bundle = await enrol(client, { meshId: token.meshId, keys }, token, { signal });
    const durationMs = performance.now() - startedAt;
    verify(operator, crypto, bundle);
    if (turn >= ENROLMENTS_WARM_UP) samples.push(durationMs);
  }
  const params = { warmUp: ENROLMENTS_WARM_UP, processes: 2, session: 'open', includes: 'two client signatures', policy: 'phase 0' };
  return { issuing: latency('trustchain.issue.ms', samples, params), bundle };
}

function verify({ trust, revocations }: Member, crypto: Crypto, bundle: Uint8Array): void {
  verifyBundle(bundle, { at: systemClock.now(), trust, revocation: revocations, crypto });
}

async function measureVerification(operator: Member, crypto: Crypto, bundle: Uint8Array): Promise<Metric> {
  const samples = await sampleMs(VERIFICATIONS, VERIFICATIONS_WARM_UP, () => verify(operator, crypto, bundle));
  return latency('trustchain.verify.ms', samples, { warmUp: VERIFICATIONS_WARM_UP, bundleBytes: bundle.length, cache: 'none' });
}

async function* measureNames({ client, genesis, meshId, resolver }: Member, crypto: Crypto, signal: AbortSignal): AsyncGenerator<Metric> {
  const params = { warmUp: LOOKUPS_WARM_UP, verified: 'zone signature' };
  const cached = await sampleMs(LOOKUPS, LOOKUPS_WARM_UP, () => resolver.resolve(NAME, 'STOQ', { signal }));
  yield latency('trustchain.names.cached_ms', cached, params);
  const trust = { meshId, zone: ZONE, key: genesis.trustchaind.sessionKey };
  const authoritative = await sampleMs(LOOKUPS, LOOKUPS_WARM_UP, () => {
    const ask = client['names.resolve'];
    return createResolver({ crypto, clock: systemClock, trust, ask }).resolve(NAME, 'STOQ', { signal });
  });
  yield latency('trustchain.names.authoritative_ms', authoritative, { ...params, processes: 2 });
}
