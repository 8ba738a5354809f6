import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { digits, momentWords, sum } from '../../elements/internal/format.ts';
import type { Money } from '../../sdk/index.ts';
import { DeskPage } from '../desk-page.ts';
import { accountName, causeName } from '../kinds.ts';
import { List } from '../list.ts';
import { deskStyles } from '../styles.ts';
import { choicesOf, chosenOf, organizationChoice } from './choice.ts';
import { WORDS } from './words.ts';

const PAGE_ROWS = 50;

interface LedgerAccount {
  id: number;
  organization_id: number;
  name: string;
  kind: string;
  balance: Money;
}

/** In minor units. */
interface TrialBalance {
  currency: string;
  debits: number;
  credits: number;
  accounts: LedgerAccount[];
}

interface LedgerEntry {
  id: number;
  transaction_id: number;
  cause: string;
  account: string;
  amount: Money;
  event_id: number;
  booking_id: string | null;
  at: string;
}

/** The books of an organization: the trial balance, and all entries. */
export class LedgerPage extends DeskPage {
  static override properties: PropertyDeclarations = { organization: { state: true }, account: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .waiting {
        height: 14rem;
      }
      tfoot th,
      tfoot td {
        border-block-start: 2px solid var(--line-strong);
        font-weight: 700;
      }
      .tag.long {
        margin-block-end: 0.75rem;
        border-radius: var(--radius-small);
        white-space: normal;
      }
    `,
  ];

  declare organization: number | undefined;
  /** Only its entries are shown. */
  declare account: number | undefined;

  readonly #balances: List<TrialBalance> = new List<TrialBalance>(this, {
    page: async () => {
      const rows = await this.client.read<TrialBalance[]>(`/ledger/trial-balance${this.#of('?')}`);
      return { rows, total: rows.length, next: undefined };
    },
  });
  readonly #entries: List<LedgerEntry> = new List<LedgerEntry>(
    this,
    () => `/ledger/entries?limit=${PAGE_ROWS}${this.#of('&')}${this.account === undefined ? '' : `&account_id=${this.account}`}`,
  );

  constructor() {
    super();
    // Administrators read the books of all, unless they name one.
    const isAsked = new URLSearchParams(location.search).has('organization');
    this.organization = this.me.role === 'admin' && !isAsked ? undefined : chosenOf(this.me, 'money');
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const none = { title: words.noBooksTitle, text: words.noBooks };
    return html`
      <div class="bar">
        <h1>${words.ledger}</h1>
        ${organizationChoice(this.language, this.me, 'money', this.organization, this.#choose)}
      </div>
      <h2>${words.balance}</h2>
      ${this.#balances.view(this.language, none, (rows) => html`${rows.map((row) => this.#balance(row))}`)} ${this.#balances.rows && this.#balances.rows.length > 0 ? this.#entryList() : nothing}
    `;
  }

  #balance({ currency, debits, credits, accounts }: TrialBalance): TemplateResult {
    const words = WORDS[this.language];
    const money = (amount: number): string => (amount === 0 ? '' : sum(this.language, { amount, currency }));
    // Of the balances above them: these come to the same whenever debits and credits do.
    const [onDebit, onCredit] = [1, -1].map((sign) => accounts.reduce((all, { balance: { amount } }) => all + Math.max(0, sign * amount), 0)) as [number, number];
    return html`<section aria-label="${words.balance} ${currency}">
      <p><span class="tag long ${debits === credits ? 'good' : 'bad'}">${debits === credits ? words.balanced : words.unbalanced}</span></p>
      <div class="scroll">
        <table class="stack">
          <thead>
            <tr>
              <th scope="col">${words.account}</th>
              <th scope="col">${words.kind}</th>
              <th scope="col" class="number">${words.debit}</th>
              <th scope="col" class="number">${words.credit}</th>
            </tr>
          </thead>
          <tbody>
            ${accounts.map(
              ({ name, kind, balance: { amount } }) => html`<tr>
                <th scope="row">${accountName(this.language, name)}</th>
                <td data-label=${words.kind}><span>${words.accountKind[kind] ?? kind}</span></td>
                <td data-label=${words.debit} class="number"><span>${money(Math.max(0, amount))}</span></td>
                <td data-label=${words.credit} class="number"><span>${money(Math.max(0, -amount))}</span></td>
              </tr>`,
            )}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colspan="2">${words.sum} ${currency}</th>
              <td data-label=${words.debit} class="number"><span>${sum(this.language, { amount: onDebit, currency })}</span></td>
              <td data-label=${words.credit} class="number"><span>${sum(this.language, { amount: onCredit, currency })}</span></td>
            </tr>
          </tfoot>
        </table>
      </div>
    </section>`;
  }

  #entryList(): TemplateResult {
    const words = WORDS[this.language];
    const accounts = (this.#balances.rows ?? []).flatMap(({ accounts: of, currency }) => of.map((account) => ({ ...account, currency })));
    return html`
      <div class="bar">
        <h2>${words.entries}</h2>
        <label
          >${words.account}
          <select @change=${this.#accountChosen}>
            <option value="">${words.allAccounts}</option>
            ${accounts.map(({ id, name, currency }) => html`<option value=${id} ?selected=${id === this.account}>${accountName(this.language, name)} · ${currency}</option>`)}
          </select>
        </label>
      </div>
      ${this.#entries.view(this.language, { title: words.noBooksTitle, text: words.noBooks }, (rows) => this.#table(rows))}
    `;
  }

  #table(rows: readonly LedgerEntry[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            <th scope="col">${words.posting}</th>
            <th scope="col">${words.account}</th>
            <th scope="col" class="number">${words.debit}</th>
            <th scope="col" class="number">${words.credit}</th>
            <th scope="col">${words.booking}</th>
            <th scope="col">${words.when}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ transaction_id: posting, cause, account, amount, event_id: event, booking_id: booking, at }) => html`<tr>
              <th scope="row">${causeName(this.language, cause)} <span class="soft small">${digits(this.language, String(posting))}</span></th>
              <td data-label=${words.account}><span>${accountName(this.language, account)}</span></td>
              <td data-label=${words.debit} class="number"><span>${amount.amount > 0 ? sum(this.language, amount) : ''}</span></td>
              <td data-label=${words.credit} class="number"><span>${amount.amount < 0 ? sum(this.language, { ...amount, amount: -amount.amount }) : ''}</span></td>
              <td data-label=${words.booking}><span>${booking ? html`<a href="/desk/events/${event}/bookings/${booking}">${words.booking}</a>` : '–'}</span></td>
              <td data-label=${words.when}><span>${momentWords(this.language, at)}</span></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  /** The organization in an address, if there is one to be named. */
  #of(before: string): string {
    return this.organization === undefined || choicesOf(this.me, 'money').length === 0 ? '' : `${before}organization_id=${this.organization}`;
  }

  readonly #choose = (id: number): void => {
    this.organization = id;
    this.account = undefined;
    void this.#balances.restart();
    void this.#entries.restart();
  };

  readonly #accountChosen = (event: Event): void => {
    const { value } = event.target as HTMLSelectElement;
    this.account = value === '' ? undefined : Number(value);
    void this.#entries.restart();
  };
}

customElements.define('desk-ledger', LedgerPage);
