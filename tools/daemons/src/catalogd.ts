import { runDaemon } from '@hypermesh/stoq/host';
import { catalogdSchema, composeCatalogd } from './compose/catalogd.ts';

await runDaemon({ name: 'catalogd', schema: catalogdSchema, create: composeCatalogd });
