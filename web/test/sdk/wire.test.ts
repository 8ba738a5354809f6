import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES } from '../../src/sdk/codes.ts';
import { eventModel, seatsModel } from '../../src/sdk/model.ts';
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
const client = golden<Golden[]>('client.json').filter((frame) => ours(frame) && /^(event|seats|phoenix)/.test(frame.decoded.topic));

describe('frames of the server', () => {
  it.each(server)('$name is read', ({ text, decoded }) => {
    const { joinRef, ...rest } = decodeFrame(text!);
    expect({ join_ref: joinRef, ...rest }).toEqual(decoded);
  });

  const native = server.filter(({ decoded }) => /^(event|seats):/.test(decoded.topic));

  it.each(native.filter(({ decoded }) => decoded.event === 'update'))('$name can be applied', ({ decoded }) => {
    const { topic, payload } = decoded;
    if (!isUpdate(payload)) throw new Error('not an update');
    const model = topic.startsWith('event:') ? eventModel : seatsModel;
    if (payload.from === 0) expect(() => model.whole(payload)).not.toThrow();
    else expect(() => model.changed(emptyState(topic) as never, payload)).not.toThrow();
  });

  const joined = native.filter(({ decoded }) => {
    const { status, response } = replyOf(decoded.payload);
    return decoded.event === 'phx_reply' && status === 'ok' && 'state' in response;
  });

  it.each(joined)('$name gives a state', ({ decoded }) => {
    const { response } = replyOf(decoded.payload);
    if (!isJoinResponse(response)) throw new Error('not a join response');
    const model = decoded.topic.startsWith('event:') ? eventModel : seatsModel;
    if (response.resumed) {
      expect(() => model.changed(emptyState(decoded.topic) as never, response.state)).not.toThrow();
    } else {
      expect(() => model.whole(response.state)).not.toThrow();
    }
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

describe('what is no frame', () => {
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

function emptyState(topic: string): unknown {
  if (topic.startsWith('seats:')) return seatsModel.whole({ layout: 1, seats: '' });
  return eventModel.whole({ event: {}, ticket_types: [], notices: [] });
}
