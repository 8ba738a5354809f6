import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { othersHere, type EventState, type Others, type SeatcastClient, type TopicView } from '../../src/sdk/index.ts';
import { FakeServer } from '../support/fake-server.ts';

let server: FakeServer;
let client: SeatcastClient;
let views: TopicView<EventState>[];
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.addEvent(1);
  client = server.client();
  views = [];
  stop = client.watch('event:1', (view) => views.push(view));
  await server.settle(10);
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const last = (): TopicView<EventState> => views[views.length - 1]!;
const presence = (): EventState['presence'] | undefined => last().state?.presence;
function others(): Others {
  return othersHere(presence() ?? { total: 0, by_step: {} }, last().counted);
}

describe('the people who are here', () => {
  it('is counted by step, without those who only watch', async () => {
    server.people(1, { viewing: 2, payment: 1, attendee_details: 4 });
    await server.settle(1_000);
    expect(presence()?.total).toBe(7);
    expect(others()).toMatchObject({ total: 7, booking: 5 });
  });

  it('is not us', async () => {
    server.people(1, { viewing: 2 });
    client.setStep(1, 'viewing');
    await server.settle(1_000);
    expect(presence()).toEqual({ total: 3, by_step: { viewing: 3 } });
    expect(others()).toMatchObject({ total: 2, booking: 0 });
    client.setStep(1, 'payment');
    await server.settle(1_000);
    expect(presence()?.by_step).toEqual({ viewing: 2, payment: 1 });
    expect(others()).toMatchObject({ total: 2, booking: 0 });
    client.setStep(1, undefined);
    await server.settle(1_000);
    expect(presence()?.total).toBe(2);
    expect(others()).toMatchObject({ total: 2, booking: 0 });
  });

  it('never seems to be one more or less while we move on', async () => {
    server.people(1, { viewing: 2, payment: 1 });
    client.setStep(1, 'viewing');
    await server.settle(1_000);
    views.length = 0;
    client.setStep(1, 'payment');
    await server.settle(5_000);
    const seen = views.map(({ state, counted }) => othersHere(state!.presence!, counted));
    expect(new Set(seen.map(({ total, booking }) => `${total}/${booking}`))).toEqual(new Set(['3/1']));
  });

  it('includes us some time after we came, also when no counts follow', async () => {
    client.setStep(1, 'viewing');
    server.push = () => {};
    await server.settle(1_000);
    expect(last().counted).toBeUndefined();
    await server.settle(2_000);
    expect(last().counted).toBe('viewing');
  });

  it('is forgotten with the link, and known again with the next', async () => {
    server.people(1, { viewing: 5 });
    client.setStep(1, 'viewing');
    await server.settle(1_000);
    server.reachable = false;
    server.cut();
    expect([presence(), last().counted]).toEqual([null, undefined]);
    // Polling proves the tickets, not the people.
    await server.settle(30_000);
    expect([last().status, presence()]).toEqual(['live', null]);
    server.reachable = true;
    await server.settle(20_000);
    expect(others().total).toBe(5);
  });
});

describe('our own step', () => {
  it('is said with the join when it is known by then, and again with each', async () => {
    stop();
    client.watch('event:1', () => {});
    client.setStep(1, 'viewing');
    await server.settle(1_000);
    expect(server.pushes.map(({ payload }) => payload)).toEqual([{ step: 'viewing' }]);
    server.cut();
    await server.settle(2_000);
    expect(server.joins.at(-1)?.payload).toEqual({ since: 1, presence: { step: 'viewing' } });
    expect(server.pushes).toHaveLength(1);
  });

  it('is said once however often it is set, and the last one counts', async () => {
    for (const step of ['viewing', 'ticket_selection', 'payment', 'payment']) client.setStep(1, step);
    await server.settle(1_000);
    expect(server.pushes.map(({ payload }) => payload['step'])).toEqual(['viewing', 'payment']);
  });

  it('is said again when the server had too many of us', async () => {
    server.refusesSteps = true;
    client.setStep(1, 'viewing');
    await server.settle(1_000);
    server.refusesSteps = false;
    await server.settle(3_000);
    expect(server.pushes).toHaveLength(2);
    expect(presence()?.by_step).toEqual({ viewing: 1 });
  });

  it('ends with the watching', async () => {
    client.setStep(1, 'viewing');
    await server.settle(100);
    stop();
    await server.settle(3_000);
    client.watch('event:1', () => {});
    await server.settle(100);
    expect(server.joins.at(-1)?.payload).toEqual({});
  });
});
