import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { count } from '../../elements/internal/count.ts';
import type { SelectionChangedEvent } from '../../elements/events/selection-changed.ts';
import '../../elements/seatcast-seat-map/seatcast-seat-map.ts';
import type { SeatcastSeatMap } from '../../elements/seatcast-seat-map/seatcast-seat-map.ts';
import { watchRevealed, type Revealed, type SeatMapGeometry, type SeatsState } from '../../sdk/index.ts';
import { EventDeskPage } from '../desk-page.ts';
import { because, type Said } from '../said.ts';
import { StagedClient } from '../staged-client.ts';
import { deskStyles } from '../styles.ts';
import { complain, say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { beforeStart, freeByType, onStage, HELD_SEATS_FORCED_MAX, SEATS_CHANGED_MAX } from './stage.ts';
import { Watch } from '../watch.ts';
import { WORDS } from './words.ts';
import '../desk-dialog.ts';
import './import-map.ts';

/** Seats that are named one by one. */
const NAMED_MAX = 12;
/** Pause before the places are asked for again when that failed. */
const RETRY_MS = 3_000;
const FREE = 0;
const BLOCKED = 3;

type Mode = 'block' | 'unblock';

/** A question before seats are changed: which of the chosen ones can be, and which are in somebody's hands. */
interface Question {
  mode: Mode;
  /** The one in which it was asked: in another one positions are of other seats. */
  map: SeatMapGeometry;
  /** Positions. */
  seats: number[];
  held: number[];
  sold: number[];
}

/** The event's seat map: seats are blocked and put back on it, and another one is imported. */
export class SeatsPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    mode: { state: true },
    geometry: { state: true },
    seats: { state: true },
    chosen: { state: true },
    section: { state: true },
    question: { state: true },
    force: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .modes {
        display: flex;
        flex-wrap: wrap;
        gap: 0 1.5rem;
      }
      .whole-one {
        display: flex;
        flex-wrap: wrap;
        gap: 0.75rem;
        align-items: end;
      }
      .whole-one .field {
        flex: 0 1 12rem;
      }
      ul {
        margin: 0;
        padding-inline-start: 1.25rem;
      }
      .waiting {
        height: 24rem;
      }
    `,
  ];

  declare mode: Mode;
  declare geometry: SeatMapGeometry | undefined;
  declare seats: SeatsState | undefined;
  /** Ids of seats, in the map's hands. */
  declare chosen: readonly number[];
  declare section: string;
  declare question: Question | undefined;
  /** Holds of the seats end as well. */
  declare force: boolean;
  declare problem: Said | undefined;
  declare busy: boolean;

  /** As the topic tells them. */
  #told: SeatsState | undefined;
  /** Free seats of hidden ticket types: the topic calls them blocked. */
  #hidden: Revealed['seats'];
  readonly #stage = new StagedClient(() => this.client.now());
  readonly #watch = new Watch(this, () => this.#begin());

  constructor() {
    super();
    this.mode = 'block';
    this.chosen = [];
    this.section = '';
    this.force = false;
    this.busy = false;
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <h2>${words.title}</h2>
      ${this.event.layout === 0 ? html`<div class="message"><p><strong>${words.none}</strong>${words.noneHint}</p></div>` : this.#map()}
      <desk-import-map .event=${this.event}></desk-import-map>
      ${this.question ? this.#dialog(this.question) : nothing}
    `;
  }

  #map(): TemplateResult {
    const words = WORDS[this.language];
    if (!this.geometry || !this.seats) return html`<div class="skeleton waiting" role="status" aria-label=${COMMON[this.language].loading}></div>`;
    const mode = (name: Mode, label: string): TemplateResult =>
      html`<label class="tick"><input type="radio" name="mode" value=${name} .checked=${this.mode === name} @change=${() => this.#turn(name)} />${label}</label>`;
    const isBlocking = this.mode === 'block';
    return html`<section class="panel" aria-label=${words.title}>
      <fieldset>
        <legend class="visually-hidden">${words.mode}</legend>
        <div class="modes">${mode('block', words.block)} ${mode('unblock', words.unblock)}</div>
      </fieldset>
      <p class="soft small">${words.hint}</p>
      <seatcast-seat-map one-by-one event=${this.event.id} .client=${this.#stage} @seatcast-selection=${this.#selected}></seatcast-seat-map>
      <div class="bar">
        <span role="status">${this.chosen.length > 0 ? words.chosen(count(this.language, this.chosen.length)) : nothing}</span>
        <button class="button primary" type="button" ?disabled=${this.chosen.length === 0} @click=${() => this.#askChosen()}>
          ${isBlocking ? words.doBlock : words.doUnblock}
        </button>
      </div>
      ${this.#whole(this.geometry)}
    </section>`;
  }

  #whole({ sections, seats }: SeatMapGeometry): TemplateResult {
    const words = WORDS[this.language];
    const names = sections.map(({ name }) => name);
    const chosen = names.includes(this.section) ? this.section : (names[0] ?? '');
    const place = names.indexOf(chosen);
    const rows = [...new Set(seats.row.filter((_row, at) => seats.id[at] !== null && seats.section[at] === place))];
    return html`<form class="whole-one" data-passing aria-label=${words.whole} @submit=${this.#askWhole}>
      <div class="field">
        <label for="section">${words.section}</label>
        <select id="section" name="section" @change=${(event: Event) => (this.section = (event.target as HTMLSelectElement).value)}>
          ${names.map((name) => html`<option value=${name} ?selected=${name === chosen}>${name}</option>`)}
        </select>
      </div>
      <div class="field">
        <label for="row">${words.row}</label>
        <select id="row" name="row">
          <option value="">${words.allRows}</option>
          ${rows.map((row) => html`<option value=${row}>${row}</option>`)}
        </select>
      </div>
      <button class="button">${words.take}</button>
    </form>`;
  }

  #dialog(question: Question): TemplateResult {
    const { mode, map, held, sold } = question;
    const words = WORDS[this.language];
    const close = (): void => void (this.question = undefined);
    const changed = this.#changed(question);
    const many = count(this.language, changed.length);
    return html`<desk-dialog heading=${mode === 'block' ? words.askBlock(many) : words.askUnblock(many)} @close=${close}>
      <p class="soft">${words.askHint}</p>
      ${held.length > 0
        ? html`<p><strong>${words.held}</strong> ${this.#names(map, held)}</p>
            <label class="tick"><input type="checkbox" .checked=${this.force} @change=${(event: Event) => (this.force = (event.target as HTMLInputElement).checked)} />${words.force}</label>
            <p class="soft small">${words.without}</p>`
        : nothing}
      ${sold.length > 0 ? html`<p><strong>${words.sold}</strong> ${this.#names(map, sold)}</p>` : nothing}
      ${changed.length === 0 ? html`<p>${words.nothingLeft}</p>` : nothing}
      <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].cancel}</button>
        <button class="button primary" type="button" ?disabled=${this.busy || changed.length === 0} @click=${() => void this.#change()}>
          ${mode === 'block' ? words.block : words.unblock}
        </button>
      </div>
    </desk-dialog>`;
  }

  #changed({ mode, seats, held }: Question): number[] {
    return mode === 'block' && this.force ? [...seats, ...held] : seats;
  }

  #names({ sections, seats }: SeatMapGeometry, positions: readonly number[]): string {
    const words = WORDS[this.language];
    const name = (at: number): string => words.seat(sections[seats.section[at] ?? 0]?.name ?? '', seats.row[at] ?? '', String(seats.number[at] ?? ''));
    const named = positions.slice(0, NAMED_MAX).map(name);
    const more = positions.length - named.length;
    return [...named, ...(more > 0 ? [words.andMore(count(this.language, more))] : [])].join(', ');
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('event') || !this.hasUpdated || this.event.layout === changed.get('event')?.layout) return;
    if (this.question) this.#replaced();
    this.#watch.restart();
  }

  /** A question about seats of a map that is not there any more. */
  #replaced(): void {
    this.question = undefined;
    complain((language) => WORDS[language].replaced);
  }

  #begin(): (() => void) | undefined {
    const { id, layout } = this.event;
    if (layout === 0) return undefined;
    const stop = this.client.watch(`seats:${id}`, ({ state }) => {
      this.#told = state ?? this.#told;
      this.#unveil();
    });
    const forget = watchRevealed(this.client, id, undefined, (revealed) => {
      if (!revealed) return;
      this.#hidden = revealed.seats;
      this.#unveil();
    });
    const fetching = new AbortController();
    void this.#fetch(fetching.signal);
    return () => {
      fetching.abort();
      stop();
      forget();
    };
  }

  /** Asks for the places until they are there, or for others; says once that they are not. */
  async #fetch(over: AbortSignal): Promise<void> {
    const { id, layout } = this.event;
    const asked = (): Promise<SeatMapGeometry> => this.client.seatMap(id, layout);
    for (let geometry = await this.tried(asked()); !over.aborted; geometry = await asked().catch(() => undefined)) {
      if (geometry) {
        this.geometry = geometry;
        return this.#play();
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (over.aborted) return;
    }
  }

  /** For its own people a seat of a hidden ticket type is as free as any other. */
  #unveil(): void {
    const told = this.#told;
    if (!told) return;
    const places = this.#hidden?.layout === told.layout ? [...this.#hidden.places] : [];
    const free = places.filter((at) => told.seats.at(at) === 'blocked');
    this.seats = { ...told, seats: told.seats.with(free.map((at) => [at, FREE])) };
    this.#play();
  }

  /** The map lets choose what is free: to put seats back, the blocked ones are shown as free, and free ones as blocked. */
  #play(): void {
    const { geometry, seats, event } = this;
    if (!geometry || !seats || geometry.layout !== seats.layout) return;
    const swap = (at: number): [number, number][] => {
      const status = seats.seats.at(at);
      return status === 'available' ? [[at, BLOCKED]] : status === 'blocked' ? [[at, FREE]] : [];
    };
    const shown = this.mode === 'block' ? seats.seats : seats.seats.with(geometry.seats.id.flatMap((id, at) => (id === null ? [] : swap(at))));
    this.#stage.show({ event: onStage(event, geometry.layout, freeByType(geometry, shown)), seats: { layout: geometry.layout, seats: shown }, now: beforeStart(event, this.client.now()) }, geometry);
  }

  #turn(mode: Mode): void {
    this.renderRoot.querySelector<SeatcastSeatMap>('seatcast-seat-map')?.clear();
    this.chosen = [];
    this.mode = mode;
    this.#play();
  }

  #selected({ lines }: SelectionChangedEvent): void {
    this.chosen = lines.flatMap(({ item }) => ('seat_id' in item ? [item.seat_id] : []));
  }

  #askChosen(): void {
    const ids = new Set(this.chosen);
    this.#ask(this.geometry?.seats.id.flatMap((id, at) => (id !== null && ids.has(id) ? [at] : [])) ?? []);
  }

  #askWhole(event: SubmitEvent): void {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement);
    const { geometry } = this;
    if (!geometry) return;
    const section = geometry.sections.findIndex(({ name }) => name === typed.get('section'));
    const row = String(typed.get('row') ?? '');
    const { id, section: sections, row: rows } = geometry.seats;
    this.#ask(id.flatMap((one, at) => (one !== null && sections[at] === section && (row === '' || rows[at] === row) ? [at] : [])));
  }

  #ask(positions: readonly number[]): void {
    const { geometry: map, seats } = this;
    // One of the two is of another map still, or already.
    if (!map || map.layout !== seats?.layout) return this.#replaced();
    const status = (at: number): string => seats.seats.at(at);
    const of = (wanted: string): number[] => positions.filter((at) => status(at) === wanted);
    this.force = false;
    this.problem = undefined;
    const isBlocking = this.mode === 'block';
    this.question = { mode: this.mode, map, seats: of(isBlocking ? 'available' : 'blocked'), held: isBlocking ? of('held') : [], sold: isBlocking ? of('sold') : [] };
  }

  async #change(): Promise<void> {
    const { question } = this;
    if (!question) return;
    const positions = this.#changed(question);
    const ids = positions.map((at) => question.map.seats.id[at]).filter((id) => id !== null && id !== undefined);
    this.busy = true;
    this.problem = undefined;
    try {
      const atOnce = this.force ? HELD_SEATS_FORCED_MAX : SEATS_CHANGED_MAX;
      for (let from = 0; from < ids.length; from += atOnce) {
        const body = { seat_ids: ids.slice(from, from + atOnce), blocked: question.mode === 'block', ...(this.force ? { force: true } : {}) };
        await this.client.change('PATCH', `/events/${this.event.id}/seats`, body);
      }
      this.question = undefined;
      this.renderRoot.querySelector<SeatcastSeatMap>('seatcast-seat-map')?.clear();
      this.chosen = [];
      say((language) => WORDS[language][question.mode === 'block' ? 'blockedNow' : 'backNow'](count(language, ids.length)));
    } catch (error) {
      this.problem = because(error);
    }
    this.busy = false;
  }
}

customElements.define('desk-seats', SeatsPage);
