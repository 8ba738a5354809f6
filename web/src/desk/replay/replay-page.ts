import { css, html, nothing, type TemplateResult } from 'lit';
import { count, LOCALES } from '../../elements/internal/count.ts';
import { timed } from '../../elements/internal/format.ts';
import { explain } from '../../elements/internal/refusals.ts';
import '../../elements/seatcast-seat-map/seatcast-seat-map.ts';
import type { EventState, EventStatus, SeatMapGeometry, SeatsState } from '../../sdk/index.ts';
import { stockLevel } from '../../sdk/model.ts';
import { EventDeskPage } from '../desk-page.ts';
import { StagedClient } from '../staged-client.ts';
import { deskStyles } from '../styles.ts';
import { isTimezone } from '../zoned.ts';
import { WORDS as COMMON } from '../words.ts';
import { Recording, type LoggedChange, type Moment } from './recording.ts';
import { WORDS } from './words.ts';
import '../chart/desk-chart.ts';

const PAGE_ROWS = 1_000;
/** More changes are not replayed: a browser should keep them all. */
const CHANGES_MAX = 100_000;
/** Seconds of the sale in one second. */
const SPEEDS = [1, 10, 60, 600, 3_600, 21_600] as const;
/** Without a wish the whole sale takes about so long. */
const WHOLE_S = 60;
/** A pause of the sale that would take longer than this is skipped, but for its end. */
const QUIET_MS = 1_500;
const QUIET_END_MS = 400;
const COURSE_POINTS = 240;
const TOLD_CHANGES = 8;
/** A frame that comes late moves no further than this. */
const FRAME_MS_MAX = 250;

/** An event's sale again from its change log: on the seat map, in numbers, over time. */
export class ReplayPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    recording: { state: true },
    loaded: { state: true },
    isCut: { state: true },
    problem: { state: true },
    time: { state: true },
    index: { state: true },
    isPlaying: { state: true },
    speed: { state: true },
    skipsQuiet: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .figures .time {
        font-size: 1.3rem;
        white-space: nowrap;
      }
      .controls {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0.75rem;
      }
      .controls select {
        width: auto;
      }
      .controls label.choice {
        display: flex;
        align-items: center;
        gap: 0.5rem;
      }
      input[type='range'] {
        width: 100%;
        padding: 0;
        border: 0;
        background: none;
        accent-color: var(--accent);
      }
      .play {
        min-width: 7rem;
      }
      .pair {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
        gap: 1.5rem;
        align-items: start;
      }
      ol,
      ul {
        display: grid;
        gap: 0.6rem;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      ol li {
        display: flex;
        gap: 0.75rem;
        font-size: 0.9375rem;
      }
      ol time {
        flex: none;
        color: var(--ink-soft);
        font-variant-numeric: tabular-nums;
      }
      .waiting {
        height: 20rem;
      }
    `,
  ];

  declare recording: Recording | undefined;
  /** Changes that were read so far. */
  declare loaded: number;
  /** There are more changes than are replayed. */
  declare isCut: boolean;
  declare problem: unknown;
  /** Of the sale, in milliseconds since 1970. */
  declare time: number;
  /** How many changes there were until then. */
  declare index: number;
  declare isPlaying: boolean;
  declare speed: number;
  declare skipsQuiet: boolean;

  readonly #stage = new StagedClient(() => this.client.now());
  #geometry: SeatMapGeometry | undefined;
  #course: ReturnType<Recording['course']> = { times: [], sold: [], held: [] };
  #frame = 0;
  #drawn = 0;
  #asked = 0;

  constructor() {
    super();
    this.loaded = 0;
    this.isCut = false;
    this.time = 0;
    this.index = 0;
    this.isPlaying = false;
    this.speed = SPEEDS[0];
    this.skipsQuiet = true;
  }

  override firstUpdated(): void {
    void this.#load();
  }

  override disconnectedCallback(): void {
    this.#asked += 1;
    this.#halt();
    super.disconnectedCallback();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div>
        <h2>${words.title}</h2>
        <p class="soft">${words.intro}</p>
      </div>
      ${this.#content()}`;
  }

  #content(): TemplateResult {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    const { recording } = this;
    if (this.problem !== undefined) {
      return html`<div class="message" role="alert">
        <p><strong>${common.failedTitle}</strong>${explain(this.language, this.problem)}</p>
        <button class="button primary" type="button" @click=${() => void this.#load()}>${common.again}</button>
      </div>`;
    }
    if (!recording) {
      return html`<div class="skeleton waiting"></div>
        <p class="soft small" role="status">${words.loading(count(this.language, this.loaded))}</p>`;
    }
    if (recording.changes.length === 0) return html`<div class="message"><p><strong>${words.emptyTitle}</strong>${words.empty}</p></div>`;
    const moment = recording.after(this.index);
    return html`
      ${recording.isWhole ? nothing : html`<p class="soft small">${words.part}</p>`}
      ${this.isCut ? html`<p class="soft small">${words.cut(count(this.language, recording.changes.length))}</p>` : nothing}
      ${this.#controls(recording)} ${this.#figures(recording, moment)}
      ${this.#geometry ? html`<section class="panel"><seatcast-seat-map one-by-one event=${this.event.id} .client=${this.#stage}></seatcast-seat-map></section>` : nothing}
      ${this.#chart(recording)}
      <div class="pair">${this.#types(moment)} ${this.#told(recording)}</div>
    `;
  }

  #controls(recording: Recording): TemplateResult {
    const words = WORDS[this.language];
    const { begin, end } = recording;
    const isOver = this.index >= recording.changes.length;
    const many = (value: number): string => count(this.language, value);
    return html`<section class="panel" aria-label=${words.title}>
      <input
        type="range"
        aria-label=${words.time}
        aria-valuetext=${this.#moment(this.time)}
        min=${begin}
        max=${Math.max(end, begin + 1)}
        step="any"
        .value=${String(this.time)}
        @input=${(event: Event) => this.#seek(Number((event.target as HTMLInputElement).value))}
        @keydown=${this.#key}
      />
      <div class="controls">
        <button class="button primary play" type="button" @click=${() => (this.isPlaying ? this.#halt() : this.#play())}>
          ${this.isPlaying ? words.pause : isOver ? words.again : words.play}
        </button>
        <button class="button" type="button" aria-label=${words.before} ?disabled=${this.index === 0} @click=${() => this.#step(-1)}><bdi dir="ltr">−${many(1)}</bdi></button>
        <button class="button" type="button" aria-label=${words.next} ?disabled=${isOver} @click=${() => this.#step(1)}><bdi dir="ltr">+${many(1)}</bdi></button>
        <label class="choice">
          ${words.speed}
          <select @change=${(event: Event) => (this.speed = Number((event.target as HTMLSelectElement).value))}>
            ${SPEEDS.map((speed) => html`<option value=${speed} ?selected=${speed === this.speed}>${words.times(many(speed))}</option>`)}
          </select>
        </label>
        <label class="tick">
          <input type="checkbox" .checked=${this.skipsQuiet} @change=${(event: Event) => (this.skipsQuiet = (event.target as HTMLInputElement).checked)} />${words.quiet}
        </label>
      </div>
    </section>`;
  }

  #figures(recording: Recording, moment: Moment): TemplateResult {
    const words = WORDS[this.language];
    const many = (value: number): string => count(this.language, value);
    const { sold, held, left } = totalsAt(moment);
    return html`<dl class="figures">
      <div><dt>${words.time}</dt><dd class="time">${this.#clock(this.time)}</dd><dd class="small soft">${this.#day(this.time)}</dd></div>
      <div><dt>${words.sold}</dt><dd>${many(sold)}</dd></div>
      <div><dt>${words.held}</dt><dd>${many(held)}</dd></div>
      <div><dt>${words.left}</dt><dd>${many(left)}</dd></div>
      <div><dt>${words.change}</dt><dd>${many(this.index)}</dd><dd class="small soft">${words.of(many(this.index), many(recording.changes.length))}</dd></div>
    </dl>`;
  }

  #chart(recording: Recording): TemplateResult {
    const words = WORDS[this.language];
    const { times, sold, held } = this.#course;
    const until = (value: number, place: number): number | null => ((times[place] ?? 0) * 1_000 <= this.time ? value : null);
    return html`<section class="panel" aria-labelledby="course">
      <h2 id="course">${words.course}</h2>
      <desk-chart
        .label=${words.course}
        .times=${times}
        .series=${[
          { label: words.sold, values: sold.map(until), look: 'line' },
          { label: words.held, values: held.map(until), look: 'dashes' },
        ]}
        .range=${[recording.begin / 1_000, Math.max(recording.end, recording.begin + 1_000) / 1_000]}
        timezone=${this.event.timezone}
      ></desk-chart>
    </section>`;
  }

  #types({ types }: Moment): TemplateResult {
    const words = WORDS[this.language];
    const many = (value: number): string => count(this.language, value);
    const share = (value: number, all: number): string => `inline-size:${all > 0 ? (value / all) * 100 : 0}%`;
    return html`<section class="panel" aria-labelledby="types">
      <h2 id="types">${words.byType}</h2>
      <ul>
        ${[...types.values()].map(
          ({ name, sold, held, capacity }) =>
            html`<li class="part">
              <div><strong>${name}</strong><span class="soft small">${words.takenOf(many(sold), many(held), many(capacity))}</span></div>
              <div class="track" aria-hidden="true"><i .style=${share(sold, capacity)}></i><i class="held" .style=${share(held, capacity)}></i></div>
            </li>`,
        )}
      </ul>
    </section>`;
  }

  #told(recording: Recording): TemplateResult {
    const words = WORDS[this.language];
    const from = Math.max(0, this.index - TOLD_CHANGES);
    const rows = recording.changes.slice(from, this.index).map((change, place) => ({ change, before: from + place }));
    return html`<section class="panel" aria-labelledby="happened">
      <h2 id="happened">${words.happened}</h2>
      ${rows.length === 0
        ? html`<p class="soft">${words.nothing}</p>`
        : html`<ol reversed>
            ${rows.toReversed().map(({ change, before }) => html`<li><time datetime=${change.at}>${this.#clock(Date.parse(change.at))}</time><span>${this.#words(recording, change, before)}</span></li>`)}
          </ol>`}
    </section>`;
  }

  /** A change in words: how the numbers moved. */
  #words({ changes }: Recording, { event, ticket_types = [], seats = [], layout }: LoggedChange, before: number): string {
    const words = WORDS[this.language];
    const many = (value: number): string => count(this.language, value);
    const moved = (value: number): string => `${value > 0 ? '+' : '−'}${many(Math.abs(value))}`;
    const parts: string[] = [];
    if (event) parts.push(words.eventIs(COMMON[this.language].status[event.status as EventStatus] ?? event.status, many(event.capacity)));
    for (const type of ticket_types) {
      const was = lastOf(changes, before, type.id);
      const name = type.name ?? was?.name ?? this.event.ticket_types.find(({ id }) => id === type.id)?.name ?? '';
      const sold = (type.sold ?? 0) - (was?.sold ?? 0);
      const held = (type.held ?? 0) - (was?.held ?? 0);
      const capacity = (type.capacity ?? 0) - (was?.capacity ?? 0);
      const moves = [sold !== 0 && words.soldBy(moved(sold)), held !== 0 && words.heldBy(moved(held)), capacity !== 0 && words.capacityBy(moved(capacity))].filter(Boolean);
      if (type.sold === undefined || moves.length > 0) parts.push(`${name}: ${type.sold === undefined ? words.removed : moves.join(', ')}`);
    }
    if (layout !== undefined) parts.push(words.newMap);
    else if (seats.length > 0) parts.push(words.seats(many(seats.length)));
    return parts.join(' · ') || words.notNumbers;
  }

  async #load(): Promise<void> {
    const asked = ++this.#asked;
    this.problem = undefined;
    this.recording = undefined;
    this.loaded = 0;
    const { id, layout } = this.event;
    try {
      const [changes, map] = await Promise.all([this.#changes(asked), layout > 0 ? Promise.all([this.client.seatMap(id, layout), this.#seatsNow()]) : undefined]);
      if (asked !== this.#asked) return;
      const [geometry, seats] = map ?? [];
      this.#geometry = geometry;
      this.recording = new Recording(changes, {
        capacity: this.event.capacity,
        status: this.event.status,
        types: this.event.ticket_types,
        ...(geometry && seats ? { seats: { statuses: seats.seats, count: geometry.seats.id.length } } : {}),
      });
      this.#course = this.recording.course(COURSE_POINTS);
      const seconds = (this.recording.end - this.recording.begin) / 1_000;
      this.speed = SPEEDS.find((speed) => seconds / speed <= WHOLE_S) ?? SPEEDS[SPEEDS.length - 1]!;
      this.#seek(this.recording.begin - 1);
    } catch (error) {
      if (asked === this.#asked) this.problem = error;
    }
  }

  async #changes(asked: number): Promise<LoggedChange[]> {
    const changes: LoggedChange[] = [];
    let after: number | null = 0;
    while (after !== null && changes.length < CHANGES_MAX && asked === this.#asked) {
      const page: { changes: LoggedChange[]; next: number | null } = await this.client.read(`/events/${this.event.id}/changes?limit=${PAGE_ROWS}&after=${after}`);
      changes.push(...page.changes);
      this.loaded = changes.length;
      after = page.next;
    }
    this.isCut = after !== null;
    return changes;
  }

  /** The current seats: those that the log does not mention were so all the time. */
  #seatsNow(): Promise<SeatsState> {
    return new Promise((resolve) => {
      let stop: (() => void) | undefined;
      stop = this.client.watch(`seats:${this.event.id}`, ({ state }) => {
        if (!state) return;
        resolve(state);
        queueMicrotask(() => stop?.());
      });
    });
  }

  #seek(time: number): void {
    const { recording } = this;
    if (!recording) return;
    this.time = Math.min(Math.max(time, recording.begin - 1), recording.end);
    this.#show(recording.indexAt(this.time));
  }

  #step(by: number): void {
    const { recording } = this;
    if (!recording) return;
    this.#halt();
    const index = Math.min(Math.max(this.index + by, 0), recording.changes.length);
    this.time = index === 0 ? recording.begin - 1 : (recording.times[index - 1] ?? recording.begin);
    this.#show(index);
  }

  /** Arrows go by changes: the range has no steps of its own. */
  #key(event: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const isTurned = this.language === 'fa' && (event.key === 'ArrowRight' || event.key === 'ArrowLeft');
    this.#step(isTurned ? -by : by);
  }

  #show(index: number): void {
    const { recording } = this;
    if (!recording) return;
    this.index = index;
    const moment = recording.after(index);
    const { layout = 0 } = this.#geometry ?? {};
    this.#stage.show(
      { event: this.#eventThen(moment, layout), now: Math.min(this.time, Date.parse(this.event.starts_at) - 1), ...(moment.seats ? { seats: { layout, seats: moment.seats } } : {}) },
      this.#geometry,
    );
  }

  /** The event as viewers saw it then. */
  #eventThen({ types, capacity, status }: Moment, layout: number): EventState {
    const then = this.event.ticket_types.flatMap((type) => {
      const numbers = types.get(type.id);
      return numbers ? [{ ...type, ...numbers, status: stockLevel(numbers.available, numbers.capacity) }] : [];
    });
    return { event: { ...this.event, capacity, layout, status: status as EventStatus }, ticket_types: then, notices: [], presence: null, deleted: false };
  }

  #play(): void {
    const { recording } = this;
    if (!recording) return;
    if (this.index >= recording.changes.length) this.#seek(recording.begin - 1);
    this.isPlaying = true;
    this.#drawn = performance.now();
    this.#frame = requestAnimationFrame(this.#run);
  }

  #halt(): void {
    cancelAnimationFrame(this.#frame);
    this.isPlaying = false;
  }

  readonly #run = (now: number): void => {
    const { recording } = this;
    if (!recording || !this.isPlaying) return;
    const passed = Math.min(Math.max(0, now - this.#drawn), FRAME_MS_MAX);
    this.#drawn = now;
    let time = this.time + passed * this.speed;
    const next = recording.times[this.index];
    if (this.skipsQuiet && next !== undefined && next - time > QUIET_MS * this.speed) time = next - QUIET_END_MS * this.speed;
    this.#seek(time);
    if (this.index >= recording.changes.length) return this.#halt();
    this.#frame = requestAnimationFrame(this.#run);
  };

  #moment(time: number): string {
    return timed(this.language, this.#day(time), this.#clock(time));
  }

  #clock(time: number): string {
    return this.#format({ hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(time);
  }

  #day(time: number): string {
    return this.#format({ day: 'numeric', month: 'short', year: 'numeric' }).format(time);
  }

  #format(shown: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    const timeZone = isTimezone(this.event.timezone) ? this.event.timezone : 'UTC';
    return new Intl.DateTimeFormat(LOCALES[this.language], { timeZone, ...shown });
  }
}

function totalsAt({ types, capacity }: Moment): { sold: number; held: number; left: number } {
  const all = [...types.values()];
  const sold = all.reduce((sum, type) => sum + type.sold, 0);
  const held = all.reduce((sum, type) => sum + type.held, 0);
  const available = all.reduce((sum, type) => sum + type.available, 0);
  return { sold, held, left: Math.max(0, Math.min(available, capacity - sold - held)) };
}

/** The last row about a type before this change. */
function lastOf(changes: readonly LoggedChange[], before: number, id: number): { name?: string; sold?: number; held?: number; capacity?: number } | undefined {
  for (let at = before - 1; at >= 0; at -= 1) {
    const found = changes[at]?.ticket_types?.find((type) => type.id === id);
    if (found) return found;
  }
  return undefined;
}

customElements.define('desk-replay', ReplayPage);
