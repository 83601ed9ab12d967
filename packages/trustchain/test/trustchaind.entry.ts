import { runDaemon } from '@hypermesh/stoq/host';
import { createTrustchaind, trustchainConfigSchema } from '@hypermesh/trustchain';

// trustchaind as a process of its own, for tests that kill it.
await runDaemon({ name: 'trustchaind', schema: trustchainConfigSchema, create: createTrustchaind });
