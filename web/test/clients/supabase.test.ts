import { RealtimeClient, type RealtimeChannel } from '@supabase/realtime-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RealtimeClient as OldRealtimeClient } from 'realtime-js-2.7';
import WebSocket from 'ws';
import { Link } from '../support/link.ts';
import { makeEvent, organizersToken, seatcast, sql } from '../support/world.ts';

/**
 * `@supabase/realtime-js` as it is published, against the real server: code that was written for
 * Supabase runs with only the address changed. The oldest and the newest version that are served, and both protocol
 * versions.
 */
interface Published {
  Client: typeof RealtimeClient;
  vsn: '1.0.0' | '2.0.0';
  /** Whether `send` says that the server refused. In 2.7 it never settles then. */
  tellsOfRefusals: boolean;
  /** Says by REST what it cannot say by its channel. */
  sendsByRest: boolean;
}
const newest = { Client: RealtimeClient, tellsOfRefusals: true, sendsByRest: true };
const published: [string, Published][] = [
  [
    '2.7',
    { Client: OldRealtimeClient as unknown as typeof RealtimeClient, vsn: '1.0.0', tellsOfRefusals: false, sendsByRest: false },
  ],
  ['newest, vsn 1.0.0', { ...newest, vsn: '1.0.0' }],
  ['newest, vsn 2.0.0', { ...newest, vsn: '2.0.0' }],
];

interface TicketAvailability {
  ticketTypeId: number;
  availableCount: number;
  reservedCount: number;
  soldCount: number;
  lastUpdated: string;
}

let link: Link;
let supabase: RealtimeClient;
let event: { id: number; typeId: number };

describe.each(published)('npm @supabase/realtime-js %s', (_, { Client, vsn, tellsOfRefusals, sendsByRest }) => {
  const connect = (options: object = {}): RealtimeClient =>
    new Client(`${link.url.replace('http', 'ws')}/realtime/v1`, {
      // Old clients throttle themselves by it.
      params: { apikey: 'anon', eventsPerSecond: '1000' },
      transport: WebSocket as never,
      vsn,
      ...options,
    });

  beforeEach(async () => {
    link = await Link.to(seatcast().url);
    event = await makeEvent('Supabase', 50);
    supabase = connect({ reconnectAfterMs: () => 100 });
  });
  afterEach(async () => {
    await supabase.removeAllChannels();
    await supabase.disconnect();
    await link.close();
  });

  /** The first channel of a page that was written for Supabase, word for word but for React. */
  function ticketAvailability(eventId: number) {
    const availability = new Map<number, TicketAvailability>();
    const statuses: string[] = [];
    const warnings: string[] = [];
    const channel = supabase
      .channel(`event-tickets:${eventId}`)
      .on(
        'postgres_changes',
        {
          event: 'UPDATE',
          schema: 'public',
          table: 'event_tickets',
          filter: `event_id=eq.${eventId}`,
        },
        (payload) => {
          // Update specific ticket type
          availability.set(payload.new['id'], {
            ticketTypeId: payload.new['id'],
            availableCount: payload.new['available_count'],
            reservedCount: payload.new['reserved_count'],
            soldCount: payload.new['sold_count'],
            lastUpdated: payload.new['updated_at'],
          });

          // Show notification if low availability
          if (payload.new['available_count'] < 10 && payload.new['available_count'] > 0) {
            warnings.push(`${payload.new['name']}: ${payload.new['available_count']}`);
          }
        },
      )
      .subscribe((status) => {
        statuses.push(status);
      });
    return { channel, availability, statuses, warnings };
  }

  const setLeft = (left: number): Promise<string> =>
    sql(`update ticket_types set capacity = ${left} where id = ${event.typeId}`);

  it('joins, receives, and leaves', async () => {
    const { channel, availability, statuses, warnings } = ticketAvailability(event.id);
    await expect.poll(() => statuses).toEqual(['SUBSCRIBED']);
    await setLeft(9);
    await expect.poll(() => availability.get(event.typeId)?.availableCount).toBe(9);
    expect(availability.get(event.typeId)).toMatchObject({ reservedCount: 0, soldCount: 0 });
    expect(Date.parse(availability.get(event.typeId)?.lastUpdated ?? '')).not.toBeNaN();
    expect(warnings).toEqual(['Standard: 9']);

    expect(await supabase.removeChannel(channel)).toBe('ok');
    await expect.poll(() => statuses).toEqual(['SUBSCRIBED', 'CLOSED']);
    // Another channel sees the next change; the one that left does not.
    const other = ticketAvailability(event.id);
    await expect.poll(() => other.statuses).toEqual(['SUBSCRIBED']);
    await setLeft(8);
    await expect.poll(() => other.availability.get(event.typeId)?.availableCount).toBe(8);
    expect(availability.get(event.typeId)?.availableCount).toBe(9);
  });

  it('hears of a new and of a removed ticket type', async () => {
    const seen: string[] = [];
    const statuses: string[] = [];
    const channel: RealtimeChannel = supabase.channel(`event-tickets:${event.id}`);
    channel
      .on(
        'postgres_changes',
        { event: '*', schema: 'public', table: 'event_tickets', filter: `event_id=eq.${event.id}` },
        (payload) => seen.push(`${payload.eventType} ${'name' in payload.new ? payload.new['name'] : JSON.stringify(payload.old)}`),
      )
      .subscribe((status) => statuses.push(status));
    await expect.poll(() => statuses).toEqual(['SUBSCRIBED']);
    const id = await sql(
      `insert into ticket_types (event_id, name, price_amount, capacity) values (${event.id}, 'Late', 100, 5) returning id`,
    );
    await expect.poll(() => seen).toContain('INSERT Late');
    await sql(`delete from ticket_types where id = ${id}`);
    await expect.poll(() => seen).toContain(`DELETE {"id":${id}}`);
  });

  it('joins again by itself when more changed than can be told row by row', async () => {
    await sql(`update events set capacity = 600 where id = ${event.id}`);
    const statuses: string[] = [];
    const seen: number[] = [];
    const seats = { schema: 'public', table: 'seats', filter: `event_id=eq.${event.id}` };
    supabase
      .channel(`event-tickets:${event.id}`)
      .on('postgres_changes', { event: 'UPDATE', ...seats }, ({ new: seat }) => void seen.push(seat['position']))
      .subscribe((status) => void statuses.push(status));
    await expect.poll(() => statuses).toEqual(['SUBSCRIBED']);
    // A new map is a row for each of its seats.
    await sql(`with section as (
        insert into sections (event_id, name) values (${event.id}, 'Stalls') returning id)
      insert into seats (event_id, section_id, ticket_type_id, row_label, number, x, y)
      select ${event.id}, section.id, ${event.typeId}, 'A', n::text, n, 1
        from section, generate_series(1, 600) as place (n)`);
    // Code that reads the tables when it is subscribed, as Supabase tells it to, reads them again.
    // A busy machine may let it join before the last of the map was told, and then once more.
    await expect
      .poll(() => [statuses.includes('CHANNEL_ERROR'), statuses.at(-1)], { timeout: 10_000 })
      .toEqual([true, 'SUBSCRIBED']);
    await sql(`update seats set blocked = true where event_id = ${event.id} and number = '7'`);
    await expect.poll(() => seen).toEqual([6]);
  });

  /** The second channel: who is registering, by step. */
  function registrationPresence(eventId: number, registrationId: string, client = supabase) {
    const seen: { users: { userId: string; step: string }[] } = { users: [] };
    const joined: string[] = [];
    const left: string[] = [];
    const channel = client.channel(`registration:${eventId}`);
    const track = (step: string) =>
      channel.track({ userId: registrationId, eventId, step, joinedAt: new Date().toISOString() });
    channel
      .on('presence', { event: 'sync' }, () => {
        const state = channel.presenceState();
        seen.users = Object.values(state).flat() as never;
      })
      .on('presence', { event: 'join' }, ({ key }) => void joined.push(key))
      .on('presence', { event: 'leave' }, ({ key }) => void left.push(key))
      .subscribe(async (status) => {
        if (status === 'SUBSCRIBED') await track('ticket_selection');
      });
    const steps = () => seen.users.map((user) => `${user.userId} ${user.step}`).sort();
    return { channel, track, steps, joined, left };
  }

  it('shows who else is registering, by step', async () => {
    const other = connect();
    const ann = registrationPresence(event.id, 'ann');
    const bob = registrationPresence(event.id, 'bob', other);
    for (const page of [ann, bob]) {
      await expect.poll(page.steps).toEqual(['ann ticket_selection', 'bob ticket_selection']);
    }
    expect(await bob.track('payment')).toBe('ok');
    await expect.poll(ann.steps).toEqual(['ann ticket_selection', 'bob payment']);
    await other.disconnect();
    await expect.poll(ann.steps).toEqual(['ann ticket_selection']);
    expect(ann.left.length).toBeGreaterThan(0);
    expect(await ann.channel.untrack()).toBe('ok');
    await expect.poll(ann.steps).toEqual([]);
  });

  /** The third channel: what the organizer tells everybody. */
  function eventBroadcast(eventId: number, client = supabase) {
    const updates: { updateType: string; data: Record<string, unknown>; timestamp: string }[] = [];
    const statuses: string[] = [];
    const channel = client
      .channel(`event-updates:${eventId}`, { config: { broadcast: { ack: true } } })
      .on('broadcast', { event: 'update' }, ({ payload }) => void updates.push(payload as never))
      .subscribe((status) => void statuses.push(status));
    const broadcastUpdate = (updateType: string, data: unknown) =>
      channel.send({
        type: 'broadcast',
        event: 'update',
        payload: { updateType, data, timestamp: new Date().toISOString() },
      });
    return { channel, updates, statuses, broadcastUpdate };
  }

  it("hears and sends the organizer's updates", async () => {
    const viewer = eventBroadcast(event.id);
    await expect.poll(() => viewer.statuses).toEqual(['SUBSCRIBED']);
    const refused = viewer.broadcastUpdate('custom', {});
    if (tellsOfRefusals) expect(await refused).toBe('error');

    const organizer = connect();
    await organizer.setAuth(organizersToken());
    const admin = eventBroadcast(event.id, organizer);
    try {
      // Before it has joined it says so by REST.
      expect(await admin.broadcastUpdate('custom', { n: 1 })).toBe('ok');
      await expect.poll(() => viewer.updates.map((update) => update.data)).toEqual([{ n: 1 }]);
      await expect.poll(() => admin.statuses).toEqual(['SUBSCRIBED']);
      expect(await admin.broadcastUpdate('info_update', { n: 2 })).toBe('ok');
      await expect.poll(() => viewer.updates.map((update) => update.updateType)).toEqual(['custom', 'info_update']);
      if (sendsByRest) await admin.channel.httpSend('update', { updateType: 'custom', data: { n: 3 } });
      else await admin.broadcastUpdate('custom', { n: 3 });
      await sql(`update events set status = 'cancelled' where id = ${event.id}`);
      await expect.poll(() => viewer.updates.at(-1)?.updateType).toBe('cancellation');
      expect(viewer.updates.map((update) => update.data['n'])).toEqual([1, 2, 3, undefined]);
      // It did not ask to hear what it says on its own channel; what it says by REST comes from nowhere.
      await expect.poll(() => admin.updates.at(-1)?.updateType).toBe('cancellation');
      // The first one may reach its shard after it has joined there: then it is news, once.
      const heard = admin.updates.map((update) => update.data['n']).filter((n) => n !== 1);
      expect(heard).toEqual(sendsByRest ? [3, undefined] : [undefined]);
    } finally {
      await organizer.removeAllChannels();
      await organizer.disconnect();
    }
  });

  it('comes back by itself after the link broke', async () => {
    const { availability, statuses } = ticketAvailability(event.id);
    await expect.poll(() => statuses).toEqual(['SUBSCRIBED']);
    link.cut();
    await expect.poll(() => statuses.at(-1)).toBe('CHANNEL_ERROR');
    link.restore();
    // A join that it sent too early is given up by the client after 10 s, and sent again.
    await expect.poll(() => statuses.at(-1), { timeout: 60_000 }).toBe('SUBSCRIBED');
    await setLeft(7);
    await expect.poll(() => availability.get(event.typeId)?.availableCount).toBe(7);
  }, 90_000);
});
