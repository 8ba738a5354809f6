import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { DeskPage } from '../desk-page.ts';
import { faultsIn, focusFault, inWords, NO_FAULTS, Typed, type Faults } from '../fields.ts';
import { unreadView } from '../list.ts';
import { because, type Said } from '../said.ts';
import { deskStyles } from '../styles.ts';
import { complain, say } from '../toasts.ts';
import { WORDS as COMMON } from '../words.ts';
import { changesOf, KINDS, NO_EVENT, type Kind, type Rule, type RuleEvent } from './rule-kinds.ts';
import { WORDS } from './words.ts';
import '../desk-dialog.ts';

const ROWS_MAX = 100;

/** Vouchers, fees or taxes of an event, or of an organization: a table, and a form for one of them. */
export class RuleList extends DeskPage {
  static override properties = {
    kind: {},
    path: {},
    event: { attribute: false },
    rules: { state: true },
    unread: { state: true },
    next: { state: true },
    edited: { state: true },
    removed: { state: true },
    /** Of the form: it decides what the value is. */
    chosen: { state: true },
    faults: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = deskStyles;

  declare kind: Kind;
  /** Of REST. */
  declare path: string;
  declare event: RuleEvent;
  declare rules: readonly Rule[] | undefined;
  /** Why there are none to show. */
  declare unread: Said | undefined;
  declare next: string | undefined;
  declare edited: Rule | null | undefined;
  declare removed: Rule | undefined;
  declare chosen: string;
  declare faults: Faults;
  declare problem: Said | undefined;
  declare busy: boolean;

  constructor() {
    super();
    this.event = NO_EVENT;
    this.chosen = '';
    this.faults = NO_FAULTS;
    this.busy = false;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('path')) return;
    this.rules = undefined;
    void this.#load();
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`<section class="panel" aria-labelledby="title">
      <div class="bar">
        <h2 id="title">${words[this.kind]}</h2>
        <button class="button small" type="button" @click=${() => this.#open(null)}>${words.add[this.kind]}</button>
      </div>
      ${this.#rows()}
      ${this.next ? html`<div class="actions"><button class="button small" type="button" @click=${() => void this.#load(this.next)}>${COMMON[this.language].more}</button></div>` : nothing}
      ${this.edited === undefined ? nothing : this.#form(this.edited)} ${this.removed ? this.#question(this.removed) : nothing}
    </section>`;
  }

  #rows(): TemplateResult {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    if (!this.rules && this.unread) return unreadView(this.language, this.unread, () => void this.#load());
    if (!this.rules) return html`<p class="skeleton" role="status" aria-label=${common.loading}>&nbsp;</p>`;
    if (this.rules.length === 0) return html`<p class="soft">${words.none[this.kind]}</p>`;
    const { columns, nameOf } = KINDS[this.kind];
    const heads = columns(this.language, this.event);
    return html`<div class="scroll">
      <table class="stack">
        <thead>
          <tr>
            ${heads.map(({ label }) => html`<th scope="col">${label}</th>`)}
            <th scope="col"><span class="visually-hidden">${common.edit}</span></th>
          </tr>
        </thead>
        <tbody>
          ${repeat(
            this.rules,
            ({ id }) => id,
            (rule) =>
              html`<tr>
                ${heads.map(({ label, cell }, place) => (place === 0 ? html`<th scope="row">${cell(rule)}</th>` : html`<td data-label=${label}><span>${cell(rule)}</span></td>`))}
                <td>
                  <div class="actions">
                    <button class="button small" type="button" aria-label=${words.edit(nameOf(rule))} @click=${() => this.#open(rule)}>${common.edit}</button>
                    <button class="button small danger" type="button" aria-label=${words.remove(nameOf(rule))} @click=${() => (this.removed = rule)}>${common.remove}</button>
                  </div>
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #form(rule: Rule | null): TemplateResult {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    const close = (): void => void (this.edited = undefined);
    const { fields, nameOf } = KINDS[this.kind];
    return html`<desk-dialog wide heading=${rule ? words.edit(nameOf(rule)) : words.add[this.kind]} @close=${close}>
      <form id="rule" novalidate @submit=${this.#submit}>
        <div class="fields">
          ${fields({
            language: this.language,
            event: this.event,
            rule: rule ?? undefined,
            faults: inWords(this.faults, this.language),
            chosen: this.chosen,
            choose: (kind) => (this.chosen = kind),
          })}
        </div>
        <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      </form>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${common.cancel}</button>
        <button class="button primary" form="rule" ?disabled=${this.busy}>${common.save}</button>
      </div>
    </desk-dialog>`;
  }

  #question(rule: Rule): TemplateResult {
    const words = WORDS[this.language];
    const common = COMMON[this.language];
    const close = (): void => void (this.removed = undefined);
    return html`<desk-dialog heading=${words.removeQuestion(KINDS[this.kind].nameOf(rule))} @close=${close}>
      <p>${words.removeHint}</p>
      <div slot="actions">
        <button class="button" type="button" @click=${close}>${common.cancel}</button>
        <button class="button danger" type="button" ?disabled=${this.busy} @click=${() => void this.#remove(rule)}>${common.remove}</button>
      </div>
    </desk-dialog>`;
  }

  async #load(next?: string): Promise<void> {
    this.unread = undefined;
    try {
      const page = await this.client.rows<Rule>(next ?? `${this.path}?limit=${ROWS_MAX}`);
      this.rules = next ? [...(this.rules ?? []), ...page.rows] : page.rows;
      this.next = page.next;
    } catch (error) {
      this.unread = because(error);
      // The rows that were read are shown still.
      if (this.rules) complain(this.unread);
    }
  }

  #open(rule: Rule | null): void {
    this.faults = NO_FAULTS;
    this.problem = undefined;
    this.chosen = rule?.kind ?? '';
    this.edited = rule;
  }

  async #submit(submitted: SubmitEvent): Promise<void> {
    const { edited: rule } = this;
    const { body, faults } = KINDS[this.kind].read(new Typed(submitted), this.event, rule ?? undefined);
    this.faults = faults;
    this.problem = undefined;
    if (Object.keys(faults).length > 0) return focusFault(this);
    this.busy = true;
    try {
      const changes = rule ? changesOf(rule, body) : {};
      if (rule && Object.keys(changes).length > 0) await this.client.change('PATCH', `${this.path}/${rule.id}`, changes);
      else if (!rule) await this.client.make(this.path, Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null)));
      this.edited = undefined;
      await this.#load();
      say((language) => COMMON[language].saved);
    } catch (error) {
      this.faults = faultsIn(error) ?? NO_FAULTS;
      this.problem = because(error);
      void focusFault(this);
    }
    this.busy = false;
  }

  async #remove(rule: Rule): Promise<void> {
    this.busy = true;
    const isDone = await this.tried(this.client.remove(`${this.path}/${rule.id}`).then(() => true));
    this.busy = false;
    this.removed = undefined;
    await this.#load();
    if (isDone) say((language) => COMMON[language].removed);
  }
}

customElements.define('desk-rule-list', RuleList);
