import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{src,cli,test,bench,examples}/**/*.test.ts'],
    // What commands keep for later runs they keep for the user, not for tests.
    env: { QUIRE_CODE_CACHE: 'off' },
    testTimeout: 120_000,
    // A process per worker: a test that sends itself SIGINT must not end the others.
    pool: 'forks',
    // By itself vitest leaves one core free, which on two is half of what there is.
    maxWorkers: '100%',
  },
});
