import { runDaemon } from '@hypermesh/stoq/host';
import { createTrustchaind, trustchainConfigSchema } from '@hypermesh/trustchain';

await runDaemon({ name: 'trustchaind', schema: trustchainConfigSchema, create: createTrustchaind });
