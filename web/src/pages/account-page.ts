import { css, html, nothing, type TemplateResult } from 'lit';
import { dateParts, dateWords } from '../elements/internal/format.ts';
import { addressOf } from '../elements/internal/qr.ts';
import type { Language } from '../elements/internal/language.ts';
import { explain } from '../elements/internal/refusals.ts';
import '../elements/internal/refusal-words.ts';
import { fields } from '../elements/internal/controls.ts';
import { sharedClient } from '../elements/internal/full-client.ts';
import { WORDS } from './account-page.words.ts';
import { PageElement, titled } from './page-element.ts';
import { Refusal, type AcceptedTicket, type Account } from '../sdk/index.ts';
import { pageToGoBackTo } from './back.ts';
import { openPage } from './router.ts';
import { pageSession } from './session.ts';
import { shared } from './shared.styles.ts';

/** As many characters as the server asks of a password. */
const PASSWORD_CHARS_MIN = 8;

/** How a wish ended, in the words of whichever language is spoken now. */
type Said = (words: (typeof WORDS)[Language]) => string;

/** The account: to sign in, to register, to sign out; opens the links of the mails that lead here. */
export class AccountPage extends PageElement {
  static override styles = [
    shared,
    fields,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 1.75rem;
        max-width: 46rem;
      }
      .forms {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr));
        gap: 2rem;
        align-items: start;
      }
      form,
      section {
        display: grid;
        gap: 0.75rem;
        justify-items: start;
      }
      label {
        width: 100%;
        font-size: 0.875rem;
      }
      input {
        width: 100%;
        background: var(--surface);
        font-size: 1rem;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 0.75rem;
      }
      p {
        margin: 0;
        overflow-wrap: anywhere;
      }
      .said:empty {
        position: absolute;
      }
      .ticket {
        padding: 1rem 1.25rem;
        border: 1px solid var(--line);
        border-inline-start: 4px solid var(--green);
        border-radius: var(--radius);
        background: var(--surface);
      }
      .ticket img {
        width: min(100%, 13rem);
        aspect-ratio: 1;
        border-radius: 6px;
        background: #fff;
      }
      .invited {
        padding: 1rem 1.25rem;
        border-radius: var(--radius);
        background: var(--accent-wash);
      }
    `,
  ];
  static override properties = {
    said: { state: true },
    asked: { state: true },
    account: { state: true },
    confirmation: { state: true },
    reset: { state: true },
    invitation: { state: true },
    transfer: { state: true },
    ticket: { state: true },
    busy: { state: true },
  };

  /** How the last wish ended. */
  declare said: Said | undefined;
  /** Where it was wished for, and is said: the second form may be far below the first lines. */
  declare asked: 'register' | undefined;
  declare account: Account | undefined;
  /** Of a mail: the address is confirmed by it, and a password set. */
  declare confirmation: string | undefined;
  /** Of a mail: a new password may be set by it. */
  declare reset: string | undefined;
  /** Of a mail: an organization may be joined by it, with an account. */
  declare invitation: string | undefined;
  /** Of a mail: a ticket may be taken over by it, with or without an account. */
  declare transfer: string | undefined;
  /** The ticket that was, and its QR's address. */
  declare ticket: { held: AcceptedTicket; qr: string } | undefined;
  declare busy: boolean;

  constructor() {
    super();
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    pageSession().addEventListener('change', this.#changed);
    globalThis.addEventListener('hashchange', this.#followLink);
    this.#changed();
    this.#followLink();
  }

  override disconnectedCallback(): void {
    globalThis.removeEventListener('hashchange', this.#followLink);
    pageSession().removeEventListener('change', this.#changed);
    super.disconnectedCallback();
  }

  protected override willUpdate(): void {
    titled(WORDS[this.language].title);
  }

  override render(): TemplateResult {
    return html`
      <h1>${WORDS[this.language].title}</h1>
      ${this.#saidOf(undefined)}
      ${this.ticket ? this.#taken(this.ticket) : this.transfer ? this.#offered(this.transfer) : nothing}
      ${this.invitation && !this.reset ? this.#invited(this.invitation) : nothing}
      ${this.confirmation ? this.#passwordToConfirm() : this.reset ? this.#newPassword() : this.account ? this.#signedIn(this.account) : this.#signedOut()}
    `;
  }

  #saidOf(place: 'register' | undefined): TemplateResult {
    return html`<p role="status" class="said">${(this.asked === place && this.said?.(WORDS[this.language])) || nothing}</p>`;
  }

  #offered(link: string): TemplateResult {
    const words = WORDS[this.language];
    return html`<section class="invited" aria-labelledby="offered">
      <h2 id="offered">${words.offered}</h2>
      <p>${words.offeredMeans} ${this.account ? nothing : words.noAccountNeeded}</p>
      <div class="actions">
        <button class="button primary" ?disabled=${this.busy} @click=${() => this.#take(link)}>${words.takeTicket}</button>
      </div>
    </section>`;
  }

  #taken({ held, qr }: { held: AcceptedTicket; qr: string }): TemplateResult {
    const words = WORDS[this.language];
    const parts = dateParts(this.language, held.starts_at, held.timezone);
    const { seat } = held;
    return html`<section class="ticket" aria-labelledby="ticket">
      <h2 id="ticket">${held.event_title}</h2>
      <p>${dateWords(this.language, parts)} <bdi>${parts.zone}</bdi><br />${held.venue}</p>
      <img src=${qr} alt=${words.qrOf(held.code)} />
      <p>
        <strong>${seat ? words.seat(seat.section, seat.row, seat.number) : held.ticket_type}</strong><br />${held.code}
      </p>
      <p>${words.byMail}</p>
    </section>`;
  }

  #invited(token: string): TemplateResult {
    const words = WORDS[this.language];
    if (!this.account) return html`<p class="invited">${words.invitedSignIn}</p>`;
    return html`<section class="invited" aria-labelledby="invited">
      <h2 id="invited">${words.invitation}</h2>
      <p>${words.invited(this.account.name)}</p>
      <div class="actions">
        <button class="button primary" ?disabled=${this.busy} @click=${() => this.#join(token)}>${words.join}</button>
        <button class="button" ?disabled=${this.busy} @click=${() => (this.invitation = undefined)}>${words.notNow}</button>
      </div>
    </section>`;
  }

  #signedIn({ name, email, email_confirmed: isProven }: Account): TemplateResult {
    const words = WORDS[this.language];
    return html`<section>
      <p><strong>${name}</strong><br />${email}</p>
      ${email && !isProven ? html`<p>${words.notConfirmed}</p>` : nothing}
      <a href="/bookings">${words.myBookings}</a>
      <div class="actions">
        <button class="button" ?disabled=${this.busy} @click=${() => this.#signOut(false)}>${words.signOut}</button>
        <button class="button" ?disabled=${this.busy} @click=${() => this.#signOut(true)}>${words.signOutEverywhere}</button>
      </div>
    </section>`;
  }

  #signedOut(): TemplateResult {
    const words = WORDS[this.language];
    return html`<div class="forms">
      <form aria-labelledby="sign-in" @submit=${this.#signIn}>
        <h2 id="sign-in">${words.signIn}</h2>
        <label>${words.email} <input name="email" type="email" required autocomplete="username" /></label>
        <label>${words.password} <input name="password" type="password" required autocomplete="current-password" /></label>
        <div class="actions">
          <button class="button primary" ?disabled=${this.busy}>${words.signIn}</button>
          <button class="button" type="button" ?disabled=${this.busy} @click=${this.#forgot}>${words.forgot}</button>
        </div>
      </form>
      <form aria-labelledby="register" @submit=${this.#register}>
        <h2 id="register">${words.register}</h2>
        <label>${words.name} <input name="name" required maxlength="200" autocomplete="name" /></label>
        <label>${words.email} <input name="email" type="email" required autocomplete="username" /></label>
        <label>${words.password} <input name="password" type="password" required minlength=${PASSWORD_CHARS_MIN} autocomplete="new-password" /></label>
        <button class="button" ?disabled=${this.busy}>${words.register}</button>
        ${this.#saidOf('register')}
      </form>
    </div>`;
  }

  #passwordToConfirm(): TemplateResult {
    const words = WORDS[this.language];
    return html`<form aria-labelledby="confirm" @submit=${this.#confirm}>
      <h2 id="confirm">${words.confirmEmail}</h2>
      <p>${words.confirmMeans}</p>
      <label>${words.password} <input name="password" type="password" required minlength=${PASSWORD_CHARS_MIN} autocomplete="new-password" /></label>
      <button class="button primary" ?disabled=${this.busy}>${words.confirm}</button>
    </form>`;
  }

  #newPassword(): TemplateResult {
    const words = WORDS[this.language];
    return html`<form aria-labelledby="new-password" @submit=${this.#resetPassword}>
      <h2 id="new-password">${words.newPassword}</h2>
      <label>${words.newPasswordLabel} <input name="password" type="password" required minlength=${PASSWORD_CHARS_MIN} autocomplete="new-password" /></label>
      <button class="button primary" ?disabled=${this.busy}>${words.setPassword}</button>
    </form>`;
  }

  readonly #changed = (): void => {
    this.account = pageSession().account;
  };

  readonly #followLink = (): void => {
    const [, kind, token] = /^#(confirm|sign-in|reset|invitation|transfer)=(.+)$/.exec(location.hash) ?? [];
    if (!kind || !token) return;
    // A link in the address bar would be shared, and opened anew by each reload.
    history.replaceState(null, '', location.pathname + location.search);
    this.said = undefined;
    if (kind === 'confirm') this.confirmation = token;
    else if (kind === 'reset') this.reset = token;
    else if (kind === 'invitation') this.invitation = token;
    else if (kind === 'transfer') [this.transfer, this.ticket] = [token, undefined];
    else void this.#wish(() => this.#openLink(token));
  };

  #confirm(event: SubmitEvent): void {
    const typed = typedIn(event);
    const token = this.confirmation ?? '';
    void this.#wish(async () => {
      try {
        await sharedClient().confirmEmail(token, typed('password'));
      } catch (error) {
        // A link that was opened before has done what it is for.
        if (!isUsedUp(error) || !(await this.#isProven())) throw error;
        this.confirmation = undefined;
        return (words) => words.confirmedAlready;
      }
      this.confirmation = undefined;
      return (words) => words.confirmed;
    });
  }

  async #isProven(): Promise<boolean> {
    if (pageSession().account?.email_confirmed === false) await pageSession().another();
    return pageSession().account?.email_confirmed ?? false;
  }

  async #openLink(token: string): Promise<Said> {
    pageSession().begin(await sharedClient().openSignInLink(token));
    return (words) => words.signedIn;
  }

  #take(link: string): void {
    void this.#wish(async () => {
      const held = await sharedClient().acceptTicket(link);
      this.ticket = { held, qr: await addressOf(await sharedClient().ticketQr(held.code, held)) };
      this.transfer = undefined;
      return (words) => words.taken;
    });
  }

  #join(token: string): void {
    void this.#wish(async () => {
      const { member } = await sharedClient().acceptInvitation(token);
      this.invitation = undefined;
      // The tokens so far do not say the new role, and have ended.
      await pageSession().another();
      return (words) => words.joined((words.roles as Record<string, string>)[member.role] ?? member.role);
    });
  }

  #signIn(event: SubmitEvent): void {
    const typed = typedIn(event);
    void this.#wish(async () => {
      pageSession().begin(await sharedClient().signIn(typed('email'), typed('password')));
      const back = pageToGoBackTo(location.search);
      if (back) openPage(this, back);
      return (words) => words.signedIn;
    });
  }

  #register(event: SubmitEvent): void {
    const typed = typedIn(event);
    void this.#wish(async () => {
      const [email, password] = [typed('email'), typed('password')];
      await sharedClient().register({ name: typed('name'), email, password });
      return (words) => words.registered;
    }, 'register');
  }

  #forgot(): void {
    const email = this.renderRoot.querySelector<HTMLInputElement>('form input[type=email]');
    if (!email?.reportValidity()) return;
    void this.#wish(async () => {
      await sharedClient().forgotPassword(email.value.trim());
      return (words) => words.forgotSent;
    });
  }

  #resetPassword(event: SubmitEvent): void {
    const typed = typedIn(event);
    const token = this.reset ?? '';
    void this.#wish(async () => {
      await sharedClient().resetPassword(token, typed('password'));
      this.reset = undefined;
      return (words) => words.passwordSet;
    });
  }

  #signOut(everywhere: boolean): void {
    void this.#wish(async () => {
      await pageSession().end(everywhere);
      return (words) => words.signedOut;
    });
  }

  /** One wish at a time. */
  async #wish(wish: () => Promise<Said>, asked?: 'register'): Promise<void> {
    this.busy = true;
    this.said = undefined;
    this.asked = asked;
    this.said = await wish().catch((error: unknown) => () => explain(this.language, error));
    this.busy = false;
  }
}

function isUsedUp(error: unknown): boolean {
  return error instanceof Refusal && error.code === 'LINK_EXPIRED';
}

/** The fields of a form that is sent; the page stays. */
function typedIn(event: SubmitEvent): (name: string) => string {
  event.preventDefault();
  const typed = new FormData(event.target as HTMLFormElement);
  return (name) => (name === 'password' ? String(typed.get(name)) : String(typed.get(name)).trim());
}

customElements.define('seatcast-account-page', AccountPage);
