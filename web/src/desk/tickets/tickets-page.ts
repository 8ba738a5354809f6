import { css, html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { count, dateParts, money, timed } from '../../elements/internal/format.ts';
import type { TicketTypeDetails } from '../../sdk/index.ts';
import { amountOf, amountText, wholeOf } from '../amounts.ts';
import { EventDeskPage } from '../desk-page.ts';
import { faultsIn, focusFault, inWords, NO_FAULTS, textField, tickField, Typed, type Faults } from '../fields.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { momentOf, toWall } from '../zoned.ts';
import { WORDS } from './words.ts';
import '../desk-dialog.ts';

const NAME_CHARS_MAX = 200;

/** The price classes of an event: their order, what is taken of each, their terms. */
export class TicketsPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    edited: { state: true },
    removed: { state: true },
    faults: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .tags {
        display: flex;
        flex-wrap: wrap;
        gap: 0.3rem;
      }
      th small,
      td small {
        display: block;
        color: var(--ink-soft);
        font-size: 0.8125rem;
        font-weight: 400;
      }
      .taken {
        display: grid;
        gap: 0.3rem;
        min-width: 9rem;
      }
    `,
  ];

  /** The type whose form is open; null: a new one. */
  declare edited: TicketTypeDetails | null | undefined;
  declare removed: TicketTypeDetails | undefined;
  declare faults: Faults;
  declare problem: Said | undefined;
  declare busy: boolean;

  constructor() {
    super();
    this.faults = NO_FAULTS;
    this.busy = false;
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const { ticket_types: types } = this.event;
    return html`
      <div class="bar">
        <h2>${words.title}</h2>
        <button class="button primary" type="button" @click=${() => this.#open(null)}>${words.add}</button>
      </div>
      ${types.length === 0 ? html`<div class="message"><p><strong>${words.none}</strong>${words.noneHint}</p></div>` : this.#table(types)}
      ${this.edited === undefined ? nothing : this.#form(this.edited)} ${this.removed ? this.#question(this.removed) : nothing}
    `;
  }

  #table(types: readonly TicketTypeDetails[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.name}</th>
            <th scope="col" class="number">${words.price}</th>
            <th scope="col">${words.taken}</th>
            <th scope="col">${words.window}</th>
            <th scope="col"><span class="visually-hidden">${COMMON[this.language].edit}</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            types,
            ({ id }) => id,
            (type, place) => this.#row(type, place),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #row(type: TicketTypeDetails, place: number): TemplateResult {
    const words = WORDS[this.language];
    const { name, price, sold, held, capacity, available } = type;
    const many = (value: number): string => count(this.language, value);
    const share = (value: number): string => `${capacity > 0 ? (value / capacity) * 100 : 0}%`;
    return html`<tr>
      <th scope="row">
        <span>${name}<span class="tags">${this.#tags(type).map((tag) => html`<span class="tag">${tag}</span>`)}</span></span>
      </th>
      <td class="number" data-label=${words.price}>${money(this.language, price)}</td>
      <td data-label=${words.taken}>
        <span class="taken">
          <span>${words.takenOf(many(sold), many(held), many(capacity))}<small>${words.left(many(available))}</small></span>
          <span class="track" aria-hidden="true"><i .style=${`inline-size: ${share(sold)}`}></i><i class="held" .style=${`inline-size: ${share(held)}`}></i></span>
        </span>
      </td>
      <td data-label=${words.window}><span>${this.#window(type)}</span></td>
      <td>
        <div class="actions">
          <button class="button small" type="button" aria-label=${words.up(name)} ?disabled=${place === 0 || this.busy} @click=${() => void this.#move(place, -1)}>↑</button>
          <button class="button small" type="button" aria-label=${words.down(name)} ?disabled=${place === this.event.ticket_types.length - 1 || this.busy} @click=${() => void this.#move(place, 1)}>↓</button>
          <button class="button small" type="button" aria-label=${words.edit(name)} @click=${() => this.#open(type)}>${COMMON[this.language].edit}</button>
          <button class="button small danger" type="button" aria-label=${words.remove(name)} ?disabled=${sold + held > 0} @click=${() => (this.removed = type)}>${COMMON[this.language].remove}</button>
        </div>
      </td>
    </tr>`;
  }

  #tags({ hidden, members_only, account_required, email_required, seated }: TicketTypeDetails): string[] {
    const words = WORDS[this.language];
    const tags: [boolean, string][] = [
      [seated, words.seated],
      [hidden, words.hidden],
      [members_only, words.members],
      [account_required, words.account],
      [email_required, words.email],
    ];
    return tags.filter(([is]) => is).map(([, tag]) => tag);
  }

  #window({ sale_from, sale_to }: TicketTypeDetails): TemplateResult {
    const words = WORDS[this.language];
    const at = (moment: string): string => {
      const { day, month, year, time } = dateParts(this.language, moment, this.event.timezone);
      return timed(this.language, `${day} ${month} ${year}`, time);
    };
    const begin = sale_from === null ? nothing : html`${words.from(at(sale_from))}<br />`;
    return html`${begin}${sale_to === null ? words.always : words.to(at(sale_to))}`;
  }

  #form(type: TicketTypeDetails | null): TemplateResult {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    const { currency, timezone } = this.event;
    const faults = inWords(this.faults, this.language);
    const close = (): void => void (this.edited = undefined);
    const taken = type ? type.sold + type.held : 0;
    const capacityHint = type?.seated ? words.seatedHint : taken > 0 ? words.capacityHint(count(this.language, taken)) : undefined;
    const whole = (name: string, label: string, value: number | null | undefined): TemplateResult => textField(faults, { name, label, type: 'number', value });
    return html`<desk-dialog wide heading=${type ? words.edit(type.name) : words.add} @close=${close}>
      <form id="type" novalidate @submit=${this.#submit}>
        <div class="fields">
          ${textField(faults, { name: 'name', label: words.name, value: type?.name, required: true, maxlength: NAME_CHARS_MAX, whole: true })}
          ${textField(faults, { name: 'price', label: `${words.price} (${currency})`, value: type && amountText(type.price.amount, currency), inputmode: 'decimal', required: true })}
          ${textField(faults, { name: 'capacity', label: words.capacity, type: 'number', value: type?.capacity, required: true, ...(capacityHint ? { hint: capacityHint } : {}) })}
          ${textField(faults, { name: 'sale_from', label: words.saleFrom, type: 'datetime-local', value: toWall(type?.sale_from, timezone), hint: words.saleFromHint })}
          ${textField(faults, { name: 'sale_to', label: words.saleTo, type: 'datetime-local', value: toWall(type?.sale_to, timezone), hint: words.saleToHint })}
          ${whole('min_per_booking', words.min, type?.min_per_booking ?? 1)} ${whole('max_per_booking', words.max, type?.max_per_booking)}
          ${whole('max_per_user', words.maxUser, type?.max_per_user)}
          ${tickField({ name: 'hidden', label: words.hiddenLong, value: type?.hidden ?? false, whole: true })}
          ${tickField({ name: 'members_only', label: words.membersLong, value: type?.members_only ?? false, whole: true })}
          ${tickField({ name: 'account_required', label: words.accountLong, value: type?.account_required ?? false, whole: true })}
          ${tickField({ name: 'email_required', label: words.emailLong, value: type?.email_required ?? false, whole: true })}
        </div>
        <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${common.cancel}</button>
        <button class="button primary" form="type" ?disabled=${this.busy}>${common.save}</button>
      </div>
    </desk-dialog>`;
  }

  #question(type: TicketTypeDetails): TemplateResult {
    const words = WORDS[this.language];
    const close = (): void => void (this.removed = undefined);
    return html`<desk-dialog heading=${words.removeQuestion(type.name)} @close=${close}>
      <p>${words.removeHint}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].cancel}</button>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${() => void this.#remove(type)}>${COMMON[this.language].remove}</button>
      </div>
    </desk-dialog>`;
  }

  #open(type: TicketTypeDetails | null): void {
    this.faults = NO_FAULTS;
    this.problem = undefined;
    this.edited = type;
  }

  async #submit(submitted: SubmitEvent): Promise<void> {
    const typed = new Typed(submitted);
    const { edited: type } = this;
    const { body, faults } = this.#read(typed, type ?? undefined);
    this.faults = faults;
    this.problem = undefined;
    if (Object.keys(faults).length > 0) return focusFault(this);
    this.busy = true;
    try {
      const path = `/events/${this.event.id}/ticket-types`;
      if (type) await this.client.change('PATCH', `${path}/${type.id}`, body);
      else await this.client.make(path, { ...body, sort: this.#lastSort() + 1 });
      this.edited = undefined;
      this.eventChanged();
      say((language) => COMMON[language].saved);
    } catch (error) {
      this.faults = faultsIn(error) ?? NO_FAULTS;
      this.problem = because(error);
      void focusFault(this);
    }
    this.busy = false;
  }

  #lastSort(): number {
    return Math.max(-1, ...this.event.ticket_types.map(({ sort }) => sort));
  }

  #read(typed: Typed, type: TicketTypeDetails | undefined): { body: Record<string, unknown>; faults: Faults } {
    const { currency, timezone } = this.event;
    const faults: Record<string, Said> = {};
    const whole = (name: string): number | null => {
      const text = typed.text(name);
      const value = wholeOf(text);
      if (text !== '' && value === undefined) faults[name] = (language) => WORDS[language].notANumber;
      return value ?? null;
    };
    const name = typed.text('name');
    if (!name) faults['name'] = (language) => WORDS[language].needed;
    const price = amountOf(typed.text('price'), currency);
    if (price === undefined) faults['price'] = (language) => WORDS[language].notAnAmount;
    const capacity = whole('capacity');
    if (capacity === null) faults['capacity'] ??= (language) => WORDS[language].needed;
    const all: Record<string, unknown> = {
      name,
      price,
      capacity,
      min_per_booking: whole('min_per_booking') ?? 1,
      max_per_booking: whole('max_per_booking'),
      max_per_user: whole('max_per_user'),
      ...Object.fromEntries((['sale_from', 'sale_to'] as const).map((term) => [term, momentOf(typed.text(term), timezone, type?.[term]) ?? null])),
      ...Object.fromEntries(['hidden', 'members_only', 'account_required', 'email_required'].map((term) => [term, typed.is(term)])),
    };
    if (!type) return { body: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)), faults };
    const before: Record<string, unknown> = { ...type, price: type.price.amount };
    return { body: Object.fromEntries(Object.entries(all).filter(([term, value]) => before[term] !== value)), faults };
  }

  /** Types are in the order of `sort`; equal ones are told apart first. */
  async #move(place: number, by: number): Promise<void> {
    const types = [...this.event.ticket_types];
    const [moved] = types.splice(place, 1);
    if (!moved) return;
    types.splice(place + by, 0, moved);
    this.busy = true;
    for (const [sort, type] of types.entries()) {
      if (type.sort === sort) continue;
      const isDone = await this.tried(this.client.change('PATCH', `/events/${this.event.id}/ticket-types/${type.id}`, { sort }).then(() => true));
      if (!isDone) break;
    }
    this.busy = false;
    this.eventChanged();
  }

  async #remove(type: TicketTypeDetails): Promise<void> {
    this.busy = true;
    const isDone = await this.tried(this.client.remove(`/events/${this.event.id}/ticket-types/${type.id}`).then(() => true));
    this.busy = false;
    this.removed = undefined;
    this.eventChanged();
    if (isDone) say((language) => COMMON[language].removed);
  }
}

customElements.define('desk-tickets', TicketsPage);
