import { css } from 'lit';
import { buttons, notes, stepper } from '../internal/controls.ts';
import { skeleton, tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  notes,
  stepper,
  skeleton,
  css`
    :host {
      display: block;
    }
    section {
      display: grid;
      gap: 0.75rem;
      padding: 0.9rem;
      border: 1px solid var(--line);
      border-radius: var(--radius-small);
    }
    section:focus {
      outline: none;
    }
    h3,
    p {
      margin: 0;
    }
    h3 {
      font-size: 1rem;
    }
    ul {
      display: grid;
      gap: 0.6rem;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      align-items: center;
      gap: 0 1rem;
    }
    li .name {
      overflow-wrap: anywhere;
    }
    li .stepper {
      grid-row: 1 / span 2;
      grid-column: 2;
    }
    .price {
      grid-row: 2;
    }
    .gone .name {
      color: var(--ink-soft);
      text-decoration: line-through;
    }
    .price,
    .sum {
      font-variant-numeric: tabular-nums;
    }
    .price,
    .hint {
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    .sum {
      font-weight: 650;
    }
    .answers {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
    }
    .answers .primary {
      flex: 1 1 10rem;
    }
    .row-skeleton {
      height: 2.6rem;
    }
  `,
];
