import { adoptStyles, html, nothing, type CSSResult, type PropertyValues, type TemplateResult } from 'lit';
import type { EventState, SeatStatus } from '../../sdk/index.ts';
import type { Revealed } from '../../sdk/revealed.ts';
import { samePrices, SelectionChangedEvent, type SelectionLine, type SelectionSource } from '../events/selection-changed.ts';
import { isEvent } from '../internal/event-guard.ts';
import { faultOf } from '../internal/fault.ts';
import { define, FLAG } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { TopicController } from '../internal/watch-controller.ts';
import type { Geometry } from './geometry.ts';
import type { Plan, Surroundings } from './plan.ts';
import { styles } from './seatcast-seat-map.styles.ts';
import { SHELL_WORDS } from './shell-words.ts';
import { Unveiling } from './unveiling.ts';

/** Pause before the layout is asked for again when that failed. */
const RETRY_MS = 3_000;

/**
 * The seats of an event, live: click or tap to choose, drag and pinch to look around, or choose from a list: section, row, seat.
 * Drawn on a canvas in tiles, so that a hundred thousand seats move smoothly.
 *
 *     <seatcast-seat-map event="4"></seatcast-seat-map>
 *
 * With `one-by-one` nobody is asked how many seats a party needs. The map itself (`plan.ts`) is fetched with the first layout: events without seats do without. Fires `seatcast-selection`.
 */
export class SeatcastSeatMap extends SellingElement implements SelectionSource {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    mine: { attribute: false },
    revealed: { attribute: false },
    oneByOne: { attribute: 'one-by-one', ...FLAG },
    plan: { state: true },
    problem: { state: true },
  };

  /** Ids of the seats that are the buyer's already. `seatcast-booking` around the map sets it. */
  declare mine: readonly number[] | undefined;
  /** Hidden ticket types that the buyer's codes open. `seatcast-booking` around the map sets it, too. */
  declare revealed: Revealed | undefined;
  /** No party, and no best seats: each click is for one seat. */
  declare oneByOne: boolean | undefined;
  declare plan: Plan | undefined;
  /** The layout could not be had; it is asked for again. */
  declare problem: boolean | undefined;

  readonly #unveiling = new Unveiling();
  readonly #seats = new TopicController<`seats:${number}`>(
    this,
    () => (isEvent(this.event) ? `seats:${this.event}` : undefined),
    () => this.plan?.changed(),
  );
  /** The choice as it was last told. */
  #told: readonly SelectionLine[] = [];
  /** The layout that is being fetched, of the event that is shown. */
  #fetching: { layout: number } | undefined;
  #busy = false;
  #spoken = '';

  // ── for other elements ───────────────────────────────────────────────────────────────────────

  get geometry(): Geometry | undefined {
    return this.plan?.geometry;
  }

  get busy(): boolean {
    return this.#busy;
  }

  set busy(busy: boolean) {
    this.#busy = busy;
    if (!busy) this.plan?.changed();
  }

  clear(): void {
    this.plan?.clear();
  }

  removeLine(line: SelectionLine): void {
    this.plan?.remove(line);
  }

  /** Status of a seat as it is shown; undefined while nothing is. */
  statusOf(seatId: number): SeatStatus | undefined {
    return this.plan?.status(seatId);
  }

  /** The middle of a seat, in pixels of the map. */
  pointOf(seatId: number): { x: number; y: number } | undefined {
    return this.plan?.pointOf(seatId);
  }

  // ── life ─────────────────────────────────────────────────────────────────────────────────────

  protected override topicChanged(): void {
    const { state } = this.topic.view;
    this.plan?.changed();
    if (this.#told.length > 0 && !this.#busy) this.#reprice();
    const layout = state?.event.layout ?? 0;
    if (layout > 0 && layout !== this.geometry?.layout && layout !== this.#fetching?.layout) void this.#fetch(layout);
  }

  async #fetch(layout: number): Promise<void> {
    const { event } = this;
    if (event === undefined) return;
    const fetching = (this.#fetching = { layout });
    try {
      const [{ Plan, planStyles }, columns] = await Promise.all([import('./plan.ts'), this.topic.client.seatMap(event, layout)]);
      if (this.#fetching === fetching) this.#show(new Plan(this.#surroundings(), columns), planStyles);
    } catch {
      if (this.#fetching !== fetching) return;
      this.problem = true;
      setTimeout(() => this.isConnected && this.topicChanged(), RETRY_MS);
    } finally {
      if (this.#fetching === fetching) this.#fetching = undefined;
    }
  }

  /** The event as this buyer may book it. */
  get #state(): EventState | undefined {
    return this.#unveiling.event(this.topic.view.state, this.revealed);
  }

  #surroundings(): Surroundings {
    return {
      host: this,
      client: () => this.topic.client,
      language: () => this.language,
      event: () => this.#state,
      statuses: (layout) => this.#unveiling.statuses(this.#seats.view.state, layout, this.revealed),
      isHiddenStale: () => this.revealed?.isStale ?? false,
      mine: () => this.mine ?? NONE,
      busy: () => this.#busy,
      oneByOne: () => this.oneByOne === true,
      selected: (lines) => this.#tell(lines),
    };
  }

  #show(plan: Plan, planStyles: CSSResult): void {
    const before = this.plan;
    before?.removed();
    adoptStyles(this.renderRoot as ShadowRoot, [...SeatcastSeatMap.elementStyles, planStyles]);
    this.problem = false;
    this.plan = plan;
    plan.follow(before);
  }

  #tell(lines: readonly SelectionLine[]): void {
    const { state } = this.topic.view;
    if (!state) return;
    this.#told = lines;
    this.dispatchEvent(new SelectionChangedEvent(state.event.id, lines));
  }

  /** Prices may change while this buyer thinks: the total on the page is the one that is booked. */
  #reprice(): void {
    const state = this.#state;
    const lines = state ? (this.plan?.lines(state) ?? []) : this.#told;
    if (!samePrices(this.#told, lines)) this.#tell(lines);
  }

  /** A code was taken back, or ended: what it opened is not to be had any more. */
  #veil(before: Revealed | undefined): void {
    const open = new Set([...(this.revealed?.types ?? []), ...(this.topic.view.state?.ticket_types ?? [])].map(({ id }) => id));
    const gone = (before?.types ?? []).filter(({ id }) => !open.has(id));
    if (gone.length > 0) this.plan?.dropTypes(new Set(gone.map(({ id }) => id)));
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('event');
    if (before !== undefined) {
      this.plan?.removed();
      this.plan = undefined;
      // Layouts of two events may have the same number.
      this.#fetching = undefined;
      this.problem = false;
      if (this.#told.length > 0) this.dispatchEvent(new SelectionChangedEvent(before, (this.#told = [])));
    }
    if (changed.has('revealed')) this.#veil(changed.get('revealed'));
    if (changed.has('mine') || changed.has('revealed')) this.plan?.changed();
    if (changed.has('revealed') && !this.#busy) this.#reprice();
    if (this.language !== this.#spoken) this.plan?.languageChanged();
    this.#spoken = this.language;
  }

  override render(): TemplateResult | typeof nothing {
    const { state, refused } = this.topic.view;
    const fault = faultOf(this.language, this.guard, refused);
    if (fault) return fault;
    if (state?.event.layout === 0) return nothing;
    if (this.plan?.isReady) return this.plan.render();
    const words = SHELL_WORDS[this.language];
    return html`
      <div class="frame"><span class="skeleton loading" role="img" aria-label=${words.loading}></span></div>
      <p class="said" role="status">${this.problem ? words.notLoaded : nothing}</p>
    `;
  }
}

const NONE: readonly number[] = [];

define('seatcast-seat-map', SeatcastSeatMap);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-seat-map': SeatcastSeatMap;
  }
}
