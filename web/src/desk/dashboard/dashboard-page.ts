import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { count, momentWords, percent, roundSum } from '../../elements/internal/format.ts';
import { sectionNumbers, totalsOf, type AdminState, type EventState, type Figures, type Money, type SeatMapGeometry, type SeatsState, type TicketTypeDetails, type TopicView } from '../../sdk/index.ts';
import { EventDeskPage } from '../desk-page.ts';
import { may } from '../rights.ts';
import { deskStyles } from '../styles.ts';
import { WORDS as COMMON } from '../words.ts';
import { alertsOf } from './alerts.ts';
import { WORDS } from './words.ts';
import '../chart/desk-chart.ts';
import type { Series } from '../chart/desk-chart.ts';

/** Numbers over time are asked for again so long after a sale, and so often without one. */
const SOON_MS = 5_000;
const LOOK_MS = 60_000;
const BASIS_POINTS = 10_000;
const SECONDS_PER_MINUTE = 60;

type Step = 'hour' | 'day';

interface Sales {
  bookings_made: number;
  tickets_sold: number;
  tickets_returned: number;
  holds_expired: number;
  revenue_net: Money;
  conversion: number | null;
  seconds_to_pay: number | null;
}

interface Analytics {
  step: Step;
  from: string;
  to: string;
  timezone: string;
  total: Sales;
  points: (Sales & { at: string })[];
}

interface Funnel {
  is_whole: boolean;
  steps: { step: string; sessions: number; left_here: number }[];
}

/** The event's sale as it happens. Numbers that need the right `figures` are left out for those who do not have it. */
export class DashboardPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    view: { state: true },
    seats: { state: true },
    geometry: { state: true },
    step: { state: true },
    analytics: { state: true },
    funnel: { state: true },
    reviews: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .pair {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
        gap: 1.5rem;
        align-items: start;
      }
      .column {
        display: grid;
        gap: 1.5rem;
      }
      ul {
        display: grid;
        gap: 0.75rem;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      .alerts li {
        padding: 0.6rem 0.9rem;
        border-inline-start: 4px solid var(--line-strong);
        border-radius: var(--radius-small);
        background: var(--sunken);
      }
      .alerts .warn {
        border-color: var(--yellow);
        background: var(--yellow-wash);
        color: var(--yellow);
      }
      .alerts .bad {
        border-color: var(--red);
        background: var(--red-wash);
        color: var(--red);
      }
      .bar select {
        width: auto;
      }
      .stale {
        padding: 0.6rem 0.9rem;
        border-radius: var(--radius-small);
        background: var(--yellow-wash);
        color: var(--yellow);
      }
      .waiting {
        height: 260px;
      }
    `,
  ];

  /** Of the event's topic; of `admin:` for those who may see figures. */
  declare view: TopicView<EventState | AdminState> | undefined;
  declare seats: SeatsState | undefined;
  declare geometry: SeatMapGeometry | undefined;
  declare step: Step;
  declare analytics: Analytics | undefined;
  declare funnel: Funnel | undefined;
  /** Payments of the event that wait for a person. */
  declare reviews: number;

  #stops: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #layout = 0;
  /** When the numbers were last known to be current. */
  #liveAt = '';

  constructor() {
    super();
    this.step = 'hour';
    this.reviews = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#begin();
  }

  override firstUpdated(): void {
    this.#begin();
  }

  override disconnectedCallback(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    return html`
      <h2 class="visually-hidden">${WORDS[this.language].now}</h2>
      ${this.#link()} ${this.#figures()} ${this.#alerts()} ${this.#mayFigures ? this.#sales() : nothing}
      <div class="pair">
        ${this.#occupancy()}
        <div class="column">${this.#presence()} ${this.#mayFigures ? this.#funnel() : nothing}</div>
      </div>
    `;
  }

  get #mayFigures(): boolean {
    return may(this.me, 'figures', this.event.organizer_id);
  }

  get #state(): EventState | undefined {
    return this.view?.state;
  }

  get #numbers(): Figures | null {
    const state = this.#state;
    return state && 'figures' in state ? (state as AdminState).figures : null;
  }

  /** The event's types with the live numbers; hidden ones are in no topic that viewers see. */
  get #types(): readonly TicketTypeDetails[] {
    const live = new Map((this.#state?.ticket_types ?? []).map((type) => [type.id, type]));
    return this.event.ticket_types.map((type) => ({ ...type, ...live.get(type.id), sale_state: type.sale_state }) as TicketTypeDetails);
  }

  #link(): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (this.view?.refused) return html`<p class="stale" role="alert">${words.refused}</p>`;
    if (!this.#state || this.view?.status === 'live' || this.view?.status === 'connecting') return nothing;
    return html`<p class="stale" role="status">${words.stale(momentWords(this.language, this.#liveAt))}</p>`;
  }

  #figures(): TemplateResult {
    const words = WORDS[this.language];
    const many = (value: number): string => count(this.language, value);
    const state = this.#state;
    const totals = state && totalsOf(state);
    const sold = totals?.sold ?? this.event.booked_tickets;
    const capacity = totals?.capacity ?? this.event.capacity;
    const numbers = this.#numbers;
    const presence = state?.presence;
    const booking = Object.entries(presence?.by_step ?? {}).reduce((all, [step, here]) => (step === 'viewing' ? all : all + here), 0);
    return html`<dl class="figures">
      <div><dt>${words.viewers}</dt><dd>${presence ? many(presence.total) : '–'}</dd><dd class="small soft">${words.booking(many(booking))}</dd></div>
      <div>
        <dt>${words.sold}</dt>
        <dd>${many(numbers?.tickets_sold ?? sold)}</dd>
        <dd class="small soft">${words.soldOf(percent(this.language, capacity > 0 ? (sold / capacity) * BASIS_POINTS : 0), many(capacity))}</dd>
      </div>
      <div><dt>${words.held}</dt><dd>${many(numbers?.tickets_held ?? totals?.held ?? this.event.held_tickets)}</dd></div>
      <div><dt>${words.left}</dt><dd>${many(totals?.available ?? this.event.available_tickets)}</dd></div>
      ${numbers
        ? html`<div><dt>${words.revenue}</dt><dd>${roundSum(this.language, numbers.revenue)}</dd></div>
            <div>
              <dt>${words.bookings}</dt>
              <dd>${many(numbers.bookings.confirmed)}</dd>
              <dd class="small soft">${words.pending(many(numbers.bookings.pending))}</dd>
            </div>
            <div><dt>${words.perMinute}</dt><dd>${many(numbers.sold_per_minute)}</dd></div>
            <div><dt>${words.joins}</dt><dd>${many(numbers.joins_per_minute)}</dd></div>`
        : nothing}
    </dl>`;
  }

  #alerts(): TemplateResult {
    const words = WORDS[this.language];
    const { event, reviews, analytics } = this;
    const total = analytics?.step === 'hour' ? analytics.total : undefined;
    const alerts = alertsOf(this.language, { event, types: this.#types, reviews, expired: total && { expired: total.holds_expired, made: total.bookings_made } });
    return html`<section class="panel" aria-labelledby="alerts">
      <h2 id="alerts">${words.alerts}</h2>
      ${alerts.length === 0
        ? html`<p class="soft">${words.noAlerts}</p>`
        : html`<ul class="alerts">
            ${alerts.map(({ text, weight }) => html`<li class=${weight}>${text}</li>`)}
          </ul>`}
    </section>`;
  }

  #sales(): TemplateResult {
    const words = WORDS[this.language];
    const { analytics } = this;
    const choose = (event: Event): void => {
      this.step = (event.target as HTMLSelectElement).value as Step;
      this.analytics = undefined;
      void this.#readNumbers();
    };
    return html`<section class="panel" aria-labelledby="over">
      <div class="bar">
        <h2 id="over">${words.over}</h2>
        <select aria-label=${words.span} @change=${choose}>
          <option value="hour" ?selected=${this.step === 'hour'}>${words.hours}</option>
          <option value="day" ?selected=${this.step === 'day'}>${words.days}</option>
        </select>
      </div>
      ${analytics ? this.#chart(analytics) : html`<div class="skeleton waiting" role="status" aria-label=${COMMON[this.language].loading}></div>`}
      ${analytics ? this.#rates(analytics.total) : nothing}
    </section>`;
  }

  #chart(analytics: Analytics): TemplateResult {
    const words = WORDS[this.language];
    const { times, points } = everyStep(analytics);
    let gained = 0;
    const revenue = points.map((point) => (gained += point?.revenue_net.amount ?? 0));
    const { currency } = this.event;
    const series: Series[] = [
      { label: words.tickets, values: points.map((point) => point?.tickets_sold ?? 0), look: 'bars' },
      { label: words.revenue, values: revenue, look: 'line', far: true, words: (amount) => roundSum(this.language, { amount: Math.round(amount), currency }) },
    ];
    if (analytics.total.tickets_returned > 0) series.splice(1, 0, { label: words.returned, values: points.map((point) => point?.tickets_returned ?? 0), look: 'dashes' });
    return html`<desk-chart .label=${words.over} .times=${times} .series=${series} timezone=${analytics.timezone}></desk-chart>`;
  }

  #rates({ conversion, seconds_to_pay: seconds }: Sales): TemplateResult {
    const words = WORDS[this.language];
    const parts = [
      conversion === null ? undefined : words.conversion(percent(this.language, Math.round(conversion * BASIS_POINTS))),
      seconds === null ? undefined : words.toPay(words.minutes(count(this.language, Math.round((seconds / SECONDS_PER_MINUTE) * 10) / 10))),
    ];
    return html`<p class="soft small">${parts.filter(Boolean).join(' · ')}</p>`;
  }

  #occupancy(): TemplateResult {
    const words = WORDS[this.language];
    const sections = this.seats && this.geometry && this.geometry.layout === this.seats.layout ? sectionNumbers(this.geometry, this.seats.seats) : [];
    const bySection = new Map<string, { sold: number; held: number; blocked: number; all: number }>();
    for (const { section, sold, held, blocked, allocated } of sections) {
      const before = bySection.get(section) ?? { sold: 0, held: 0, blocked: 0, all: 0 };
      bySection.set(section, { sold: before.sold + sold, held: before.held + held, blocked: before.blocked + blocked, all: before.all + allocated });
    }
    return html`<section class="panel" aria-labelledby="occupancy">
      <h2 id="occupancy">${words.occupancy}</h2>
      <h3 class="soft small">${words.byType}</h3>
      <ul>
        ${this.#types.map(({ name, sold, held, capacity }) => this.#part(name, { sold, held, blocked: 0, all: capacity }))}
      </ul>
      ${bySection.size > 0
        ? html`<h3 class="soft small">${words.bySection}</h3>
            <ul>
              ${[...bySection].map(([name, numbers]) => this.#part(name, numbers))}
            </ul>`
        : nothing}
    </section>`;
  }

  #part(name: string, { sold, held, blocked, all }: { sold: number; held: number; blocked: number; all: number }): TemplateResult {
    const words = WORDS[this.language];
    const many = (value: number): string => count(this.language, value);
    const share = (value: number): string => `inline-size:${all > 0 ? (value / all) * 100 : 0}%`;
    return html`<li class="part">
      <div>
        <strong>${name}</strong>
        <span class="soft small">${words.takenOf(many(sold), many(held), many(all))}${blocked > 0 ? ` · ${words.blocked(many(blocked))}` : nothing}</span>
      </div>
      <div class="track" aria-hidden="true"><i .style=${share(sold)}></i><i class="held" .style=${share(held)}></i><i class="blocked" .style=${share(blocked)}></i></div>
    </li>`;
  }

  #presence(): TemplateResult {
    const words = WORDS[this.language];
    const presence = this.#state?.presence;
    const steps = Object.entries(presence?.by_step ?? {}).sort(([, one], [, other]) => other - one);
    const all = presence?.total ?? 0;
    return html`<section class="panel" aria-labelledby="presence">
      <h2 id="presence">${words.presence}</h2>
      ${all === 0
        ? html`<p class="soft">${words.nobody}</p>`
        : html`<ul>
            ${steps.map(([step, here]) => this.#bar(words.steps[step] ?? step, here, all))}
          </ul>`}
    </section>`;
  }

  #bar(name: string, value: number, all: number): TemplateResult {
    return html`<li class="part">
      <div><strong>${name}</strong><span class="soft small">${count(this.language, value)}</span></div>
      <div class="track" aria-hidden="true"><i .style=${`inline-size:${all > 0 ? (value / all) * 100 : 0}%`}></i></div>
    </li>`;
  }

  #funnel(): TemplateResult {
    const words = WORDS[this.language];
    const { funnel } = this;
    const all = Math.max(0, ...(funnel?.steps ?? []).map(({ sessions }) => sessions));
    return html`<section class="panel" aria-labelledby="funnel">
      <h2 id="funnel">${words.funnel}</h2>
      <p class="soft small">${words.funnelHint} ${funnel && !funnel.is_whole ? words.funnelPart : nothing}</p>
      ${!funnel
        ? html`<p class="skeleton" role="status" aria-label=${COMMON[this.language].loading}>&nbsp;</p>`
        : all === 0
          ? html`<p class="soft">${words.noFunnel}</p>`
          : html`<ul>
              ${funnel.steps.map(({ step, sessions }) => this.#bar(words.funnelSteps[step] ?? step, sessions, all))}
            </ul>`}
    </section>`;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('event') && this.hasUpdated) this.#watchSeats();
  }

  #begin(): void {
    const topic = this.#mayFigures ? (`admin:${this.event.id}` as const) : (`event:${this.event.id}` as const);
    const stop = this.client.watch(topic, (view: TopicView<EventState | AdminState>) => {
      const before = this.#numbers?.tickets_sold;
      this.view = view;
      if (view.status === 'live') this.#liveAt = new Date().toISOString();
      if (before !== undefined && before !== this.#numbers?.tickets_sold) this.#readSoon();
    });
    this.#stops.push(stop);
    this.#watchSeats();
    void this.#readNumbers();
  }

  /** A layout's positions never change: they are asked for once. */
  #watchSeats(): void {
    const { id, layout } = this.event;
    if (layout === 0 || layout === this.#layout) return;
    if (this.#layout === 0) this.#stops.push(this.client.watch(`seats:${id}`, ({ state }) => (this.seats = state)));
    this.#layout = layout;
    void this.tried(this.client.seatMap(id, layout)).then((geometry) => (this.geometry = geometry));
  }

  #readSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      void this.#readNumbers();
    }, SOON_MS);
  }

  async #readNumbers(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#mayFigures) return;
    const { step } = this;
    const path = `/events/${this.event.id}`;
    // Figures that cannot be read now are read the next time: the live figures above do not wait for it.
    const [analytics, funnel, reviews] = await Promise.all([
      this.client.read<Analytics>(`${path}/analytics?step=${step}`).catch(() => undefined),
      this.client.read<Funnel>(`${path}/funnel`).catch(() => undefined),
      may(this.me, 'money', this.event.organizer_id) ? this.#readReviews() : 0,
    ]);
    if (analytics && step === this.step) this.analytics = analytics;
    if (funnel) this.funnel = funnel;
    if (reviews !== undefined) this.reviews = reviews;
    if (this.isConnected) this.#timer = setTimeout(() => void this.#readNumbers(), LOOK_MS);
  }

  /** Undefined: they cannot be read now. */
  async #readReviews(): Promise<number | undefined> {
    const waiting = await this.client.rows(`/payments?event_id=${this.event.id}&limit=1`).catch(() => undefined);
    return waiting?.total;
  }
}

/** Steps in which nothing happened are left out of the answer; a picture has them all. */
function everyStep({ step, from, to, points }: Analytics): { times: number[]; points: (Analytics['points'][number] | undefined)[] } {
  const known = new Map(points.map((point) => [Math.floor(Date.parse(point.at) / 1_000), point]));
  const seconds = step === 'hour' ? 3_600 : 86_400;
  const [first] = known.keys();
  // Steps begin where those of the answer do, which are the time zone's; days of 23 and 25 hours are found by their own time.
  const anchor = first ?? Math.floor(Date.parse(to) / 1_000 / seconds) * seconds;
  const begin = anchor - Math.max(0, Math.floor((anchor - Date.parse(from) / 1_000) / seconds)) * seconds;
  const regular: number[] = [];
  for (let at = begin; at * 1_000 <= Date.parse(to); at += seconds) if (![...known.keys()].some((one) => Math.abs(one - at) < seconds / 2)) regular.push(at);
  const times = [...regular, ...known.keys()].sort((one, other) => one - other);
  return { times, points: times.map((time) => known.get(time)) };
}

customElements.define('desk-dashboard', DashboardPage);
