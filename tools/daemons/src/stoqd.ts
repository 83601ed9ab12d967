import { runDaemon } from '@hypermesh/stoq/host';
import { composeStoqd, stoqdSchema } from './compose/stoqd.ts';

await runDaemon({ name: 'stoqd', schema: stoqdSchema, create: composeStoqd });
