import { runDaemon } from '@hypermesh/stoq/host';
import { composeHypermeshd, hypermeshdSchema } from './compose/hypermeshd.ts';

await runDaemon({ name: 'hypermeshd', schema: hypermeshdSchema, create: composeHypermeshd });
