import { css, html, nothing, type TemplateResult } from 'lit';
import { sum } from '../../elements/internal/format.ts';
import { EventDeskPage } from '../desk-page.ts';
import { download } from '../files.ts';
import { List } from '../list.ts';
import { may } from '../rights.ts';
import { deskStyles } from '../styles.ts';
import { WORDS } from './words.ts';

/** In minor units. */
interface Payout {
  currency: string;
  sales: number;
  refunds: number;
  disputed: number;
  provider_fees: number;
  fees: number;
  absorbed_fees: number;
  taxes: number;
  net: number;
}

/** An event's earnings, as the books have them. */
export class PayoutPage extends EventDeskPage {
  static override styles = [
    deskStyles,
    css`
      dl {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0.6rem 1.5rem;
        max-width: 34rem;
        margin: 0;
        font-variant-numeric: tabular-nums;
      }
      dt {
        color: var(--ink);
        font-size: 1rem;
      }
      .part {
        padding-inline-start: 1.25rem;
        color: var(--ink-soft);
        font-size: 0.9375rem;
      }
      dd {
        text-align: end;
      }
      .net {
        padding-block-start: 0.75rem;
        border-block-start: 1px solid var(--line);
        font-family: var(--display);
        font-size: 1.35rem;
        font-weight: 700;
      }
      .waiting {
        height: 16rem;
      }
    `,
  ];

  readonly #list: List<Payout> = new List<Payout>(this, {
    page: async () => {
      const rows = await this.client.read<Payout[]>(`/events/${this.event.id}/payout`);
      return { rows, total: rows.length, next: undefined };
    },
  });

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const { id, organizer_id: organization } = this.event;
    return html`
      <div class="bar">
        <h2>${words.payout}</h2>
        ${may(this.me, 'figures', organization) ? html`<button class="button small" type="button" @click=${() => void this.tried(download(`/events/${id}/report.csv`, `bookings-${id}.csv`))}>${words.export}</button>` : nothing}
      </div>
      ${this.#list.view(this.language, { title: words.noPayoutTitle, text: words.noPayout }, (rows) => html`${rows.map((row) => this.#currency(row))}`)}
    `;
  }

  #currency({ currency, sales, refunds, disputed, provider_fees: provider, fees, absorbed_fees: absorbed, taxes, net }: Payout): TemplateResult {
    const words = WORDS[this.language];
    const row = (label: string, amount: number, look = ''): TemplateResult => html`<dt class=${look}>${label}</dt><dd class=${look}>${sum(this.language, { amount, currency })}</dd>`;
    // Nothing less nothing is nothing, without a sign.
    const less = (amount: number): number => (amount === 0 ? 0 : -amount);
    return html`<section class="panel" aria-label=${currency}>
      <dl>
        ${row(words.sales, sales)} ${row(words.refunds, less(refunds))} ${row(words.fees, fees, 'part')} ${row(words.absorbed, absorbed, 'part')} ${row(words.taxes, taxes, 'part')}
        ${row(words.disputed, less(disputed))} ${row(words.providerFees, less(provider))} ${row(words.net, net, 'net')}
      </dl>
    </section>`;
  }
}

customElements.define('desk-payout', PayoutPage);
