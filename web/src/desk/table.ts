/** A table of the desk: columns on a screen that has room for them, and on a phone a card for each row with the names beside its values. */
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';

export interface Column<T> {
  head: string;
  /** A text, or an element of its own. */
  cell: (row: T) => string | TemplateResult;
}

export interface Table<T> {
  /** The first one names the row. */
  columns: readonly Column<T>[];
  /** Rows with the same key are the same, however the list changes. */
  key: (row: T) => string | number;
  /** Buttons at the end of a row. */
  actions?: (row: T) => TemplateResult | typeof nothing;
}

export function tableOf<T>(rows: readonly T[], { columns, key, actions }: Table<T>): TemplateResult {
  const [first, ...others] = columns;
  return html`<div class="scroll">
    <table class="stack">
      <thead>
        <tr>
          ${columns.map(({ head }) => html`<th scope="col">${head}</th>`)} ${actions ? html`<td></td>` : nothing}
        </tr>
      </thead>
      <tbody>
        ${repeat(
          rows,
          key,
          (row) => html`<tr>
            <th scope="row">${first?.cell(row)}</th>
            ${others.map(({ head, cell }) => html`<td data-label=${head}>${inSpan(cell(row))}</td>`)}
            ${actions ? html`<td><div class="actions">${actions(row)}</div></td>` : nothing}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A card's value stands beside its name as one piece. */
function inSpan(content: string | TemplateResult): TemplateResult {
  return typeof content === 'string' ? html`<span>${content}</span>` : content;
}
