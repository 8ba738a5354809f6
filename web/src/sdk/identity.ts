/**
 * The caller: the bearer of a token, a user of a server in development mode, or a guest.
 */
import { Emitter } from './emitter.ts';
import { isObject } from './protocol.ts';

export class Identity {
  /** The caller is another one. A fresh token of the same user is no change. */
  readonly changed = new Emitter<void>();
  #token: string | undefined;
  #userId: number | undefined;

  constructor(token: string | undefined) {
    this.#token = token;
  }

  get token(): string | undefined {
    return this.#token;
  }

  set token(token: string | undefined) {
    this.#change(() => (this.#token = token));
  }

  /** Development mode only: the server believes the number. A token comes first. */
  get userId(): number | undefined {
    return this.#userId;
  }

  set userId(id: number | undefined) {
    this.#change(() => (this.#userId = id));
  }

  /** Whether REST is told a caller at all. */
  get isSomebody(): boolean {
    return this.#token !== undefined || this.#userId !== undefined;
  }

  /** The user's id, if there is an account. */
  get user(): number | undefined {
    return this.#token === undefined ? this.#userId : userOf(this.#token);
  }

  /** For REST. */
  get headers(): Record<string, string> {
    if (this.#token !== undefined) return { authorization: `Bearer ${this.#token}` };
    return this.#userId === undefined ? {} : { 'x-user-id': String(this.#userId) };
  }

  /** For the socket. Browsers send no headers with it, so a server in development mode also takes `dev:4`. */
  get accessToken(): string | undefined {
    return this.#token ?? (this.#userId === undefined ? undefined : `dev:${this.#userId}`);
  }

  #change(set: () => void): void {
    const [user, hadToken] = [this.user, this.#token !== undefined];
    set();
    if (user !== this.user || hadToken !== (this.#token !== undefined)) this.changed.emit();
  }
}

/** The user that a JWT names; whether the token is any good is for the server to say. */
function userOf(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')));
    if (!isObject(claims) || claims['role'] === 'anon') return undefined;
    const user = Number(claims['sub']);
    return Number.isSafeInteger(user) && user > 0 ? user : undefined;
  } catch {
    return undefined;
  }
}
