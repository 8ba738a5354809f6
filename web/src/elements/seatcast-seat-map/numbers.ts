/** Counts and prices by section in words: for the signs on the map and for the list. */
import type { TicketType } from '../../sdk/index.ts';
import { money, percent, roundSum } from '../internal/format.ts';
import type { Language } from '../internal/language.ts';
import type { Geometry } from './geometry.ts';
import type { Legend } from './legend.ts';
import type { Occupancy } from './occupancy.ts';
import type { Sign } from './signs.ts';
import { WORDS } from './words.ts';

/** Numbers on the map follow changes after so long. */
const SIGNS_MS = 800;

/** The part of a plan that its numbers are of. */
export interface Counted {
  geometry: Geometry;
  occupancy: Occupancy;
  legend: Legend;
  language(): Language;
  /** Ticket types that are sold by the seat, in the event's order. */
  seated(): readonly TicketType[];
  /** The signs have other numbers. */
  changed(): void;
}

export class Numbers {
  readonly #plan: Counted;
  /** Words that were made; they are dear to make and few. */
  readonly #texts = new Map<string, string>();
  #signs: readonly Sign[] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(plan: Counted) {
    this.#plan = plan;
  }

  /** By index of section. */
  get signs(): readonly Sign[] {
    return (this.#signs ??= this.#signsNow());
  }

  /** Types, filters or the language are others. */
  forget(): void {
    this.#texts.clear();
    this.#signs = undefined;
  }

  /** In a hot sale numbers change with every frame; nobody reads them so fast. */
  changeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#signs = undefined;
      this.#plan.changed();
    }, SIGNS_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  price({ price }: TicketType): string {
    return this.#text(`${price.amount} ${price.currency}`, () => money(this.#plan.language(), price));
  }

  /** The ticket types of a section that the filters show. */
  typesOf(section: number): { name: string; price: string; all: number; free: number }[] {
    const { legend } = this.#plan;
    return this.#plan.seated().flatMap((type) => {
      const { all, free } = this.#counts(section, type);
      return all > 0 && legend.isShown(type) ? [{ name: type.name, price: this.price(type), all, free }] : [];
    });
  }

  /** Seats of a type in a section that the filters show. */
  #counts(section: number, { id }: TicketType): { all: number; free: number } {
    const { geometry, occupancy, legend } = this.#plan;
    const type = geometry.typeIds.indexOf(id);
    if (!legend.onlyWheelchairs) return occupancy.of(section, type);
    const { rows, rowOf, special } = geometry;
    const its = special.filter((position) => geometry.type[position] === type && rows[rowOf[position]!]!.section === section);
    return { all: its.length, free: its.filter((position) => occupancy.isFree(position)).length };
  }

  #signsNow(): readonly Sign[] {
    const language = this.#plan.language();
    const words = WORDS[language];
    const shown = this.#plan.seated().filter((type) => this.#plan.legend.isShown(type));
    return this.#plan.geometry.sections.map(({ name }, section) => {
      let [all, free] = [0, 0];
      let least: TicketType | undefined;
      for (const type of shown) {
        const counts = this.#counts(section, type);
        all += counts.all;
        free += counts.free;
        if (counts.free > 0 && (!least || type.price.amount < least.price.amount)) least = type;
      }
      if (all === 0) return { name, detail: '', share: 0 };
      if (!least) return { name, detail: words.soldOut, share: 0 };
      // At least one percent while one seat is free.
      const share = Math.max(1, Math.floor((free / all) * 100));
      const { price } = least;
      const from = this.#text(`from ${price.amount} ${price.currency}`, () => words.from(roundSum(language, price)));
      const left = this.#text(`free ${share}`, () => words.shareFree(percent(language, share * 100)));
      return { name, detail: `${from} · ${left}`, share: free / all };
    });
  }

  #text(key: string, make: () => string): string {
    let text = this.#texts.get(key);
    if (text === undefined) this.#texts.set(key, (text = make()));
    return text;
  }
}
