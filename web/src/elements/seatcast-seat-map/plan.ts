import { html, nothing, type ReactiveControllerHost, type TemplateResult } from 'lit';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import { saleStateOf, type EventState, type Money, type SeatMapGeometry, type SeatStatus, type SeatStatuses, type TicketType } from '../../sdk/index.ts';
import { sameChoice, samePrices, type SelectionLine } from '../events/selection-changed.ts';
import { count } from '../internal/format.ts';
import type { Language } from '../internal/language.ts';
import { MapCanvas } from './canvas.ts';
import { Geometry, type Seat } from './geometry.ts';
import { Gestures } from './gestures.ts';
import { Legend } from './legend.ts';
import { SeatList } from './list.ts';
import { LOOK, TYPE_LOOKS } from './looks.ts';
import { Numbers } from './numbers.ts';
import { Occupancy } from './occupancy.ts';
import { nearestFree, together } from './picking.ts';
import { FAR_BELOW_PX } from './signs.ts';
import { typeLetter } from './swatches.ts';
import { goneWords, place, seatWords, takenWords, WORDS } from './words.ts';

export { planStyles } from './plan.styles.ts';

/** A finger is this far off, in pixels. */
const FINGER_PX = 10;
/** Seats smaller than this, in pixels, cannot be hit by a finger: the first tap comes closer. */
const TAPPABLE_PX = 8;
/** … so close that seats are this large. */
const COMFORTABLE_PX = 13;
const STEP_ZOOM = 1.6;
const DOUBLE_TAP_ZOOM = 2.2;
/** Room that the words at a seat want, in pixels. */
const TIP_PX = { width: 220, height: 66 };
/** How the wheel zooms is said for so long, and so often. */
const HINT_MS = 1_400;
const HINTS_MAX = 2;
/** A section's name is looked for so many seats around the middle of what is in sight. */
const WHERE_SEATS = 8;

/** The element around a plan, and what it watches. */
export interface Surroundings {
  host: ReactiveControllerHost & HTMLElement;
  client(): BuyerClient;
  language(): Language;
  event(): EventState | undefined;
  /** Of the places of this layout; undefined while the topic tells of another one. */
  statuses(layout: number): SeatStatuses | undefined;
  /** What is left of hidden ticket types could not be read. */
  isHiddenStale(): boolean;
  /** Ids of the seats that are the buyer's already. */
  mine(): readonly number[];
  /** The choice is being booked: our own hold is no reason to reduce it. */
  busy(): boolean;
  /** A click is for one seat, and nobody picks for the buyer. */
  oneByOne(): boolean;
  /** Another choice, or other prices of it. */
  selected(lines: readonly SelectionLine[]): void;
}

/**
 * One layout with all that is live on it: picture, list, legend, choice. The element fetches this module with the first
 * layout, so that events without seats do without.
 */
export class Plan {
  readonly geometry: Geometry;
  readonly #around: Surroundings;
  readonly #occupancy: Occupancy;
  readonly #looks: Uint8Array;
  readonly #canvas: MapCanvas;
  readonly #gestures: Gestures;
  readonly #list: SeatList;
  readonly #legend: Legend;
  readonly #numbers: Numbers;
  /** Positions of the chosen seats by id, in the order in which they were chosen. */
  readonly #chosen = new Map<number, number>();
  /** Seats that the server is to pick, instead of chosen ones. */
  #best: { typeId: number; quantity: number } | undefined;
  /** They were booked, and are still to be shown; and they were shown last. */
  #awaitsPick = false;
  #isPicked = false;
  /** Positions of the seats that are the buyer's already. */
  #mine = new Set<number>();
  #mineIds: readonly number[] = [];
  /** By index of `geometry.typeIds`: the type's place in the event's order. */
  #order: number[] = [];
  #types: readonly TicketType[] = [];
  /** How many seats a click chooses. */
  #party = 1;
  #hovered: number | undefined;
  #cursor: number | undefined;
  /** Section in the middle of what is in sight, while not everything is. */
  #where = '';
  #isFit = true;
  #isClosest = false;
  /** Last words to the buyer, and free seats that are offered with them. */
  #said: string | undefined;
  /** They are good news, or a help. */
  #isGood = false;
  #offer: readonly number[] = [];
  #hintsLeft = HINTS_MAX;
  /** Set while the hint is shown. */
  #hintTimer: ReturnType<typeof setTimeout> | undefined;
  #bestType: number | undefined;

  constructor(around: Surroundings, columns: SeatMapGeometry) {
    this.#around = around;
    this.geometry = new Geometry(columns);
    this.#occupancy = new Occupancy(this.geometry);
    this.#looks = new Uint8Array(this.geometry.ids.length);
    this.#canvas = new MapCanvas(around.host, {
      geometry: this.geometry,
      looks: this.#looks,
      letterOf: (position) => typeLetter(this.#order[this.geometry.type[position]!] ?? 0, this.#types.length),
      signs: () => this.#numbers.signs,
      stageWord: () => WORDS[around.language()].stage,
      chosen: () => [...this.#chosen.values(), ...this.#mine],
      ringed: () => [this.#hovered, this.#list.isUsed ? this.#cursor : undefined].filter((position) => position !== undefined),
    });
    this.#gestures = new Gestures(this.#canvas.viewport, {
      tapped: (x, y, coarse) => this.#tapped(x, y, coarse),
      doubleTapped: (x, y) => this.#doubleTapped(x, y),
      hovered: (x, y) => this.#hover(x, y),
      left: () => this.#hoverAt(undefined),
      scrolled: () => this.#hint(),
      moved: (how) => this.#moved(how),
    });
    this.#legend = new Legend({
      client: around.client,
      language: around.language,
      event: () => around.event()?.event.id,
      types: () => this.#types,
      seated: () => this.#seated(),
      isHiddenStale: around.isHiddenStale,
      hasWheelchairs: this.geometry.special.length > 0,
      price: (type) => this.#numbers.price(type),
      changed: () => this.#filterChanged(),
    });
    this.#numbers = new Numbers({
      geometry: this.geometry,
      occupancy: this.#occupancy,
      legend: this.#legend,
      language: around.language,
      seated: () => this.#seated(),
      changed: () => this.#canvas.paintSoon(),
    });
    this.#list = new SeatList({
      host: around.host,
      geometry: this.geometry,
      occupancy: this.#occupancy,
      language: around.language,
      shows: (position) => !this.#isDimmed(position),
      isFiltered: () => this.#legend.isFiltered,
      isChosen: (position) => this.#chosen.has(this.geometry.ids[position]!) || this.#mine.has(position),
      describe: (position) => this.#words(this.geometry.seat(position)),
      letterOf: (position) => typeLetter(this.#order[this.geometry.type[position]!] ?? 0, this.#types.length),
      typesOf: (section) => this.#numbers.typesOf(section),
      toggle: (position) => this.#toggle(position),
      showSection: (section) => this.#canvas.glide((viewport) => viewport.show(this.geometry.sections[section]!.bounds)),
      showRow: (row) => this.#showRow(row),
      showSeat: (position) => this.#showSeat(position),
      showAll: () => this.#canvas.glide((viewport) => viewport.fit()),
    });
    around.host.style.setProperty('--aspect', String(this.#canvas.viewport.aspect));
  }

  // ── for the element ──────────────────────────────────────────────────────────────────────────

  get isReady(): boolean {
    return this.#occupancy.isKnown;
  }

  /** Nothing is left to draw. */
  get isAtRest(): boolean {
    return this.#canvas.isAtRest;
  }

  status(seatId: number): SeatStatus | undefined {
    const position = this.geometry.positionOf(seatId);
    return position === undefined || !this.isReady ? undefined : this.#occupancy.status(position);
  }

  pointOf(seatId: number): { x: number; y: number } | undefined {
    const seat = this.geometry.get(seatId);
    if (!seat) return undefined;
    const [x, y] = this.#canvas.viewport.toScreen(seat.x, seat.y);
    return { x, y };
  }

  /** Takes over what is still there of a choice that was made on another layout, and tells what is not, or costs something else. */
  follow(before: Plan | undefined): void {
    if (!before) return this.changed();
    const gone = [];
    for (const [id, was] of before.#chosen) {
      const position = this.geometry.positionOf(id);
      if (position === undefined) gone.push(before.geometry.seat(was));
      else this.#chosen.set(id, position);
    }
    this.#party = before.#party;
    this.#bestType = before.#bestType;
    this.#best = before.#best;
    this.#awaitsPick = before.#awaitsPick;
    this.changed();
    if (this.#best && !this.geometry.typeIds.includes(this.#best.typeId)) this.#best = undefined;
    if (gone.length > 0) this.#say(goneWords(this.#language, gone));
    const event = this.#around.event();
    if (!event) return;
    const [was, is] = [before.lines(event), this.lines(event)];
    if (!sameChoice(was, is) || !samePrices(was, is)) this.#select();
  }

  clear(): void {
    if (!this.#isPicked) this.#say(undefined);
    if (this.#chosen.size === 0 && !this.#best) return;
    // The server picks; its seats come a little earlier or later.
    this.#awaitsPick = this.#best !== undefined && !this.#isPicked;
    const before = [...this.#chosen.values()];
    this.#chosen.clear();
    this.#best = undefined;
    before.forEach((position) => this.#relook(position));
    this.#select();
  }

  /** Takes one line out of the choice. */
  remove({ item }: SelectionLine): void {
    if ('seat_id' in item) this.#drop([item.seat_id]);
    else this.#best = undefined;
    this.#say(undefined);
    this.#select();
  }

  /** Of these ticket types the buyer may have none any more. */
  dropTypes(ids: ReadonlySet<number>): void {
    const seats = [...this.#chosen].filter(([, position]) => ids.has(this.geometry.typeIds[this.geometry.type[position]!]!));
    const isBest = this.#best !== undefined && ids.has(this.#best.typeId);
    if (seats.length === 0 && !isBest) return;
    if (isBest) this.#best = undefined;
    this.#drop(seats.map(([id]) => id));
    this.#say(undefined);
    this.#select();
  }

  /** The event, the seats, or what is the buyer's changed. */
  changed(): void {
    const event = this.#around.event();
    if (event && event.ticket_types !== this.#types) this.#takeTypes(event.ticket_types);
    const statuses = this.#around.statuses(this.geometry.layout);
    if (statuses) {
      const wasReady = this.isReady;
      const changed = this.#occupancy.take(statuses);
      if (changed.length > 0) this.#numbers.changeSoon();
      if (!wasReady) this.#numbers.forget();
      if (wasReady) for (let index = 0; index < changed.length; index += 1) this.#relook(changed[index]!);
      else this.#relookAll();
    }
    this.#takeMine(this.#around.mine());
    if (!this.#around.busy()) this.#prune();
  }

  /** Words may have another language. */
  languageChanged(): void {
    this.#numbers.forget();
    this.#canvas.restyled();
  }

  removed(): void {
    this.#numbers.stop();
    clearTimeout(this.#hintTimer);
    this.#around.host.removeController(this.#canvas);
    this.#canvas.hostDisconnected();
  }

  lines(event: EventState): SelectionLine[] {
    const priceOf = (typeId: number): Money => event.ticket_types.find(({ id }) => id === typeId)?.price ?? { amount: 0, currency: event.event.currency };
    if (this.#best) {
      const { typeId, quantity } = this.#best;
      const name = event.ticket_types.find(({ id }) => id === typeId)?.name ?? '';
      const item = { ticket_type_id: typeId, quantity, best_available: true };
      return [{ item, label: WORDS[this.#language].bestLine(name), quantity, unitPrice: priceOf(typeId) }];
    }
    return [...this.#chosen.values()].map((position) => {
      const seat = this.geometry.seat(position);
      return { item: { seat_id: seat.id }, label: `${seat.section} · ${place(this.#language, seat)}`, quantity: 1, unitPrice: priceOf(seat.ticketTypeId) };
    });
  }

  get #language(): Language {
    return this.#around.language();
  }

  // ── how seats look ───────────────────────────────────────────────────────────────────────────

  #takeTypes(types: readonly TicketType[]): void {
    const shape = (list: readonly TicketType[]): string => list.map(({ id, price, name }) => `${id} ${price.amount} ${price.currency} ${name}`).join('\n');
    const isOther = shape(types) !== shape(this.#types);
    this.#types = types;
    if (!isOther) return;
    this.#legend.typesChanged();
    this.#order = this.geometry.typeIds.map((id) => Math.max(0, types.findIndex((type) => type.id === id)));
    this.#numbers.forget();
    if (this.isReady) this.#relookAll();
  }

  #takeMine(ids: readonly number[]): void {
    if (ids === this.#mineIds) return;
    this.#mineIds = ids;
    const before = this.#mine;
    this.#mine = new Set(ids.map((id) => this.geometry.positionOf(id)).filter((position) => position !== undefined));
    for (const position of new Set([...before, ...this.#mine])) this.#relook(position);
    const fresh = [...this.#mine].filter((position) => !before.has(position));
    if (fresh.length === 0 || !this.isReady || (!this.#best && !this.#awaitsPick)) return;
    // The server picked them: they are shown where they are.
    this.#awaitsPick = false;
    this.#isPicked = true;
    const places = fresh.map((position) => place(this.#language, this.geometry.seat(position)));
    this.#say(WORDS[this.#language].nowYours(places), [], true);
    this.#showSeat(fresh[fresh.length >> 1]!);
  }

  #lookOf(position: number): number {
    if (this.geometry.ids[position] === 0) return LOOK.none;
    return this.#plainLookOf(position) + (this.geometry.kind[position] === 0 ? 0 : LOOK.special);
  }

  #plainLookOf(position: number): number {
    if (this.#mine.has(position) || this.#chosen.has(this.geometry.ids[position]!)) return LOOK.chosen;
    const status = this.#occupancy.status(position);
    const isDimmed = this.#isDimmed(position);
    if (status !== 'available') return isDimmed ? LOOK.faded : LOOK[status];
    return (isDimmed ? LOOK.dimmed : LOOK.free) + (this.#order[this.geometry.type[position]!] ?? 0) % TYPE_LOOKS;
  }

  #relook(position: number): void {
    const look = this.#lookOf(position);
    if (look === this.#looks[position]) return;
    this.#looks[position] = look;
    this.#canvas.changed(position);
  }

  #relookAll(): void {
    for (const position of this.geometry.positions) this.#looks[position] = this.#lookOf(position);
    this.#canvas.changedAll();
  }

  // ── filters ──────────────────────────────────────────────────────────────────────────────────

  #isDimmed(position: number): boolean {
    if (this.#legend.onlyWheelchairs && this.geometry.kind[position] === 0) return true;
    const type = this.#types[this.#order[this.geometry.type[position]!] ?? -1];
    return type !== undefined && !this.#legend.isShown(type);
  }

  #filterChanged(): void {
    this.#numbers.forget();
    this.#relookAll();
    this.#around.host.requestUpdate();
  }

  #seated(): TicketType[] {
    return this.#types.filter(({ id }) => this.geometry.typeIds.includes(id));
  }

  // ── choosing ─────────────────────────────────────────────────────────────────────────────────

  #tapped(x: number, y: number, coarse: boolean): void {
    const { viewport } = this.#canvas;
    const tooSmall = viewport.seatPx < (coarse ? TAPPABLE_PX : FAR_BELOW_PX);
    if (tooSmall && !viewport.isClosest) {
      this.#canvas.glide((view) => view.zoom(COMFORTABLE_PX / view.seatPx, x, y));
      return;
    }
    const position = this.#seatAt(x, y, coarse ? FINGER_PX : 0);
    if (position !== undefined) this.#toggle(position);
  }

  #doubleTapped(x: number, y: number): void {
    if (this.#seatAt(x, y, FINGER_PX) === undefined) this.#canvas.glide((view) => view.zoom(DOUBLE_TAP_ZOOM, x, y));
  }

  #seatAt(x: number, y: number, slackPx: number): number | undefined {
    const { viewport } = this.#canvas;
    const [placeX, placeY] = viewport.toLayout(x, y);
    return this.geometry.at(placeX, placeY, slackPx / viewport.scale);
  }

  #toggle(position: number): void {
    const words = WORDS[this.#language];
    const seat = this.geometry.seat(position);
    const most = this.#around.event()?.event.max_per_booking ?? 0;
    this.#cursor = position;
    if (this.#chosen.has(seat.id)) {
      this.#drop([seat.id]);
      this.#say(undefined);
    } else if (!this.#occupancy.isFree(position) || this.#mine.has(position)) {
      return this.#say(words.isSo(place(this.#language, seat), this.#statusWords(position)));
    } else if (!this.#isOnSale(position)) {
      return this.#say(words.isSo(place(this.#language, seat), words.status.blocked));
    } else if (this.#party > 1) {
      // A party moves as one: the click says where to.
      const seats = together(this.geometry, (at) => this.#isChoosable(at) || this.#chosen.has(this.geometry.ids[at]!), position, this.#party);
      if (!seats) return this.#say(words.notTogether(this.#party));
      this.#drop([...this.#chosen.keys()]);
      this.#add(seats);
      this.#say(undefined);
    } else if (this.#chosen.size >= most) {
      return this.#say(words.atMost(most));
    } else {
      this.#add([position]);
      this.#say(undefined);
    }
    this.#select();
  }

  #add(positions: readonly number[]): void {
    this.#best = undefined;
    this.#awaitsPick = this.#isPicked = false;
    for (const position of positions) {
      this.#chosen.set(this.geometry.ids[position]!, position);
      this.#relook(position);
    }
  }

  #drop(ids: readonly number[]): void {
    for (const id of ids) {
      const position = this.#chosen.get(id);
      this.#chosen.delete(id);
      if (position !== undefined) this.#relook(position);
    }
  }

  #isChoosable(position: number): boolean {
    return this.#occupancy.isFree(position) && !this.#mine.has(position) && this.#isOnSale(position);
  }

  /** By the terms of its type, which come with the topic. */
  #isOnSale(position: number): boolean {
    const event = this.#around.event();
    const type = this.#typeOf(position);
    return !event || !type || saleStateOf(event.event, type, this.#around.client().now()) === 'on_sale';
  }

  #typeOf(position: number): TicketType | undefined {
    const id = this.geometry.typeIds[this.geometry.type[position]!];
    return this.#types.find((type) => type.id === id);
  }

  /** Others buy while this buyer thinks: seats that are taken cannot stay chosen. Free ones beside them are offered. */
  #prune(): void {
    if (!this.isReady) return;
    const taken = [...this.#chosen].filter(([, position]) => !this.#occupancy.isFree(position));
    if (taken.length === 0) return;
    this.#drop(taken.map(([id]) => id));
    const seats = taken.map(([, position]) => this.geometry.seat(position));
    const isOfferable = (position: number): boolean => this.#isChoosable(position) && !this.#chosen.has(this.geometry.ids[position]!);
    const from = taken[0]![1];
    this.#say(takenWords(this.#language, seats), nearestFree(this.geometry, isOfferable, from, seats.length));
    this.#select();
  }

  #takeOffer(): void {
    const offer = this.#offer.filter((position) => this.#isChoosable(position));
    this.#add(offer);
    this.#say(undefined);
    if (offer[0] !== undefined) this.#showSeat(offer[0]);
    this.#select();
  }

  #select(): void {
    this.#around.host.requestUpdate();
    const event = this.#around.event();
    if (event) this.#around.selected(this.lines(event));
  }

  #say(words: string | undefined, offer: readonly number[] = [], isGood = false): void {
    this.#said = words;
    this.#isGood = isGood;
    this.#offer = offer;
    this.#around.host.requestUpdate();
  }

  // ── best available ───────────────────────────────────────────────────────────────────────────

  #setParty(seats: number): void {
    this.#party = seats;
    if (this.#best) this.#chooseBest();
    this.#around.host.requestUpdate();
  }

  /** Types of which so many seats are left, and which are on sale. */
  #bestTypes(event: EventState): TicketType[] {
    const now = this.#around.client().now();
    return this.#seated().filter((type) => type.available >= this.#party && this.#legend.isShown(type) && saleStateOf(event.event, type, now) === 'on_sale');
  }

  #toggleBest(): void {
    if (!this.#best) return this.#chooseBest();
    this.#best = undefined;
    this.#say(undefined);
    this.#select();
  }

  #chooseBest(): void {
    const event = this.#around.event();
    const types = event ? this.#bestTypes(event) : [];
    const type = types.find(({ id }) => id === this.#bestType) ?? types[0];
    if (!type) return;
    this.#drop([...this.#chosen.keys()]);
    this.#best = { typeId: type.id, quantity: this.#party };
    this.#awaitsPick = this.#isPicked = false;
    this.#say(WORDS[this.#language].bestChosen(this.#party), [], true);
    this.#select();
  }

  // ── moving around ────────────────────────────────────────────────────────────────────────────

  #hover(x: number, y: number): void {
    this.#canvas.focus = { x, y };
    this.#hoverAt(this.#canvas.viewport.seatPx < FAR_BELOW_PX ? undefined : this.#seatAt(x, y, 0));
  }

  #hoverAt(position: number | undefined): void {
    if (position === this.#hovered) return;
    this.#hovered = position;
    this.#around.host.requestUpdate();
  }

  #moved(how: 'pan' | 'zoom'): void {
    this.#canvas.moved(how);
    const { viewport } = this.#canvas;
    const tip = this.#hovered !== undefined || (this.#list.isUsed && this.#cursor !== undefined);
    this.#hovered = undefined;
    const where = this.#whereNow();
    if (!tip && where === this.#where && viewport.isFit === this.#isFit && viewport.isClosest === this.#isClosest) return;
    this.#around.host.requestUpdate();
  }

  /** Says how the wheel zooms, for a moment. */
  #hint(): void {
    const isNew = this.#hintTimer === undefined;
    // Those who only scroll past have read it.
    if (isNew && this.#hintsLeft-- <= 0) return;
    clearTimeout(this.#hintTimer);
    this.#hintTimer = setTimeout(() => {
      this.#hintTimer = undefined;
      this.#around.host.requestUpdate();
    }, HINT_MS);
    if (isNew) this.#around.host.requestUpdate();
  }

  #whereNow(): string {
    const { viewport } = this.#canvas;
    if (viewport.isFit || this.geometry.sections.length < 2) return '';
    if (this.#list.isUsed && this.#cursor !== undefined) return this.geometry.seat(this.#cursor).section;
    const [x, y] = viewport.toLayout(viewport.width / 2, viewport.height / 2);
    const seat = this.geometry.grid.nearest(x, y, this.geometry.pitch * WHERE_SEATS);
    return seat < 0 ? '' : this.geometry.seat(seat).section;
  }

  #zoom(factor: number): void {
    this.#canvas.glide((view) => view.zoom(factor));
  }

  #showRow(row: number): void {
    const { seats } = this.geometry.rows[row]!;
    const middle = seats[seats.length >> 1];
    if (middle !== undefined) this.#canvas.glide((view) => view.reveal(this.geometry.x[middle]!, this.geometry.y[middle]!));
  }

  /** Comes so close that a seat can be told from its neighbours. */
  #showSeat(position: number): void {
    this.#cursor = position;
    const { x, y } = this.geometry;
    this.#canvas.glide((view) => {
      if (view.seatPx < TAPPABLE_PX) view.zoom(COMFORTABLE_PX / view.seatPx, ...view.toScreen(x[position]!, y[position]!));
      view.reveal(x[position]!, y[position]!);
    });
    this.#around.host.requestUpdate();
  }

  // ── words ────────────────────────────────────────────────────────────────────────────────────

  #words(seat: Seat): string {
    const chosen = this.#chosen.has(seat.id);
    return seatWords(this.#language, seat, this.#typeOf(seat.position), chosen ? WORDS[this.#language].chosen : this.#statusWords(seat.position));
  }

  #statusWords(position: number): string {
    const words = WORDS[this.#language];
    return this.#mine.has(position) ? words.yours : words.status[this.#occupancy.status(position)];
  }

  // ── rendering ────────────────────────────────────────────────────────────────────────────────

  render(): TemplateResult {
    const event = this.#around.event();
    const words = WORDS[this.#language];
    const { viewport } = this.#canvas;
    this.#where = this.#whereNow();
    this.#isFit = viewport.isFit;
    this.#isClosest = viewport.isClosest;
    return html`
      ${event ? this.#bar(event) : nothing}
      <div class="frame">
        <div
          class="ground ${viewport.isFit ? '' : 'zoomed'}"
          @pointerdown=${(pointer: PointerEvent) => this.#gestures.pointerDown(pointer)}
          @pointermove=${(pointer: PointerEvent) => this.#gestures.pointerMove(pointer)}
          @pointerup=${(pointer: PointerEvent) => this.#gestures.pointerUp(pointer)}
          @pointercancel=${(pointer: PointerEvent) => this.#gestures.pointerGone(pointer)}
          @pointerleave=${(pointer: PointerEvent) => this.#gestures.pointerGone(pointer)}
          @wheel=${this.#wheel}
        >
          <canvas aria-hidden="true"></canvas>
        </div>
        ${this.#where ? html`<span class="where" aria-hidden="true">${this.#where}</span>` : nothing}
        ${event ? this.#tip() : nothing}
        ${this.#hintTimer === undefined ? nothing : html`<span class="hint" aria-hidden="true">${words.wheel(IS_APPLE ? '⌘' : 'Ctrl')}</span>`}
        <div class="tools" role="group" aria-label=${words.map}>
          <button type="button" aria-label=${words.zoomIn} ?disabled=${viewport.isClosest} @click=${() => this.#zoom(STEP_ZOOM)}>${ICONS.plus}</button>
          <button type="button" aria-label=${words.zoomOut} ?disabled=${viewport.isFit} @click=${() => this.#zoom(1 / STEP_ZOOM)}>${ICONS.minus}</button>
          <button type="button" aria-label=${words.fit} ?disabled=${viewport.isFit} @click=${() => this.#canvas.glide((view) => view.fit())}>${ICONS.fit}</button>
        </div>
      </div>
      <div class="note">
        <p class="said ${this.#isGood ? 'good' : ''}" role="status">${this.#said ?? nothing}</p>
        ${this.#offerButton()}
      </div>
      ${event ? this.#legend.render() : nothing}
      ${this.#list.render()}
    `;
  }

  readonly #wheel = {
    handleEvent: (wheel: WheelEvent): void => this.#gestures.wheel(wheel),
    // A pinch must not zoom the page as well.
    passive: false,
  };

  #offerButton(): TemplateResult | typeof nothing {
    const offer = this.#offer.filter((position) => this.#isChoosable(position));
    if (offer.length === 0) return nothing;
    const places = offer.map((position) => place(this.#language, this.geometry.seat(position)));
    return html`<button class="button small offer" type="button" @click=${() => this.#takeOffer()}>${WORDS[this.#language].instead(places)}</button>`;
  }

  #bar(event: EventState): TemplateResult {
    return html`<div class="bar">
      ${this.#around.oneByOne() ? nothing : this.#partyAndBest(event)}
      <button class="button to-list" type="button" aria-expanded=${this.#list.isOpen} @click=${() => this.#list.open()}>${WORDS[this.#language].list}</button>
    </div>`;
  }

  #partyAndBest(event: EventState): TemplateResult {
    const words = WORDS[this.#language];
    const most = event.event.max_per_booking;
    const best = this.#bestTypes(event);
    const chosen = best.find(({ id }) => id === this.#bestType) ?? best[0];
    return html`<div class="party">
        <span id="party">${words.howMany}</span>
        <div class="stepper" role="group" aria-labelledby="party">
          <button type="button" aria-label=${words.fewer} ?disabled=${this.#party <= 1} @click=${() => this.#setParty(this.#party - 1)}>${ICONS.minus}</button>
          <output aria-live="polite">${count(this.#language, this.#party)}</output>
          <button type="button" aria-label=${words.more} ?disabled=${this.#party >= most} @click=${() => this.#setParty(this.#party + 1)}>${ICONS.plus}</button>
        </div>
      </div>
      <div class="best">
        ${best.length > 1
          ? html`<select
              aria-label=${words.bestOf}
              @change=${(change: Event) => {
                this.#bestType = Number((change.target as HTMLSelectElement).value);
                if (this.#best) this.#chooseBest();
                this.#around.host.requestUpdate();
              }}
            >
              ${best.map((type) => html`<option value=${type.id} ?selected=${type.id === chosen?.id}>${type.name} · ${this.#numbers.price(type)}</option>`)}
            </select>`
          : nothing}
        <button class="button" type="button" aria-pressed=${this.#best !== undefined} ?disabled=${!chosen && !this.#best} @click=${() => this.#toggleBest()}>${words.bestAvailable}</button>
      </div>`;
  }

  #tip(): TemplateResult | typeof nothing {
    const position = this.#hovered ?? (this.#list.isUsed ? this.#cursor : undefined);
    if (position === undefined) return nothing;
    const { viewport } = this.#canvas;
    const seat = this.geometry.seat(position);
    const type = this.#typeOf(position);
    const [atX, atY] = viewport.toScreen(seat.x, seat.y);
    if (atX < 0 || atY < 0 || atX > viewport.width || atY > viewport.height) return nothing;
    // Below the seat where there is no room above it, and never across the edge.
    const below = atY - viewport.seatPx < TIP_PX.height;
    const y = below ? atY + viewport.seatPx : atY - viewport.seatPx;
    const half = Math.min(TIP_PX.width, viewport.width) / 2;
    const x = Math.min(Math.max(atX, half), viewport.width - half);
    const letter = type ? typeLetter(this.#types.indexOf(type), this.#types.length) : '';
    const isChosen = this.#chosen.has(seat.id);
    // Set as a property: the page's CSP allows no style attributes.
    return html`<div class="tip ${below ? 'below' : ''}" aria-hidden="true" .style=${`left:${x}px;top:${y}px`}>
      <b>${seat.section}</b> · ${place(this.#language, seat)}<br />
      ${seat.kind === 'standard' ? nothing : html`${WORDS[this.#language].kind[seat.kind]}<br />`}
      ${this.#occupancy.isFree(position) && type && !isChosen
        ? html`${letter ? html`<i class="letter">${letter}</i>` : nothing} ${type.name} · ${this.#numbers.price(type)}`
        : isChosen
          ? WORDS[this.#language].chosen
          : this.#statusWords(position)}
    </div>`;
  }
}

/** The key that goes with the wheel has another name there. */
const IS_APPLE = /Mac|iP(hone|ad)/.test(navigator.platform);

const ICONS = {
  plus: html`<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 4v12M4 10h12" /></svg>`,
  minus: html`<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M4 10h12" /></svg>`,
  fit: html`<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 7.5V3h4.5M17 7.5V3h-4.5M3 12.5V17h4.5M17 12.5V17h-4.5" /></svg>`,
};
