import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES } from '../../src/sdk/codes.ts';
import type { Bookings } from '../../src/sdk/bookings.ts';
import { adminModel, type AdminState } from '../../src/sdk/admin-model.ts';
import { eventModel, type Model } from '../../src/sdk/model.ts';
import { seatsModel } from '../../src/sdk/seats-model.ts';
import { userModel } from '../../src/sdk/user-model.ts';
import {
  decodeFrame,
  encodeFrame,
  isBeat,
  isJoinResponse,
  isUpdate,
  MalformedFrame,
  replyOf,
  type JsonObject,
} from '../../src/sdk/protocol.ts';

interface Golden {
  name: string;
  vsn: string;
  text?: string;
  decoded: { join_ref: string | null; ref: string | null; topic: string; event: string; payload: JsonObject };
}

/** The frames that the server's tests read as well: one contract, two readers. */
function golden<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../../tests/wire/${file}`, import.meta.url), 'utf8')) as T;
}

/** Frames of our version; without a decoded form they are malformed on purpose. */
const ours = ({ vsn, text, decoded }: Golden): boolean => vsn === '2.0.0' && text !== undefined && decoded !== undefined;
const server = golden<Golden[]>('server.json').filter(ours);
const client = golden<Golden[]>('client.json').filter((frame) => ours(frame) && /^(event|seats|user|admin|phoenix)/.test(frame.decoded.topic));

describe('frames of the server', () => {
  it.each(server)('$name is read', ({ text, decoded }) => {
    const { joinRef, ...rest } = decodeFrame(text!);
    expect({ join_ref: joinRef, ...rest }).toEqual(decoded);
  });

  const native = server.filter(({ decoded }) => /^(event|seats|user|admin):/.test(decoded.topic));

  it.each(native.filter(({ decoded }) => decoded.event === 'update'))('$name can be applied', ({ decoded }) => {
    const { topic, payload } = decoded;
    if (!isUpdate(payload)) throw new Error('not an update');
    const model = modelOf(topic);
    if (payload.from === 0) expect(() => model.whole(payload, undefined, payload.to)).not.toThrow();
    else expect(() => model.changed(emptyState(topic), payload, payload.to)).not.toThrow();
  });

  const joined = native.filter(({ decoded }) => {
    const { status, response } = replyOf(decoded.payload);
    return decoded.event === 'phx_reply' && status === 'ok' && 'state' in response;
  });

  it.each(joined)('$name gives a state', ({ decoded }) => {
    const { response } = replyOf(decoded.payload);
    if (!isJoinResponse(response)) throw new Error('not a join response');
    const model = modelOf(decoded.topic);
    const { state, revision, resumed } = response;
    if (resumed) expect(() => model.changed(emptyState(decoded.topic), state, revision)).not.toThrow();
    else expect(() => model.whole(state, undefined, revision)).not.toThrow();
  });

  const named = (name: string): Golden['decoded'] => server.find((frame) => frame.name === name)!.decoded;
  const bookings = (name: string, before?: Bookings): Bookings => {
    const { event, payload } = named(name);
    const reply = replyOf(payload).response as unknown as { revision: number; resumed: boolean; state: JsonObject };
    if (event === 'update') return userModel.changed(before!, payload, payload['to'] as number);
    return reply.resumed ? userModel.changed(before!, reply.state, reply.revision) : userModel.whole(reply.state, before, reply.revision);
  };

  it('own bookings are told whole, then those that changed and those that are gone', () => {
    const both = bookings('bookings joined');
    expect(both.list.map(({ status, version }) => [status, version])).toEqual([['pending', 1], ['confirmed', 2]]);
    expect(bookings('no bookings joined').list).toEqual([]);
    expect(bookings('bookings resumed, nothing changed', both).list).toEqual(both.list);
    expect(bookings('booking gone', both).list.map(({ status }) => status)).toEqual(['pending']);
    const confirmed = bookings('booking confirmed', bookings('no bookings joined'));
    expect(confirmed.list[0]?.tickets[0]?.code).toBe('TKT-20261121-7F3K9QWX');
    expect(bookings('one booking changed, another gone', confirmed).list.map(({ reference }) => reference)).toEqual(['BK-7F3K9Q']);
  });

  it('tickets that were taken over are told beside the bookings, and go by themselves', () => {
    const shown = ({ list, tickets }: Bookings): unknown => [list.map(({ reference }) => reference), tickets.map(({ id, version }) => [id, version])];
    const both = bookings('a booking and a ticket taken over joined');
    expect(shown(both)).toEqual([['BK-2M8XWP'], [[811, 1]]]);
    expect(both.tickets[0]).toMatchObject({ code: 'TKT-20261121-9G4M2RVX', status: 'transferred', event_title: 'Nacht der Türme' });
    const taken = bookings('ticket taken over', bookings('no bookings joined'));
    expect(shown(taken)).toEqual([[], [[811, 1]]]);
    const offered = bookings('ticket taken over is offered', both);
    expect(shown(offered)).toEqual([['BK-2M8XWP'], [[811, 2]]]);
    expect(offered.tickets[0]?.offer?.to).toBe('g…@example.org');
    expect(shown(bookings('ticket taken over', offered))).toEqual([['BK-2M8XWP'], [[811, 2]]]);
    expect(shown(bookings('ticket taken over went on', offered))).toEqual([['BK-2M8XWP'], []]);
    expect(shown(bookings('booking and ticket gone', offered))).toEqual([[], []]);
    expect(shown(bookings('booking gone', both))).toEqual([[], [[811, 1]]]);
  });

  it('figures are read, and later ones win', () => {
    const { payload } = named('figures');
    const empty = emptyState('admin:42') as AdminState;
    const seen = adminModel.beside?.(empty, 'figures', payload);
    expect(seen?.figures).toMatchObject({ tickets_sold: 5, tickets_held: 2, bookings: { confirmed: 3 } });
    const older = { ...payload, as_of: (payload['as_of'] as number) - 1, tickets_sold: 4 };
    expect(adminModel.beside?.(seen!, 'figures', older)?.figures?.tickets_sold).toBe(5);
  });

  it('there are some of each kind', () => {
    expect(joined.length).toBeGreaterThan(2);
    const kinds = new Set(server.map(({ decoded }) => decoded.event));
    expect([...kinds]).toEqual(expect.arrayContaining(['update', 'beat', 'drain', 'phx_reply']));
    const beat = server.find(({ decoded }) => decoded.event === 'beat');
    expect(isBeat(beat?.decoded.payload ?? {})).toBe(true);
    const drain = server.find(({ decoded }) => decoded.event === 'drain');
    expect(typeof drain?.decoded.payload['reconnect_in_ms']).toBe('number');
  });
});

describe('our frames', () => {
  it.each(client)('$name is written', ({ text, decoded: { join_ref: joinRef, ...rest } }) => {
    expect(JSON.parse(encodeFrame({ joinRef, ...rest }))).toEqual((JSON.parse(text!) as unknown[]).slice(0, 5));
  });
});

describe('malformed frames', () => {
  const malformed = ['', '{', 'null', '{}', '[]', '[1,2,3,4]', '[1,"1","t","e",{}]', '[null,null,1,"e",{}]', '[null,null,"t","e",null]'];
  it.each(malformed)('%s is refused', (text) => {
    expect(() => decodeFrame(text)).toThrow(MalformedFrame);
  });
});

describe('close codes', () => {
  it('are the ones of the server, and mean the same', () => {
    const { close } = golden<{ close: { code: number; name: string; retry: string }[] }>('codes.json');
    const listed = close.map(({ code, name, retry }) => ({ code, name, retry }));
    expect(CLOSE_CODES.map(({ code, name, retry }) => ({ code, name, retry }))).toEqual(listed);
  });
});

function modelOf(topic: string): Model<unknown> {
  const models = { event: eventModel, seats: seatsModel, user: userModel, admin: adminModel };
  return models[topic.split(':')[0] as keyof typeof models] as Model<never> as Model<unknown>;
}

function emptyState(topic: string): unknown {
  const states: Record<string, JsonObject> = { seats: { layout: 1, seats: '' }, user: { bookings: [] } };
  const empty = states[topic.split(':')[0] ?? ''] ?? { event: {}, ticket_types: [], notices: [] };
  return modelOf(topic).whole(empty, undefined, 1);
}
