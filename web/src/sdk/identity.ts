/**
 * The caller: the bearer of a token, a user of a server in development mode, or a guest.
 */
import { Emitter } from './emitter.ts';

export class Identity {
  /** The caller is another one. A fresh token of the same user is no change. */
  readonly changed = new Emitter<void>();
  #token: string | undefined;
  #userId: number | undefined;
  /** Id of the caller's account here, where it is not what the token says. */
  knownAs: number | undefined;

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
    return this.caller !== '';
  }

  /** Names the caller, also in storages. Accounts of other issuers have names with their issuer; '' is a guest. */
  get caller(): string {
    return this.#token === undefined ? String(this.#userId ?? '') : nameIn(this.#token);
  }

  /** The user's id, if there is an account and it is known. */
  get user(): number | undefined {
    const user = Number(this.caller);
    return Number.isSafeInteger(user) && user > 0 ? user : this.knownAs;
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
    const { caller } = this;
    set();
    if (caller === this.caller) return;
    this.knownAs = undefined;
    this.changed.emit();
  }
}

/** The one that a JWT names; whether the token is any good is for the server to say. '-' where it names nobody, as API keys do. */
function nameIn(token: string): string {
  try {
    const { iss, role, sub } = JSON.parse(atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))) as Record<string, unknown>;
    if (sub && role !== 'anon') return iss ? `${iss} ${sub}` : String(sub);
  } catch {
    // It is no JWT.
  }
  return '-';
}
