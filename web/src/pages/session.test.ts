// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeStorage } from '../../test/support/fake-storage.ts';
import { Refusal, SeatcastClient, Unreachable, type Session } from '../sdk/index.ts';
import { SignedIn } from './session.ts';

const KEY = 'seatcast.session';
const user = { id: 4, name: 'Ada', email: 'ada@example.org', email_confirmed: true, role: 'customer' } as Session['user'];
const session = (refresh_token: string): Session => ({ access_token: `access to ${refresh_token}`, refresh_token, expires_in: 600, user }) as Session;
const refused = (): Promise<Session> => Promise.reject(new Refusal(401, 'ended', { code: 'BAD_REFRESH_TOKEN' }));

let storage: FakeStorage;
let renew: () => Promise<Session>;
let client: SeatcastClient;
const endSession = vi.fn(() => Promise.resolve());

beforeEach(() => {
  endSession.mockClear();
  storage = new FakeStorage();
  renew = refused;
  client = { setToken: vi.fn(), renewSession: () => renew(), signOut: () => Promise.resolve(), endSession } as unknown as SeatcastClient;
});
afterEach(() => void vi.useRealTimers());

function signedIn(): { one: SignedIn; told: () => number } {
  const one = new SignedIn(client, storage);
  const told = vi.fn();
  one.addEventListener('lost', told);
  one.begin(session('first'));
  return { one, told: () => told.mock.calls.length };
}

/** As the browser tells of it, with what is in the storage by then. */
function otherTabWrote(newValue: string | null): void {
  storage.removeItem(KEY);
  globalThis.dispatchEvent(Object.assign(new Event('storage'), { key: KEY, newValue }));
}

describe('a session that is renewed', () => {
  it('is kept where last known numbers fill the storage: its old refresh token would be taken for a thief’s', async () => {
    storage = new FakeStorage(2_000);
    const { one } = signedIn();
    storage.setItem('seatcast.last.http://fake/events?', 'x'.repeat(1_966 - KEY.length - storage.getItem(KEY)!.length));
    renew = () => Promise.resolve(session('a second one, which is longer'));
    expect(await one.another()).toBe('access to a second one, which is longer');
    expect(storage.getItem(KEY)).toContain('a second one');
  });

  it('goes on in this page where it cannot be kept', async () => {
    const { one } = signedIn();
    storage.setItem = () => {
      throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
    };
    const spent: string[] = [];
    client.renewSession = (token) => {
      spent.push(token);
      return Promise.resolve(session(`${token}, renewed`));
    };
    await one.another();
    await one.another();
    expect(spent).toEqual(['first', 'first, renewed']);
    expect(one.account).toEqual(user);
  });
});

/** The server's way with a bad token: refused before the request is looked at. */
function served(goodAccess: () => string, answers: Record<string, () => Response>): { fetch: typeof fetch; asked: string[] } {
  const asked: string[] = [];
  const refusal = (status: number, code: string): Response => Response.json({ success: false, message: code, data: { code } }, { status });
  const answer = (input: RequestInfo | URL, init?: RequestInit): Response => {
    const path = new URL(String(input)).pathname.replace('/api/v1', '');
    const bearer = new Headers(init?.headers).get('authorization');
    asked.push(`${path} ${bearer ?? 'nobody'}`);
    if (bearer !== null && bearer !== `Bearer ${goodAccess()}`) return refusal(401, 'TOKEN_EXPIRED');
    return answers[path]?.() ?? refusal(404, 'NOT_FOUND');
  };
  return { fetch: (input, init) => Promise.resolve(answer(input, init)), asked };
}
const envelope = (data: unknown): Response => Response.json({ success: true, message: '', data });

describe('a session whose access token ended while the page slept', () => {
  const ended = (): void => storage.setItem(KEY, JSON.stringify({ ...session('first'), ends_at: Date.now() - 1 }));

  it('is renewed: its refresh token alone proves it', async () => {
    const server = served(() => 'access to second', { '/auth/refresh': () => envelope(session('second')) });
    const real = new SeatcastClient({ url: 'http://fake', fetch: server.fetch, token: 'access to first' });
    ended();
    const one = new SignedIn(real, storage);
    await new Promise((resolve) => one.addEventListener('change', resolve, { once: true }));
    expect([one.account, one.lost]).toEqual([user, undefined]);
    expect(server.asked).toEqual(['/auth/refresh nobody']);
  });

  it('lets its owner sign in, set a password, and end a session that is not the page’s', async () => {
    const paths = ['/auth/login', '/auth/link/open', '/auth/register', '/auth/confirm', '/auth/password/forgot', '/auth/password/reset', '/auth/logout'];
    const server = served(() => 'none', Object.fromEntries(paths.map((path) => [path, () => envelope(session('second'))])));
    const asks: ((client: SeatcastClient) => Promise<unknown>)[] = [
      (client) => client.signIn('ada@example.org', 'secret'),
      (client) => client.openSignInLink('link'),
      (client) => client.register({ name: 'Ada', email: 'ada@example.org', password: 'secret' }),
      (client) => client.confirmEmail('link', 'secret'),
      (client) => client.forgotPassword('ada@example.org'),
      (client) => client.resetPassword('link', 'secret'),
      (client) => client.endSession('second'),
    ];
    for (const ask of asks) await ask(new SeatcastClient({ url: 'http://fake', fetch: server.fetch, token: 'ended' }));
    expect(server.asked).toEqual(paths.map((path) => `${path} nobody`));
  });

  it('stays where the server refuses for another reason, and is asked for again', async () => {
    const { one, told } = signedIn();
    renew = () => Promise.reject(new Refusal(403, 'not now', { code: 'ORIGIN_FORBIDDEN' }));
    expect(await one.another()).toBe('access to first');
    expect([one.account, one.lost, told()]).toEqual([user, undefined, 0]);
  });
});

describe('a renewal that is answered after', () => {
  /** Answers the renewal once something else has happened. */
  async function answeredAfter(happens: (one: SignedIn) => unknown): Promise<{ one: SignedIn; answer: string | undefined; token: unknown }> {
    const { one } = signedIn();
    let answer = (): void => {};
    // As the client does, which takes the token of whatever session it is given.
    client.renewSession = () =>
      new Promise((resolve) => (answer = () => resolve(session('second')))).then((given) => {
        client.setToken('access to second');
        return given as Session;
      });
    const asked = one.another();
    await happens(one);
    answer();
    return { one, answer: await asked, token: vi.mocked(client.setToken).mock.lastCall?.[0] };
  }

  it('its owner signed out, here or in another tab, signs nobody in', async () => {
    for (const signOut of [(one: SignedIn) => one.end(false), () => otherTabWrote(null)]) {
      endSession.mockClear();
      const { one, answer, token } = await answeredAfter(signOut);
      expect([one.account, answer, token, storage.getItem(KEY)]).toEqual([undefined, undefined, undefined, null]);
      expect(endSession.mock.calls, 'it is open at the server').toEqual([['second']]);
    }
  });

  it('somebody else signed in, in this tab or another, leaves them signed in', async () => {
    const bob = { ...session('of Bob'), user: { ...user, id: 5 } };
    const inOtherTab = (): void => storage.setItem(KEY, JSON.stringify({ ...bob, ends_at: Date.now() + 600_000 }));
    for (const signIn of [(one: SignedIn) => one.begin(bob), inOtherTab]) {
      endSession.mockClear();
      const { one, answer, token } = await answeredAfter(signIn);
      expect([one.account?.id, answer, token]).toEqual([5, 'access to of Bob', 'access to of Bob']);
      expect(storage.getItem(KEY)).toContain('of Bob');
      expect(endSession.mock.calls).toEqual([['second']]);
    }
  });
});

describe('a renewal that fails', () => {
  it.each([
    [401, 'INVALID_TOKEN'],
    [422, 'VALIDATION_FAILED'],
    [501, 'NO_SIGN_IN'],
  ])('with %i %s ends the session, which would be asked for in vain for ever', async (status, code) => {
    const { one } = signedIn();
    renew = () => Promise.reject(new Refusal(status, 'never', { code }));
    expect(await one.another()).toBeUndefined();
    expect([one.account, one.lost, storage.getItem(KEY)]).toEqual([undefined, user, null]);
  });

  it.each([403, 409, 429, 500])('with %i leaves the session, and is asked again once', async (status) => {
    vi.useFakeTimers();
    const { one } = signedIn();
    const asked = vi.fn(() => Promise.reject(new Refusal(status, 'not now', { code: 'SOMETHING' })));
    renew = asked;
    storage.setItem(KEY, JSON.stringify({ ...session('first'), ends_at: Date.now() - 1 }));
    await one.another();
    await one.another();
    expect(one.account).toEqual(user);
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('a session that the server ended', () => {
  it('is told of once, with whose it was, until somebody has read it', async () => {
    const { one, told } = signedIn();
    expect(await one.another()).toBeUndefined();
    expect([one.account, one.lost]).toEqual([undefined, user]);
    expect(await one.another()).toBeUndefined();
    expect(told()).toBe(1);
    one.putLossAway();
    expect(one.lost).toBeUndefined();
    expect(storage.getItem(KEY)).toBeNull();
  });

  it('is told of where the page finds it so, and no more once somebody signs in', async () => {
    storage.setItem(KEY, JSON.stringify({ ...session('old'), ends_at: Date.now() - 1 }));
    const one = new SignedIn(client, storage);
    await new Promise((resolve) => one.addEventListener('lost', resolve, { once: true }));
    expect(one.lost).toEqual(user);
    one.begin(session('new'));
    expect([one.account, one.lost]).toEqual([user, undefined]);
  });

  it('is told of in other tabs as well', () => {
    const { one, told } = signedIn();
    otherTabWrote('ended');
    otherTabWrote(null);
    expect([one.account, one.lost, told()]).toEqual([undefined, user, 1]);
  });
});

describe('nothing is told', () => {
  it('of signing out, here or in another tab', async () => {
    const here = signedIn();
    await here.one.end(true);
    expect([here.one.account, here.told()]).toEqual([undefined, 0]);
    const there = signedIn();
    otherTabWrote(null);
    expect([there.one.account, there.told()]).toEqual([undefined, 0]);
  });

  it('of signing out of a session that turns out to have ended', async () => {
    const { one } = signedIn();
    client.signOut = async () => void (await one.another());
    await one.end(false);
    expect([one.account, one.lost, storage.getItem(KEY)]).toEqual([undefined, undefined, null]);
  });

  it('while the server is away, nor where another tab renewed the session', async () => {
    const { one, told } = signedIn();
    renew = () => Promise.reject(new Unreachable('away'));
    expect(await one.another()).toBe('access to first');
    renew = () => {
      storage.setItem(KEY, JSON.stringify({ ...session('second'), ends_at: Date.now() + 600_000 }));
      return refused();
    };
    expect(await one.another()).toBe('access to second');
    expect([one.account, told()]).toEqual([user, 0]);
  });
});
