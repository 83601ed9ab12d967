import { defaultServerConditions } from 'vite';
import { configDefaults, defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['@hypermesh/source', ...defaultServerConditions];
const packages = ['stoq', 'trustchain', 'hypermesh', 'catalog', 'caesar'];
const COVERAGE_PERCENT_MIN = 80;
// Each starts the eight daemons of a mesh, which take both cores: one at a time, when all else is done.
const meshes = ['tools/cli/test/up.test.ts', 'tools/devnet/test/job/steps.test.ts'];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Real processes, sockets and FALCON keys on two cores: a test that hangs is found, a slow one is not a failure.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Test files share two processes, one a core: loading the packages anew for each took a fifth of the time.
    isolate: false,
    maxWorkers: 2,
    // Two such processes and their daemons leave no core for threads that collect garbage.
    execArgv: ['--single-threaded-gc'],
    reporters: ['default', ['json', { outputFile: 'coverage/results.json' }]],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts', 'tools/*/src/**/*.ts'],
      exclude: ['**/*.d.ts', '**/*.entry.ts', 'tools/daemons/src/**'],
      reporter: ['text-summary', 'json', 'json-summary', 'lcovonly'],
      thresholds: Object.fromEntries(
        packages.map((name) => [`packages/${name}/src/**`, { lines: COVERAGE_PERCENT_MIN, branches: COVERAGE_PERCENT_MIN }]),
      ),
    },
    projects: [
      { extends: true, test: { name: 'packages', include: ['packages/*/test/**/*.test.ts'] } },
      { extends: true, test: { name: 'tools', include: ['tools/*/test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...meshes] } },
      { extends: true, test: { name: 'meshes', include: meshes, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});

export default config;
