import { css, html, LitElement, nothing, type TemplateResult } from 'lit';
import { dateParts } from '../elements/internal/format.ts';
import { addressOf } from '../elements/internal/qr.ts';
import { explain } from '../elements/internal/refusals.ts';
import { fields } from '../elements/internal/controls.ts';
import { sharedClient } from '../elements/index.ts';
import { Refusal, type Account, type HeldTicket } from '../sdk/index.ts';
import { pageSession } from './session.ts';
import { shared } from './shared.styles.ts';

/** As many characters as the server asks of a password. */
const PASSWORD_CHARS_MIN = 8;

/** Roles of an organization, in words. */
const ROLES: Record<string, string> = {
  owner: 'an owner',
  manager: 'a manager',
  box_office: 'box office',
  scanner: 'a scanner',
  finance: 'finance',
};

/** The account: to sign in, to register, to sign out; opens the links of the mails that lead here. */
export class AccountPage extends LitElement {
  static override styles = [
    shared,
    fields,
    css`
      :host {
        display: grid;
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
      }
      .ticket {
        padding: 1rem 1.25rem;
        border: 1px solid var(--line);
        border-left: 4px solid var(--green);
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
    account: { state: true },
    confirmation: { state: true },
    reset: { state: true },
    invitation: { state: true },
    transfer: { state: true },
    ticket: { state: true },
    busy: { state: true },
  };

  /** How the last wish ended. */
  declare said: string | undefined;
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
  declare ticket: { held: HeldTicket; qr: string } | undefined;
  declare busy: boolean;

  constructor() {
    super();
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    document.title = 'Account · Seatcast';
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

  override render(): TemplateResult {
    return html`
      <h1>Account</h1>
      <p role="status" class="said">${this.said ?? nothing}</p>
      ${this.ticket ? this.#taken(this.ticket) : this.transfer ? this.#offered(this.transfer) : nothing}
      ${this.invitation && !this.reset ? this.#invited(this.invitation) : nothing}
      ${this.confirmation ? this.#passwordToConfirm() : this.reset ? this.#newPassword() : this.account ? this.#signedIn(this.account) : this.#signedOut()}
    `;
  }

  #offered(link: string): TemplateResult {
    return html`<section class="invited" aria-labelledby="offered">
      <h2 id="offered">A ticket for you</h2>
      <p>Take it over: it is yours from then on, and the code that it had opens nothing any more.${this.account ? nothing : ' You need no account for it.'}</p>
      <div class="actions">
        <button class="button primary" ?disabled=${this.busy} @click=${() => this.#take(link)}>Take the ticket</button>
      </div>
    </section>`;
  }

  #taken({ held, qr }: { held: HeldTicket; qr: string }): TemplateResult {
    const { weekday, day, month, year, time, zone } = dateParts('en', held.starts_at, held.timezone);
    const { seat } = held;
    return html`<section class="ticket" aria-labelledby="ticket">
      <h2 id="ticket">${held.event_title}</h2>
      <p>${weekday} ${day} ${month} ${year}, ${time} ${zone}<br />${held.venue}</p>
      <img src=${qr} alt="QR code of ticket ${held.code}" />
      <p>
        <strong>${seat ? `${seat.section} · Row ${seat.row} · Seat ${seat.number}` : held.ticket_type}</strong><br />${held.code}
      </p>
      <p>It is on its way to you by mail as well, to print and for the calendar.</p>
    </section>`;
  }

  #invited(token: string): TemplateResult {
    if (!this.account) return html`<p class="invited">You are invited to an organization. Sign in or register to join it.</p>`;
    return html`<section class="invited" aria-labelledby="invited">
      <h2 id="invited">An invitation</h2>
      <p>You are invited to an organization. You join it as ${this.account.name}.</p>
      <div class="actions">
        <button class="button primary" ?disabled=${this.busy} @click=${() => this.#join(token)}>Join</button>
        <button class="button" ?disabled=${this.busy} @click=${() => (this.invitation = undefined)}>Not now</button>
      </div>
    </section>`;
  }

  #signedIn({ name, email, email_confirmed: isProven }: Account): TemplateResult {
    return html`<section>
      <p><strong>${name}</strong><br />${email}</p>
      ${email && !isProven ? html`<p>This address is not confirmed yet: open the link in the mail that we sent.</p>` : nothing}
      <a href="/bookings">My bookings</a>
      <div class="actions">
        <button class="button" ?disabled=${this.busy} @click=${() => this.#signOut(false)}>Sign out</button>
        <button class="button" ?disabled=${this.busy} @click=${() => this.#signOut(true)}>Sign out everywhere</button>
      </div>
    </section>`;
  }

  #signedOut(): TemplateResult {
    return html`<div class="forms">
      <form aria-labelledby="sign-in" @submit=${this.#signIn}>
        <h2 id="sign-in">Sign in</h2>
        <label>E-mail <input name="email" type="email" required autocomplete="username" /></label>
        <label>Password <input name="password" type="password" required autocomplete="current-password" /></label>
        <div class="actions">
          <button class="button primary" ?disabled=${this.busy}>Sign in</button>
          <button class="button" type="button" ?disabled=${this.busy} @click=${this.#forgot}>Forgot the password?</button>
        </div>
      </form>
      <form aria-labelledby="register" @submit=${this.#register}>
        <h2 id="register">Register</h2>
        <label>Name <input name="name" required maxlength="200" autocomplete="name" /></label>
        <label>E-mail <input name="email" type="email" required autocomplete="username" /></label>
        <label>Password <input name="password" type="password" required minlength=${PASSWORD_CHARS_MIN} autocomplete="new-password" /></label>
        <button class="button" ?disabled=${this.busy}>Register</button>
      </form>
    </div>`;
  }

  #passwordToConfirm(): TemplateResult {
    return html`<form aria-labelledby="confirm" @submit=${this.#confirm}>
      <h2 id="confirm">Confirm your e-mail address</h2>
      <p>Type the password that you want to sign in with. Only you can: nobody else has this link.</p>
      <label>Password <input name="password" type="password" required minlength=${PASSWORD_CHARS_MIN} autocomplete="new-password" /></label>
      <button class="button primary" ?disabled=${this.busy}>Confirm</button>
    </form>`;
  }

  #newPassword(): TemplateResult {
    return html`<form aria-labelledby="new-password" @submit=${this.#resetPassword}>
      <h2 id="new-password">A new password</h2>
      <label>New password <input name="password" type="password" required minlength=${PASSWORD_CHARS_MIN} autocomplete="new-password" /></label>
      <button class="button primary" ?disabled=${this.busy}>Set it</button>
    </form>`;
  }

  readonly #changed = (): void => {
    this.account = pageSession().account;
  };

  readonly #followLink = (): void => {
    const [, kind, token] = /^#(confirm|sign-in|reset|invitation|transfer)=(.+)$/.exec(location.hash) ?? [];
    if (!kind || !token) return;
    // A link in the address bar would be shared, and opened anew by each reload.
    history.replaceState(null, '', location.pathname);
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
        return 'Your e-mail address is confirmed already.';
      }
      this.confirmation = undefined;
      return 'Your e-mail address is confirmed. Sign in with this password.';
    });
  }

  async #isProven(): Promise<boolean> {
    if (pageSession().account?.email_confirmed === false) await pageSession().another();
    return pageSession().account?.email_confirmed ?? false;
  }

  async #openLink(token: string): Promise<string> {
    pageSession().begin(await sharedClient().openSignInLink(token));
    return 'You are signed in.';
  }

  #take(link: string): void {
    void this.#wish(async () => {
      const held = await sharedClient().acceptTicket(link);
      this.ticket = { held, qr: await addressOf(await sharedClient().heldTicketQr(held)) };
      this.transfer = undefined;
      return 'The ticket is yours.';
    });
  }

  #join(token: string): void {
    void this.#wish(async () => {
      const { member } = await sharedClient().acceptInvitation(token);
      this.invitation = undefined;
      // The tokens so far do not say the new role, and have ended.
      await pageSession().another();
      return `You have joined the organization as ${ROLES[member.role] ?? member.role}.`;
    });
  }

  #signIn(event: SubmitEvent): void {
    const typed = typedIn(event);
    void this.#wish(async () => {
      pageSession().begin(await sharedClient().signIn(typed('email'), typed('password')));
      return 'You are signed in.';
    });
  }

  #register(event: SubmitEvent): void {
    const typed = typedIn(event);
    void this.#wish(async () => {
      const [email, password] = [typed('email'), typed('password')];
      await sharedClient().register({ name: typed('name'), email, password });
      return 'A mail is on its way to this address. Open its link to confirm it, then sign in.';
    });
  }

  #forgot(): void {
    const email = this.renderRoot.querySelector<HTMLInputElement>('form input[type=email]');
    if (!email?.reportValidity()) return;
    void this.#wish(async () => {
      await sharedClient().forgotPassword(email.value.trim());
      return 'If there is such an account, a mail is on its way.';
    });
  }

  #resetPassword(event: SubmitEvent): void {
    const typed = typedIn(event);
    const token = this.reset ?? '';
    void this.#wish(async () => {
      await sharedClient().resetPassword(token, typed('password'));
      this.reset = undefined;
      return 'The password is set. Sign in with it.';
    });
  }

  #signOut(everywhere: boolean): void {
    void this.#wish(async () => {
      await pageSession().end(everywhere);
      return 'You are signed out.';
    });
  }

  /** One wish at a time. */
  async #wish(wish: () => Promise<string>): Promise<void> {
    this.busy = true;
    this.said = undefined;
    this.said = await wish().catch((error: unknown) => explain('en', error));
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
