import { css } from 'lit';
import { fields, notes } from '../elements/internal/controls.ts';
import { shared } from '../pages/shared.styles.ts';

export const styles = [
  ...shared,
  fields,
  notes,
  css`
    :host {
      display: block;
      max-width: 80rem;
      margin-inline: auto;
      padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 4rem;
    }
    header {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 1.5rem;
      align-items: baseline;
      justify-content: space-between;
      margin-block-end: 1.5rem;
    }
    h1 {
      font-size: clamp(1.75rem, 4vw, 2.5rem);
    }
    h2 {
      margin-block-end: 0.25rem;
      font-size: 1.125rem;
    }
    p {
      margin: 0;
      overflow-wrap: anywhere;
    }
    .panels {
      display: grid;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
      gap: 1.25rem;
    }
    section {
      display: grid;
      gap: 0.85rem;
      align-content: start;
      min-width: 0;
      padding: 1.1rem 1.25rem 1.25rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    section.wide {
      grid-column: 1 / -1;
    }
    .row {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
      align-items: end;
    }
    /* A long title among the choices makes no field wider than the screen. */
    label {
      min-width: 0;
    }
    .row > label {
      flex: 1 1 7rem;
    }
    select,
    input {
      width: 100%;
      min-width: 0;
      min-height: 44px;
      padding: 0.4rem 0.7rem;
      border: 1px solid var(--line-strong);
      border-radius: var(--radius-small);
      background: var(--paper);
      color: var(--ink);
      font: inherit;
    }
    option {
      background: var(--surface);
    }
    label.check {
      display: flex;
      gap: 0.6rem;
      align-items: center;
      min-height: 32px;
      color: var(--ink);
      font-size: 0.9375rem;
    }
    label.check input {
      width: 1.25rem;
      height: 1.25rem;
      min-height: 0;
      accent-color: var(--accent);
    }
    main > .problem {
      margin-block-end: 1.25rem;
    }
    .row > .hint {
      align-self: center;
    }
    .hint {
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    dl {
      display: grid;
      grid-template-columns: auto 1fr;
      gap: 0.3rem 1rem;
      margin: 0;
    }
    dt {
      color: var(--ink-soft);
    }
    dd {
      margin: 0;
      font-weight: 600;
      font-variant-numeric: tabular-nums;
    }
    .status {
      text-transform: uppercase;
      font-size: 0.8125rem;
      letter-spacing: 0.05em;
    }
    .status[data-status='live'] {
      color: var(--green);
    }
    .status[data-status='stale'],
    .status[data-status='offline'] {
      color: var(--red);
    }
    .scroll {
      overflow: auto;
      max-height: 28rem;
      border: 1px solid var(--line);
      border-radius: var(--radius-small);
    }
    table {
      width: 100%;
      border-collapse: collapse;
      font-size: 0.875rem;
      font-variant-numeric: tabular-nums;
    }
    th {
      position: sticky;
      top: 0;
      background: var(--sunken);
      font-weight: 600;
      text-align: start;
    }
    th,
    td {
      padding: 0.4rem 0.75rem;
      border-block-end: 1px solid var(--line);
      vertical-align: top;
      white-space: nowrap;
    }
    td.payload {
      max-width: 26rem;
      white-space: normal;
    }
    td.event {
      min-width: 9rem;
      white-space: normal;
      overflow-wrap: anywhere;
    }
    code,
    pre {
      font-size: 0.8125rem;
      overflow-wrap: anywhere;
      white-space: pre-wrap;
    }
    pre {
      margin: 0.5rem 0 0;
    }
    summary {
      min-height: 24px;
      cursor: pointer;
    }
    ul {
      display: grid;
      gap: 0.6rem;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    :is(li, p, dd) {
      min-width: 0;
      overflow-wrap: anywhere;
    }
    li.hold {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 1rem;
      align-items: center;
      justify-content: space-between;
    }
  `,
];
