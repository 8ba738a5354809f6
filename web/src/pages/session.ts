/**
 * Keeps the visitor signed in: the session lies in `localStorage`, all tabs share it, and it is renewed before its access
 * token ends. Elements on other sites know nothing of it.
 */
import { useClient } from '../elements/internal/shared-client.ts';
import { followPage } from '../sdk/follow-page.ts';
import { storageOfPage } from '../sdk/page.ts';
import { Keeper } from '../sdk/keeper.ts';
import { BuyerClient } from '../sdk/buyer-client.ts';
import { Refusal, type Account, type Session, type TextStorage } from '../sdk/index.ts';

const KEY = 'seatcast.session';
/** Stands in the session's place for a moment, so that other tabs know that the server ended it, and nobody here. */
const ENDED = 'ended';
/** An access token is renewed so long before it ends. */
const EARLY_MS = 60_000;
/** Another tab that renews at the same moment has written its session after this. */
const MEANWHILE_MS = 500;
const NOT_NOW = new Set([403, 409, 429]);
/** The server did not answer, or said nothing of the session: asked again after this. */
const AGAIN_MS = 10_000;

interface Kept {
  access_token: string;
  refresh_token: string;
  /** On this machine's clock. */
  ends_at: number;
  user: Account;
}

export class SignedIn extends EventTarget {
  readonly #client: BuyerClient;
  /** A refresh token is good once: one that is not kept ends the session. */
  readonly #storage: Keeper;
  #account: Account | undefined;
  #lost: Account | undefined;
  /** The token that the client has. */
  #token: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<string | undefined> | undefined;

  constructor(client: BuyerClient, storage: TextStorage | undefined) {
    super();
    this.#client = client;
    this.#storage = new Keeper(storage);
    globalThis.addEventListener('storage', ({ key, newValue }) => {
      if (key !== null && key !== KEY) return;
      const { account } = this;
      this.#look();
      if (newValue === ENDED && account && !this.account) this.#lose(account);
    });
    // Timers sleep with the machine.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#look();
    });
    this.#look();
  }

  get client(): BuyerClient {
    return this.#client;
  }

  /** Fires `change`. */
  get account(): Account | undefined {
    return this.#account;
  }

  /** The account whose session the server ended, until somebody signs in or has read of it. Fires `lost`. */
  get lost(): Account | undefined {
    return this.#lost;
  }

  /** Somebody has read that the session ended. */
  putLossAway(): void {
    this.#lose(undefined);
  }

  #lose(account: Account | undefined): void {
    if (account === this.#lost) return;
    this.#lost = account;
    this.dispatchEvent(new Event('lost'));
  }

  begin(session: Session): void {
    const { access_token, refresh_token, expires_in, user } = session;
    const kept: Kept = { access_token, refresh_token, ends_at: Date.now() + expires_in * 1_000, user };
    this.#storage.set(KEY, JSON.stringify(kept));
    this.#look();
  }

  async end(everywhere: boolean): Promise<void> {
    try {
      await this.#client.signOut(everywhere);
    } finally {
      this.#forget();
      // Found ended on the way out, it is nothing that anybody has lost.
      this.#lose(undefined);
    }
  }

  /** The server does not take the client's token any more: another one, if there is one. */
  async another(): Promise<string | undefined> {
    const kept = this.#kept();
    return kept && kept.access_token !== this.#token ? this.#use(kept) : this.#renew();
  }

  /** Takes what is kept, which another tab may have written. */
  #look(): void {
    clearTimeout(this.#timer);
    const kept = this.#kept();
    if (!kept) return this.#become(undefined, undefined);
    const leftMs = kept.ends_at - Date.now() - EARLY_MS;
    if (leftMs <= 0) return void this.#renew();
    this.#use(kept);
    this.#timer = setTimeout(() => this.#look(), leftMs);
  }

  #use({ access_token, user }: Kept): string {
    this.#become(user, access_token);
    return access_token;
  }

  #become(account: Account | undefined, token: string | undefined): void {
    if (token !== this.#token) {
      this.#token = token;
      this.#client.setToken(token);
    }
    const isNew = account?.id !== this.#account?.id || account?.email_confirmed !== this.#account?.email_confirmed;
    this.#account = account;
    if (account) this.#lose(undefined);
    if (isNew) this.dispatchEvent(new Event('change'));
  }

  /** One at a time: a refresh token is good once. */
  #renew(): Promise<string | undefined> {
    this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renewOnce(): Promise<string | undefined> {
    const kept = this.#kept();
    if (!kept) return undefined;
    try {
      const session = await this.#client.renewSession(kept.refresh_token);
      // The client has taken it.
      this.#token = session.access_token;
      const now = this.#kept();
      if (now?.refresh_token === kept.refresh_token) this.begin(session);
      // Signed out meanwhile, or somebody else signed in: nobody has this session any more.
      else {
        this.#become(now?.user, now?.access_token);
        this.#client.endSession(session.refresh_token).catch(() => {});
      }
      return this.#token;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'REFRESHED_MEANWHILE') await new Promise((resolve) => setTimeout(resolve, MEANWHILE_MS));
      const now = this.#kept();
      if (now && now.refresh_token !== kept.refresh_token) return this.#use(now);
      if (now && isNotNow(error)) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#look(), AGAIN_MS);
        // Nobody has signed out: the page knows who is here, and the server will say whether it takes the token.
        return this.#use(now);
      }
      // Signed out here or in another tab meanwhile, nobody has lost anything.
      if (now) this.#storage.set(KEY, ENDED);
      this.#forget();
      if (now) this.#lose(now.user);
      return undefined;
    }
  }

  #forget(): void {
    this.#storage.remove(KEY);
    this.#look();
  }

  #kept(): Kept | undefined {
    try {
      const kept = JSON.parse(this.#storage.get(KEY) ?? '') as Kept;
      const isWhole = typeof kept.access_token === 'string' && typeof kept.refresh_token === 'string' && typeof kept.user === 'object';
      return isWhole ? kept : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Nothing was said of the session: no answer, or one that another moment or another address would get otherwise. */
function isNotNow(error: unknown): boolean {
  if (!(error instanceof Refusal)) return true;
  const { status } = error;
  return NOT_NOW.has(status) || (status >= 500 && status !== 501);
}

let session: SignedIn | undefined;

/** The page's one session, whose client all elements of the page use. A page that asks for more than the SDK brings its client. */
export function pageSession(Client: typeof BuyerClient = BuyerClient): SignedIn {
  session ??= begun(Client);
  return session;
}

function begun(Client: typeof BuyerClient): SignedIn {
  const storage = storageOfPage();
  const client: BuyerClient = new Client({
    url: location.origin,
    storage,
    refreshToken: () => made.another(),
  });
  useClient(client);
  followPage(client);
  const made = new SignedIn(client, storage);
  return made;
}
