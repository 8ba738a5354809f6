// @vitest-environment happy-dom
/** The door for Vue, in Vue itself, with templates that it compiles. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp, ref, type App, type Component } from 'vue';
import { useClient } from '../../src/elements/index.ts';
import type { SeatcastClient } from '../../src/sdk/index.ts';
import {
  isSeatcastElement,
  seatcast,
  useBookings,
  useEvent,
  useEventBroadcast,
  useRegistrationPresence,
  useSeatcast,
  useTicketAvailability,
  type BroadcastRefs,
} from '../../src/vue/index.ts';
import { accepted, FakeServer } from '../support/fake-server.ts';
import { FakeStorage } from '../support/fake-storage.ts';
import { textOf } from '../support/mount.ts';

let server: FakeServer;
let client: SeatcastClient;
let app: App | undefined;
let host: HTMLElement;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.addEvent(2, 50);
  client = server.client();
  host = document.body.appendChild(document.createElement('div'));
});
afterEach(() => {
  app?.unmount();
  app = undefined;
  document.body.replaceChildren();
  client.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function mountApp(component: Component, options: { client?: SeatcastClient; url?: string } = { client }): Promise<void> {
  app = createApp(component);
  app.config.compilerOptions.isCustomElement = isSeatcastElement;
  app.use(seatcast, options);
  app.mount(host);
  await server.settle(20);
}

describe('Vue', () => {
  it('shows a ticket type, live, of another event when that is chosen', async () => {
    const eventId = ref('1');
    await mountApp({
      setup: () => useTicketAvailability(eventId, '7'),
      template: `{{ available }} left, {{ reserved }} held, {{ sold }} sold<b v-if="isLive"> LIVE</b>`,
    });
    expect(host.textContent).toBe('100 left, 0 held, 0 sold LIVE');
    server.sell(1, 7, 3);
    await server.settle(20);
    expect(host.textContent).toBe('97 left, 0 held, 3 sold LIVE');
    eventId.value = '2';
    await server.settle(20);
    expect(host.textContent).toBe('50 left, 0 held, 0 sold LIVE');
    server.reachable = false;
    server.fetchFails();
    server.cut();
    await server.settle(20);
    expect(host.textContent).toBe('50 left, 0 held, 0 sold');
  });

  it('with a client of its own knows the booking of a guest again, and hears of other tabs', async () => {
    vi.stubGlobal('fetch', server.fetch);
    vi.stubGlobal('localStorage', new FakeStorage());
    server.routes.set('POST /bookings', () => accepted({ id: 'b-1', event_id: 1, version: 1, token: 'secret' }, {}, 201));
    server.routes.set('GET /bookings/b-1', () => accepted({ id: 'b-1', event_id: 1, version: 1 }));
    let own: SeatcastClient | undefined;
    const Mine = {
      setup: () => {
        own = useSeatcast();
        return { view: useBookings() };
      },
      template: `{{ view.bookings?.map(({ id }) => id).join() }}`,
    };
    const options = { url: 'https://tickets.example' };
    await mountApp(Mine, options);
    await own!.book({ event_id: 1, items: [{ ticket_type_id: 7, quantity: 1 }] });
    app!.unmount();
    await mountApp(Mine, options);
    expect(host.textContent).toBe('b-1');
    const told = vi.spyOn(own!, 'storageChanged');
    globalThis.dispatchEvent(Object.assign(new Event('storage'), { key: null }));
    app!.unmount();
    app = undefined;
    globalThis.dispatchEvent(Object.assign(new Event('storage'), { key: null }));
    expect(told).toHaveBeenCalledOnce();
  });

  it('lets go of its topics with the component', async () => {
    await mountApp({ setup: () => useEvent(1), template: '{{ totals?.available }}' });
    expect(host.textContent).toBe('100');
    app?.unmount();
    app = undefined;
    await server.settle(5_000);
    const joins = server.joins.length;
    server.cut();
    await server.settle(60_000);
    expect(server.joins.length).toBe(joins);
  });

  it('counts the people who are registering, and the caller while the component is there', async () => {
    server.people(1, { viewing: 2 });
    const step = ref('ticket_selection');
    await mountApp({
      setup: () => useRegistrationPresence(1, step),
      template: '{{ others.total }} others, {{ totalActive }} in all, {{ byStep.ticket_selection ?? 0 }} choosing',
    });
    await server.settle(3_000);
    expect(host.textContent).toBe('2 others, 3 in all, 1 choosing');
    step.value = 'payment';
    await server.settle(3_000);
    expect(host.textContent).toBe('2 others, 3 in all, 0 choosing');
  });

  it("shows the organizer's updates as they come, and sends them", async () => {
    let broadcast: BroadcastRefs['broadcastUpdate'] | undefined;
    server.notice(1, 'told before');
    await mountApp({
      setup: () => {
        const refs = useEventBroadcast(1);
        broadcast = refs.broadcastUpdate;
        return refs;
      },
      template: `{{ lastUpdate ? lastUpdate.updateType + ': ' + lastUpdate.message : 'nothing yet' }}`,
    });
    expect(host.textContent).toBe('nothing yet');
    server.notice(1, 'Doors at eight');
    await server.settle(20);
    expect(host.textContent).toBe('custom: Doors at eight');
    server.routes.set('POST /events/1/notices', (body) => accepted(body));
    await broadcast?.('info_update', 'Doors at nine', { doors: '21:00' });
    expect(server.requests.at(-1)?.body).toEqual({ type: 'info_update', message: 'Doors at nine', data: { doors: '21:00' } });
  });

  it("shows the caller's bookings", async () => {
    client.userId = 3;
    server.hold(3);
    await mountApp({ setup: () => ({ view: useBookings() }), template: `{{ view.bookings?.map(({ status }) => status).join() ?? 'unknown' }}` });
    expect(host.textContent).toBe('pending');
  });

  it('web_19: has elements with attributes and properties that mean what they say', async () => {
    useClient(client);
    const readonly = ref(false);
    await mountApp({ setup: () => ({ readonly }), template: '<seatcast-ticket-types :event="1" :readonly="readonly"></seatcast-ticket-types>' });
    const shown = host.querySelector('seatcast-ticket-types')!;
    expect(textOf(shown)).toContain('100 left');
    expect(shown.shadowRoot?.querySelector('.stepper')).not.toBeNull();
    readonly.value = true;
    await server.settle(20);
    expect(shown.shadowRoot?.querySelector('.stepper')).toBeNull();
  });

  it('says what is missing', () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    app = createApp({ setup: () => useEvent(1), template: '' });
    const lost = app;
    app = undefined;
    expect(() => lost.mount(host)).toThrow('the plugin is not installed');
  });
});
