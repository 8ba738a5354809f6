import { html, nothing, type ReactiveControllerHost, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Language } from '../internal/language.ts';
import type { Geometry } from './geometry.ts';
import type { Occupancy } from './occupancy.ts';
import { WORDS } from './words.ts';

/** The part of a plan that its list needs. */
export interface Listed {
  host: ReactiveControllerHost & HTMLElement;
  geometry: Geometry;
  occupancy: Occupancy;
  language(): Language;
  /** A filter lets this seat through. */
  shows(position: number): boolean;
  isFiltered(): boolean;
  isChosen(position: number): boolean;
  describe(position: number): string;
  letterOf(position: number): string;
  typesOf(section: number): { name: string; price: string; all: number; free: number }[];
  toggle(position: number): void;
  showAll(): void;
  showSection(section: number): void;
  showRow(row: number): void;
  showSeat(position: number): void;
}

/** Sections, the rows of one, or the seats of one row. */
type Level = { kind: 'sections' } | { kind: 'rows'; section: number } | { kind: 'seats'; row: number };

/** Letters typed within this time belong together. */
const TYPING_MS = 700;
const NOTHING_TYPED = { text: '', at: -Infinity };

/**
 * The same seats as a list of buttons, one level at a time: section, row, seat. For those who do not see the picture or do
 * not use a mouse, and for everybody who knows where they want to sit. The map follows.
 */
export class SeatList {
  readonly #plan: Listed;
  #level: Level;
  #isOpen = false;
  /** The entry that the tab key leads to: an index of a section or of a row, or a position. */
  #active = -1;
  #typed = NOTHING_TYPED;
  #isUsed = false;

  constructor(plan: Listed) {
    this.#plan = plan;
    this.#level = this.#top();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The focus is on one of its seats: the map marks it. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  open(): void {
    this.#isOpen = true;
    this.#focus();
  }

  render(): TemplateResult {
    const words = WORDS[this.#plan.language()];
    return html`<details
      class="list"
      .open=${this.#isOpen}
      @toggle=${(toggle: Event) => {
        const { open } = toggle.target as HTMLDetailsElement;
        if (open === this.#isOpen) return;
        this.#isOpen = open;
        this.#plan.host.requestUpdate();
      }}
    >
      <summary>${words.list}</summary>
      ${this.#isOpen ? this.#entries() : nothing}
    </details>`;
  }

  #entries(): TemplateResult {
    const words = WORDS[this.#plan.language()];
    const entries = this.#all();
    if (!entries.includes(this.#active)) this.#active = entries[0] ?? -1;
    const above = this.#above();
    return html`<div
      class="level ${this.#level.kind}"
      @keydown=${(key: KeyboardEvent) => this.#key(key)}
      @focusin=${(focus: FocusEvent) => this.#focused(focus)}
      @focusout=${() => this.#left()}
    >
      <div class="path">
        ${above
          ? html`<button type="button" class="back" aria-label=${words.backTo(this.#nameOf(above))} @click=${() => this.#goUp()}>
              <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M12.5 4 6.5 10l6 6" /></svg>${this.#nameOf(above)}
            </button>`
          : nothing}
        <b>${this.#nameOf(this.#level)}</b>
        <span class="visually-hidden" id="list-help">${words.listHelp}</span>
      </div>
      ${entries.length === 0 ? html`<p class="none">${words.nothingHere}</p>` : nothing}
      <ul aria-label=${this.#nameOf(this.#level)} aria-describedby="list-help">
        ${repeat(entries, (entry) => `${this.#level.kind} ${entry}`, (entry) => html`<li>${this.#entry(entry)}</li>`)}
      </ul>
    </div>`;
  }

  #entry(entry: number): TemplateResult {
    const tab = entry === this.#active ? 0 : -1;
    if (this.#level.kind === 'seats') return this.#seat(entry, tab);
    const words = WORDS[this.#plan.language()];
    const { geometry } = this.#plan;
    const isSection = this.#level.kind === 'sections';
    const name = isSection ? geometry.sections[entry]!.name : words.row(geometry.rows[entry]!.label);
    return html`<button type="button" class="entry" data-entry=${entry} tabindex=${tab} @click=${() => this.#goDown(entry)}>
      <span class="name">${name}</span>
      ${isSection
        ? this.#plan.typesOf(entry).map(
            (type) => html`<span class="counts">
              <span class="what">${type.name} · ${type.price}</span> <span>${type.free === 0 ? words.soldOut : words.leftOf(type.free, type.all)}</span>
            </span>`,
          )
        : html`<span class="counts"><span>${words.free(this.#freeOf(entry))}</span></span>`}
    </button>`;
  }

  #seat(position: number, tab: number): TemplateResult {
    const { geometry, occupancy } = this.#plan;
    const isFree = occupancy.isFree(position);
    const isChosen = this.#plan.isChosen(position);
    const letter = this.#plan.letterOf(position);
    return html`<button
      type="button"
      class="seat ${isFree ? '' : 'taken'} ${geometry.kind[position] === 0 ? '' : 'special'}"
      data-entry=${position}
      tabindex=${tab}
      aria-pressed=${isChosen}
      aria-disabled=${!isFree && !isChosen}
      aria-label=${this.#plan.describe(position)}
      @click=${() => this.#plan.toggle(position)}
    >
      ${geometry.number(position)}${letter && isFree ? html`<i aria-hidden="true">${letter}</i>` : nothing}
    </button>`;
  }

  // ── levels ───────────────────────────────────────────────────────────────────────────────────

  /** A level with a single entry is none. */
  #top(): Level {
    const { sections } = this.#plan.geometry;
    return sections.length === 1 ? { kind: 'rows', section: 0 } : { kind: 'sections' };
  }

  #above(): Level | undefined {
    if (this.#level.kind === 'seats') return { kind: 'rows', section: this.#plan.geometry.rows[this.#level.row]!.section };
    return this.#level.kind === 'rows' && this.#top().kind === 'sections' ? this.#top() : undefined;
  }

  #nameOf(level: Level): string {
    const words = WORDS[this.#plan.language()];
    const { sections, rows } = this.#plan.geometry;
    if (level.kind === 'sections') return words.sections;
    return level.kind === 'rows' ? (sections[level.section]?.name ?? '') : words.row(rows[level.row]!.label);
  }

  /** The entries of the level, without those that a filter leaves nothing of. */
  #all(): number[] {
    const { sections, rows } = this.#plan.geometry;
    const level = this.#level;
    const isFiltered = this.#plan.isFiltered();
    if (level.kind === 'seats') return Array.from(rows[level.row]!.seats).filter((position) => this.#plan.shows(position));
    if (level.kind === 'rows') return sections[level.section]!.rows.filter((row) => !isFiltered || this.#freeOf(row) > 0);
    const isListed = (section: number): boolean => sections[section]!.rows.length > 0 && (!isFiltered || this.#plan.typesOf(section).some(({ free }) => free > 0));
    return sections.map((_, section) => section).filter(isListed);
  }

  #freeOf(row: number): number {
    const { geometry, occupancy } = this.#plan;
    if (!this.#plan.isFiltered()) return occupancy.freeOfRow[row]!;
    return geometry.rows[row]!.seats.reduce((sum, position) => sum + (occupancy.isFree(position) && this.#plan.shows(position) ? 1 : 0), 0);
  }

  #goDown(entry: number): void {
    const { geometry, occupancy } = this.#plan;
    this.#typed = NOTHING_TYPED;
    if (this.#level.kind === 'sections') {
      this.#level = { kind: 'rows', section: entry };
      this.#active = -1;
      this.#plan.showSection(entry);
    } else {
      this.#level = { kind: 'seats', row: entry };
      this.#active = geometry.rows[entry]!.seats.find((position) => occupancy.isFree(position) && this.#plan.shows(position)) ?? -1;
    }
    this.#focus();
  }

  #goUp(): void {
    const above = this.#above();
    if (!above) return;
    // Back to where one came from.
    if (this.#level.kind === 'seats') this.#active = this.#level.row;
    else if (this.#level.kind === 'rows') this.#active = this.#level.section;
    this.#level = above;
    if (above.kind === 'sections') this.#plan.showAll();
    this.#focus();
  }

  // ── focus and keys ───────────────────────────────────────────────────────────────────────────

  #focus(): void {
    this.#plan.host.requestUpdate();
    void this.#plan.host.updateComplete.then(() => this.#button(this.#active)?.focus());
  }

  #button(entry: number): HTMLElement | null {
    return this.#plan.host.shadowRoot?.querySelector<HTMLElement>(`.level [data-entry="${entry}"]`) ?? null;
  }

  #focused(focus: FocusEvent): void {
    const entry = (focus.target as HTMLElement).dataset['entry'];
    if (entry === undefined) return;
    this.#active = Number(entry);
    this.#isUsed = this.#level.kind === 'seats';
    if (this.#level.kind === 'seats') this.#plan.showSeat(this.#active);
    else if (this.#level.kind === 'rows') this.#plan.showRow(this.#active);
    this.#plan.host.requestUpdate();
  }

  #left(): void {
    if (!this.#isUsed) return;
    this.#isUsed = false;
    this.#plan.host.requestUpdate();
  }

  #key(key: KeyboardEvent): void {
    if (key.ctrlKey || key.metaKey || key.altKey) return;
    const isBack = (key.target as HTMLElement).classList.contains('back');
    if (isBack && key.key !== 'Escape') return;
    if (this.#does(key.key)) key.preventDefault();
  }

  /** Acts on a key; false if the key means nothing here. */
  #does(key: string): boolean {
    const entries = this.#all();
    const at = entries.indexOf(this.#active);
    const isRtl = this.#plan.host.matches(':dir(rtl)') && this.#level.kind !== 'seats';
    const steps: Record<string, number> = { ArrowLeft: isRtl ? 1 : -1, ArrowRight: isRtl ? -1 : 1, ArrowUp: -1, ArrowDown: 1 };
    const isAcross = key === 'ArrowUp' || key === 'ArrowDown' || key === 'PageUp' || key === 'PageDown';
    if (key === 'Escape' && this.#above()) this.#goUp();
    else if (this.#level.kind === 'seats' && isAcross) this.#toRow(key === 'ArrowUp' || key === 'PageUp' ? -1 : 1);
    else if (steps[key] !== undefined) this.#to(entries[Math.min(entries.length - 1, Math.max(0, at + steps[key]))]);
    else if (key === 'Home' || key === 'PageUp') this.#to(entries[0]);
    else if (key === 'End' || key === 'PageDown') this.#to(entries.at(-1));
    else if (key.length === 1 && key !== ' ') return this.#type(key);
    else return false;
    return true;
  }

  #to(entry: number | undefined): void {
    if (entry === undefined || entry === this.#active) return;
    this.#active = entry;
    this.#focus();
  }

  /** The nearest seat of the next row, or of the one before. */
  #toRow(step: 1 | -1): void {
    if (this.#level.kind !== 'seats') return;
    const { geometry } = this.#plan;
    const { rows } = geometry.sections[geometry.rows[this.#level.row]!.section]!;
    const row = rows[rows.indexOf(this.#level.row) + step];
    if (row === undefined) return;
    this.#active = geometry.nearestOf(row, this.#active);
    this.#level = { kind: 'seats', row };
    this.#focus();
  }

  /** Goes to the next entry whose name begins so. */
  #type(letter: string): boolean {
    const now = performance.now();
    this.#typed = { text: now - this.#typed.at > TYPING_MS ? letter : this.#typed.text + letter, at: now };
    const entries = this.#all();
    const from = entries.indexOf(this.#active) + (this.#typed.text.length === 1 ? 1 : 0);
    const begins = (entry: number): boolean => this.#label(entry).toLowerCase().startsWith(this.#typed.text.toLowerCase());
    const found = [...entries.slice(from), ...entries.slice(0, from)].find(begins);
    this.#to(found);
    return found !== undefined;
  }

  #label(entry: number): string {
    const { sections, rows } = this.#plan.geometry;
    if (this.#level.kind === 'seats') return this.#plan.geometry.number(entry);
    return this.#level.kind === 'rows' ? rows[entry]!.label : sections[entry]!.name;
  }
}
