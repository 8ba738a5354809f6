import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { keepFocus } from '../elements/internal/keep-focus.ts';
import { Refusal, SeatcastClient, totalsOf, type Booking, type EventState, type EventSummary, type Topic, type TopicView } from '../sdk/index.ts';
import { tabMemory } from '../pages/tab-memory.ts';
import { TEST_CARDS } from './cards.ts';
import { styles } from './dev-app.styles.ts';
import { DevNetwork, PASSED_MAX, revisionsOf, type Passed, type Road } from './network.ts';

/** Which user the other pages of this tab act as (`src/pages/user-switcher.ts`). */
const USER_KEY = 'seatcast.user';
/** Everybody of the demo has this one, so that sockets get a real token of any role. */
const DEMO_PASSWORD = 'seatcast-demo';
/** Ages are drawn anew this often. */
const TICK_MS = 1_000;
/** The mail box is looked at this often while the page is seen. */
const MAILS_EVERY_MS = 5_000;
const KINDS = ['event', 'seats', 'admin'] as const;
const ROADS: readonly { road: Road; words: string }[] = [
  { road: 'WebSocket', words: 'WebSockets get through' },
  { road: 'stream', words: 'Server-sent events get through' },
  { road: 'REST', words: 'REST gets through' },
];

interface Person {
  id: number;
  name: string;
  email?: string;
  role: 'customer' | 'organizer' | 'admin';
}

interface Mail {
  key: string;
  to: string;
  subject: string;
  text: string;
  attachments: { name: string; url: string; bytes: number }[];
}

/**
 * The developers' page, `/dev`, of a server in development mode. One acts as any of its people, sees the frames of a topic as
 * they come, closes the roads on which they come, ends holds and reads mails. In English, as the API's documentation is.
 */
export class SeatcastDev extends LitElement {
  static override styles = styles;
  static override properties = {
    people: { state: true },
    me: { state: true },
    events: { state: true },
    kind: { state: true },
    event: { state: true },
    view: { state: true },
    holds: { state: true },
    mails: { state: true },
    isPaused: { state: true },
    isBecoming: { state: true },
    said: { state: true },
    problem: { state: true },
  };

  declare people: readonly Person[];
  declare me: Person | undefined;
  declare events: readonly EventSummary[];
  declare kind: (typeof KINDS)[number];
  declare event: number | undefined;
  declare view: TopicView<unknown> | undefined;
  declare holds: readonly Booking[];
  declare mails: readonly Mail[] | undefined;
  /** The list of frames stands still; they come all the same. */
  declare isPaused: boolean;
  /** Somebody else acts from now on, once the server knows them. */
  declare isBecoming: boolean;
  declare said: string | undefined;
  declare problem: string | undefined;

  readonly #network = new DevNetwork();
  #client = this.#newClient();
  #stops: (() => void)[] = [];
  #timers: ReturnType<typeof setInterval>[] = [];
  #shown: readonly Passed[] = [];

  constructor() {
    super();
    keepFocus(this);
    this.people = [];
    this.events = [];
    this.holds = [];
    this.kind = 'event';
    this.isPaused = false;
    this.isBecoming = false;
    this.#network.addEventListener('change', () => {
      if (!this.isPaused) this.requestUpdate();
    });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timers = [
      setInterval(() => {
        if (!this.isPaused) this.requestUpdate();
      }, TICK_MS),
      setInterval(() => {
        if (document.visibilityState === 'visible') void this.#readMails();
      }, MAILS_EVERY_MS),
    ];
    void this.#start();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const timer of this.#timers) clearInterval(timer);
    this.#leave();
    this.#client.close();
  }

  // ── what happens ─────────────────────────────────────────────────────────────────────────────

  #newClient(token?: string): SeatcastClient {
    return new SeatcastClient({ url: location.origin, transport: this.#network.transport, fetch: this.#network.fetch, ...(token ? { token } : {}) });
  }

  async #start(): Promise<void> {
    await this.#try(async () => {
      const [people, { events }] = await Promise.all([peopleOfServer(), this.#client.events({ limit: 100 })]);
      this.people = people;
      this.events = events;
      this.event = Number(new URLSearchParams(location.search).get('event')) || events[0]?.id;
    });
    const kept = Number(tabMemory()?.getItem(USER_KEY));
    await this.#become(this.people.find(({ id }) => id === kept));
    await this.#readMails();
  }

  /** A token is the caller's for sockets as well, whatever the role; the number alone serves people without a password. */
  async #become(person: Person | undefined): Promise<void> {
    this.#leave();
    this.#client.close();
    this.view = undefined;
    this.holds = [];
    this.isBecoming = true;
    const token = person?.email === undefined ? undefined : await tokenOf(person.email);
    this.#client = this.#newClient(token);
    if (person && token === undefined) this.#client.userId = person.id;
    tabMemory()?.setItem(USER_KEY, String(person?.id ?? 0));
    this.me = person;
    this.isBecoming = false;
    this.said = `Acting as ${person?.name ?? 'a guest'}.`;
    this.#watch();
  }

  #watch(): void {
    this.#leave();
    this.view = undefined;
    this.#stops.push(this.#client.watchBookings(({ bookings = [] }) => (this.holds = bookings.filter(({ status }) => status === 'pending'))));
    const { topic } = this;
    if (topic) this.#stops.push(this.#client.watch(topic, (view) => (this.view = view)));
  }

  #leave(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  async #hold(): Promise<void> {
    const { event } = this;
    if (event === undefined) return;
    await this.#try(async () => {
      const { ticket_types: types, layout } = await this.#client.event(event);
      const type = types.find(({ available }) => available > 0) ?? types[0];
      if (!type) throw new Error('this event has no ticket types');
      const item = { ticket_type_id: type.id, quantity: 1, ...(layout > 0 ? { best_available: true } : {}) };
      const { reference } = await this.#client.book({ event_id: event, items: [item] });
      this.said = `Held: ${reference}.`;
    });
  }

  async #expire({ id, reference }: Booking): Promise<void> {
    await this.#try(async () => {
      const answer = await fetch(`/dev/holds/${id}/expire`, { method: 'POST' });
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      this.said = `The deadline of ${reference} is now.`;
      this.#client.refreshBookings();
    });
  }

  async #readMails(): Promise<void> {
    try {
      const answer = await fetch('/dev/outbox');
      if (answer.ok) this.mails = (await answer.json()) as Mail[];
    } catch {
      // The server is away; the topic says so.
    }
  }

  async #try(act: () => Promise<void>): Promise<void> {
    this.problem = undefined;
    try {
      await act();
    } catch (error) {
      this.problem = error instanceof Refusal ? `${error.code}: ${error.message}` : error instanceof Error ? error.message : String(error);
    }
  }

  get topic(): Topic | undefined {
    return this.event === undefined ? undefined : `${this.kind}:${this.event}`;
  }

  // ── what is shown ────────────────────────────────────────────────────────────────────────────

  override render(): TemplateResult {
    return html`<header>
        <h1>Developers</h1>
        <nav aria-label="Other pages"><a href="/">Shop</a> · <a href="/desk">Desk</a> · <a href="/checkin">Doors</a> · <a href="/docs">API</a></nav>
      </header>
      <main>
        <p class="visually-hidden" role="status">${this.said ?? nothing}</p>
        <p class="problem" role="alert">${this.problem ?? nothing}</p>
        <div class="panels">${this.#caller()} ${this.#topic()} ${this.#roads()} ${this.#frames()} ${this.#holdsPanel()} ${this.#mailsPanel()} ${cards()}</div>
      </main>`;
  }

  #caller(): TemplateResult {
    const become = (event: Event): void => {
      const id = Number((event.target as HTMLSelectElement).value);
      void this.#become(this.people.find((person) => person.id === id));
    };
    return html`<section>
      <h2>Who is asking</h2>
      <label
        >Acting as
        <select @change=${become}>
          <option value="0" ?selected=${this.me === undefined}>A guest</option>
          ${(['admin', 'organizer', 'customer'] as const).map(
            (role) => html`<optgroup label=${role}>
              ${this.people.filter((person) => person.role === role).map(({ id, name }) => html`<option value=${id} ?selected=${id === this.me?.id}>${name} (${id})</option>`)}
            </optgroup>`,
          )}
        </select>
      </label>
      <p class="hint">The shop in this tab acts as the same customer.</p>
    </section>`;
  }

  #topic(): TemplateResult {
    const { view } = this;
    const newest = this.#network.passed.find((passed) => !passed.isOurs && isAbout(passed, this.topic));
    const state = this.kind === 'event' ? (view?.state as EventState | undefined) : undefined;
    return html`<section>
      <h2>Topic</h2>
      <div class="row">
        <label
          >Kind
          <select @change=${(event: Event) => ((this.kind = (event.target as HTMLSelectElement).value as typeof this.kind), this.#watch())}>
            ${KINDS.map((kind) => html`<option ?selected=${kind === this.kind}>${kind}</option>`)}
          </select>
        </label>
        <label
          >Event
          <select @change=${(event: Event) => ((this.event = Number((event.target as HTMLSelectElement).value)), this.#watch())}>
            ${this.event !== undefined && !this.events.some(({ id }) => id === this.event) ? html`<option value=${this.event} selected>${this.event}</option>` : nothing}
            ${this.events.map(({ id, title }) => html`<option value=${id} ?selected=${id === this.event}>${id}: ${title}</option>`)}
          </select>
        </label>
      </div>
      <dl>
        <dt>Status</dt>
        <dd class="status" data-status=${view?.status ?? 'connecting'}>${view?.status ?? 'connecting'}</dd>
        <dt>Revision</dt>
        <dd data-what="revision">${view?.revision ?? 0}</dd>
        <dt>Last came by</dt>
        <dd data-what="road">${this.#network.last ?? '–'}</dd>
        <dt>Age of the last frame</dt>
        <dd data-what="age">${newest ? ageOf(newest) : '–'}</dd>
        ${state
          ? html`<dt>Left</dt>
              <dd data-what="left">${totalsOf(state).available}</dd>`
          : nothing}
      </dl>
      ${view?.refused ? html`<p class="problem">${view.refused.code}: ${view.refused.reason}</p>` : nothing}
    </section>`;
  }

  #roads(): TemplateResult {
    const network = this.#network;
    return html`<section>
      <h2>Network</h2>
      <div>
        ${ROADS.map(
          ({ road, words }) => html`<label class="check">
            <input type="checkbox" .checked=${network.isOpen(road)} @change=${(event: Event) => network.let(road, (event.target as HTMLInputElement).checked)} />
            ${words}
          </label>`,
        )}
      </div>
      <label
        >Delay, each way
        <select @change=${(event: Event) => (network.delayMs = Number((event.target as HTMLSelectElement).value))}>
          ${[0, 200, 1_000, 5_000].map((ms) => html`<option value=${ms} ?selected=${ms === network.delayMs}>${ms === 0 ? 'none' : `${ms / 1_000} s`}</option>`)}
        </select>
      </label>
      <div class="row">
        <button class="button" type="button" @click=${() => network.cut()}>Cut all connections</button>
        <button class="button" type="button" @click=${() => this.#client.nudge()}>Try again now</button>
      </div>
      <p class="hint">Without WebSockets the page goes on by streams, and without streams by polling.</p>
    </section>`;
  }

  #frames(): TemplateResult {
    if (!this.isPaused) this.#shown = this.#network.passed;
    return html`<section class="wide">
      <h2>Frames</h2>
      <div class="row">
        <button class="button small" type="button" aria-pressed=${this.isPaused} @click=${() => (this.isPaused = !this.isPaused)}>${this.isPaused ? 'Go on' : 'Hold still'}</button>
        <button class="button small" type="button" @click=${() => this.#network.clear()}>Clear</button>
        <span class="hint">The newest ${PASSED_MAX}, requests of REST as well.</span>
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="Frames">
        <table>
          <thead>
            <tr>
              <th scope="col">Age</th>
              <th scope="col">Way</th>
              <th scope="col">Topic</th>
              <th scope="col">Event</th>
              <th scope="col">Revision</th>
              <th scope="col">Bytes</th>
              <th scope="col">Payload</th>
            </tr>
          </thead>
          <tbody>
            ${repeat(
              this.#shown,
              ({ key }) => key,
              (passed) => this.#frame(passed),
            )}
          </tbody>
        </table>
      </div>
    </section>`;
  }

  #frame(passed: Passed): TemplateResult {
    const { isOurs, road, topic, event, payload, bytes } = passed;
    return html`<tr data-event=${event}>
      <td>${ageOf(passed)}</td>
      <td>${isOurs ? '→' : '←'} ${road}</td>
      <td>${topic}</td>
      <td class="event">${event}</td>
      <td>${revisionsOf(passed, this.topic ?? '')}</td>
      <td>${bytes}</td>
      <td class="payload">
        ${Object.keys(payload).length === 0
          ? nothing
          : html`<details>
              <summary>${Object.keys(payload).join(', ')}</summary>
              <pre>${JSON.stringify(payload, hideTokens, 1)}</pre>
            </details>`}
      </td>
    </tr>`;
  }

  #holdsPanel(): TemplateResult {
    return html`<section>
      <h2>Holds</h2>
      <button class="button" type="button" ?disabled=${this.isBecoming} @click=${() => void this.#hold()}>Hold one ticket</button>
      ${this.holds.length === 0
        ? html`<p class="hint">Nothing is held.</p>`
        : html`<ul>
            ${this.holds.map(
              (hold) => html`<li class="hold" data-hold=${hold.id}>
                <span>${hold.reference} · ${String(this.#client.countdown(hold) ?? '')}</span>
                <button class="button small" type="button" @click=${() => void this.#expire(hold)}>Expire now</button>
              </li>`,
            )}
          </ul>`}
    </section>`;
  }

  #mailsPanel(): TemplateResult {
    return html`<section>
      <h2>Mails</h2>
      ${this.mails === undefined
        ? html`<p class="hint">This server sends its mails away.</p>`
        : this.mails.length === 0
          ? html`<p class="hint">No mail yet.</p>`
          : html`<ul>
              ${repeat(
                this.mails,
                ({ key, to }) => `${key} ${to}`,
                ({ to, subject, text, attachments }) => html`<li data-mail>
                  <details>
                    <summary>${subject} <span class="hint">to ${to}</span></summary>
                    <pre>${text}</pre>
                    ${attachments.map(({ name, url }) => html`<p><a href=${url}>${name}</a></p>`)}
                  </details>
                </li>`,
              )}
            </ul>`}
    </section>`;
  }
}

function cards(): TemplateResult {
  return html`<section>
    <h2>Test cards</h2>
    <dl>${TEST_CARDS.map(({ number, does }) => html`<dt><code>${number}</code></dt><dd>${does}</dd>`)}</dl>
    <p class="hint">For the payment page of the demo. No money moves.</p>
  </section>`;
}

/** Time since it passed here. */
function ageOf({ at }: Passed): string {
  const seconds = (performance.now() - at) / 1_000;
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min`;
}

function isAbout({ topic, payload }: Passed, watched: Topic | undefined): boolean {
  if (watched === undefined) return false;
  return topic === watched || (topic === 'phoenix' && watched in ((payload['revisions'] as object | undefined) ?? {}));
}

/** Pictures of this page are passed around. */
function hideTokens(key: string, value: unknown): unknown {
  return key === 'access_token' && typeof value === 'string' ? '…' : value;
}

/** Everybody, as the admin of the demo sees them. */
async function peopleOfServer(): Promise<Person[]> {
  const answer = await fetch('/api/v1/users?limit=100', { headers: { 'x-user-id': '1' } });
  const { success, message, data } = (await answer.json()) as { success: boolean; message: string; data: Person[] };
  if (!success) throw new Error(message);
  return data;
}

/** Undefined for people that do not have the demo's password. */
async function tokenOf(email: string): Promise<string | undefined> {
  try {
    const { access_token: token } = await new SeatcastClient({ url: location.origin }).signIn(email, DEMO_PASSWORD);
    return token;
  } catch {
    return undefined;
  }
}

customElements.define('seatcast-dev', SeatcastDev);
