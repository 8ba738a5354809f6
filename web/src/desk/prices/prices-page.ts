import { html, nothing, type TemplateResult } from 'lit';
import { decimalOf, wholeOf } from '../amounts.ts';
import { EventDeskPage } from '../desk-page.ts';
import { faultsIn, focusFault, inWords, NO_FAULTS, resetLater, textField, tickField, Typed, type Faults } from '../fields.ts';
import { unreadView } from '../list.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { WORDS } from './words.ts';
import './rule-list.ts';

const MINUTES_PER_HOUR = 60;
const INSTRUCTIONS_CHARS_MAX = 2_000;

interface RefundPolicy {
  percent: number;
  until_minutes: number;
  by_ticket: boolean;
  keeps_fees: boolean;
}

interface PaymentTerms {
  offline_days: number;
  instructions: string;
}

/** All that changes what buyers pay and get back: vouchers, fees, taxes, the refund policy, payment in days. */
export class PricesPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    policy: { state: true },
    unread: { state: true },
    terms: { state: true },
    faults: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = deskStyles;

  declare policy: RefundPolicy | undefined;
  declare terms: PaymentTerms | undefined;
  /** Why policy and terms could not be read. */
  declare unread: Said | undefined;
  declare faults: Faults;
  declare problem: Said | undefined;
  declare busy: boolean;

  constructor() {
    super();
    this.faults = NO_FAULTS;
    this.busy = false;
  }

  override firstUpdated(): void {
    void this.#load();
  }

  override render(): TemplateResult {
    const kinds = ['vouchers', 'fees', 'taxes'] as const;
    return html`
      ${kinds.map((kind) => html`<desk-rule-list .kind=${kind} .path=${`/events/${this.event.id}/${kind}`} .event=${this.event}></desk-rule-list>`)}
      ${this.policy && this.terms ? this.#rules(this.policy, this.terms) : this.#waiting()}
    `;
  }

  #waiting(): TemplateResult {
    if (this.unread) return unreadView(this.language, this.unread, () => void this.#load());
    return html`<div class="skeleton panel" role="status" aria-label=${COMMON[this.language].loading}></div>`;
  }

  #rules(policy: RefundPolicy, terms: PaymentTerms): TemplateResult {
    const words = WORDS[this.language];
    const faults = inWords(this.faults, this.language);
    return html`<form class="panel" novalidate aria-label=${words.rules} @submit=${this.#submit}>
      <h2>${words.rules}</h2>
      <fieldset>
        <legend>${words.refunds}</legend>
        <p class="soft small">${words.refundHint}</p>
        <div class="fields">
          ${textField(faults, { name: 'percent', label: words.percent, type: 'number', value: policy.percent, required: true })}
          ${textField(faults, { name: 'until_minutes', label: words.untilHours, inputmode: 'decimal', value: Math.round((policy.until_minutes / MINUTES_PER_HOUR) * 100) / 100, required: true })}
          ${tickField({ name: 'by_ticket', label: words.byTicket, value: policy.by_ticket, whole: true })}
          ${tickField({ name: 'keeps_fees', label: words.keepsFees, value: policy.keeps_fees, whole: true })}
        </div>
      </fieldset>
      <fieldset>
        <legend>${words.offline}</legend>
        <div class="fields">
          ${textField(faults, { name: 'offline_days', label: words.offlineDays, type: 'number', value: terms.offline_days, hint: words.offlineHint, required: true })}
          ${textField(faults, { name: 'instructions', label: words.instructions, value: terms.instructions, lines: true, maxlength: INSTRUCTIONS_CHARS_MAX, whole: true })}
        </div>
      </fieldset>
      <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      <div class="actions"><button class="button primary" ?disabled=${this.busy}>${COMMON[this.language].save}</button></div>
    </form>`;
  }

  async #load(): Promise<void> {
    const path = `/events/${this.event.id}`;
    this.unread = undefined;
    try {
      [this.policy, this.terms] = await Promise.all([this.client.read<RefundPolicy>(`${path}/refund-policy`), this.client.read<PaymentTerms>(`${path}/payment-terms`)]);
    } catch (error) {
      this.unread = because(error);
    }
  }

  async #submit(submitted: SubmitEvent): Promise<void> {
    const typed = new Typed(submitted);
    const faults: Record<string, Said> = {};
    const whole = (name: string): number => {
      const value = wholeOf(typed.text(name));
      if (value === undefined) faults[name] = (language) => WORDS[language].notANumber;
      return value ?? 0;
    };
    const hours = decimalOf(typed.text('until_minutes')) ?? 0;
    if (decimalOf(typed.text('until_minutes')) === undefined) faults['until_minutes'] = (language) => WORDS[language].notANumber;
    const policy = { percent: whole('percent'), until_minutes: Math.round(hours * MINUTES_PER_HOUR), by_ticket: typed.is('by_ticket'), keeps_fees: typed.is('keeps_fees') };
    const terms = { offline_days: whole('offline_days'), instructions: typed.text('instructions') };
    this.faults = faults;
    this.problem = undefined;
    if (Object.keys(faults).length > 0) return focusFault(this);
    this.busy = true;
    const reset = resetLater(submitted.target as HTMLFormElement);
    try {
      const path = `/events/${this.event.id}`;
      this.policy = await this.#put(`${path}/refund-policy`, this.policy, policy);
      this.terms = await this.#put(`${path}/payment-terms`, this.terms, terms);
      say((language) => COMMON[language].saved);
      // Fields that were typed in show what the server has as well: somebody may have changed one of them.
      await this.updateComplete;
      reset();
    } catch (error) {
      this.faults = faultsIn(error) ?? NO_FAULTS;
      this.problem = because(error);
      void focusFault(this);
    }
    this.busy = false;
  }

  /** Only what was changed in the form is sent, with the rest as it is by now: the whole is put, and others save too. */
  async #put<T extends object>(path: string, before: T | undefined, typed: T): Promise<T> {
    const changes = (Object.keys(typed) as (keyof T)[]).filter((name) => typed[name] !== before?.[name]);
    if (before && changes.length === 0) return before;
    const now = await this.client.read<T>(path);
    return this.client.change<T>('PUT', path, { ...now, ...Object.fromEntries(changes.map((name) => [name, typed[name]])) });
  }
}

customElements.define('desk-prices', PricesPage);
