// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SeatcastClient } from '../../sdk/index.ts';
import { FakeServer } from '../../../test/support/fake-server.ts';
import { drawn, find, mount, textOf } from '../../../test/support/mount.ts';
import type { SeatcastNotices } from './seatcast-notices.ts';
import './seatcast-notices.ts';

let server: FakeServer;
let client: SeatcastClient;
let element: SeatcastNotices;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
  element = await mount(server, client, 'seatcast-notices', { event: '1' });
});
afterEach(() => {
  document.body.replaceChildren();
  client.close();
  vi.useRealTimers();
});

describe('notices', () => {
  it('appear as they are made, the newest first', async () => {
    server.notice(1, 'Doors open at seven');
    server.notice(1, 'Doors open at eight');
    await drawn(server, element);
    expect(textOf(element)).toMatch(/eight.*seven/);
  });

  it('that are there from the beginning stand still, and only later ones move in', async () => {
    server.notice(1, 'Doors open at seven');
    await drawn(server, element);
    expect(find(element, '.notice').classList.contains('arrives')).toBe(true);
    const later = await mount<SeatcastNotices>(server, client, 'seatcast-notices', { event: '1' });
    expect(find(later, '.notice').classList.contains('arrives')).toBe(false);
    server.notice(1, 'Doors open at eight');
    await drawn(server, later);
    expect([...later.renderRoot.querySelectorAll('.notice')].map((notice) => notice.classList.contains('arrives'))).toEqual([true, false]);
  });

  it('are told once: who puts one away does not see it again after a reload', async () => {
    server.notice(1, 'Doors open at seven');
    await drawn(server, element);
    find<HTMLButtonElement>(element, '.away').click();
    element.remove();
    element = await mount(server, client, 'seatcast-notices', { event: '1' });
    expect(textOf(element)).toBe('');
  });

  it('that are many are shown when asked for, in order', async () => {
    for (const number of [1, 2, 3, 4, 5]) server.notice(1, `number ${number}`);
    await drawn(server, element);
    expect(textOf(element)).toMatch(/number 5.*number 4.*number 3.*Show 2 earlier$/);
    find<HTMLButtonElement>(element, '.more').click();
    await element.updateComplete;
    expect(textOf(element)).toMatch(/number 5.*number 4.*number 3.*number 2.*number 1/);
  });

  it('can be put away', async () => {
    server.notice(1, 'Doors open at seven');
    await drawn(server, element);
    find<HTMLButtonElement>(element, '.away').click();
    await element.updateComplete;
    expect(textOf(element)).toBe('');
  });

  it('that ended are not shown', async () => {
    const notice = { id: 71, type: 'custom', message: 'old', data: {}, at: '', until: new Date(Date.now() - 1).toISOString() };
    server.push('event:1', 'update', { from: 1, to: 2, notices: [notice] });
    await drawn(server, element);
    expect(textOf(element)).toBe('');
  });

  it('say when the event was cancelled', async () => {
    server.push('event:1', 'update', { from: 1, to: 2, event: { ...server.event(1).event, status: 'cancelled' } });
    await drawn(server, element);
    expect(textOf(element)).toContain('This event was cancelled.');
    const notice = { id: 72, type: 'cancellation', message: 'The event was cancelled.', data: {}, at: '', until: null };
    server.push('event:1', 'update', { from: 2, to: 3, notices: [notice] });
    await drawn(server, element);
    expect(textOf(element).match(/was cancelled/g)).toHaveLength(1);
  });

  it("web_9: say a cancelled event's reason in the organizer's words", async () => {
    const notice = { id: 72, type: 'cancellation', message: 'The event was cancelled. Singer is ill', data: {}, at: '', until: null };
    server.push('event:1', 'update', { from: 1, to: 2, event: { ...server.event(1).event, status: 'cancelled' }, notices: [notice] });
    await drawn(server, element);
    expect(textOf(element)).toBe('This event was cancelled. Nothing can be booked any more. Singer is ill');
  });

  it('web_21: say times as people read them', async () => {
    server.notice(1, 'The event now begins at 2026-12-24 20:00 (Europe/Berlin).');
    await drawn(server, element);
    expect(textOf(element)).toContain('The event now begins at 24 Dec 2026, 20:00 (Berlin).');
  });
});
