import { css } from 'lit';
import { tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  css`
    :host {
      display: block;
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    p {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.15rem 0.5rem;
      margin: 0;
      font-variant-numeric: tabular-nums;
    }
    svg {
      flex: none;
      width: 1.2rem;
      height: 1.2rem;
      fill: none;
      stroke: currentColor;
      stroke-width: 2;
      stroke-linecap: round;
    }
    b {
      color: var(--ink);
      font-weight: 650;
    }
    .booking b {
      color: var(--accent);
    }
    .past b {
      color: inherit;
    }
    .booking::before {
      margin-inline-end: 0.5rem;
      color: var(--line-strong);
      content: '·';
    }
  `,
];
