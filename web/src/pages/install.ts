/**
 * Lets the pages be installed, and open without a network (`src/worker/sw.ts`). Where service workers are forbidden (plain
 * http, private windows of some browsers, sandboxed frames) everything else works as it did.
 */
export async function installShell(): Promise<void> {
  if (import.meta.env.DEV || !('serviceWorker' in navigator)) return;
  // After what the visitor came for.
  if (document.readyState !== 'complete') await new Promise((loaded) => globalThis.addEventListener('load', loaded, { once: true }));
  await new Promise((idle) => (globalThis.requestIdleCallback ?? setTimeout)(idle));
  // Its script is asked for with each visit, past the browser's cache, so that a new build is found.
  await navigator.serviceWorker.register('/sw.js', { scope: '/', updateViaCache: 'none' });
}
