import { css } from 'lit';
import { buttons, fields, notes } from '../internal/controls.ts';
import { tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  fields,
  notes,
  css`
    :host {
      display: block;
      container-type: inline-size;
    }
    .panel {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 0.9rem;
      padding: 1.25rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
      box-shadow: var(--shadow);
    }
    p {
      margin: 0;
    }
    ul {
      display: grid;
      gap: 0.5rem;
      margin: 0;
      padding: 0;
      overflow: auto;
      list-style: none;
    }
    li,
    .total {
      display: flex;
      justify-content: space-between;
      gap: 1rem;
    }
    .amount {
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }
    .total {
      flex-wrap: wrap;
      padding-top: 0.75rem;
      border-top: 1px dashed var(--line-strong);
      font-weight: 650;
    }
    .total.old .amount {
      color: var(--ink-soft);
    }
    .total small {
      flex-basis: 100%;
      color: var(--ink-soft);
      font-weight: 400;
    }
    .total small:empty {
      display: none;
    }
    .remove {
      display: grid;
      flex: none;
      place-items: center;
      width: 28px;
      height: 28px;
      margin-block: -3px;
      margin-inline: 0 -6px;
      padding: 0;
      border: 0;
      border-radius: 50%;
      background: none;
      color: var(--ink-soft);
    }
    .remove:hover:not(:disabled) {
      background: var(--sunken);
      color: var(--ink);
    }
    .remove svg {
      width: 16px;
      height: 16px;
      fill: none;
      stroke: currentColor;
      stroke-width: 1.8;
      stroke-linecap: round;
    }
    li:has(.remove) > span:first-child {
      flex: 1;
    }
    li > span:first-child {
      overflow-wrap: anywhere;
    }
    .panel:focus {
      outline: none;
    }
    .added {
      color: var(--ink-soft);
      font-size: 0.9375rem;
    }
    .way {
      display: flex;
      gap: 0.35rem;
      margin: 1.25rem 0 0;
      padding: 0;
      color: var(--ink-soft);
      font-size: 0.8125rem;
      list-style: none;
      counter-reset: step;
    }
    .way li {
      flex: 1;
      justify-content: start;
      align-items: center;
      gap: 0.4rem;
      padding-top: 0.45rem;
      border-top: 3px solid var(--line);
      counter-increment: step;
    }
    .way li::before {
      content: counter(step);
      font-variant-numeric: tabular-nums;
      font-weight: 700;
    }
    :host(:lang(fa)) .way li:not(.done)::before {
      content: counter(step, persian);
    }
    .way .done {
      border-color: var(--accent);
    }
    .way .done::before {
      content: '✓';
      color: var(--accent);
    }
    .way [aria-current] {
      border-color: var(--accent);
      color: var(--ink);
      font-weight: 650;
    }
    .folds {
      display: flex;
      flex-wrap: wrap;
      gap: 0.4rem 1.25rem;
    }
    .folds details[open],
    .contact {
      flex-basis: 100%;
    }
    .scroll {
      max-height: 14rem;
      overflow: auto;
      /* Room for the outline of a field. */
      padding: 0 3px 3px;
      margin: 0 -3px;
    }
    .applied {
      display: flex;
      align-items: center;
      justify-content: space-between;
      margin-top: 0.6rem;
      font-weight: 600;
    }
    details .applied .button {
      width: auto;
      min-height: 36px;
      margin: 0;
      font-size: 0.875rem;
    }
    details .problem {
      margin-top: 0.6rem;
    }
    .empty,
    .terms {
      color: var(--ink-soft);
    }
    .terms {
      font-size: 0.8125rem;
      text-align: center;
    }
    summary {
      min-height: 24px;
      color: var(--accent);
      font-size: 0.9375rem;
      cursor: pointer;
    }
    .optional {
      color: var(--ink-soft);
      font-size: 0.8125rem;
    }
    label {
      margin-top: 0.6rem;
    }
    details .button,
    details .terms {
      margin-top: 0.6rem;
    }
    input {
      width: 100%;
      font-size: 1rem;
    }
    input:focus-visible {
      outline: 2px solid var(--accent);
      outline-offset: 1px;
    }
    .button {
      width: 100%;
      min-height: 50px;
      font-size: 1.0625rem;
    }
    /* One column: the choice stays in sight at the bottom of the screen, and leaves room for choosing more. */
    .side {
      display: contents;
    }
    seatcast-bookings,
    seatcast-waitlist:not([empty]) {
      margin-top: 1.25rem;
    }
    .panel {
      margin-block: 1.25rem 1rem;
    }
    .panel.chosen {
      position: sticky;
      bottom: 0.75rem;
      z-index: 1;
      grid-template-columns: auto 1fr;
      align-items: center;
      gap: 0.6rem 1rem;
      padding: 0.9rem 1rem;
    }
    /* With fields in it, it is too tall to stay in sight. */
    .panel.chosen:has(details[open]) {
      position: static;
    }
    /* On a low screen (a phone on its side, 400 % zoom) it would hide what one chooses from. */
    @media (max-height: 480px) {
      .panel.chosen {
        position: static;
      }
    }
    .panel.chosen ul,
    .panel.chosen .folds,
    .panel.chosen .problem {
      grid-column: 1 / -1;
    }
    .panel.chosen ul:not(.added) {
      display: flex;
    }
    /* A row that scrolls is gone through by its buttons; without them all of it is in sight. */
    .panel.chosen ul:not(.added, :has(.remove)) {
      flex-wrap: wrap;
    }
    .panel.chosen ul:not(.added) li {
      flex: none;
      max-width: 100%;
      padding: 0.2rem 0.6rem;
      border-radius: 99px;
      background: var(--sunken);
      font-size: 0.875rem;
    }
    .panel.chosen ul:not(.added) .amount,
    .panel.chosen .contact:not([open]) .optional,
    .panel.chosen .terms {
      display: none;
    }
    .panel.chosen .contact:not([open]) {
      flex-basis: auto;
    }
    .panel.chosen .total {
      display: grid;
      gap: 0;
      padding: 0;
      border: 0;
      line-height: 1.3;
    }
    /* Side by side, below what may be folded out. */
    .panel.chosen .total,
    .panel.chosen > .button,
    .panel.chosen > .terms {
      order: 1;
    }
    .panel.chosen .total span:first-child {
      color: var(--ink-soft);
      font-size: 0.8125rem;
      font-weight: 400;
    }
    /* Wide enough for two columns: the tickets where lines begin, the booking stays in sight beside them. */
    @container (min-width: 820px) {
      slot:not([name]) {
        display: block;
        float: inline-start;
        width: calc(100% - 368px);
      }
      .side {
        position: sticky;
        top: 1rem;
        display: block;
        width: 340px;
        margin-inline-start: auto;
      }
      .panel,
      seatcast-bookings {
        margin: 0;
      }
      .way {
        margin: 0 0 0.9rem;
      }
      seatcast-bookings:not([empty]) {
        margin-bottom: 1rem;
      }
      .panel.chosen {
        position: static;
        grid-template-columns: minmax(0, 1fr);
        gap: 0.9rem;
        padding: 1.25rem;
      }
      .panel.chosen ul:not(.added) {
        display: grid;
        max-height: 15rem;
      }
      .panel.chosen ul:not(.added) li {
        padding: 0;
        background: none;
        font-size: inherit;
      }
      .panel.chosen ul:not(.added) .amount,
      .panel.chosen .terms {
        display: block;
      }
      .panel.chosen .contact:not([open]) .optional {
        display: inline;
      }
      .panel.chosen .total,
      .panel.chosen > .button,
      .panel.chosen > .terms {
        order: 0;
      }
      .panel.chosen .total {
        display: flex;
        gap: 0 1rem;
        padding-top: 0.75rem;
        border-top: 1px dashed var(--line-strong);
      }
      .panel.chosen .total span:first-child {
        color: inherit;
        font-size: inherit;
        font-weight: inherit;
      }
    }
  `,
];
