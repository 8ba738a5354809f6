// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../sdk/index.ts';
import { FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastAvailability } from './seatcast-availability.ts';
import './seatcast-availability.ts';

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
  client.close();
  vi.useRealTimers();
});

const badge = (): Promise<SeatcastAvailability> => mount(server, client, 'seatcast-availability', { event: '1' });

describe('the badge', () => {
  it.each([
    [0, 'available', '100 left Live'],
    [74, 'available', '26 left Live'],
    [75, 'limited', 'Limited · 25 left Live'],
    [89, 'limited', 'Limited · 11 left Live'],
    [90, 'almost_sold_out', 'Almost sold out · 10 left Live'],
    [97, 'almost_sold_out', 'Only 3 left Live'],
    [100, 'sold_out', 'Sold out Live'],
  ])('after %i of 100 are sold is %s and says «%s»', async (sold, level, words) => {
    const element = await badge();
    if (sold > 0) server.sell(1, 7, sold);
    await drawn(server, element);
    expect(find(element, '.badge').dataset['level']).toBe(level);
    expect(textOf(element)).toBe(words);
  });

  it('web_6: of an event that began says so, at the moment at which it begins', async () => {
    server.event(1).event['starts_at'] = new Date(Date.now() + 60_000).toISOString();
    const element = await badge();
    expect(textOf(element)).toBe('100 left Live');
    await drawn(server, element, 60_050);
    expect(textOf(element)).toBe('Ended Live');
  });

  it('web_6: says that sales ended before the event', async () => {
    const hour = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
    server.event(1).event['starts_at'] = hour(2);
    server.event(1).ticketTypes.set(7, { ...server.event(1).ticketTypes.get(7)!, sale_to: hour(-1) });
    expect(textOf(await badge())).toBe('Sales ended Live');
  });

  it('web_5: is right a second after the server told the time, whatever the clock of this machine says', async () => {
    server.event(1).ticketTypes.set(7, { ...server.event(1).ticketTypes.get(7)!, sale_to: new Date(Date.now() + 1_800_000).toISOString() });
    const right = Date.now.bind(Date);
    vi.spyOn(Date, 'now').mockImplementation(() => right() + 3_600_000);
    const element = await badge();
    expect(textOf(element)).toBe('Sales ended Live');
    client['clock'].tell(right(), true);
    await drawn(server, element, 1_050);
    expect(textOf(element)).toBe('100 left Live');
  });

  it('web_21: is not green where only one is left of three', async () => {
    server.addEvent(2, 3);
    const element = await mount<SeatcastAvailability>(server, client, 'seatcast-availability', { event: '2' });
    server.sell(2, 7, 2);
    await drawn(server, element);
    expect(textOf(element)).toBe('Only 1 left Live');
    expect(find(element, '.badge').dataset['level']).toBe('limited');
  });

  it.each<Record<string, string>>([{}, { event: '' }, { event: 'abc' }, { event: '-1' }])('web_18: without an event (%o) says so, in place and in the console', async (attributes) => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const element = await mount<SeatcastAvailability>(server, client, 'seatcast-availability', attributes);
    expect(textOf(element)).toBe('');
    await drawn(server, element, 1_100);
    expect(textOf(element)).toBe('Not available');
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('<seatcast-availability>: event has to be'), element);
    element.event = 1;
    await drawn(server, element);
    expect(textOf(element)).toBe('100 left Live');
  });

  it("shows the page's own numbers until the server's are there, and does not call them live", async () => {
    server.reachable = false;
    server.fetchFails();
    const element = await mount<SeatcastAvailability>(server, client, 'seatcast-availability', { event: '1', 'fallback-available': '20', 'fallback-total': '100' });
    expect(textOf(element)).toBe('Limited · 20 left');
    expect(find(element, '.badge').className).toContain('old');
    await drawn(server, element, 15_000);
    expect(textOf(element)).toBe('Limited · 20 left Offline');
    server.reachable = true;
    server.fetchFails(false);
    await drawn(server, element, 20_000);
    expect(textOf(element)).toBe('100 left Live');
  });

  it('of an event that sells nothing to everybody says so, and nothing of sold out', async () => {
    server.event(1).ticketTypes.clear();
    expect(textOf(await badge())).toBe('Not openly on sale Live');
    expect(textOf(await mount(server, client, 'seatcast-availability', { event: '1', lang: 'th' }))).toContain('ไม่ขายทั่วไป');
    expect(textOf(await mount(server, client, 'seatcast-availability', { event: '1', lang: 'fa' }))).toContain('فروش آزاد ندارد');
  });

  it('can be of one ticket type', async () => {
    const element = await badge();
    element.setAttribute('ticket-type', '8');
    await drawn(server, element);
    expect(textOf(element)).toBe('Sold out Live');
  });

  it.each([
    ['cancelled', 'Cancelled'],
    ['paused', 'Sales paused'],
    ['completed', 'Ended'],
  ])('of an event that is %s says «%s»', async (status, words) => {
    const element = await badge();
    server.push('event:1', 'update', { from: 1, to: 2, event: { ...server.event(1).event, status } });
    await drawn(server, element);
    expect(textOf(element)).toContain(words);
  });

  it('says stale, then offline, then live again, and keeps the last number', async () => {
    const element = await badge();
    server.reachable = false;
    server.fetchFails();
    server.cut();
    await drawn(server, element);
    expect(textOf(element)).toBe('100 left Stale');
    await drawn(server, element, 10_000);
    expect(textOf(element)).toBe('100 left Offline');
    server.reachable = true;
    server.fetchFails(false);
    await drawn(server, element, 16_000);
    expect(textOf(element)).toBe('100 left Live');
  });

  it('is quiet about being live when told so, never about being stale', async () => {
    const element = await badge();
    element.setAttribute('quiet', '');
    await drawn(server, element);
    expect(textOf(element)).toBe('100 left');
    server.cut();
    await drawn(server, element, 1);
    expect(textOf(element)).toBe('100 left Stale');
  });

  it('announces another colour once, and not every number', async () => {
    const element = await mount<SeatcastAvailability>(server, client, 'seatcast-availability', { event: '1', announce: '' });
    const announced = (): string => textOf(find(element, '[role=status]'));
    server.sell(1, 7, 10);
    await drawn(server, element, 5_000);
    expect(announced()).toBe('');
    server.sell(1, 7, 90);
    server.sell(1, 7, -12);
    await drawn(server, element, 5_000);
    expect(announced()).toBe('Limited · 12 left');
    server.sell(1, 7, 12);
    server.sell(1, 7, -12);
    await drawn(server, element, 5_000);
    expect(announced()).toBe('Limited · 12 left');
  });

  it('of an unknown event says so', async () => {
    const element = await mount<SeatcastAvailability>(server, client, 'seatcast-availability', { event: '9' });
    expect(textOf(element)).toBe('Not available');
  });

  it('watches another event when its attribute changes, and none when it is removed', async () => {
    server.addEvent(2, 40);
    const element = await badge();
    element.setAttribute('event', '2');
    await drawn(server, element);
    expect(textOf(element)).toBe('40 left Live');
    element.remove();
    await server.settle(5_000);
    server.cut();
    await server.settle(60_000);
    expect(server.links).toBe(1);
  });
});
