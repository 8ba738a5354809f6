/** Who is at the desk: the account that is signed in, or in the demo the person that was chosen. */
import { pageSession } from '../pages/session.ts';
import { Refusal, type User } from '../sdk/index.ts';
import { deskClient, type Me } from './desk-client.ts';
import { recall, remember } from './memory.ts';
import { organizationsOf } from './rights.ts';

const KEY = 'seatcast.desk.person';
/** The server did not answer: asked again after this. */
const AGAIN_MS = 5_000;

export type Attendance =
  /** Asked, and not answered yet. */
  | 'asking'
  | 'nobody'
  /** Signed in, with an account that works for no organization. */
  | 'customer'
  | 'staff'
  /** The server cannot be reached. */
  | 'away';

export class Desk extends EventTarget {
  #me: Me | undefined;
  #attendance: Attendance = 'asking';
  #people: readonly User[] = [];
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Fires `change`, as all of these. */
  get me(): Me | undefined {
    return this.#me;
  }

  get attendance(): Attendance {
    return this.#attendance;
  }

  /** Those of the demo whom one may act as; nobody where the server is not in development mode. */
  get people(): readonly User[] {
    return this.#people;
  }

  begin(): void {
    pageSession().addEventListener('change', () => void this.#look());
    void this.#demo().then(() => this.#look());
  }

  /** The demo only. */
  actAs(id: number | undefined): void {
    remember(KEY, id === undefined ? undefined : String(id));
    deskClient().userId = id;
    void this.#look();
  }

  async leave(): Promise<void> {
    if (pageSession().account) await pageSession().end(false);
    else this.actAs(undefined);
  }

  async #demo(): Promise<void> {
    const info = await deskClient()
      .info()
      .catch(() => undefined);
    if (info?.mode !== 'development') return;
    const users = await deskClient()
      .usersAsAdmin()
      .catch(() => []);
    this.#people = users.filter(({ role }) => role !== 'customer');
    const kept = Number(recall(KEY));
    if (this.#people.some(({ id }) => id === kept)) deskClient().userId = kept;
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    const client = deskClient();
    if (client.isGuest) return this.#become('nobody', undefined);
    try {
      const me = await client.me();
      if (asked !== this.#asked) return;
      this.#become(organizationsOf(me).length > 0 ? 'staff' : 'customer', me);
    } catch (error) {
      if (asked !== this.#asked) return;
      if (error instanceof Refusal) return this.#become('nobody', undefined);
      this.#become('away', undefined);
      this.#timer = setTimeout(() => void this.#look(), AGAIN_MS);
    }
  }

  #become(attendance: Attendance, me: Me | undefined): void {
    this.#attendance = attendance;
    this.#me = me;
    this.dispatchEvent(new Event('change'));
  }
}

let one: Desk | undefined;

export function desk(): Desk {
  one ??= new Desk();
  return one;
}
