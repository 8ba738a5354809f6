/** Chromium, as Debian ships it. A test that opens it closes it. */
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';

/** `without`: arguments that Playwright gives by itself. */
export async function launch(args: string[] = [], without: string[] = []): Promise<Browser> {
  const executablePath = fileURLToPath(new URL('chromium.sh', import.meta.url));
  return chromium.launch({ executablePath, args, ignoreDefaultArgs: without });
}

/** A window of its own: nothing is shared with others, as on another person's machine. */
export async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; context: BrowserContext; errors: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) errors.push(message.text());
  });
  await page.goto(url);
  return { page, context, errors };
}

/** All that elements show, in one line each, what is in their shadow roots included; '' for none. */
export async function textOf(elements: Locator): Promise<string> {
  const texts = await elements.evaluateAll((found) => {
    const read = (node: Node): string => {
      if (node instanceof HTMLStyleElement) return '';
      if (node instanceof Element && node.classList.contains('visually-hidden')) return '';
      if (node.nodeType === Node.TEXT_NODE) return node.textContent ?? '';
      const inside = node instanceof Element && node.shadowRoot ? node.shadowRoot : node;
      return [...inside.childNodes].map(read).join(' ');
    };
    return found.map((element) => read(element).replace(/\s+/g, ' ').trim());
  });
  return texts.join('\n');
}

/** Takes a picture into the folder `SCREENSHOTS`, if there is one. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOTS'];
  if (folder) await page.screenshot({ path: `${folder}/${name.replace(/ /g, '-')}.png` });
}

/** Text of the page's main badge of an event, as «89 left Live». */
export function badge(page: Page): Promise<string> {
  return textOf(page.locator('seatcast-event-page .now > seatcast-availability'));
}

export async function badgeSays(page: Page, words: RegExp, timeout = 15_000): Promise<void> {
  await expect.poll(() => badge(page), { timeout }).toMatch(words);
}
