import { defineConfig } from 'vitest/config';

/**
 * The real thing: the built binary with its private Postgres and demo data, the pages in Chromium,
 * and the clients of other projects. `SEATCAST_BIN` says where the binary is.
 */
export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts', 'test/e2e/**/*.test.ts'],
    globalSetup: ['test/support/seatcast.ts'],
    // Files at once, each with a server of its own. One keeps a core busy and waits in between, so two cores have work for three.
    maxWorkers: 3,
    testTimeout: 45_000,
    hookTimeout: 60_000,
    // A condition that is waited for is looked at this often, and for so long at most.
    expect: { poll: { interval: 50, timeout: 15_000 } },
  },
});
