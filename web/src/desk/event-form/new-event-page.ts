import { css, html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Language } from '../../elements/internal/language.ts';
import type { EventDetails, TicketTypeDetails } from '../../sdk/index.ts';
import { given } from '../../sdk/rest.ts';
import { amountOf, amountText, wholeOf } from '../amounts.ts';
import { DeskPage } from '../desk-page.ts';
import { choiceField, faultsIn, focusFault, inWords, NO_FAULTS, textField, Typed, type Faults } from '../fields.ts';
import { organizationsOf, roleIn } from '../rights.ts';
import { go } from '../router.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { complain, say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { copyParts, type Left } from './copying.ts';
import { eventFields, readEvent, valuesOf, type EventValues } from './event-fields.ts';
import { WORDS } from './words.ts';

const TYPES_MAX = 100;
/** Offered first; others may be typed. */
const CURRENCIES = ['EUR', 'USD', 'GBP', 'CHF', 'SEK', 'DKK', 'NOK', 'PLN', 'CZK', 'JPY', 'THB', 'IRR', 'TRY', 'AUD', 'CAD', 'KWD'];
const CURRENCY_DEFAULT = 'EUR';

/** A ticket type's row: its number in the form, and what a copied one had. */
interface Row {
  key: number;
  of: TicketTypeDetails | undefined;
}

/** Makes an event, from nothing or as a copy of another one (`?copy=`). */
export class NewEventPage extends DeskPage {
  static override properties = {
    source: { state: true },
    currency: { state: true },
    rows: { state: true },
    faults: { state: true },
    problem: { state: true },
    isLoading: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .type {
        display: grid;
        grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) minmax(0, 1fr) auto;
        gap: 0.75rem;
        align-items: start;
      }
      /* Beside the fields, below a line as high as their labels. */
      .type > button {
        margin-block-start: 1.6rem;
      }
      .waiting {
        height: 30rem;
      }
      @media (max-width: 560px) {
        .type {
          grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
          padding-block-end: 1rem;
          border-block-end: 1px solid var(--line);
        }
        .type > :first-child {
          grid-column: 1 / -1;
        }
        .type > button {
          grid-column: 1 / -1;
          justify-self: end;
          margin-block-start: 0;
        }
      }
    `,
  ];

  declare source: EventDetails | undefined;
  declare currency: string;
  declare rows: readonly Row[];
  declare faults: Faults;
  declare problem: Said | undefined;
  declare isLoading: boolean;
  declare busy: boolean;
  #lastKey = 1;

  constructor() {
    super();
    this.currency = CURRENCY_DEFAULT;
    this.rows = [{ key: 1, of: undefined }];
    this.faults = NO_FAULTS;
    this.busy = false;
    this.isLoading = false;
    const copied = Number(new URLSearchParams(location.search).get('copy'));
    if (Number.isSafeInteger(copied) && copied > 0) void this.#load(copied);
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    const values: Partial<EventValues> = this.source ? { ...valuesOf(this.source), starts_at: '', ends_at: null, doors_at: null } : {};
    return html`
      <h1>${this.source ? words.copyTitle(this.source.title) : words.newTitle}</h1>
      ${this.isLoading
        ? html`<div class="skeleton waiting" role="status" aria-label=${common.loading}></div>`
        : html`<form class="panel" novalidate @submit=${this.#submit}>
            ${eventFields(this.language, values, inWords(this.faults, this.language))} ${this.#types()}
            ${this.source ? html`<p class="soft small">${words.copyAlso}</p>` : nothing}
            <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
            <div class="actions">
              <button class="button primary" name="status" value="draft" ?disabled=${this.busy}>${words.asDraft}</button>
              <button class="button" name="status" value="active" ?disabled=${this.busy}>${words.publish}</button>
            </div>
          </form>`}
    `;
  }

  #types(): TemplateResult {
    const words = WORDS[this.language];
    return html`<fieldset>
      <legend>${words.tickets}</legend>
      <div class="fields">
        ${choiceField(inWords(this.faults, this.language), {
          name: 'currency',
          label: words.currency,
          value: this.currency,
          choices: [...new Set([this.currency, ...CURRENCIES])].map((code) => ({ value: code, label: code })),
          changed: (code) => (this.currency = code),
        })}
      </div>
      ${repeat(
        this.rows,
        ({ key }) => key,
        (row, place) => this.#type(row, place),
      )}
      <div class="actions">
        <button class="button small" type="button" ?disabled=${this.rows.length >= TYPES_MAX} @click=${this.#add}>${words.addType}</button>
      </div>
    </fieldset>`;
  }

  #type({ key, of }: Row, place: number): TemplateResult {
    const words = WORDS[this.language];
    // The server names the row by its place, the form by its key: rows may go.
    const found = inWords(this.faults, this.language);
    const faults = Object.fromEntries(['name', 'price', 'capacity'].map((field) => [`${field}-${key}`, found[`ticket_types[${place}].${field}`] ?? found[`${field}-${key}`] ?? '']));
    const name = of?.name ?? words.type(place + 1);
    return html`<div class="type" role="group" aria-label=${words.type(place + 1)}>
      ${textField(faults, { name: `name-${key}`, label: words.name, value: of?.name, required: true })}
      ${textField(faults, { name: `price-${key}`, label: `${words.price} (${this.currency})`, value: of && amountText(of.price.amount, of.price.currency), inputmode: 'decimal', required: true })}
      ${textField(faults, { name: `capacity-${key}`, label: words.fields.capacity, value: of?.capacity, type: 'number', required: true })}
      <button class="button" type="button" aria-label=${words.removeType(name)} ?disabled=${this.rows.length === 1} @click=${() => (this.rows = this.rows.filter((row) => row.key !== key))}>×</button>
    </div>`;
  }

  async #add(): Promise<void> {
    this.#lastKey += 1;
    const key = this.#lastKey;
    this.rows = [...this.rows, { key, of: undefined }];
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(`#name-${key}`)?.focus();
  }

  async #load(id: number): Promise<void> {
    this.isLoading = true;
    const source = await this.tried(this.client.event(id));
    if (source) {
      this.source = source;
      this.currency = source.currency;
      this.rows = source.ticket_types.map((of, place) => ({ key: place + 1, of }));
      this.#lastKey = Math.max(1, source.ticket_types.length);
      if (this.rows.length === 0) this.rows = [{ key: 1, of: undefined }];
    }
    this.isLoading = false;
  }

  async #submit(event: SubmitEvent): Promise<void> {
    const typed = new Typed(event);
    const status = (event.submitter as HTMLButtonElement | null)?.value === 'active' ? 'active' : 'draft';
    const { values, faults } = readEvent(typed, this.source ? valuesOf(this.source) : {});
    const types = this.#read(typed);
    this.faults = { ...faults, ...types.faults };
    this.problem = undefined;
    if (Object.keys(this.faults).length > 0) return focusFault(this);
    this.busy = true;
    try {
      const organization = this.#organization();
      // A copy is sold when its taxes, fees and map are there, and not before.
      const first = this.source ? 'draft' : status;
      const body = { ...values, status: first, currency: this.currency, ticket_types: types.rows, ...organization };
      const sent = this.rows.map(({ of }) => of?.id);
      const made = given(await this.client.doOnce<EventDetails>('/events', body));
      const left = this.source ? await copyParts(this.client, this.source, made, sent) : [];
      if (left.length > 0) complain((language) => leftWords(language, left, status !== first));
      else if (status !== first) await this.tried(this.client.make(`/events/${made.id}/resume`));
      say((language) => WORDS[language].made);
      go(`/desk/events/${made.id}/edit`);
    } catch (error) {
      this.faults = faultsIn(error) ?? NO_FAULTS;
      this.problem = because(error);
      void focusFault(this);
    }
    this.busy = false;
  }

  /** A copy stays in its organization; who manages one only as staff makes events for that. */
  #organization(): { organizer_id?: number } {
    if (this.source) return { organizer_id: this.source.organizer_id };
    const managed = organizationsOf(this.me).filter((id) => ['owner', 'manager'].includes(roleIn(this.me, id) ?? ''));
    const [first] = managed;
    return this.me.role === 'customer' && first !== undefined ? { organizer_id: first } : {};
  }

  #read(typed: Typed): { rows: object[]; faults: Faults } {
    const faults: Record<string, Said> = {};
    const rows = this.rows.map(({ key, of }) => {
      const name = typed.text(`name-${key}`);
      const price = amountOf(typed.text(`price-${key}`), this.currency);
      const capacity = wholeOf(typed.text(`capacity-${key}`));
      if (!name) faults[`name-${key}`] = (language) => WORDS[language].needed;
      if (price === undefined) faults[`price-${key}`] = (language) => WORDS[language].notAnAmount;
      if (capacity === undefined) faults[`capacity-${key}`] = (language) => WORDS[language].notANumber;
      const terms = of && {
        sort: of.sort,
        min_per_booking: of.min_per_booking,
        hidden: of.hidden,
        members_only: of.members_only,
        account_required: of.account_required,
        email_required: of.email_required,
        ...(of.max_per_booking === null ? {} : { max_per_booking: of.max_per_booking }),
        ...(of.max_per_user === null ? {} : { max_per_user: of.max_per_user }),
      };
      return { name, price, capacity, ...terms };
    });
    return { rows, faults };
  }
}

function leftWords(language: Language, left: readonly Left[], staysDraft: boolean): string {
  const words = WORDS[language];
  const parts = left.map(({ part, names }) => (names.length > 0 ? `${words.parts[part]} (${names.join(', ')})` : words.parts[part]));
  return `${words.notCopied(parts.join(', '))}${staysDraft ? ` – ${words.staysDraft}` : ''}`;
}

customElements.define('desk-new-event', NewEventPage);
