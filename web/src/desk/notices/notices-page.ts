import { css, html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { count, dateParts, momentWords, timed } from '../../elements/internal/format.ts';
import '../../elements/seatcast-notices/seatcast-notices.ts';
import type { Notice } from '../../sdk/index.ts';
import { EventDeskPage } from '../desk-page.ts';
import { choiceField, faultsIn, focusFault, inWords, NO_FAULTS, resetLater, textField, Typed, type Faults } from '../fields.ts';
import { because, type Said } from '../said.ts';
import { StagedClient } from '../staged-client.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { fromWall } from '../zoned.ts';
import { Watch } from '../watch.ts';
import { WORDS } from './words.ts';
import '../desk-dialog.ts';

const MESSAGE_CHARS_MAX = 2_000;
/** Cancellations are told by cancelling. */
const KINDS = ['info_update', 'capacity_change', 'custom'] as const;
/** Of a notice that is not out yet: below all that the server gives. */
const PREVIEW_ID = -1;

/** The organizer's word to all viewers of an event, with how it will look. */
export class NoticesPage extends EventDeskPage {
  static override properties = {
    ...EventDeskPage.properties,
    notices: { state: true },
    kind: { state: true },
    message: { state: true },
    withdrawn: { state: true },
    faults: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .pair {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
        gap: 1.5rem;
        align-items: start;
      }
      ul {
        display: grid;
        gap: 0.75rem;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: start;
        justify-content: space-between;
        gap: 0.5rem 1rem;
        padding-block-end: 0.75rem;
        border-block-end: 1px solid var(--line);
      }
      li:last-child {
        padding-block-end: 0;
        border: 0;
      }
      li p {
        flex: 1 1 14rem;
        overflow-wrap: anywhere;
      }
    `,
  ];

  /** Those that are out, as viewers have them. */
  declare notices: readonly Notice[] | undefined;
  declare kind: string;
  declare message: string;
  declare withdrawn: Notice | undefined;
  declare faults: Faults;
  declare problem: Said | undefined;
  declare busy: boolean;

  readonly #stage = new StagedClient(() => this.client.now());

  constructor() {
    super();
    this.kind = KINDS[0];
    this.message = '';
    this.faults = NO_FAULTS;
    this.busy = false;
    new Watch(this, () => this.#watch());
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <h2>${words.title}</h2>
      <p class="soft">${this.event.status === 'draft' ? words.draft : words.intro}</p>
      <div class="pair">${this.#form()} ${this.#preview()}</div>
      ${this.#list()} ${this.withdrawn ? this.#question(this.withdrawn) : nothing}
    `;
  }

  #form(): TemplateResult {
    const words = WORDS[this.language];
    return html`<form class="panel" novalidate aria-labelledby="compose" @submit=${this.#submit} @input=${this.#typed}>
      <h2 id="compose">${words.compose}</h2>
      ${choiceField(inWords(this.faults, this.language), { name: 'type', label: words.kind, value: this.kind, choices: KINDS.map((kind) => ({ value: kind, label: words.kinds[kind] ?? kind })) })}
      ${textField(inWords(this.faults, this.language), {
        name: 'message',
        label: words.message,
        lines: true,
        required: true,
        maxlength: MESSAGE_CHARS_MAX,
        hint: words.messageHint(count(this.language, MESSAGE_CHARS_MAX - this.message.length)),
      })}
      ${textField(inWords(this.faults, this.language), { name: 'until', label: words.until, type: 'datetime-local', hint: words.untilHint })}
      <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      <div class="actions"><button class="button primary" ?disabled=${this.busy}>${words.send}</button></div>
    </form>`;
  }

  #preview(): TemplateResult {
    const words = WORDS[this.language];
    return html`<section class="panel" aria-labelledby="preview">
      <h2 id="preview">${words.preview}</h2>
      ${this.message.trim() === '' ? html`<p class="soft">${words.previewEmpty}</p>` : html`<seatcast-notices inert event=${this.event.id} .client=${this.#stage}></seatcast-notices>`}
    </section>`;
  }

  #list(): TemplateResult {
    const words = WORDS[this.language];
    const { notices } = this;
    return html`<section class="panel" aria-labelledby="current">
      <h2 id="current">${words.current}</h2>
      ${!notices
        ? html`<p class="skeleton" role="status" aria-label=${COMMON[this.language].loading}>&nbsp;</p>`
        : notices.length === 0
          ? html`<p class="soft">${words.none}</p>`
          : html`<ul>
              ${repeat(
                notices,
                ({ id }) => id,
                (notice) => this.#row(notice),
              )}
            </ul>`}
    </section>`;
  }

  #row(notice: Notice): TemplateResult {
    const words = WORDS[this.language];
    const { message, type, at, until } = notice;
    return html`<li>
      <p>
        <bdi>${message}</bdi><br /><span class="soft small"
          >${words.kinds[type] ? html`${words.kinds[type]} · ` : nothing}${momentWords(this.language, at)}${until ? html` · ${words.goodUntil(this.#moment(until))}` : nothing}</span
        >
      </p>
      <button class="button small" type="button" aria-label=${words.withdrawThis(message)} @click=${() => (this.withdrawn = notice)}>${words.withdraw}</button>
    </li>`;
  }

  #moment(at: string): string {
    const { day, month, year, time, zone } = dateParts(this.language, at, this.event.timezone);
    return `${timed(this.language, `${day} ${month} ${year}`, time)} ${zone}`;
  }

  #question(notice: Notice): TemplateResult {
    const words = WORDS[this.language];
    const close = (): void => void (this.withdrawn = undefined);
    return html`<desk-dialog heading=${words.withdrawQuestion} @close=${close}>
      <p>“<bdi>${notice.message}</bdi>”</p>
      <p class="soft">${words.withdrawHint}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${COMMON[this.language].cancel}</button>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${() => void this.#withdraw(notice)}>${words.withdraw}</button>
      </div>
    </desk-dialog>`;
  }

  #watch(): () => void {
    const stop = this.client.watch(`event:${this.event.id}`, ({ state }) => {
      if (state) this.notices = state.notices.toSorted((one, other) => other.id - one.id);
    });
    // A draft has no topic for the public, and its notices may be waiting all the same.
    void this.tried(this.client.rows<Notice>(`/events/${this.event.id}/notices`)).then((list) => {
      if (list && !this.notices) this.notices = list.rows.toSorted((one, other) => other.id - one.id);
    });
    return stop;
  }

  #typed({ currentTarget }: Event): void {
    const typed = new FormData(currentTarget as HTMLFormElement);
    this.kind = String(typed.get('type'));
    this.message = String(typed.get('message'));
    const notice = { id: PREVIEW_ID, type: this.kind, message: this.message, data: {}, at: new Date(this.client.now()).toISOString(), until: null };
    this.#stage.show({ event: { event: this.event, ticket_types: [], notices: [notice], presence: null, deleted: false } });
  }

  async #submit(submitted: SubmitEvent): Promise<void> {
    const typed = new Typed(submitted);
    const form = submitted.target as HTMLFormElement;
    const message = typed.text('message');
    const until = fromWall(typed.text('until'), this.event.timezone);
    this.problem = undefined;
    this.faults = message ? NO_FAULTS : { message: (language) => WORDS[language].needed };
    if (!message) return focusFault(this);
    this.busy = true;
    const reset = resetLater(form);
    try {
      const notice = await this.client.postNotice(this.event.id, { type: typed.text('type'), message, ...(until ? { until } : {}) });
      if (!this.notices?.some(({ id }) => id === notice.id)) this.notices = [notice, ...(this.notices ?? [])];
      reset();
      this.message = String(new FormData(form).get('message'));
      say((language) => WORDS[language].sent);
    } catch (error) {
      this.faults = faultsIn(error) ?? NO_FAULTS;
      this.problem = because(error);
      void focusFault(this);
    }
    this.busy = false;
  }

  async #withdraw(notice: Notice): Promise<void> {
    this.busy = true;
    const isDone = await this.tried(this.client.remove(`/events/${this.event.id}/notices/${notice.id}`).then(() => true));
    this.busy = false;
    this.withdrawn = undefined;
    if (!isDone) return;
    this.notices = this.notices?.filter(({ id }) => id !== notice.id);
    say((language) => WORDS[language].withdrawn);
  }
}

customElements.define('desk-notices', NoticesPage);
