import { css } from 'lit';
import { buttons, notes } from '../internal/controls.ts';
import { skeleton, tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  notes,
  skeleton,
  css`
    :host {
      display: block;
    }
    ul {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 0.9rem;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li:is([data-booking], [data-ticket]) {
      scroll-margin-top: 1rem;
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 0.75rem;
      padding: 1rem 1.1rem;
      border: 1px solid var(--line);
      border-inline-start: 4px solid var(--line-strong);
      border-radius: var(--radius);
      background: var(--surface);
      animation: appear 250ms ease-out;
    }
    li[data-booking]:focus {
      outline: none;
    }
    li[data-booking]:focus-visible {
      outline: 3px solid var(--accent);
    }
    li.pending {
      border-inline-start-color: var(--accent);
    }
    li.confirmed {
      border-inline-start-color: var(--green);
    }
    .head {
      display: flex;
      align-items: center;
      justify-content: space-between;
      gap: 1rem;
    }
    .status {
      display: block;
      color: var(--ink-soft);
      font-size: 0.75rem;
      font-weight: 700;
      letter-spacing: 0.06em;
      text-transform: uppercase;
    }
    .pending .status {
      color: var(--accent);
    }
    .confirmed .status {
      color: var(--green);
    }
    section {
      margin-block-start: 1.5rem;
    }
    section:first-child {
      margin-block-start: 0;
    }
    h2 {
      margin: 0 0 0.75rem;
      font-size: 1.1rem;
    }
    .where {
      margin: 0;
    }
    .end {
      margin: 0;
      overflow-wrap: anywhere;
      font-weight: 600;
    }
    .title {
      color: inherit;
      font-family: var(--display);
      font-size: 1.1rem;
      font-weight: 650;
      overflow-wrap: anywhere;
    }
    .items {
      gap: 0.2rem;
      overflow-wrap: anywhere;
    }
    .added {
      gap: 0.2rem;
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    .items li,
    .added li {
      display: flex;
      justify-content: space-between;
      gap: 1rem;
    }
    .answers {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
    }
    .amount {
      flex: none;
      font-variant-numeric: tabular-nums;
    }
    .question {
      display: grid;
      gap: 0.6rem;
    }
    .question p {
      margin: 0;
    }
    fieldset {
      display: grid;
      gap: 0.4rem;
      margin: 0;
      padding: 0.6rem 0.9rem;
      border: 1px solid var(--line);
      border-radius: var(--radius-small);
    }
    fieldset label {
      display: flex;
      gap: 0.6rem;
      align-items: center;
      min-height: 32px;
      font-size: 0.9375rem;
      font-variant-numeric: tabular-nums;
    }
    fieldset input {
      width: 1.15rem;
      height: 1.15rem;
      accent-color: var(--accent);
    }
    .answers .yes {
      color: var(--red);
    }
    .answers .primary {
      flex: 1;
    }
    .foot {
      display: flex;
      flex-wrap: wrap;
      align-items: end;
      gap: 1rem;
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    .foot > :first-child {
      flex: 1 1 8rem;
    }
    .acts {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
    }
    .foot .button {
      color: var(--ink);
    }
    .page {
      color: var(--accent);
    }
    .foot small {
      display: block;
    }
    .reference {
      font-variant-numeric: tabular-nums;
      font-weight: 600;
    }
    .countdown {
      display: inline-flex;
      align-items: center;
      gap: 0.5rem;
      font-size: 1.15rem;
      font-variant-numeric: tabular-nums;
      font-weight: 650;
    }
    .countdown svg {
      width: 1.6rem;
      height: 1.6rem;
      transform: rotate(-90deg);
    }
    circle {
      fill: none;
      stroke: var(--sunken);
      stroke-width: 5;
    }
    circle.left {
      stroke: var(--accent);
    }
    .soon {
      color: var(--orange);
    }
    .soon circle.left {
      stroke: var(--orange);
    }
    .money {
      display: flex;
      align-items: center;
      gap: 0.6rem;
      margin: 0;
    }
    .money b {
      white-space: pre-line;
    }
    .pay {
      width: 100%;
    }
    li[data-booking] .problem {
      margin: 0;
    }
    .problem {
      margin-bottom: 0.75rem;
    }
    .empty {
      color: var(--ink-soft);
    }
    .card-skeleton {
      height: 8rem;
      border-radius: var(--radius);
    }
    @keyframes appear {
      from {
        opacity: 0;
        transform: translateY(6px);
      }
    }
  `,
];
