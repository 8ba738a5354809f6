import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { firstValueFrom, from, map, take, toArray } from 'rxjs';
import { DEBUG_KEY, debugLog, Live, TicketAvailabilityService, type AvailabilityStatus, type SeatcastClient, type TicketAvailability } from '../../src/sdk/index.ts';
import { FakeServer } from '../support/fake-server.ts';

let server: FakeServer;
let client: SeatcastClient;
let service: TicketAvailabilityService;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  server.addEvent(2);
  client = server.client();
  service = new TicketAvailabilityService(client);
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

describe('the service by the names of pages that polled', () => {
  it('tells what is left, and again when it changes', async () => {
    const told: TicketAvailability[] = [];
    const subscription = service.getEventAvailability(1).subscribe((availability) => told.push(availability));
    await server.settle(20);
    expect(told.at(-1)).toMatchObject({ eventId: 1, totalCapacity: 100, availableTickets: 100, isSoldOut: false, status: 'live' });
    server.sell(1, 7, 80);
    await server.settle(20);
    expect(told.at(-1)).toMatchObject({ availableTickets: 20, bookedTickets: 80, occupancyPercentage: 80, isLimited: true, isAlmostSoldOut: false });
    server.people(1, { viewing: 3 });
    const before = told.length;
    await server.settle(1_000);
    expect(told).toHaveLength(before);
    subscription.unsubscribe();
    server.sell(1, 7, 1);
    await server.settle(20);
    expect(told).toHaveLength(before);
  });

  it('says the status in the words and classes of a badge', async () => {
    const told: AvailabilityStatus[] = [];
    service.getAvailabilityStatus(1).subscribe({ next: (status) => void told.push(status) });
    await server.settle(20);
    for (const sold of [1, 74, 15, 10]) {
      server.sell(1, 7, sold);
      await server.settle(100);
    }
    expect(told).toEqual([
      { text: 'Available', class: 'bg-green-100 text-green-800', disabled: false },
      { text: 'Limited Availability', class: 'bg-yellow-100 text-yellow-800', disabled: false },
      { text: 'Almost Sold Out', class: 'bg-orange-100 text-orange-800', disabled: false },
      { text: 'Sold Out', class: 'bg-red-100 text-red-800', disabled: true },
    ]);
    const own = new TicketAvailabilityService(client, { text: (level, left) => `${level} ${left}`, class: () => 'x' });
    expect(await firstValueFrom(from(own.getAvailabilityStatus(2)))).toEqual({ text: 'available 100', class: 'x', disabled: false });
  });

  it('opens and closes the button by the clock, though nothing else changes', async () => {
    const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
    Object.assign(server.event(1).ticketTypes.get(7)!, { sale_from: at(300_000), sale_to: at(3_600_000) });
    const told: [string, boolean][] = [];
    const subscription = service.getAvailabilityStatus(1).subscribe(({ text, disabled }) => told.push([text, disabled]));
    await server.settle(299_000);
    expect(told).toEqual([['Not on Sale', true]]);
    await server.settle(1_100);
    expect(told.at(-1)).toEqual(['Available', false]);
    await server.settle(3_300_000);
    expect(told).toEqual([['Not on Sale', true], ['Available', false], ['Not on Sale', true]]);
    subscription.unsubscribe();
  });

  it('keeps tracked events until each was stopped as often', async () => {
    service.trackEvents([1, 2]);
    service.trackEvents([1]);
    await server.settle(20);
    expect(server.joins.map(({ topic }) => topic).sort()).toEqual(['event:1', 'event:2']);
    service.stopTrackingEvent(1);
    service.stopTrackingEvent(2);
    service.stopTrackingEvent(2);
    await server.settle(5_000);
    server.sell(1, 7, 1);
    await server.settle(20);
    // Ready at once: it was tracked all the while.
    let left: number | undefined;
    service.getEventAvailability(1).subscribe(({ availableTickets }) => (left = availableTickets)).unsubscribe();
    expect(left).toBe(99);
  });

  it('asks anew when told to', async () => {
    server.reachable = false;
    service.trackEvents([1]);
    await server.settle(5_000);
    const before = server.requests.length;
    service.refreshAvailability();
    await server.settle(1);
    expect(server.requests.length).toBeGreaterThan(before);
  });
});

describe('a live value', () => {
  it('is an observable of RxJS', async () => {
    const levels = firstValueFrom(from(service.isEventSoldOut(1)).pipe(map(String), take(2), toArray()));
    await server.settle(20);
    server.sell(1, 7, 100);
    await server.settle(20);
    expect(await levels).toEqual(['false', 'true']);
    // RxJS let go of it.
    await server.settle(3_000);
    expect(client).toBeDefined();
    server.sell(1, 7, -1);
    await server.settle(20);
  });

  it('is the observable of libraries that define the symbol', () => {
    const symbol = Symbol('observable');
    Object.assign(Symbol, { observable: symbol });
    try {
      const live = new Live<number>(() => () => {});
      expect((live as unknown as Record<symbol, () => unknown>)[symbol]?.()).toBe(live);
    } finally {
      delete (Symbol as { observable?: symbol }).observable;
    }
  });

  it('is read with for await, the newest for a slow reader, and left by break', async () => {
    const read: number[] = [];
    let stopped = false;
    let tell: (value: number) => void = () => {};
    const live = new Live<number>((next) => {
      tell = next;
      next(1);
      return () => void (stopped = true);
    });
    const reading = (async () => {
      for await (const value of live) {
        read.push(value);
        if (value === 4) break;
      }
    })();
    await server.settle();
    tell(2);
    tell(3);
    await server.settle();
    tell(4);
    await reading;
    expect(read).toEqual([1, 3, 4]);
    expect(stopped).toBe(true);
  });

  it('may be ended by its very first value', () => {
    let stopped = false;
    const live = new Live<number>((next) => {
      next(1);
      return () => void (stopped = true);
    });
    const told: number[] = [];
    const subscription = { unsubscribe: () => {} };
    Object.assign(subscription, live.subscribe((value) => void told.push(value)));
    subscription.unsubscribe();
    expect(told).toEqual([1]);
    expect(stopped).toBe(true);
  });
});

describe('the log', () => {
  afterEach(() => {
    debugLog.clear();
    vi.unstubAllGlobals();
  });

  it('is written when the storage says so, and can be read', async () => {
    const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
    vi.stubGlobal('localStorage', { getItem: (key: string) => (key === DEBUG_KEY ? 'true' : null) });
    debugLog.clear();
    service.trackEvents([1]);
    await server.settle(20);
    await client.event(1);
    const texts = debugLog.entries.map(({ kind, text }) => `${kind} ${text}`);
    expect(texts).toContain('link open');
    expect(texts).toContain('topic event:1 live 1');
    expect(texts).toContain('request GET http://fake/api/v1/events/1 200');
    expect(debug).toHaveBeenCalled();
  });

  it('is empty otherwise', async () => {
    service.trackEvents([1]);
    await server.settle(20);
    expect(debugLog.entries).toEqual([]);
  });
});
