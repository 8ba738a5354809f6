import { css, html, nothing, type TemplateResult } from 'lit';
import { count } from '../../elements/internal/count.ts';
import '../../elements/seatcast-seat-map/seatcast-seat-map.ts';
import type { EventDetails } from '../../sdk/index.ts';
import { DeskPage, EventChanged } from '../desk-page.ts';
import { because, type Said } from '../said.ts';
import { StagedClient } from '../staged-client.ts';
import { deskStyles } from '../styles.ts';
import { say } from '../toasts.ts';
import { bodyOf, previewOf, typesOf } from './mapping.ts';
import { decoded, readSeats, UnreadableFile, type BadRow, type SeatFile, type SeatRow } from './reading.ts';
import { beforeStart, freeByType, onStage } from './stage.ts';
import { WORDS } from './words.ts';

/** Bad rows that are listed; all are counted. */
const BAD_SHOWN_MAX = 200;

/** Reads a seat map from a file, shows it as buyers will see it and what is wrong in it, and sends it. */
export class ImportMap extends DeskPage {
  static override properties = {
    event: { attribute: false },
    file: { state: true },
    types: { state: true },
    problem: { state: true },
    busy: { state: true },
  };
  static override styles = [
    deskStyles,
    css`
      .list {
        max-height: 22rem;
        overflow: auto;
      }
      input[type='file'] {
        padding: 0.55rem 0.7rem;
      }
    `,
  ];

  declare event: EventDetails;
  declare file: SeatFile | undefined;
  /** By the name in the file. */
  declare types: ReadonlyMap<string, number | undefined>;
  declare problem: Said | undefined;
  declare busy: boolean;
  readonly #stage = new StagedClient(() => this.client.now());

  #previews = 0;

  constructor() {
    super();
    this.types = new Map();
    this.busy = false;
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`<section class="panel" aria-labelledby="import">
      <h2 id="import">${words.import}</h2>
      ${this.event.ticket_types.length === 0 ? html`<p class="soft">${words.needsTypes}</p>` : this.#form()}
      <p class="problem" role="alert">${this.problem?.(this.language) ?? nothing}</p>
      ${this.file ? this.#report(this.file) : nothing}
    </section>`;
  }

  #form(): TemplateResult {
    const words = WORDS[this.language];
    return html`${this.event.layout > 0 ? html`<p class="soft small">${words.replace}</p>` : nothing}
      <div class="field">
        <label for="file">${words.file}</label>
        <input id="file" type="file" accept=".json,.csv,.txt,application/json,text/csv" @change=${this.#read} />
      </div>`;
  }

  #report(file: SeatFile): TemplateResult {
    const words = WORDS[this.language];
    const { good, bad } = this.#judged(file);
    const many = (value: number): string => count(this.language, value);
    return html`
      <p role="status"><span class="tag">${words.forms[file.form]}</span> ${words.read(many(good.length), many(bad.length))}</p>
      ${this.#typeFields()} ${bad.length > 0 ? this.#badRows(bad) : nothing}
      ${good.length > 0
        ? html`<h3>${words.preview}</h3>
            <seatcast-seat-map one-by-one event=${this.event.id} .client=${this.#stage}></seatcast-seat-map>`
        : nothing}
      <div class="actions">
        <button class="button primary" type="button" ?disabled=${this.busy || good.length === 0} @click=${() => void this.#send(good)}>
          ${bad.length > 0 ? words.sendWithout(many(good.length), many(bad.length)) : words.send(many(good.length))}
        </button>
        <button class="button" type="button" @click=${this.#discard}>${words.discard}</button>
      </div>
    `;
  }

  #typeFields(): TemplateResult {
    const words = WORDS[this.language];
    return html`<fieldset>
      <legend>${words.types}</legend>
      <p class="hint">${words.typesHint}</p>
      <div class="fields">
        ${[...this.types].map(
          ([name, id], place) =>
            html`<div class="field">
              <label for="type-${place}">${name || words.noName}</label>
              <select id="type-${place}" aria-invalid=${id === undefined ? 'true' : nothing} @change=${(event: Event) => this.#means(name, (event.target as HTMLSelectElement).value)}>
                <option value="" ?selected=${id === undefined}>${words.choose}</option>
                ${this.event.ticket_types.map((type) => html`<option value=${type.id} ?selected=${type.id === id}>${type.name}</option>`)}
              </select>
            </div>`,
        )}
      </div>
    </fieldset>`;
  }

  #badRows(bad: readonly BadRow[]): TemplateResult {
    const words = WORDS[this.language];
    return html`<h3 id="bad">${words.bad}</h3>
      <div class="scroll list" role="region" aria-labelledby="bad" tabindex="0">
        <table>
          <thead>
            <tr>
              <th scope="col">${words.line}</th>
              <th scope="col">${words.reason}</th>
              <th scope="col">${words.value}</th>
            </tr>
          </thead>
          <tbody>
            ${bad.slice(0, BAD_SHOWN_MAX).map(
              ({ place, reason, value }) =>
                html`<tr>
                  <th scope="row">${place}</th>
                  <td>${words.reasons[reason]}</td>
                  <td>${value || '–'}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${bad.length > BAD_SHOWN_MAX ? html`<p class="soft small">${words.andMore(count(this.language, bad.length - BAD_SHOWN_MAX))}</p>` : nothing}`;
  }

  /** Rows whose ticket type nobody named are bad as well. */
  #judged({ seats, bad }: SeatFile): { good: SeatRow[]; bad: BadRow[] } {
    const good = seats.filter(({ type }) => this.types.get(type) !== undefined);
    const untyped = seats.filter(({ type }) => this.types.get(type) === undefined);
    return { good, bad: [...bad, ...untyped.map(({ place, type }): BadRow => ({ place, reason: 'type', value: type }))] };
  }

  async #read({ target }: Event): Promise<void> {
    const [chosen] = (target as HTMLInputElement).files ?? [];
    this.problem = undefined;
    this.file = undefined;
    if (!chosen) return;
    try {
      const file = readSeats(decoded(await chosen.arrayBuffer()));
      this.types = typesOf(file.seats, this.event.ticket_types);
      this.file = file;
      this.#preview();
    } catch (error) {
      if (!(error instanceof UnreadableFile)) throw error;
      const { why, value } = error;
      this.problem = (language) => WORDS[language].files[why](value);
    }
  }

  #means(name: string, id: string): void {
    this.types = new Map(this.types).set(name, id === '' ? undefined : Number(id));
    this.#preview();
  }

  #preview(): void {
    if (!this.file) return;
    this.#previews += 1;
    const { geometry, state } = previewOf(this.#judged(this.file).good, this.types, this.#previews, this.file.stage);
    this.#stage.show({ event: onStage(this.event, geometry.layout, freeByType(geometry, state.seats)), seats: state, now: beforeStart(this.event, this.client.now()) }, geometry);
  }

  async #send(good: readonly SeatRow[]): Promise<void> {
    this.busy = true;
    this.problem = undefined;
    try {
      await this.client.put(`/events/${this.event.id}/seatmap`, bodyOf(good, this.types, this.file?.stage));
      this.#discard();
      this.dispatchEvent(new EventChanged(undefined));
      say((language) => WORDS[language].sent);
    } catch (error) {
      this.problem = because(error);
    }
    this.busy = false;
  }

  #discard(): void {
    this.file = undefined;
    this.problem = undefined;
    const input = this.renderRoot.querySelector<HTMLInputElement>('#file');
    if (input) input.value = '';
  }
}

customElements.define('desk-import-map', ImportMap);
