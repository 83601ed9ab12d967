import { runDaemon } from '@hypermesh/stoq/host';
import { caesardSchema, composeCaesard } from './compose/caesard.ts';

await runDaemon({ name: 'caesard', schema: caesardSchema, create: composeCaesard });
