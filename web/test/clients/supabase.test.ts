import { RealtimeClient, type RealtimeChannel } from '@supabase/realtime-js';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import WebSocket from 'ws';
import { Link } from '../support/link.ts';
import { makeEvent, sql } from '../support/world.ts';

/**
 * `@supabase/realtime-js` as it is published, against the real server: code that was written for
 * Supabase runs with only the address changed. Both of its protocol versions.
 */
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

describe.each(['1.0.0', '2.0.0'])('npm @supabase/realtime-js, vsn %s', (vsn) => {
  beforeEach(async () => {
    link = await Link.to(inject('seatcast').url);
    event = await makeEvent('Supabase', 50);
    supabase = new RealtimeClient(`${link.url.replace('http', 'ws')}/realtime/v1`, {
      params: { apikey: 'anon' },
      transport: WebSocket as never,
      vsn,
      reconnectAfterMs: () => 100,
    });
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

  it('comes back by itself after the link broke', async () => {
    const { availability, statuses } = ticketAvailability(event.id);
    await expect.poll(() => statuses).toEqual(['SUBSCRIBED']);
    link.cut();
    await expect.poll(() => statuses.at(-1)).toBe('CHANNEL_ERROR');
    link.restore();
    await expect.poll(() => statuses.at(-1)).toBe('SUBSCRIBED');
    await setLeft(7);
    await expect.poll(() => availability.get(event.typeId)?.availableCount).toBe(7);
  });
});
