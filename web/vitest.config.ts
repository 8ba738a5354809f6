import { defineConfig } from 'vitest/config';

/** Unit tests: no server, no browser. `vitest.e2e.config.ts` has the rest. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/sdk/**/*.test.ts', 'test/pages/**/*.test.ts', 'test/ops/**/*.test.ts', 'test/package/**/*.test.ts', 'test/frameworks/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
