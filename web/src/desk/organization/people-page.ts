import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { live } from 'lit/directives/live.js';
import { momentWords } from '../../elements/internal/format.ts';
import { DeskPage } from '../desk-page.ts';
import { List } from '../list.ts';
import { may, type OrganizationRole } from '../rights.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { tableOf } from '../table.ts';
import { say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { chosenOf, organizationChoice } from './choice.ts';
import { WORDS, type Scope } from './words.ts';
import '../desk-dialog.ts';

const PAGE_ROWS = 100;
const NAME_CHARS_MAX = 200;
const ROLES: readonly OrganizationRole[] = ['manager', 'box_office', 'scanner', 'finance', 'owner'];
const SCOPES: readonly Scope[] = ['see', 'sell', 'check_in', 'figures', 'manage', 'money'];

interface Member {
  user_id: number;
  name: string;
  email: string | null;
  role: OrganizationRole;
  since: string;
}

interface Invitation {
  id: number;
  email: string;
  role: OrganizationRole;
  invited_at: string;
  expires_at: string;
}

interface ApiKey {
  id: number;
  name: string;
  prefix: string;
  scopes: Scope[];
  created_at: string;
  expires_at: string | null;
}

type Asks =
  | { what: 'invite' }
  | { what: 'withdraw'; invitation: Invitation }
  | { what: 'remove'; member: Member }
  | { what: 'key' }
  | { what: 'revoke'; key: ApiKey }
  | { what: 'made'; key: string | null };

/** The people of an organization and their roles, its open invitations, and the keys of its programs. */
export class PeoplePage extends DeskPage {
  static override properties: PropertyDeclarations = { organization: { state: true }, asks: { state: true }, fault: { state: true }, busy: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .waiting {
        height: 12rem;
      }
      td select {
        width: auto;
      }
      .key {
        display: block;
        padding: 0.9rem 1rem;
        border-radius: var(--radius-small);
        background: var(--sunken);
        font-size: 0.9375rem;
        overflow-wrap: anywhere;
        user-select: all;
      }
    `,
  ];

  declare organization: number | undefined;
  declare asks: Asks | undefined;
  declare fault: Said | undefined;
  declare busy: boolean;
  readonly #members: List<Member> = new List<Member>(this, () => `/organizations/${this.organization}/members?limit=${PAGE_ROWS}`);
  readonly #invitations: List<Invitation> = this.#ownersList<Invitation>('invitations');
  readonly #keys: List<ApiKey> = this.#ownersList<ApiKey>('api-keys');

  constructor() {
    super();
    this.organization = chosenOf(this.me, 'see');
    this.busy = false;
  }

  get #isOwner(): boolean {
    return this.organization !== undefined && may(this.me, 'people', this.organization);
  }

  /** Is empty for those who may not read it. */
  #ownersList<T>(name: string): List<T> {
    return new List<T>(this, {
      page: async (next) => (this.#isOwner ? this.client.rows<T>(next ?? `/organizations/${this.organization}/${name}?limit=${PAGE_ROWS}`) : { rows: [], total: 0, next: undefined }),
    });
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <h1>${words.people}</h1>
        <div class="actions">
          ${organizationChoice(this.language, this.me, 'see', this.organization, this.#choose)}
          ${this.#isOwner ? html`<button class="button primary" type="button" @click=${() => this.#ask({ what: 'invite' })}>${words.invite}</button>` : nothing}
        </div>
      </div>
      ${this.#members.view(this.language, { title: words.noPeopleTitle, text: words.noPeople }, (rows) => this.#memberTable(rows))} ${this.#isOwner ? html`${this.#invitationList()}${this.#keyList()}` : nothing}
      ${this.asks ? this.#question(this.asks) : nothing}
    `;
  }

  #memberTable(rows: readonly Member[]): TemplateResult {
    const words = WORDS[this.language];
    return tableOf(rows, {
      key: ({ user_id: user }) => user,
      columns: [
        { head: words.name, cell: ({ name }) => name },
        { head: words.email, cell: ({ email }) => email ?? '' },
        { head: words.role, cell: (member) => this.#role(member) },
        { head: words.since, cell: ({ since }) => momentWords(this.language, since) },
      ],
      actions: (member) =>
        this.#isFixed(member)
          ? nothing
          : html`<button class="button small danger" type="button" aria-label=${words.removeWho(member.name)} @click=${() => this.#ask({ what: 'remove', member })}>${words.remove}</button>`,
    });
  }

  /** The founder stays the owner. */
  #isFixed({ user_id: user }: Member): boolean {
    return !this.#isOwner || user === this.organization;
  }

  #role(member: Member): TemplateResult {
    const words = WORDS[this.language];
    if (this.#isFixed(member)) return html`<span class="tag">${words.roles[member.role]}</span>`;
    const chosen = ({ target }: Event): void => void this.#setRole(member, (target as HTMLSelectElement).value as OrganizationRole);
    // A choice that the server refused is not left standing.
    return html`<select aria-label=${words.roleOf(member.name)} .value=${live(member.role)} ?disabled=${this.busy} @change=${chosen}>
      ${ROLES.map((one) => html`<option value=${one} ?selected=${one === member.role}>${words.roles[one]}</option>`)}
    </select>`;
  }

  #invitationList(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="bar"><h2>${words.invitations}</h2></div>
      ${this.#invitations.view(this.language, { title: words.noInvitationsTitle, text: words.noInvitations }, (rows) => this.#invitationTable(rows))}`;
  }

  #invitationTable(rows: readonly Invitation[]): TemplateResult {
    const words = WORDS[this.language];
    return tableOf(rows, {
      key: ({ id }) => id,
      columns: [
        { head: words.email, cell: ({ email }) => email },
        { head: words.role, cell: ({ role }) => html`<span class="tag">${words.roles[role]}</span>` },
        { head: words.invitedAt, cell: ({ invited_at: at }) => momentWords(this.language, at) },
        { head: words.ends, cell: ({ expires_at: at }) => momentWords(this.language, at) },
      ],
      actions: (invitation) =>
        html`<button class="button small danger" type="button" aria-label=${words.withdrawWhose(invitation.email)} @click=${() => this.#ask({ what: 'withdraw', invitation })}>
          ${words.withdraw}
        </button>`,
    });
  }

  #keyList(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <div>
          <h2>${words.keys}</h2>
          <p class="soft">${words.keysHint}</p>
        </div>
        <button class="button" type="button" @click=${() => this.#ask({ what: 'key' })}>${words.makeKey}</button>
      </div>
      ${this.#keys.view(this.language, { title: words.noKeysTitle, text: words.noKeys }, (rows) => this.#keyTable(rows))}
    `;
  }

  #keyTable(rows: readonly ApiKey[]): TemplateResult {
    const words = WORDS[this.language];
    return tableOf(rows, {
      key: ({ id }) => id,
      columns: [
        { head: words.name, cell: ({ name, prefix }) => html`<span><bdi>${name}</bdi> <code class="soft small"><bdi dir="ltr">${prefix}…</bdi></code></span>` },
        { head: words.scopes, cell: ({ scopes }) => html`<span>${scopes.map((scope) => html`<span class="tag">${words.scope[scope] ?? scope}</span> `)}</span>` },
        { head: words.ends, cell: ({ expires_at: at }) => (at ? momentWords(this.language, at) : words.never) },
      ],
      actions: (key) => html`<button class="button small danger" type="button" aria-label=${words.revokeWhat(key.name)} @click=${() => this.#ask({ what: 'revoke', key })}>${words.revoke}</button>`,
    });
  }

  #question(asks: Asks): TemplateResult {
    const words = WORDS[this.language];
    if (asks.what === 'remove') return this.#sure(words.removeTitle(asks.member.name), words.removeHint, words.remove, () => this.#remove(asks.member));
    if (asks.what === 'withdraw') return this.#sure(words.withdrawTitle(asks.invitation.email), words.withdrawHint, words.withdraw, () => this.#withdraw(asks.invitation));
    if (asks.what === 'revoke') return this.#sure(words.revokeTitle(asks.key.name), words.revokeHint, words.revoke, () => this.#revoke(asks.key));
    if (asks.what === 'made') {
      return html`<desk-dialog heading=${words.keyIs} @close=${this.#close}>
        ${asks.key === null ? html`<p>${words.keyLost}</p>` : html`<p>${words.keyHint}</p><code class="key">${asks.key}</code>`}
        <div slot="actions"><button class="button primary" type="button" @click=${this.#close}>${COMMON[this.language].close}</button></div>
      </desk-dialog>`;
    }
    const isInvitation = asks.what === 'invite';
    return html`<desk-dialog heading=${isInvitation ? words.inviteTitle : words.makeKey} @close=${this.#close}>
      ${isInvitation ? this.#invitation() : this.#newKey()}
      <div slot="actions">
        <button class="button" type="button" @click=${this.#close}>${COMMON[this.language].back}</button>
        <button class="button primary" form="form" ?disabled=${this.busy}>${isInvitation ? words.invite : words.makeKey}</button>
      </div>
    </desk-dialog>`;
  }

  #invitation(): TemplateResult {
    const words = WORDS[this.language];
    return html`<p>${words.inviteHint}</p>
      <form id="form" @submit=${this.#invite}>
        <label>${words.email}<input name="email" type="email" required autocomplete="off" /></label>
        <fieldset>
          <legend>${words.role}</legend>
          ${ROLES.map(
            (role) =>
              html`<label class="tick"><input type="radio" name="role" value=${role} ?checked=${role === 'box_office'} /><span><b>${words.roles[role]}</b><br /><span class="hint">${words.may[role]}</span></span></label>`,
          )}
        </fieldset>
        <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
      </form>`;
  }

  #newKey(): TemplateResult {
    const words = WORDS[this.language];
    return html`<form id="form" @submit=${this.#makeKey}>
      <label>${words.keyName}<input name="name" required maxlength=${NAME_CHARS_MAX} autocomplete="off" /></label>
      <fieldset>
        <legend>${words.scopes}</legend>
        ${SCOPES.map((scope) => html`<label class="tick"><input type="checkbox" name="scope" value=${scope} ?checked=${scope === 'see'} />${words.scope[scope]}</label>`)}
      </fieldset>
      <label>${words.ends}<input name="expires_at" type="datetime-local" /></label>
      <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
    </form>`;
  }

  #sure(heading: string, hint: string, label: string, act: () => Promise<void>): TemplateResult {
    return html`<desk-dialog heading=${heading} @close=${this.#close}>
      <p>${hint}</p>
      <p class="problem" role="alert">${this.fault?.(this.language) ?? nothing}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${this.#close}>${COMMON[this.language].back}</button>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${() => void this.#do(act)}>${label}</button>
      </div>
    </desk-dialog>`;
  }

  // ── what is done ────────────────────────────────────────────────────────────────────────────────

  #ask(asks: Asks): void {
    this.fault = undefined;
    this.asks = asks;
  }

  readonly #close = (): void => void (this.asks = undefined);

  readonly #choose = (id: number): void => {
    this.organization = id;
    void this.#members.restart();
    void this.#invitations.restart();
    void this.#keys.restart();
  };

  readonly #invite = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement);
    const email = String(typed.get('email')).trim();
    await this.#do(async () => {
      await this.client.ask(`/organizations/${this.organization}/members`, { method: 'POST', body: { email, role: typed.get('role') } });
      say((language) => WORDS[language].invited(email));
      this.#close();
      await this.#invitations.load();
    });
  };

  async #withdraw({ id }: Invitation): Promise<void> {
    await this.client.remove(`/organizations/${this.organization}/invitations/${id}`);
    this.#close();
    await this.#invitations.load();
  }

  async #setRole({ user_id: user, name }: Member, role: OrganizationRole): Promise<void> {
    this.busy = true;
    const changed = await this.tried(this.client.change<Member>('PUT', `/organizations/${this.organization}/members/${user}`, { role }));
    if (changed) say((language) => WORDS[language].changedRole(name, WORDS[language].roles[role]));
    await this.#members.load();
    this.busy = false;
  }

  async #remove({ user_id: user }: Member): Promise<void> {
    await this.client.remove(`/organizations/${this.organization}/members/${user}`);
    this.#close();
    await this.#members.load();
  }

  readonly #makeKey = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const typed = new FormData(event.target as HTMLFormElement);
    const ends = String(typed.get('expires_at'));
    const wish = { name: String(typed.get('name')).trim(), scopes: typed.getAll('scope'), ...(ends ? { expires_at: new Date(ends).toISOString() } : {}) };
    await this.#do(async () => {
      const { key } = await this.client.make<ApiKey & { key: string | null }>(`/organizations/${this.organization}/api-keys`, wish);
      this.asks = { what: 'made', key };
      await this.#keys.load();
    });
  };

  async #revoke({ id }: ApiKey): Promise<void> {
    await this.client.remove(`/organizations/${this.organization}/api-keys/${id}`);
    this.#close();
    await this.#keys.load();
  }

  async #do(wish: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.fault = undefined;
    try {
      await wish();
    } catch (error) {
      this.fault = because(error);
    }
    this.busy = false;
  }
}

customElements.define('desk-people', PeoplePage);
