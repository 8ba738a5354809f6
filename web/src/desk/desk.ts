/** The person at the desk: the account that is signed in, or in the demo the one that was chosen. */
import { usersAsAdmin } from '../pages/demo-users.ts';
import { pageSession } from '../pages/session.ts';
import { type Me, Refusal, type User } from '../sdk/index.ts';
import { deskClient } from './desk-client.ts';
import { organizationsOf } from './rights.ts';

/** Of all people of the demo. */
const DEMO_PASSWORD = 'seatcast-demo';
/** The server did not answer: asked again after this. */
const AGAIN_MS = 5_000;

/** Those that are offered. */
const PEOPLE_MAX = 12;

export interface DemoPerson extends User {
  email: string;
}

export type Attendance =
  /** Asked, and not answered yet. */
  | 'asking'
  | 'nobody'
  /** The session ended elsewhere, while somebody worked here: who it was is still known. */
  | 'ended'
  /** Signed in, with an account that works for no organization. */
  | 'customer'
  | 'staff'
  /** The server cannot be reached. */
  | 'away';

export class Desk extends EventTarget {
  #me: Me | undefined;
  #attendance: Attendance = 'asking';
  #people: readonly DemoPerson[] = [];
  #asked = 0;
  #keepsPlace = false;
  #isLeaving = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Fires `change`, as all of these. */
  get me(): Me | undefined {
    return this.#me;
  }

  get attendance(): Attendance {
    return this.#attendance;
  }

  /** Those of the demo whom one may act as; nobody where the server is not in development mode. */
  get people(): readonly DemoPerson[] {
    return this.#people;
  }

  /** `keepsPlace`: whose session ends elsewhere may sign in again without losing what they typed. */
  begin(keepsPlace = false): void {
    this.#keepsPlace = keepsPlace;
    pageSession().addEventListener('change', () => void this.#look());
    void this.#look();
  }

  /** The demo only. @throws Refusal, Unreachable */
  async actAs({ email }: DemoPerson): Promise<void> {
    pageSession().begin(await deskClient().signIn(email, DEMO_PASSWORD));
  }

  async leave(): Promise<void> {
    this.#isLeaving = true;
    await pageSession()
      .end(false)
      .catch((error: unknown) => {
        // Here one is signed out all the same; the server's session ends by itself.
        if (!(error instanceof Error)) throw error;
      });
    // A session that had ended before makes no news.
    if (this.#attendance === 'ended') await this.#look();
    this.#isLeaving = false;
  }

  async #demo(): Promise<void> {
    if (this.#people.length > 0) return;
    const info = await deskClient()
      .info()
      .catch(() => undefined);
    if (info?.mode !== 'development') return;
    const users = await usersAsAdmin(deskClient().rest).catch(() => []);
    const staff = (users as (User & Partial<DemoPerson>)[]).filter((user): user is DemoPerson => user.role !== 'customer' && typeof user.email === 'string');
    this.#people = staff.slice(0, PEOPLE_MAX);
    this.dispatchEvent(new Event('change'));
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    const client = deskClient();
    if (client.isGuest) {
      if (this.#keepsPlace && this.#me && !this.#isLeaving) this.#become('ended', this.#me);
      else this.#become('nobody', undefined);
      return this.#demo();
    }
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
