import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { saleStateOf, sectionNumbers, type EventState, type SeatMapGeometry, type SeatStatus, type TicketType } from '../../sdk/index.ts';
import { samePrices, SelectionChangedEvent, type SelectionLine, type SelectionSource } from '../events/selection-changed.ts';
import { money } from '../internal/format.ts';
import { isEvent } from '../internal/event-guard.ts';
import { faultOf } from '../internal/fault.ts';
import { define } from '../internal/live-element.ts';
import { SellingElement } from '../internal/selling-element.ts';
import { TopicController } from '../internal/watch-controller.ts';
import { MapCanvas, type Showing } from './canvas.ts';
import { Geometry, type Direction, type Seat } from './geometry.ts';
import { Gestures } from './gestures.ts';
import { TYPE_COLOURS } from './painter.ts';
import { styles } from './seatcast-seat-map.styles.ts';
import { place, seatWords, takenWords, WORDS } from './words.ts';
import '../seatcast-availability/seatcast-availability.ts';

const ARROWS: Record<string, Direction> = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };

/** A finger is this far off, in pixels. */
const FINGER_PX = 10;
/** Seats smaller than this, in pixels, cannot be hit by a finger: the first tap comes closer. */
const TAPPABLE_PX = 8;
/** … so close that seats are this large. */
const COMFORTABLE_PX = 13;
const STEP_ZOOM = 1.6;
/** Room that the words at a seat want, in pixels. */
const TIP_PX = { width: 220, height: 66 };
/** Pause before the layout is asked for again when that failed. */
const RETRY_MS = 3_000;

/**
 * The seats of an event, live: click or tap to choose, drag and pinch to look around, arrow keys and
 * Enter without a mouse. Drawn on a canvas, so that thousands of seats move smoothly; a list
 * of the row at hand tells assistive technology what the picture shows.
 *
 *     <seatcast-seat-map event="4"></seatcast-seat-map>
 *
 * Fires `seatcast-selection`.
 */
export class SeatcastSeatMap extends SellingElement implements SelectionSource {
  static override styles = styles;
  static override properties = {
    ...SellingElement.properties,
    geometry: { state: true },
    cursor: { state: true },
    hovered: { state: true },
    said: { state: true },
    mine: { attribute: false },
    keyed: { state: true },
    counting: { state: true },
  };

  declare geometry: Geometry | undefined;
  /** The numbers by section are being looked at. */
  declare counting: boolean;
  /** The seat that the keyboard is at. */
  declare cursor: Seat | undefined;
  declare hovered: Seat | undefined;
  /** The keyboard is in use: the seat that it is at has to be seen. */
  declare keyed: boolean | undefined;
  /** Last words to the buyer: a seat was taken, the limit is reached. */
  declare said: string | undefined;
  /** Ids of the seats that are the buyer's already. `seatcast-booking` around the map sets it. */
  declare mine: readonly number[] | undefined;

  readonly #seats = new TopicController<`seats:${number}`>(
    this,
    () => (isEvent(this.event) ? `seats:${this.event}` : undefined),
    () => this.#prune(),
  );
  readonly #chosen = new Map<number, Seat>();
  /** The choice as it was last told. */
  #told: readonly SelectionLine[] = [];
  readonly #canvas = new MapCanvas(this, () => this.#showing());
  readonly #viewport = this.#canvas.viewport;
  readonly #gestures = new Gestures(this.#viewport, {
    tapped: (x, y, coarse) => this.#tapped(x, y, coarse),
    hovered: (x, y) => (this.hovered = this.#seatAt(x, y, 0)),
    left: () => (this.hovered = undefined),
    moved: () => this.requestUpdate(),
  });
  /** The map as it came. */
  #columns: SeatMapGeometry | undefined;
  /** The layout that is being fetched. */
  #fetching: number | undefined;
  #busy = false;

  // ── for other elements ───────────────────────────────────────────────────────────────────────

  get busy(): boolean {
    return this.#busy;
  }

  set busy(busy: boolean) {
    this.#busy = busy;
    if (!busy) this.#prune();
  }

  clear(): void {
    this.said = undefined;
    if (this.#chosen.size === 0) return;
    this.#chosen.clear();
    this.#select();
  }

  /** Status of a seat as it is shown; undefined while nothing is. */
  statusOf(seatId: number): SeatStatus | undefined {
    const seat = this.geometry?.get(seatId);
    return seat && this.#seats.view.state?.seats.at(seat.position);
  }

  /** The middle of a seat, in pixels of the map. */
  pointOf(seatId: number): { x: number; y: number } | undefined {
    const seat = this.geometry?.get(seatId);
    if (!seat) return undefined;
    const [x, y] = this.#viewport.toScreen(seat.x, seat.y);
    return { x, y };
  }

  // ── life ─────────────────────────────────────────────────────────────────────────────────────

  protected override topicChanged(): void {
    const { state } = this.topic.view;
    if (state && this.#chosen.size > 0 && !this.#busy) this.#reprice(state);
    const layout = state?.event.layout ?? 0;
    if (layout > 0 && layout !== this.geometry?.layout && layout !== this.#fetching) void this.#fetch(layout);
  }

  async #fetch(layout: number): Promise<void> {
    const event = this.event;
    if (event === undefined) return;
    this.#fetching = layout;
    try {
      const columns = await this.topic.client.seatMap(event, layout);
      if (event !== this.event || this.#fetching !== layout) return;
      const geometry = new Geometry(columns);
      this.#columns = columns;
      this.#show(geometry);
    } catch {
      this.said = WORDS[this.language].notLoaded;
      setTimeout(() => this.isConnected && this.topicChanged(), RETRY_MS);
    } finally {
      if (this.#fetching === layout) this.#fetching = undefined;
    }
  }

  #show(geometry: Geometry): void {
    this.said = undefined;
    this.geometry = geometry;
    this.cursor = undefined;
    this.#viewport.reset(geometry.bounds, geometry.radius);
    this.style.setProperty('--aspect', String(this.#viewport.aspect));
    for (const id of [...this.#chosen.keys()]) if (!geometry.get(id)) this.#chosen.delete(id);
    this.#prune();
  }

  // ── choosing ─────────────────────────────────────────────────────────────────────────────────

  #tapped(x: number, y: number, coarse: boolean): void {
    if (coarse && this.#viewport.seatPx < TAPPABLE_PX && !this.#viewport.isClosest) {
      this.#viewport.zoom(COMFORTABLE_PX / this.#viewport.seatPx, x, y);
      this.requestUpdate();
      return;
    }
    const seat = this.#seatAt(x, y, coarse ? FINGER_PX : 0);
    if (seat) this.#toggle(seat);
  }

  #seatAt(x: number, y: number, slackPx: number): Seat | undefined {
    const [placeX, placeY] = this.#viewport.toLayout(x, y);
    return this.geometry?.at(placeX, placeY, slackPx / this.#viewport.scale);
  }

  #toggle(seat: Seat): void {
    const status = this.statusOf(seat.id);
    const most = this.topic.view.state?.event.max_per_booking ?? 0;
    this.cursor = seat;
    if (this.#chosen.delete(seat.id)) {
      this.said = undefined;
    } else if (status === 'available' && !this.#isOnSale(seat)) {
      this.said = WORDS[this.language].isSo(place(this.language, seat), WORDS[this.language].status.blocked);
      return;
    } else if (status !== 'available') {
      this.said = WORDS[this.language].isSo(place(this.language, seat), this.#statusWords(seat));
      return;
    } else if (this.#chosen.size >= most) {
      this.said = WORDS[this.language].atMost(most);
      return;
    } else {
      this.#chosen.set(seat.id, seat);
      this.said = undefined;
    }
    this.#select();
  }

  /** By the terms of its type, which come with the topic. */
  #isOnSale(seat: Seat): boolean {
    const { state } = this.topic.view;
    const type = state && typeOf(state, seat);
    return !type || saleStateOf(state.event, type, this.topic.client.now()) === 'on_sale';
  }

  /** Others buy while this buyer thinks: seats that are taken cannot stay chosen. */
  #prune(): void {
    if (this.#busy) return;
    const taken = [...this.#chosen.values()].filter(({ id }) => this.statusOf(id) !== 'available');
    if (taken.length === 0) return;
    for (const { id } of taken) this.#chosen.delete(id);
    this.said = takenWords(this.language, taken);
    this.#select();
  }

  #select(): void {
    this.requestUpdate();
    const { state } = this.topic.view;
    if (!state) return;
    this.#told = this.#lines(state);
    this.dispatchEvent(new SelectionChangedEvent(state.event.id, this.#told));
  }

  /** Prices may change while this buyer thinks: the total on the page is the one that is booked. */
  #reprice(state: EventState): void {
    if (!samePrices(this.#told, this.#lines(state))) this.#select();
  }

  #lines(state: EventState): SelectionLine[] {
    return [...this.#chosen.values()].map((seat) => ({
      item: { seat_id: seat.id },
      label: `${seat.section} · ${place(this.language, seat)}`,
      quantity: 1,
      unitPrice: typeOf(state, seat)?.price ?? { amount: 0, currency: state.event.currency },
    }));
  }

  // ── keyboard ─────────────────────────────────────────────────────────────────────────────────

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#does(event.key)) return;
    event.preventDefault();
  }

  /** Acts on a key; false if the key means nothing here. */
  #does(key: string): boolean {
    const { geometry, cursor } = this;
    if (!geometry) return false;
    const direction = ARROWS[key];
    if (direction) this.#moveTo(cursor ? geometry.next(cursor, direction) : this.#firstFree());
    else if (key === 'Home' && cursor) this.#moveTo(geometry.rowOf(cursor)[0]);
    else if (key === 'End' && cursor) this.#moveTo(geometry.rowOf(cursor).at(-1));
    else if ((key === 'Enter' || key === ' ') && cursor) this.#toggle(cursor);
    else if (key === '+' || key === '=') this.#zoom(STEP_ZOOM);
    else if (key === '-') this.#zoom(1 / STEP_ZOOM);
    else return false;
    return true;
  }

  #moveTo(seat: Seat | undefined): void {
    if (!seat) return;
    this.cursor = seat;
    this.#viewport.reveal(seat.x, seat.y);
  }

  #firstFree(): Seat | undefined {
    const { seats } = this.geometry ?? { seats: [] };
    return seats.find(({ id }) => this.statusOf(id) === 'available') ?? seats[0];
  }

  #zoom(factor: number): void {
    const at = this.cursor && this.pointOf(this.cursor.id);
    this.#viewport.zoom(factor, at?.x, at?.y);
    this.requestUpdate();
  }

  // ── showing ──────────────────────────────────────────────────────────────────────────────────

  override render(): TemplateResult | typeof nothing {
    const { state, refused } = this.topic.view;
    const fault = faultOf(this.language, this.guard, refused);
    if (fault) return fault;
    if (state?.event.layout === 0) return nothing;
    const words = WORDS[this.language];
    const ready = this.geometry !== undefined && this.#seats.view.state !== undefined;
    return html`
      <div class="frame">
        <canvas
          class=${this.#viewport.isFit ? '' : 'zoomed'}
          aria-hidden="true"
          @pointerdown=${(event: PointerEvent) => this.#gestures.pointerDown(event)}
          @pointermove=${(event: PointerEvent) => this.#gestures.pointerMove(event)}
          @pointerup=${(event: PointerEvent) => this.#gestures.pointerUp(event)}
          @pointercancel=${(event: PointerEvent) => this.#gestures.pointerGone(event)}
          @pointerleave=${(event: PointerEvent) => this.#gestures.pointerGone(event)}
        ></canvas>
        ${ready ? this.#keyboard() : html`<span class="skeleton loading" role="img" aria-label=${words.loading}></span>`}
        ${this.#tip(state)}
        <div class="tools">
          <button type="button" aria-label=${words.zoomIn} ?disabled=${this.#viewport.isClosest} @click=${() => this.#zoom(STEP_ZOOM)}>+</button>
          <button type="button" aria-label=${words.zoomOut} ?disabled=${this.#viewport.isFit} @click=${() => this.#zoom(1 / STEP_ZOOM)}>−</button>
        </div>
      </div>
      <p class="said" role="status">${this.said ?? nothing}</p>
      ${state && ready ? this.#sections(state) : nothing}
      ${state ? this.#legend(state) : nothing}
    `;
  }

  /** The row at hand as a list of options, for those who do not see the canvas. */
  #keyboard(): TemplateResult {
    const row = this.cursor ? (this.geometry?.rowOf(this.cursor) ?? []) : [];
    return html`<div
      class="keys"
      role="listbox"
      tabindex="0"
      aria-multiselectable="true"
      aria-label=${WORDS[this.language].keys}
      aria-activedescendant=${this.cursor ? `seat-${this.cursor.id}` : nothing}
      @keydown=${(event: KeyboardEvent) => this.#key(event)}
      @focus=${(event: FocusEvent) => {
        this.cursor ??= this.#firstFree();
        this.keyed = (event.target as Element).matches(':focus-visible');
      }}
      @blur=${() => (this.keyed = false)}
    >
      ${row.map(
        (seat) => html`<div
          id="seat-${seat.id}"
          role="option"
          class="visually-hidden"
          aria-selected=${this.#chosen.has(seat.id)}
          aria-disabled=${this.statusOf(seat.id) !== 'available'}
        >
          ${this.#words(seat)}
        </div>`,
      )}
    </div>`;
  }

  #tip(state: EventState | undefined): TemplateResult | typeof nothing {
    const seat = this.hovered ?? (this.keyed ? this.cursor : undefined);
    const at = seat && this.pointOf(seat.id);
    if (!state || !seat || !at) return nothing;
    const type = typeOf(state, seat);
    // Below the seat where there is no room above it, and never across the edge.
    const below = at.y - this.#viewport.seatPx < TIP_PX.height;
    const y = below ? at.y + this.#viewport.seatPx : at.y - this.#viewport.seatPx;
    const half = Math.min(TIP_PX.width, this.clientWidth) / 2;
    const x = Math.min(Math.max(at.x, half), this.clientWidth - half);
    // Set as a property: the page's CSP allows no style attributes.
    return html`<div class="tip ${below ? 'below' : ''}" aria-hidden="true" .style=${`left:${x}px;top:${y}px`}>
      <b>${seat.section}</b> · ${place(this.language, seat)}<br />
      ${this.statusOf(seat.id) === 'available' && type ? `${type.name} · ${money(this.language, type.price)}` : this.#statusWords(seat)}
    </div>`;
  }

  #words(seat: Seat): string {
    const { state } = this.topic.view;
    const chosen = this.#chosen.has(seat.id);
    return seatWords(this.language, seat, state && typeOf(state, seat), chosen ? WORDS[this.language].chosen : this.#statusWords(seat));
  }

  #statusWords(seat: Seat): string {
    if (this.mine?.includes(seat.id)) return WORDS[this.language].yours;
    return WORDS[this.language].status[this.statusOf(seat.id) ?? 'blocked'];
  }

  /** Seats left of each section. Counted only while somebody looks. */
  #sections(state: EventState): TemplateResult {
    const statuses = this.#seats.view.state?.seats;
    const rows = this.counting && this.#columns && statuses ? sectionNumbers(this.#columns, statuses) : [];
    const nameOf = (id: number): string => state.ticket_types.find((type) => type.id === id)?.name ?? '';
    return html`<details class="sections" @toggle=${(event: Event) => (this.counting = (event.target as HTMLDetailsElement).open)}>
      <summary>${WORDS[this.language].bySection}</summary>
      <ul>
        ${rows.map(
          (row) => html`<li>
            <span>${row.section} · ${nameOf(row.ticket_type_id)}</span>
            <span class="price">${WORDS[this.language].leftOf(row.available, row.allocated)}</span>
          </li>`,
        )}
      </ul>
    </details>`;
  }

  #legend(state: EventState): TemplateResult {
    return html`<ul class="legend">
      ${state.ticket_types.map(
        (type, index) => html`<li>
          <span class="swatch type-${(index % TYPE_COLOURS) + 1}" aria-hidden="true"></span>
          <span class="type">${type.name}</span> <span class="price">${money(this.language, type.price)}</span>
          <seatcast-availability quiet .client=${this.client} event=${state.event.id} ticket-type=${type.id}></seatcast-availability>
        </li>`,
      )}
      <li><span class="swatch held" aria-hidden="true"></span>${WORDS[this.language].legend.held}</li>
      <li><span class="swatch sold" aria-hidden="true"></span>${WORDS[this.language].legend.sold}</li>
      <li><span class="swatch blocked" aria-hidden="true"></span>${WORDS[this.language].legend.blocked}</li>
      <li><span class="swatch chosen" aria-hidden="true"></span>${WORDS[this.language].legend.yours}</li>
    </ul>`;
  }

  protected override firstUpdated(): void {
    // Not passive: a pinch must not zoom the page as well.
    this.#canvas.element?.addEventListener('wheel', (event) => this.#gestures.wheel(event), { passive: false });
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has('geometry')) this.#canvas.resize();
  }

  #showing(): Showing {
    const { geometry, hovered } = this;
    const statuses = this.#seats.view.state?.seats;
    if (!geometry || !statuses) return undefined;
    const types = this.topic.view.state?.ticket_types ?? [];
    const order = new Map(types.map(({ id }, index) => [id, index]));
    return {
      geometry,
      statuses,
      hovered,
      chosen: new Set([...this.#chosen.keys(), ...(this.mine ?? [])]),
      cursor: this.keyed ? this.cursor : undefined,
      typeIndex: (id: number) => order.get(id) ?? 0,
    };
  }
}

function typeOf(state: EventState, seat: Seat): TicketType | undefined {
  return state.ticket_types.find(({ id }) => id === seat.ticketTypeId);
}

define('seatcast-seat-map', SeatcastSeatMap);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-seat-map': SeatcastSeatMap;
  }
}
