import { css, html, nothing, type TemplateResult } from 'lit';
import { count, momentWords } from '../../elements/internal/format.ts';
import { EventDeskPage } from '../desk-page.ts';
import { List } from '../list.ts';
import { deskStyles } from '../styles.ts';
import { tableOf } from '../table.ts';
import { wishWords, WORDS, type WaitingStatus } from './words.ts';

/** As many as the server answers at once. */
const PAGE_ROWS = 100;

interface WaitingRow {
  id: number;
  user_id: number;
  quantity: number;
  ticket_type_ids: number[] | null;
  status: WaitingStatus;
  place: number | null;
  booking_id: string | null;
  offer_until: string | null;
  created_at: string;
}

const LOOKS: Record<WaitingStatus, string> = { waiting: '', offered: 'warn', accepted: 'good', declined: 'bad', expired: 'bad', left: '', over: '' };

/** Those who wait for tickets of the event, in order. */
export class WaitlistDeskPage extends EventDeskPage {
  static override styles = [
    deskStyles,
    css`
      .waiting {
        height: 20rem;
      }
    `,
  ];

  readonly #list: List<WaitingRow> = new List<WaitingRow>(this, () => `/events/${this.event.id}/waitlist?limit=${PAGE_ROWS}`);

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`<h2>${words.waitlist}</h2>
      ${this.#list.view(this.language, { title: words.noWaitersTitle, text: words.noWaiters }, (rows) => this.#table(rows))}`;
  }

  #table(rows: readonly WaitingRow[]): TemplateResult {
    const words = WORDS[this.language];
    const nameOf = (ids: readonly number[] | null): string[] => this.event.ticket_types.filter(({ id }) => ids?.includes(id)).map(({ name }) => name);
    return tableOf(rows, {
      key: ({ id }) => id,
      columns: [
        { head: words.place, cell: ({ place }) => (place === null ? '–' : count(this.language, place)) },
        { head: words.who, cell: ({ user_id: user }) => count(this.language, user) },
        { head: words.wants, cell: ({ quantity, ticket_type_ids: ids }) => wishWords(this.language, quantity, nameOf(ids)) },
        { head: words.status, cell: (row) => this.#status(row) },
        { head: words.since, cell: ({ created_at: at }) => momentWords(this.language, at) },
      ],
    });
  }

  #status({ status, booking_id: booking, offer_until: until }: WaitingRow): TemplateResult {
    const words = WORDS[this.language];
    const tag = html`<span class="tag ${LOOKS[status]}">${words.waiting[status]}</span>`;
    return html`<span>${booking ? html`<a href="/desk/events/${this.event.id}/bookings/${booking}">${tag}</a>` : tag} ${until ? html`<span class="soft small">${words.offerUntil(momentWords(this.language, until))}</span>` : nothing}</span>`;
  }
}

customElements.define('desk-waitlist', WaitlistDeskPage);
