/**
 * Web vitals of the pages as a buyer on a slow phone has them: slow 4G (1.6 Mbit/s down, 750 kbit/s up, 150 ms to the server and
 * back) and a processor four times slower, by Chromium's own throttling, with an empty cache.
 *
 *     node bench/vitals.mjs http://127.0.0.1:8000 [/events/2 …] [--runs 5] [--before vitals.json] [--write vitals.json]
 *
 * Prints medians, and with `--before` their ratios to what `--write` wrote then. Exits with 1 where a limit is passed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '5' }, before: { type: 'string' }, write: { type: 'string' } },
});
const [url = 'http://127.0.0.1:8000', ...paths] = positionals;
if (paths.length === 0) paths.push('/', '/events/2');

const BITS = 8;
const NETWORK = { offline: false, latency: 150, downloadThroughput: 1_600_000 / BITS, uploadThroughput: 750_000 / BITS };
const CPU_TIMES = 4;
/** The scripts of the first sight have theirs in test/package/weight.test.ts; here are those that come later, too. */
const LIMITS = { lcp_ms: 1_500, cls: 0.1 };
/** Content that comes later than this is no part of the first sight. */
const QUIET_MS = 1_500;

const browser = await chromium.launch({ executablePath: process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium' });
const before = values.before ? JSON.parse(await readFile(values.before, 'utf8')) : {};
const measured = {};
let isWithin = true;
for (const path of paths) {
  const runs = [];
  for (let run = 0; run < Number(values.runs); run += 1) runs.push(await look(path));
  const median = {};
  for (const name of Object.keys(runs[0])) median[name] = runs.map((run) => run[name]).sort((one, other) => one - other)[Math.floor(runs.length / 2)];
  measured[path] = median;
  const words = Object.entries(median).map(([name, value]) => {
    const was = before[path]?.[name];
    const passed = value > (LIMITS[name] ?? Number.POSITIVE_INFINITY);
    if (passed) isWithin = false;
    return `${name} ${Math.round(value * 1_000) / 1_000}${was ? ` (× ${(value / was).toFixed(2)})` : ''}${passed ? ' TOO MUCH' : ''}`;
  });
  console.log(`${path}: ${words.join(', ')}`);
}
await browser.close();
if (values.write) await writeFile(values.write, JSON.stringify(measured, undefined, 2));
process.exitCode = isWithin ? 0 : 1;

/** One visit of a new visitor. */
async function look(path) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
  const page = await context.newPage();
  const tools = await context.newCDPSession(page);
  await tools.send('Network.enable');
  await tools.send('Network.setCacheDisabled', { cacheDisabled: true });
  await tools.send('Network.emulateNetworkConditions', NETWORK);
  await tools.send('Emulation.setCPUThrottlingRate', { rate: CPU_TIMES });
  const kinds = new Map();
  const bytes = { scripts: 0, fonts: 0, all: 0 };
  tools.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
  tools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId);
    bytes.all += encodedDataLength;
    if (kind === 'Font') bytes.fonts += encodedDataLength;
    if (kind === 'Script' || kind === 'Stylesheet' || kind === 'Document') bytes.scripts += encodedDataLength;
  });
  await page.addInitScript(() => {
    const seen = { lcp: 0, cls: 0, fcp: 0 };
    globalThis.seen = seen;
    new PerformanceObserver((list) => list.getEntries().forEach(({ startTime }) => (seen.lcp = startTime))).observe({ type: 'largest-contentful-paint', buffered: true });
    new PerformanceObserver((list) => list.getEntries().forEach(({ value, hadRecentInput }) => (seen.cls += hadRecentInput ? 0 : value))).observe({ type: 'layout-shift', buffered: true });
    new PerformanceObserver((list) => list.getEntries().forEach(({ name, startTime }) => name === 'first-contentful-paint' && (seen.fcp = startTime))).observe({ type: 'paint', buffered: true });
  });
  await page.goto(url + path);
  await page.locator('seatcast-availability').first().waitFor();
  await page.waitForLoadState('networkidle');
  await page.waitForTimeout(QUIET_MS);
  const { lcp, cls, fcp } = await page.evaluate(() => globalThis.seen);
  await context.close();
  return { fcp_ms: fcp, lcp_ms: lcp, cls, scripts_bytes: bytes.scripts, fonts_bytes: bytes.fonts, all_bytes: bytes.all };
}
