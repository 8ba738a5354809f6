import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { EventState, TicketType, TicketTypeDetails } from '../../sdk/index.ts';
import { given } from '../../sdk/rest.ts';
import { explain } from '../internal/refusals.ts';
import { define, FLAG } from '../internal/live-element.ts';
import { WORDS as AVAILABILITY } from '../seatcast-availability/words.ts';
import { SeatcastTicketTypes } from '../seatcast-ticket-types/seatcast-ticket-types.ts';
import { WORDS } from './words.ts';

/**
 * The hidden ticket types of an event that voucher codes open; part of `seatcast-booking`, which loads it when there is a code or
 * nothing else. They are in no topic: what is left of each is as of the moment at which `codes` was set.
 */
export class SeatcastRevealed extends SeatcastTicketTypes {
  static override properties = { ...SeatcastTicketTypes.properties, codes: { attribute: false }, alone: FLAG, opened: { state: true }, refused: { state: true } };

  declare codes: readonly string[];
  /** Nothing of the event is on sale to everybody. */
  declare alone: boolean | undefined;
  declare opened: ReadonlyMap<string, readonly TicketTypeDetails[]>;
  /** Why the last code opened nothing, where there is nothing else. */
  declare refused: string | undefined;

  constructor() {
    super();
    this.codes = [];
    this.opened = new Map();
  }

  protected override get state(): EventState | undefined {
    const { state } = this.topic.view;
    return state && { ...state, ticket_types: this.#types() };
  }

  protected override left(_state: EventState, { available }: TicketType): TemplateResult {
    const { soldOut, left } = AVAILABILITY[this.language];
    return html`<span>${available > 0 ? left(available) : soldOut}</span>`;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (changed.has('codes') || changed.has('event')) void this.#read();
    if (changed.has('opened')) this.topicChanged();
  }

  override render(): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (this.opened.size > 0) return super.render();
    if (!this.alone) return nothing;
    return html`<p><strong>${words.unlisted}</strong> ${words.codeOpens}</p>
      <p class="reduced" role="alert">${this.refused ?? nothing}</p>`;
  }

  /** The code is taken back, and with it what is chosen by it. */
  drop(code: string): void {
    if (this.opened.has(code)) this.clear();
    this.opened = new Map([...this.opened].filter(([of]) => of !== code));
  }

  /** A type that two codes open is shown once. */
  #types(): TicketTypeDetails[] {
    return [...new Map([...this.opened.values()].flat().map((type) => [type.id, type])).values()];
  }

  async #read(): Promise<void> {
    const { event, codes } = this;
    this.refused = undefined;
    this.opened = new Map([...this.opened].filter(([code]) => codes.includes(code)));
    if (event === undefined) return;
    await Promise.all(codes.map((code) => this.#open(event, code)));
  }

  async #open(event: number, code: string): Promise<void> {
    let words = WORDS[this.language].opensNothing(code);
    try {
      const all = given(await this.topic.client.rest.send<TicketTypeDetails[]>(`/events/${event}/ticket-types?voucher=${encodeURIComponent(code)}`));
      // Those that are sold by the seat are chosen on the map.
      const types = all.filter(({ hidden, seated }) => hidden && !seated);
      if (event !== this.event || !this.codes.includes(code)) return;
      const others = [...this.opened].filter(([of]) => of !== code);
      this.opened = new Map<string, readonly TicketTypeDetails[]>(types.length > 0 ? [...others, [code, types]] : others);
      if (types.length > 0) return;
    } catch (error) {
      words = explain(this.language, error);
    }
    // Where there is more to choose, the price says whether it applies.
    if (this.codes.includes(code)) this.refused = words;
  }
}

define('seatcast-revealed', SeatcastRevealed);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-revealed': SeatcastRevealed;
  }
}
