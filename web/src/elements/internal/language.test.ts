// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Refusal, type SeatcastClient } from '../../sdk/index.ts';
import { FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, mount, textOf } from '../../../test/support/mount.ts';
import type { LiveElement } from './live-element.ts';
import { LANGUAGES, languageOf, type Language } from './language.ts';
import '../seatcast-booking/seatcast-booking.ts';
import '../seatcast-seat-map/seatcast-seat-map.ts';
import '../seatcast-ticket-types/seatcast-ticket-types.ts';

type Leaf = string | ((...given: unknown[]) => unknown);

const tables = import.meta.glob<Record<string, unknown>>(['../**/*words.ts', '../../pages/**/*words.ts'], { eager: true });
const sources = import.meta.glob<string>(['../**/*.ts', '../../pages/**/*.ts'], { eager: true, query: '?raw', import: 'default' });

/** The same in every language. */
const NAMES = ['>seatcast<', '>API<', 'placeholder="BK'];

/** Letters of the language's own script. */
const SCRIPTS: Record<Exclude<Language, 'en'>, RegExp> = { th: /\p{Script=Thai}/u, fa: /\p{Script=Arabic}/u };

function isTable(value: unknown): value is Record<Language, object> {
  return typeof value === 'object' && value !== null && LANGUAGES.every((language) => language in value);
}

/** Path and words of every entry; a list of arguments is made up for those that take some. */
function leaves(words: object, path = ''): [path: string, leaf: Leaf][] {
  return Object.entries(words).flatMap(([name, value]) =>
    typeof value === 'object' ? leaves(value as object, `${path}${name}.`) : [[`${path}${name}`, value as Leaf]],
  );
}

/** As text; of a template its own strings. */
function said(leaf: Leaf): string {
  const refusal = new Refusal(409, 'message', { left: 2, max: 2, voucher: 'X', used: true });
  const result = typeof leaf === 'string' ? leaf : leaf.length === 1 && leaf.toString().includes('efusal') ? leaf(refusal) : madeUp(leaf);
  const template = result as { strings?: readonly string[]; values?: unknown[] };
  return template.strings ? [...template.strings, ...(template.values ?? [])].join(' ') : String(result);
}

/** Takes numbers, texts and lists alike. */
function madeUp(leaf: (...given: unknown[]) => unknown): unknown {
  for (const given of [[2, 2, 2], ['x', 'x', 'x'], ['x', 'x', ['x']], [['x']], [{ data: {} }]]) {
    try {
      return leaf(...given);
    } catch {
      // It takes others.
    }
  }
  throw new Error('takes none of these');
}

/** Text and labels in the templates of a file. */
function wordsIn(source: string): string[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const templates = [...code.matchAll(/(?:html|svg)`((?:[^`\\$]|\$(?!\{)|\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\})*)`/g)].map(([, text]) => text ?? '');
  const texts = templates.flatMap((template) => template.replaceAll(/\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}/g, '').match(/>[^<]*\p{L}{2,}[^<]*</gu) ?? []);
  const named = templates.flatMap((template) => template.match(/(?:aria-label|title|alt|placeholder)="[^"$]*\p{L}{2,}/gu) ?? []);
  return [...texts, ...named];
}

describe('the words of the elements and pages', () => {
  const all = Object.entries(tables).flatMap(([file, exported]) =>
    Object.entries(exported).flatMap(([name, table]) => (isTable(table) ? [[`${file} ${name}`, table] as const] : [])),
  );

  it('are found', () => expect(all.length).toBeGreaterThan(10));

  it.each(all)('of %s are there in every language', (_, table) => {
    const english = leaves(table.en).map(([path]) => path);
    for (const language of ['th', 'fa'] as const) {
      const words = leaves(table[language]);
      expect(words.map(([path]) => path)).toEqual(english);
      const foreign = words.filter(([, leaf]) => !SCRIPTS[language].test(said(leaf))).map(([path]) => path);
      // These only put together what is given to them.
      expect(foreign.filter((path) => !['item', 'comma', 'isSo'].includes(path))).toEqual([]);
    }
  });

  it.each(Object.keys(sources).filter((file) => !/words\.ts$|\.test\.ts$|styles\.ts$|tokens\.ts$/.test(file)))('are not in %s', (file) => {
    expect(wordsIn(sources[file] ?? '').filter((found) => !NAMES.includes(found))).toEqual([]);
  });
});

it('finds words that stand in a template', () => {
  const source = 'html`<p title="Seen">${one ? html`<b>Here</b>` : `${two}`} too</p>`';
  expect(wordsIn(source)).toHaveLength(2);
  expect(wordsIn('html`<p title=${words.seen}>${words.here}</p>`')).toEqual([]);
});

describe('an element', () => {
  let server: FakeServer;
  let client: SeatcastClient;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new FakeServer();
    server.addEvent(1);
    client = server.client();
  });
  afterEach(() => {
    document.body.replaceChildren();
    document.documentElement.removeAttribute('lang');
    client.close();
    vi.useRealTimers();
  });

  it('speaks the language of its own lang, of that around it, or English', async () => {
    const own = await mount(server, client, 'seatcast-availability', { event: '1', lang: 'th' });
    expect(textOf(own)).toBe('เหลือ 100 ใบ สด');
    document.documentElement.lang = 'fa-IR';
    const around = await mount(server, client, 'seatcast-availability', { event: '1' });
    expect(textOf(around)).toBe('۱۰۰ باقی مانده زنده');
    const other = await mount(server, client, 'seatcast-availability', { event: '1', lang: 'de' });
    expect(textOf(other)).toBe('100 left Live');
  });

  it('changes its language with the page', async () => {
    const element = await mount(server, client, 'seatcast-availability', { event: '1' });
    expect(textOf(element)).toBe('100 left Live');
    document.documentElement.lang = 'th';
    await drawn(server, element);
    expect(textOf(element)).toBe('เหลือ 100 ใบ สด');
  });

  it.each(['th', 'fa'] as const)('says all of it in %s, elements inside included', async (language) => {
    document.documentElement.lang = language;
    for (const tag of ['seatcast-booking', 'seatcast-ticket-types']) {
      const element = await mount<LiveElement>(server, client, tag, { event: '1' });
      const names = server.event(1).event === undefined ? '' : JSON.stringify(server.event(1));
      const latin = textOf(element).match(/[A-Za-z]{2,}/g) ?? [];
      expect(latin.filter((word) => !names.includes(word) && word !== 'PDF')).toEqual([]);
    }
  });

  it('finds the lang outside of the shadow root that it is in', () => {
    document.documentElement.lang = 'th';
    const host = document.createElement('div');
    const inside = document.createElement('span');
    host.attachShadow({ mode: 'open' }).append(inside);
    document.body.append(host);
    expect(languageOf(inside)).toBe('th');
  });
});
