import { css, html, nothing, type TemplateResult } from 'lit';
import { sharedClient } from '../elements/internal/full-client.ts';
import type { User } from '../sdk/index.ts';
import { usersAsAdmin } from './demo-users.ts';
import { tabMemory } from './tab-memory.ts';
import { WORDS } from './user-switcher.words.ts';
import { PageElement } from './page-element.ts';
import { shared } from './shared.styles.ts';

const KEY = 'seatcast.user';
/** Customers that are offered; those of a demo, and some more. */
const SHOWN_MAX = 20;
/** The demo's customers, should the server not list them. */
const DEMO_USERS: User[] = [3, 4, 5, 6, 7, 8, 9].map((id) => ({ id, name: `Customer ${id}`, role: 'customer' }));

/**
 * Chooses the user that the demo acts as. Shown only where the server runs in development mode and believes it; kept
 * per tab, so that two windows can be two people.
 */
export class UserSwitcher extends PageElement {
  static override properties = { users: { state: true }, user: { state: true } };
  static override styles = [
    shared,
    css`
      label {
        display: inline-flex;
        align-items: center;
        gap: 0.5rem;
        padding-inline: 0.85rem 0.5rem;
        border: 1px solid var(--line);
        border-radius: 99px;
        background: var(--surface);
        color: var(--ink-soft);
        font-size: 0.8125rem;
      }
      label:focus-within {
        outline: 3px solid var(--accent);
        outline-offset: 2px;
      }
      select {
        max-width: 9.5rem;
        min-height: 40px;
        padding: 0;
        padding-inline-end: 0.2rem;
        border: 0;
        border-radius: 99px;
        outline: none;
        background: none;
        color: var(--ink);
        cursor: pointer;
        font: inherit;
        font-weight: 600;
        text-overflow: ellipsis;
      }
      option {
        background: var(--surface);
      }
    `,
  ];

  declare users: readonly User[];
  declare user: number | undefined;

  constructor() {
    super();
    this.users = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#start();
  }

  async #start(): Promise<void> {
    const client = sharedClient();
    const listed = await usersAsAdmin(client.rest).catch(() => DEMO_USERS);
    const customers = listed.filter(({ role }) => role === 'customer');
    const kept = Number(tabMemory()?.getItem(KEY));
    // Whom the tab acts as already is among them, however many there are.
    this.users = customers.filter(({ id }, place) => place < SHOWN_MAX || id === kept);
    if (this.users.some(({ id }) => id === kept)) this.#become(kept);
  }

  override render(): TemplateResult | typeof nothing {
    if (this.users.length === 0) return nothing;
    return html`<label>
      ${WORDS[this.language].actingAs}
      <select @change=${(event: Event) => this.#become(Number((event.target as HTMLSelectElement).value))}>
        <option value="0" ?selected=${this.user === undefined}>${WORDS[this.language].guest}</option>
        ${this.users.map(({ id, name }) => html`<option value=${id} ?selected=${id === this.user}>${name}</option>`)}
      </select>
    </label>`;
  }

  #become(id: number): void {
    this.user = id > 0 ? id : undefined;
    sharedClient().userId = this.user;
    tabMemory()?.setItem(KEY, String(id));
  }
}

customElements.define('seatcast-user-switcher', UserSwitcher);
