import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{src,cli,test,bench,examples}/**/*.test.ts'],
    testTimeout: 120_000,
    // A process per worker: a test that sends itself SIGINT must not end the others.
    pool: 'forks',
  },
});
