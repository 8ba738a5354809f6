import { css } from 'lit';
import { fields, notes } from '../elements/internal/controls.ts';
import { selectArrow } from '../elements/internal/select.ts';
import { shared } from '../pages/shared.styles.ts';

/** Styles that all pages of the desk share: headings with actions, tables, forms, tags, figures. */
export const deskStyles = [
  shared,
  fields,
  notes,
  css`
    :host {
      display: grid;
      gap: 1.5rem;
      align-content: start;
      min-width: 0;
    }
    h1 {
      font-size: clamp(1.6rem, 3.5vw, 2.25rem);
    }
    h2 {
      font-size: 1.2rem;
    }
    h3 {
      margin: 0;
      font-size: 1rem;
    }
    h3.small {
      font-size: 0.8125rem;
      font-weight: 600;
    }
    p {
      margin: 0;
    }
    .soft {
      color: var(--ink-soft);
    }
    .small {
      font-size: 0.875rem;
    }
    .bar {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      justify-content: space-between;
      gap: 0.75rem 1.25rem;
    }
    .actions {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.6rem;
    }
    .panel {
      display: grid;
      gap: 1rem;
      align-content: start;
      min-width: 0;
      padding: clamp(1rem, 2.5vw, 1.5rem);
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    .button.danger:not(:disabled) {
      border-color: var(--red);
      color: var(--red);
    }
    .button.danger:hover:not(:disabled) {
      background: var(--red-wash);
    }

    /* Tables scroll in their own box; on a phone each row is a card, whose cells say what they are. */
    .scroll {
      overflow-x: auto;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    table {
      width: 100%;
      border-collapse: collapse;
      font-size: 0.9375rem;
      font-variant-numeric: tabular-nums;
    }
    th,
    td {
      padding: 0.7rem 1rem;
      text-align: start;
      vertical-align: middle;
    }
    thead td {
      border-bottom: 1px solid var(--line);
    }
    thead th {
      border-bottom: 1px solid var(--line);
      color: var(--ink-soft);
      font-size: 0.8125rem;
      font-weight: 600;
      white-space: nowrap;
    }
    tbody tr + tr > * {
      border-top: 1px solid var(--line);
    }
    tbody th {
      font-weight: 600;
    }
    /* People write words of any length; a column stays wide enough to be read. */
    tbody :is(th, td) {
      min-width: 7rem;
    }
    :is(th, td, li, p, .part, legend) {
      overflow-wrap: anywhere;
    }
    .number {
      text-align: end;
      white-space: nowrap;
    }
    td .actions {
      justify-content: end;
      flex-wrap: nowrap;
    }
    /* What is pressed, and what is read out, is not broken in the middle: rather the table scrolls. */
    td .button,
    .whole-word {
      overflow-wrap: normal;
      white-space: nowrap;
    }
    /* On a tablet all columns are in sight: what is pressed stands in the last one. */
    @media (max-width: 960px) {
      th,
      td {
        padding-inline: 0.45rem;
      }
      tbody :is(th, td) {
        min-width: 5.5rem;
      }
      :is(th, td):first-child {
        padding-inline-start: 1rem;
      }
      :is(th, td):last-child {
        padding-inline-end: 1rem;
      }
    }
    @media (max-width: 640px) {
      .scroll {
        overflow: visible;
        border: 0;
        background: none;
      }
      .stack,
      .stack tbody {
        display: grid;
        gap: 0.75rem;
      }
      .stack thead {
        position: absolute;
        width: 1px;
        height: 1px;
        overflow: hidden;
        clip-path: inset(50%);
      }
      .stack tr {
        display: grid;
        gap: 0.4rem;
        padding: 1rem;
        border: 1px solid var(--line);
        border-radius: var(--radius);
        background: var(--surface);
      }
      .stack th,
      .stack td,
      .stack tbody tr + tr > * {
        display: flex;
        justify-content: space-between;
        gap: 1rem;
        padding: 0;
        border: 0;
        text-align: end;
        white-space: normal;
      }
      .stack tbody th,
      .stack tbody tr + tr > th {
        justify-content: start;
        text-align: start;
      }
      .stack td > * {
        min-width: 0;
      }
      .stack td[data-label]::before {
        flex: none;
        color: var(--ink-soft);
        content: attr(data-label);
        text-align: start;
      }
      /* A name without a value says nothing. */
      .stack td[data-label]:has(> span:empty) {
        display: none;
      }
      .stack td .actions {
        flex-wrap: wrap;
      }
    }

    /* Forms: fields side by side where there is room. */
    form {
      display: grid;
      gap: 1.25rem;
    }
    .fields {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr));
      gap: 1rem 1.25rem;
      align-items: start;
    }
    .field {
      display: grid;
      gap: 0.25rem;
      align-content: start;
      min-width: 0;
    }
    .whole {
      grid-column: 1 / -1;
    }
    fieldset {
      display: grid;
      gap: 1rem;
      min-width: 0;
      margin: 0;
      padding: 0;
      border: 0;
    }
    legend {
      margin-bottom: 0.75rem;
      padding: 0;
      font-family: var(--display);
      font-size: 1.1rem;
      font-weight: 700;
    }
    input,
    select,
    textarea {
      width: 100%;
      min-width: 0;
      min-height: 44px;
      padding: 0.4rem 0.7rem;
      border: 1px solid var(--line-strong);
      border-radius: var(--radius-small);
      background: var(--paper);
      color: var(--ink);
      font: inherit;
      font-size: 1rem;
    }
    textarea {
      min-height: 7rem;
      padding-block: 0.6rem;
      resize: vertical;
    }
    [aria-invalid='true'] {
      border-color: var(--red);
      outline-color: var(--red);
    }
    .fault {
      color: var(--red);
      font-size: 0.8125rem;
    }
    .hint {
      color: var(--ink-soft);
      font-size: 0.8125rem;
    }
    .ticks {
      display: flex;
      flex-wrap: wrap;
      gap: 0 1.5rem;
    }
    label.tick {
      display: flex;
      align-items: center;
      gap: 0.6rem;
      min-height: 44px;
      color: var(--ink);
      font-size: 0.9375rem;
    }
    input[type='checkbox'],
    input[type='radio'] {
      flex: none;
      width: 1.25rem;
      min-height: 1.25rem;
      accent-color: var(--accent);
    }

    .tag {
      display: inline-block;
      padding: 0.1rem 0.6rem;
      border: 1px solid transparent;
      border-radius: 99px;
      background: var(--sunken);
      color: var(--ink-soft);
      font-size: 0.8125rem;
      font-weight: 600;
      white-space: nowrap;
    }
    .tag.good {
      background: var(--green-wash);
      color: var(--green);
    }
    .tag.warn {
      background: var(--yellow-wash);
      color: var(--yellow);
    }
    .tag.bad {
      background: var(--red-wash);
      color: var(--red);
    }

    /* Shares of a whole: a name and numbers above, the track below. */
    .part {
      display: grid;
      gap: 0.3rem;
    }
    .part div:first-child {
      display: flex;
      flex-wrap: wrap;
      justify-content: space-between;
      gap: 0 1rem;
    }
    .track {
      display: flex;
      height: 0.6rem;
      overflow: hidden;
      border-radius: 99px;
      background: var(--sunken);
    }
    .track i {
      background: var(--accent);
    }
    .track .held {
      background: repeating-linear-gradient(45deg, var(--accent) 0 3px, var(--accent-wash) 3px 6px);
    }
    .track .blocked {
      background: var(--line-strong);
    }
    @media (forced-colors: active) {
      .track {
        border: 1px solid;
      }
      .track i {
        background: Highlight;
        forced-color-adjust: none;
      }
      .track .held {
        background: repeating-linear-gradient(45deg, Highlight 0 3px, Canvas 3px 6px);
      }
      .track .blocked {
        background: GrayText;
      }
    }

    .figures {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, clamp(7.5rem, 22vw, 11rem)), 1fr));
      gap: 0.75rem;
      margin: 0;
    }
    .figures > div {
      display: grid;
      align-content: start;
      gap: 0.15rem;
      padding: 0.9rem 1.1rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    dt {
      color: var(--ink-soft);
      font-size: 0.8125rem;
    }
    dd {
      margin: 0;
    }
    .figures dd {
      font-family: var(--display);
      font-size: 1.6rem;
      font-variant-numeric: tabular-nums;
      font-weight: 700;
      line-height: 1.15;
      overflow-wrap: anywhere;
    }
    .figures dd.small {
      font-family: inherit;
      font-size: 0.8125rem;
      font-weight: 400;
      line-height: 1.4;
    }
  `,
  selectArrow,
];
