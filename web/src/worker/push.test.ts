import { describe, expect, it } from 'vitest';
import { notificationOf, tabOf } from './push.ts';

const message = (more: object): string =>
  JSON.stringify({ title: 'Tickets are back', body: 'Opera', url: '/events/7', tag: 'seatcast-1', lang: 'en', dir: 'ltr', ...more });

describe('a message', () => {
  it('is shown as it was written, and replaces its double', () => {
    const { title, options } = notificationOf(message({}), new Date());
    expect(title).toBe('Tickets are back');
    expect(options).toMatchObject({ body: 'Opera', tag: 'seatcast-1', lang: 'en', dir: 'ltr', data: { url: '/events/7' } });
  });

  it('says a time as clocks here do, with its day where that is another', () => {
    const now = new Date(2026, 7, 1, 19, 0);
    const said = (until: Date, lang: string): string => notificationOf(message({ body: 'until {time}.', until: until.toISOString(), lang }), now).options.body ?? '';
    expect(said(new Date(2026, 7, 1, 20, 15), 'en')).toMatch(/^until 0?8:15\sPM\.$/);
    expect(said(new Date(2026, 7, 2, 8, 5), 'en')).toMatch(/^until Sun, Aug 2, 0?8:05\sAM\.$/);
    expect(said(new Date(2026, 7, 1, 20, 15), 'fa')).toContain('۲۰:۱۵');
    expect(said(new Date(2026, 7, 1, 20, 15), 'th')).toContain('20:15');
  });

  it('that cannot be read, or leads elsewhere, is shown as ours and leads to the shop', () => {
    for (const text of [undefined, '', 'null', '{}', message({ url: 'https://elsewhere.example' }), message({ url: '//elsewhere.example' }), message({ title: 7 })]) {
      const { title, options } = notificationOf(text, new Date());
      expect([title, options.data.url]).toEqual(['Seatcast', '/']);
    }
  });
});

it('a tab that shows the page is used, whatever follows its path', () => {
  const tabs = [{ url: 'https://tickets.example/' }, { url: 'https://tickets.example/events/7?from=mail#top' }];
  expect(tabOf(tabs, '/events/7')).toBe(tabs[1]);
  expect(tabOf(tabs, '/events/70')).toBeUndefined();
});
