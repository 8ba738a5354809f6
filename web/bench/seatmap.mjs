/**
 * Frame times of the seat map in headless Chromium, and bytes of its geometry.
 *
 *     npm run build && node bench/seatmap.mjs
 *
 * --dist DIR        another build: that of an older commit, say, from a worktree of its own
 * --seats 2000,…    sizes of the bowl (2000,20000,100000)
 * --screens desk,…  desk: 1280 × 800; phone: 390 × 700 at two pixels each, processor four times slower (both)
 * --save FILE       keeps the figures
 * --before FILE     figures to compare with (bench/seatmap-before.json)
 *
 * A gap is the time from one animation frame to the next, in ms: mean / 95 of 100 / greatest. `floor` is a page that
 * draws nothing, in the same run: on a busy machine it rises, and only ratios mean something.
 */
import { createServer } from 'node:http';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { bowl, gapped, irregular } from './bowl.mjs';
import { runsOf } from './runs.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const { values: options } = parseArgs({
  options: {
    dist: { type: 'string', default: join(here, '../dist') },
    seats: { type: 'string', default: '2000,20000,100000' },
    screens: { type: 'string', default: 'desk,phone' },
    save: { type: 'string' },
    before: { type: 'string', default: join(here, 'seatmap-before.json') },
  },
});

/** The wire's format is compressed as hard as the server does it. */
const GZIP_LEVEL = 9;
const SCREENS = {
  desk: { context: { viewport: { width: 1_280, height: 800 } }, slower: 1 },
  phone: { context: { viewport: { width: 390, height: 700 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }, slower: 4 },
};
const KINDS = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' };
const PAGE = `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width,initial-scale=1">
<style>body{margin:16px;color-scheme:light}</style><script type="module" src="/bench/page.mjs"></script></html>`;

/** Serves the build, the bench's page and one map. */
async function serve(columns) {
  const map = gzipSync(JSON.stringify({ success: true, message: 'Seat map', data: runsOf(columns) }), { level: GZIP_LEVEL });
  const answers = {
    '/': ['text/html', PAGE],
    '/bench/info': ['application/json', JSON.stringify({ seats: columns.seats.id.length })],
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://bench');
    const [kind, body] = answers[pathname] ?? [];
    if (kind) return response.writeHead(200, { 'content-type': kind }).end(body);
    if (pathname === '/api/v1/events/1/seatmap') {
      return response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(map);
    }
    try {
      const file = pathname.startsWith('/bench/') ? join(here, normalize(pathname.slice(6))) : join(options.dist, normalize(pathname));
      const content = await readFile(file);
      response.writeHead(200, { 'content-type': KINDS[extname(file)] ?? 'application/octet-stream' }).end(content);
    } catch {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"success":false,"message":"not here","code":"NOT_FOUND"}');
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

async function measure(browser, seats, screen) {
  const { context: like, slower } = SCREENS[screen];
  const site = await serve(bowl(seats));
  const context = await browser.newContext(like);
  const page = await context.newPage();
  const figures = {};
  try {
    page.on('pageerror', (error) => console.error(error.message));
    await page.goto(site.url);
    await page.waitForFunction(() => window.bench !== undefined);
    const session = await context.newCDPSession(page);
    await session.send('Emulation.setCPUThrottlingRate', { rate: slower });
    figures['first picture'] = [await page.evaluate(() => window.bench.start())];
    for (const scene of await page.evaluate(() => window.bench.scenes)) {
      figures[scene] = await page.evaluate((name) => window.bench.run(name), scene);
    }
  } finally {
    await context.close();
    site.close();
  }
  return Object.fromEntries(Object.entries(figures).map(([scene, gaps]) => [scene, summary(gaps)]));
}

function summary(gaps) {
  const sorted = [...gaps].sort((a, b) => a - b);
  const tenth = (value) => Math.round(value * 10) / 10;
  return {
    mean: tenth(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length),
    p95: tenth(sorted[Math.floor((sorted.length - 1) * 0.95)]),
    max: tenth(sorted.at(-1)),
  };
}

function bytes(columns) {
  const packedBytes = (value) => gzipSync(JSON.stringify(value), { level: GZIP_LEVEL }).length;
  return { columns: packedBytes(columns), runs: packedBytes(runsOf(columns)) };
}

function print(key, figures, before) {
  console.log(`\n${key}`);
  for (const [scene, { mean, p95, max }] of Object.entries(figures)) {
    const old = before?.[scene];
    const times = old && scene !== 'floor' ? `   before ${old.mean} / ${old.p95} / ${old.max}: ${(old.mean / mean).toFixed(1)} × less` : '';
    const own = scene === 'first picture' ? `${mean}` : `${mean} / ${p95} / ${max}`;
    console.log(`  ${scene.padEnd(20)} ${own.padStart(22)}${times}`);
  }
}

const before = await readFile(options.before, 'utf8').then(JSON.parse, () => ({}));
const result = { machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`, geometry: {}, frames: {} };
console.log(`${result.machine}, load ${loadavg()[0].toFixed(1)}; no GPU`);
console.log('\ngeometry, bytes gzip: columns → runs');
const sizes = options.seats.split(',').map(Number);
for (const seats of sizes) {
  for (const [kind, make] of Object.entries({ regular: bowl, irregular, gapped })) {
    const size = bytes(make(seats));
    result.geometry[`${seats} ${kind}`] = size;
    console.log(`  ${`${seats} ${kind}`.padEnd(20)} ${size.columns} → ${size.runs}: ${(size.columns / size.runs).toFixed(1)} × less`);
  }
}
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium', args: ['--disable-gpu'] });
try {
  for (const screen of options.screens.split(',')) {
    for (const seats of sizes) {
      const key = `${seats} seats, ${screen}`;
      result.frames[key] = await measure(browser, seats, screen);
      print(key, result.frames[key], before.frames?.[key]);
    }
  }
} finally {
  await browser.close();
}
if (options.save) await writeFile(options.save, `${JSON.stringify(result, null, 2)}\n`);
