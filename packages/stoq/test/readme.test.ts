import { describeReadme } from '@hypermesh/testkit/readme';

await describeReadme({
  home: new URL('..', import.meta.url),
  example: 'test/readme-example.entry.ts',
  exampleMsMax: 20_000,
  limitsMin: 11,
});
