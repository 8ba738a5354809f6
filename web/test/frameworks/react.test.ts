// @vitest-environment happy-dom
/** The door for React, in React 18 and 19 themselves. */
import type * as ReactTypes from 'react';
import type { createRoot } from 'react-dom/client';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { useClient } from '../../src/elements/index.ts';
import type * as Door from '../../src/react/index.ts';
import type { SeatcastClient } from '../../src/sdk/index.ts';
import { accepted, FakeServer } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';
import { textOf } from '../support/mount.ts';
import { load, modules } from './bundle.ts';

interface Page {
  React: typeof ReactTypes;
  createRoot: typeof createRoot;
  door: typeof Door;
}

/** The browser's own WebSocket, with that server at its other end. */
function socketsTo(server: FakeServer): typeof WebSocket {
  return class {
    readyState = 0;
    onopen?: () => void;
    onmessage?: (event: { data: string }) => void;
    onclose?: (event: { code: number; reason: string }) => void;
    readonly #link;

    constructor(url: string) {
      this.#link = server.transport(url, {
        opened: () => {
          this.readyState = 1;
          this.onopen?.();
        },
        received: (data) => this.onmessage?.({ data }),
        closed: (code, reason) => this.onclose?.({ code, reason }),
      });
    }
    send(text: string): void {
      this.#link.send(text);
    }
    close(code?: number, reason?: string): void {
      this.#link.close(code, reason);
    }
  } as unknown as typeof WebSocket;
}

describe.each([
  ['18.', modules('./react-18', 'react', 'react-dom')],
  ['19.', {}],
])('React %s', (version, alias) => {
  let page: Page;
  let server: FakeServer;
  let client: SeatcastClient;
  let root: ReturnType<typeof createRoot>;
  let host: HTMLElement;

  beforeAll(async () => {
    page = await load<Page>('./react-page.ts', alias);
  }, 60_000);
  beforeEach(() => {
    (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
    vi.useFakeTimers();
    server = new FakeServer();
    server.addEvent(1);
    server.addEvent(2, 50);
    client = server.client();
    host = document.body.appendChild(document.createElement('div'));
    root = page.createRoot(host);
  });
  afterEach(async () => {
    await page.React.act(async () => root.unmount());
    document.body.replaceChildren();
    client.close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  /** Draws it in strict mode, below the provider. */
  async function draw(...children: ReactTypes.ReactNode[]): Promise<void> {
    const { createElement, StrictMode, act } = page.React;
    await act(async () => root.render(createElement(StrictMode, null, createElement(page.door.SeatcastProvider, { client }, ...children))));
    await pass();
  }
  const pass = (ms = 20): Promise<void> => page.React.act(async () => server.settle(ms));

  it('is the version that is meant', () => expect(page.React.version.startsWith(version)).toBe(true));

  it('shows a ticket type, live', async () => {
    const { createElement } = page.React;
    const Option = ({ ticket }: { ticket: string }): ReactTypes.ReactNode => {
      const { available, reserved, sold, isLive } = page.door.useTicketAvailability(ticket);
      return `${available} left, ${reserved} held, ${sold} sold${isLive ? ' LIVE' : ''}`;
    };
    const event = (id: string): ReactTypes.ReactNode => createElement(page.door.TicketAvailabilityProvider, { eventId: id }, createElement(Option, { ticket: '7' }));
    await draw(event('1'));
    expect(host.textContent).toBe('100 left, 0 held, 0 sold LIVE');
    server.sell(1, 7, 3);
    await pass();
    expect(host.textContent).toBe('97 left, 0 held, 3 sold LIVE');
    server.reachable = false;
    server.fetchFails();
    server.cut();
    await pass();
    expect(host.textContent).toBe('97 left, 0 held, 3 sold');
    server.reachable = true;
    server.fetchFails(false);
    await pass(30_000);
    await draw(event('2'));
    expect(host.textContent).toBe('50 left, 0 held, 0 sold LIVE');
  });

  it('stays live in strict mode with a client of its own', async () => {
    const { createElement, StrictMode, act } = page.React;
    const Numbers = (): ReactTypes.ReactNode => {
      const { totals, status } = page.door.useEvent(1);
      return `${totals?.available} ${status}`;
    };
    vi.stubGlobal('fetch', server.fetch);
    vi.stubGlobal('WebSocket', socketsTo(server));
    await act(async () => root.render(createElement(StrictMode, null, createElement(page.door.SeatcastProvider, { url: 'https://tickets.example' }, createElement(Numbers)))));
    await pass(5_000);
    expect(host.textContent).toBe('100 live');
    server.sell(1, 7, 3);
    await pass();
    expect(host.textContent).toBe('97 live');
  });

  it('with a client of its own knows the booking of a guest again, and hears of other tabs and of the network', async () => {
    const { createElement, act } = page.React;
    let own: SeatcastClient | undefined;
    const Mine = (): ReactTypes.ReactNode => {
      own = page.door.useSeatcast();
      return `${page.door.useBookings().bookings?.map(({ id }) => id).join()} ${page.door.useEvent(1).status}`;
    };
    const show = (): Promise<void> => act(async () => root.render(createElement(page.door.SeatcastProvider, { url: 'https://tickets.example' }, createElement(Mine))));
    vi.stubGlobal('fetch', server.fetch);
    vi.stubGlobal('WebSocket', socketsTo(server));
    vi.stubGlobal('localStorage', new FakeStorage());
    server.routes.set('POST /bookings', () => accepted({ id: 'b-1', event_id: 1, version: 1, token: 'secret' }, {}, 201));
    server.routes.set('GET /bookings/b-1', () => accepted({ id: 'b-1', event_id: 1, version: 1 }));
    await show();
    await act(async () => void (await own!.book({ event_id: 1, items: [{ ticket_type_id: 7, quantity: 1 }] })));
    await act(async () => root.unmount());
    root = page.createRoot(host);
    await show();
    await pass();
    expect(host.textContent).toBe('b-1 live');
    const told = vi.spyOn(own!, 'storageChanged');
    await act(async () => void globalThis.dispatchEvent(Object.assign(new Event('storage'), { key: 'seatcast.booking.b-2' })));
    expect(told).toHaveBeenCalledWith('seatcast.booking.b-2');
    server.reachable = false;
    await act(async () => void globalThis.dispatchEvent(new Event('offline')));
    expect(host.textContent).not.toContain('live');
    await act(async () => root.unmount());
    told.mockClear();
    globalThis.dispatchEvent(Object.assign(new Event('storage'), { key: null }));
    expect(told).not.toHaveBeenCalled();
    root = page.createRoot(host);
  });

  it('lets go of its topics with the component', async () => {
    const { createElement } = page.React;
    const Numbers = (): ReactTypes.ReactNode => String(page.door.useEvent(1).totals?.available);
    await draw(createElement(Numbers));
    expect(host.textContent).toBe('100');
    await draw('nothing');
    await pass(5_000);
    const joins = server.joins.length;
    server.cut();
    await pass(60_000);
    expect(server.joins.length).toBe(joins);
  });

  it('counts the people who are registering, and the caller while the component is there', async () => {
    const { createElement } = page.React;
    const Activity = ({ step }: { step: string }): ReactTypes.ReactNode => {
      const { others, totalActive, byStep } = page.door.useRegistrationPresence(1, step);
      return `${others.total} others, ${totalActive} in all, ${byStep['ticket_selection'] ?? 0} choosing`;
    };
    server.people(1, { viewing: 2 });
    await draw(createElement(Activity, { step: 'ticket_selection' }));
    await pass(3_000);
    expect(host.textContent).toBe('2 others, 3 in all, 1 choosing');
    await draw(createElement(Activity, { step: 'payment' }));
    await pass(3_000);
    expect(host.textContent).toBe('2 others, 3 in all, 0 choosing');
  });

  it("shows the organizer's updates as they come, and sends them", async () => {
    const { createElement } = page.React;
    let broadcast: Door.EventBroadcast['broadcastUpdate'] | undefined;
    const Banner = (): ReactTypes.ReactNode => {
      const { lastUpdate, broadcastUpdate } = page.door.useEventBroadcast(1);
      broadcast = broadcastUpdate;
      return lastUpdate ? `${lastUpdate.updateType}: ${lastUpdate.message}` : 'nothing yet';
    };
    server.notice(1, 'told before');
    await draw(createElement(Banner));
    expect(host.textContent).toBe('nothing yet');
    server.notice(1, 'Doors at eight');
    await pass();
    expect(host.textContent).toBe('custom: Doors at eight');
    server.routes.set('POST /events/1/notices', (body) => accepted(body));
    await broadcast?.('info_update', 'Doors at nine', { doors: '21:00' });
    expect(server.requests.at(-1)?.body).toEqual({ type: 'info_update', message: 'Doors at nine', data: { doors: '21:00' } });
  });

  it("shows the caller's bookings", async () => {
    const { createElement } = page.React;
    const Mine = (): ReactTypes.ReactNode => page.door.useBookings().bookings?.map(({ status }) => status).join() ?? 'unknown';
    client.userId = 3;
    server.hold(3);
    await draw(createElement(Mine));
    expect(host.textContent).toBe('pending');
  });

  it('web_19: has elements with attributes that mean what they say', async () => {
    const { createElement } = page.React;
    const types = (readonly: boolean): ReactTypes.ReactNode => createElement('seatcast-ticket-types', { event: 1, readonly });
    const shown = (): HTMLElement => host.querySelector('seatcast-ticket-types')!;
    useClient(client);
    await draw(types(false));
    await pass();
    expect(textOf(shown())).toContain('100 left');
    expect(shown().shadowRoot?.querySelector('.stepper')).not.toBeNull();
    await draw(types(true));
    expect(shown().shadowRoot?.querySelector('.stepper')).toBeNull();
  });

  it('says what is missing', async () => {
    const { createElement, act } = page.React;
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Lost = (): ReactTypes.ReactNode => String(page.door.useSeatcast());
    await expect(act(async () => root.render(createElement(Lost)))).rejects.toThrow('there is no SeatcastProvider');
  });
});
