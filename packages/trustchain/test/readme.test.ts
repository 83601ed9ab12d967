import { describeReadme } from '@hypermesh/testkit/readme';

await describeReadme({
  home: new URL('..', import.meta.url),
  example: 'test/readme-example.entry.ts',
  exampleMsMax: 90_000,
  limitsMin: 11,
});
