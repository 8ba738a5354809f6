import { css, html, nothing, type TemplateResult } from 'lit';
import { LiveElement } from '../../elements/internal/live-element.ts';
import { BookingsController } from '../../elements/internal/own-controllers.ts';
import type { BuyerClient } from '../../sdk/buyer-client.ts';
import { saleStateOf, totalsOf, type EventState, type PushWish } from '../../sdk/index.ts';
import './notify-me.ts';

interface Offer {
  wish: PushWish;
  /** The ticket type's, where it is one of several. */
  name?: string;
}

/** Of what a visitor of an event may be told while the shop is closed: that the own hold ends, that what is sold out is back. */
export class NotifyEvent extends LiveElement<BuyerClient> {
  static override styles = css`
    :host {
      display: grid;
      gap: 0.75rem;
      margin-top: 1.25rem;
    }
  `;
  static override properties = { ...LiveElement.properties, waits: { state: true } };

  /** The caller is on the event's waitlist; undefined: not known. */
  declare waits: boolean | undefined;

  readonly #own: BookingsController = new BookingsController(this, () => this.#ownChanged());
  #account: boolean | undefined;

  override render(): TemplateResult[] {
    const { state } = this.topic.view;
    const offers = state && !state.deleted ? [...this.#hold(), ...this.#back(state)] : [];
    return offers.map(({ wish, name }) => html`<seatcast-notify-me .wish=${wish} name=${name ?? nothing}></seatcast-notify-me>`);
  }

  #hold(): Offer[] {
    const held = this.#own.view.bookings?.filter(({ event_id: id, kind, status }) => id === this.event && status === 'pending' && kind !== 'offer');
    return (held ?? []).map(({ id }) => ({ wish: { kind: 'hold_ends', booking_id: id } }));
  }

  /** One wish for all of an event that is sold out, else one for each type of it. */
  #back({ event, ticket_types }: EventState): Offer[] {
    const now = this.topic.client.now();
    const gone = ticket_types.filter((type) => type.available <= 0 && saleStateOf(event, type, now) === 'on_sale');
    const of = { kind: 'tickets_back', event_id: event.id } as const;
    if (totalsOf({ event, ticket_types }).status !== 'sold_out') {
      return gone.map(({ id, name }) => ({ wish: { ...of, ticket_type_id: id }, name }));
    }
    const all: Offer[] = gone.length > 0 ? [{ wish: of }] : [];
    return this.waits ? [...all, { wish: { kind: 'waitlist_offer', event_id: event.id } }] : all;
  }

  /** Another caller waits for other tickets. */
  #ownChanged(): void {
    const { account } = this.#own.view;
    if (account !== this.#account) this.waits = undefined;
    this.#account = account;
    this.#lookForWaiting();
  }

  protected override topicChanged(): void {
    this.#lookForWaiting();
  }

  /** Once for each caller, of an event that is sold out. */
  #lookForWaiting(): void {
    const { state } = this.topic.view;
    if (!this.#account || this.waits !== undefined || !state || totalsOf(state).status !== 'sold_out') return;
    this.waits = false;
    void this.topic.client.myWaiting().then(
      (all) => (this.waits = all.some(({ event_id: id, status }) => id === this.event && status === 'waiting')),
      () => (this.waits = undefined),
    );
  }
}

customElements.define('seatcast-notify-event', NotifyEvent);
