import { Presence, Socket, type Channel } from 'phoenix';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { Link } from '../support/link.ts';
import { makeEvent, organizersToken, seatcast, sql } from '../support/world.ts';

/**
 * The `phoenix` package as it is published, the oldest and the newest version that are served, against the real server:
 * native topics, and those of Supabase.
 * It knows nothing of revisions; what it shows is what the frames say.
 */
interface Row {
  id: number;
  available: number;
}
interface Joined {
  revision: number;
  resumed: boolean;
  state: { ticket_types: Row[] };
}

let link: Link;
let socket: Socket;
let event: { id: number; typeId: number };

/** Version 1.4 wants a browser's `window` when it is loaded. */
async function oldest(): Promise<{ Socket: typeof Socket; Presence: typeof Presence }> {
  vi.stubGlobal('window', globalThis);
  const loaded: unknown = await import('phoenix-1.4' as string);
  vi.unstubAllGlobals();
  return loaded as { Socket: typeof Socket; Presence: typeof Presence };
}

const published = [
  ['1.4', await oldest()],
  ['newest', { Socket, Presence }],
] as const;

describe.each(published)('npm phoenix %s', (_, client) => {
  beforeEach(async () => {
    link = await Link.to(seatcast().url);
    event = await makeEvent('Phoenix', 50);
    socket = new client.Socket(`${link.url.replace('http', 'ws')}/realtime/v1`, {
      transport: WebSocket,
      reconnectAfterMs: () => 100,
      rejoinAfterMs: () => 100,
    });
    socket.connect();
  });
  afterEach(async () => {
    await new Promise<void>((resolve) => socket.disconnect(resolve));
    await link.close();
  });

  function join(channel: Channel): Promise<Joined> {
    return new Promise((resolve, reject) => {
      channel
        .join()
        .receive('ok', resolve)
        .receive('error', (reason) => reject(new Error(JSON.stringify(reason))))
        .receive('timeout', () => reject(new Error('timeout')));
    });
  }

  const setLeft = (left: number): Promise<string> =>
    sql(`update ticket_types set capacity = ${left} where id = ${event.typeId}`);

  it('joins and is told the state, receives what changes, and leaves', async () => {
    const channel = socket.channel(`event:${event.id}`, {});
    const updates: { from: number; to: number; ticket_types?: Row[] }[] = [];
    channel.on('update', (update) => void updates.push(update));
    const { revision, resumed, state } = await join(channel);
    expect([resumed, state.ticket_types[0]?.available]).toEqual([false, 50]);

    await setLeft(40);
    await expect.poll(() => updates.at(-1)?.ticket_types?.[0]?.available).toBe(40);
    expect(updates[0]?.from).toBe(revision);

    await new Promise<void>((resolve) => channel.leave().receive('ok', () => resolve()));
    const received = updates.length;
    // A later join is told what the left channel is not: in its reply, or in a frame right after it.
    const later = socket.channel(`event:${event.id}`, {});
    let left: number | undefined;
    later.on('update', ({ ticket_types: rows }: { ticket_types?: Row[] }) => void (left = rows?.[0]?.available ?? left));
    await setLeft(30);
    const again = await join(later);
    left ??= again.state.ticket_types[0]?.available;
    await expect.poll(() => left).toBe(30);
    expect(updates).toHaveLength(received);
  });

  it('is refused with a reason', async () => {
    await expect(join(socket.channel('event:999999', {}))).rejects.toThrow('EVENT_NOT_FOUND');
    await expect(join(socket.channel('nothing:1', {}))).rejects.toThrow('UNMATCHED_TOPIC');
  });

  it('hears and sends the updates of the dialect', async () => {
    const topic = `realtime:event-updates:${event.id}`;
    const channel = socket.channel(topic, { access_token: organizersToken(), config: { broadcast: { ack: true, self: true } } });
    const told: { event: string; payload: { updateType: string } }[] = [];
    channel.on('broadcast', (message) => void told.push(message));
    await new Promise((resolve, reject) => channel.join().receive('ok', resolve).receive('error', reject));
    const push = (payload: object): Promise<unknown> =>
      new Promise((resolve, reject) =>
        channel.push('broadcast', payload).receive('ok', resolve).receive('error', reject),
      );
    await push({ type: 'broadcast', event: 'update', payload: { updateType: 'custom', data: {} } });
    await expect(push({ type: 'broadcast', event: '', payload: {} })).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    await sql(`update events set venue = 'Arena' where id = ${event.id}`);
    await expect.poll(() => told.map(({ payload }) => payload.updateType)).toEqual(['custom', 'info_update']);
  });

  it('shows who is here, on a topic of Supabase', async () => {
    const here = async (key: string): Promise<[Channel, () => string[]]> => {
      const channel = socket.channel(`realtime:registration:${event.id}`, { config: { presence: { key } } });
      const presence = new client.Presence(channel);
      await new Promise((resolve, reject) => channel.join().receive('ok', resolve).receive('error', reject));
      return [channel, () => presence.list((name: string) => name).sort()];
    };
    const [ann, seen] = await here('ann');
    const track = (event: string, step?: string): Promise<unknown> =>
      new Promise((resolve, reject) =>
        ann.push('presence', { type: 'presence', event, payload: { step } }).receive('ok', resolve).receive('error', reject),
      );
    await track('track', 'payment');
    await expect.poll(seen).toEqual(['ann']);
    await track('untrack');
    await expect.poll(seen).toEqual([]);
  });

  it('comes back by itself after the link broke, and resumes when it says since', async () => {
    let revision = 0;
    const channel = socket.channel(`event:${event.id}`, () => (revision > 0 ? { since: revision } : {}));
    const joins: Joined[] = [];
    const rows: Row[] = [];
    channel.on('update', ({ ticket_types: news }: { ticket_types?: Row[] }) => void rows.push(...(news ?? [])));
    channel.join().receive('ok', (joined: Joined) => {
      joins.push(joined);
      rows.push(...(joined.state.ticket_types ?? []));
      revision = joined.revision;
    });
    await expect.poll(() => joins.length).toBe(1);

    link.cut();
    await expect.poll(() => socket.isConnected()).toBe(false);
    await setLeft(20);
    link.restore();
    await expect.poll(() => joins.length).toBe(2);
    expect(joins[1]?.resumed).toBe(true);
    // In the reply, or in a frame right after it.
    await expect.poll(() => rows.at(-1)).toMatchObject({ id: event.typeId, available: 20 });
    await setLeft(10);
    await expect.poll(() => rows.at(-1)?.available).toBe(10);
  });
});
