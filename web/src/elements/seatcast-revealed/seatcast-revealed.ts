import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { EventState, TicketType, TicketTypeDetails } from '../../sdk/index.ts';
import { watchRevealed, type Revealed } from '../../sdk/revealed.ts';
import { explain } from '../internal/refusals.ts';
import { define, FLAG } from '../internal/live-element.ts';
import { SeatcastTicketTypes } from '../seatcast-ticket-types/seatcast-ticket-types.ts';
import { WORDS } from './words.ts';
import './seatcast-unlisted.ts';

/**
 * The hidden ticket types of an event that voucher codes open, live; part of `seatcast-booking`, which loads it when there is a
 * code or nothing else. Those that are sold by the seat are chosen on the map, which `told` passes them to.
 */
export class SeatcastRevealed extends SeatcastTicketTypes {
  static override properties = { ...SeatcastTicketTypes.properties, codes: { attribute: false }, alone: FLAG, told: { attribute: false }, revealed: { state: true } };

  declare codes: readonly string[];
  /** Nothing of the event is on sale to everybody. */
  declare alone: boolean | undefined;
  /** Hears of what the codes open; undefined: of nothing any more. */
  declare told: ((revealed: Revealed | undefined) => void) | undefined;
  declare revealed: Revealed | undefined;

  #stop: (() => void) | undefined;

  constructor() {
    super();
    this.codes = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#watch();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.();
    this.revealed = undefined;
    this.told?.(undefined);
  }

  protected override get state(): EventState | undefined {
    const { state } = this.topic.view;
    return state && { ...state, ticket_types: [...(this.revealed?.types ?? [])] };
  }

  protected override left(state: EventState, type: TicketType): TemplateResult {
    return html`<seatcast-unlisted quiet .client=${this.client} event=${state.event.id} ticket-type=${type.id} .of=${type} ?stale=${this.revealed?.isStale}></seatcast-unlisted>`;
  }

  protected override isSeated(type: TicketType): boolean {
    return (type as TicketTypeDetails).seated;
  }

  protected override howSeated(): TemplateResult {
    return html`<span class="closed">${WORDS[this.language].onMap}</span>`;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    // Another event's codes open nothing here.
    if (changed.get('event') !== undefined) this.revealed = undefined;
    if (changed.has('codes') || changed.has('event') || (this.hasUpdated && changed.has('client'))) this.#watch();
    if (!changed.has('revealed')) return;
    this.topicChanged();
    this.told?.(this.revealed);
  }

  override render(): TemplateResult {
    const names = this.revealed?.types.map(({ name }) => name) ?? [];
    // For those who do not see the rows appear.
    return html`${this.#shown()}<p class="visually-hidden" role="status">${names[0] === undefined ? nothing : WORDS[this.language].opens(names)}</p>`;
  }

  #shown(): TemplateResult | typeof nothing {
    const words = WORDS[this.language];
    if (this.revealed?.types[0]) return super.render();
    if (!this.alone) return nothing;
    return html`<p><strong>${words.unlisted}</strong> ${words.codeOpens}</p>
      <p class="reduced" role="alert">${this.#refusal() ?? nothing}</p>`;
  }

  /** The code is taken back, and with it what is chosen by it. */
  drop(code: string): void {
    if (this.revealed?.opened.has(code)) this.clear();
    this.#keep(this.codes.filter((one) => one !== code));
  }

  /** Why the last code opened nothing. Where there is more to choose, the price says whether it applies. */
  #refusal(): string | undefined {
    const code = this.codes.at(-1);
    if (code === undefined || !this.revealed?.refused.has(code)) return undefined;
    const error = this.revealed.refused.get(code);
    return error === undefined ? WORDS[this.language].opensNothing(code) : explain(this.language, error);
  }

  /** Until these codes are read, what is known of them stays. */
  #keep(codes: readonly string[]): void {
    const before = this.revealed;
    if (!before) return;
    const opened = new Map([...before.opened].filter(([code]) => codes.includes(code)));
    const ids = new Set([...opened.values()].flat().map(({ id }) => id));
    const types = before.types.filter(({ id }) => ids.has(id));
    this.revealed = { ...before, opened, types, refused: new Map(), seats: types.some(({ seated }) => seated) ? before.seats : undefined };
  }

  #watch(): void {
    this.#stop?.();
    this.#stop = undefined;
    const { event, codes } = this;
    this.#keep(codes);
    if (event !== undefined && codes[0]) this.#stop = watchRevealed(this.topic.client, event, codes, (revealed) => (this.revealed = revealed ?? (this.revealed && { ...this.revealed, isStale: true })));
  }
}

define('seatcast-revealed', SeatcastRevealed);

declare global {
  interface HTMLElementTagNameMap {
    'seatcast-revealed': SeatcastRevealed;
  }
}
