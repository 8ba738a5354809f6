import { css } from 'lit';
import { buttons, stepper } from '../internal/controls.ts';
import { skeleton, tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  stepper,
  skeleton,
  css`
    :host {
      display: block;
    }
    ul {
      display: grid;
      gap: 0.75rem;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    /* In a narrow place price and quantity come below the name, however wide the page around it is. */
    li {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.7rem 1.1rem;
      padding: 1rem 1.1rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    .what {
      display: flex;
      flex: 1 1 13rem;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.3rem 0.7rem;
    }
    .name {
      font-weight: 650;
      overflow-wrap: anywhere;
    }
    .gone .name,
    .gone .price {
      color: var(--ink-soft);
    }
    .price {
      font-variant-numeric: tabular-nums;
      font-weight: 600;
    }
    .bar {
      order: 1;
      width: 100%;
      height: 5px;
      border-radius: 3px;
      background: var(--sunken);
    }
    /* It fills from where lines begin. */
    :host(:lang(fa)) .bar {
      transform: scaleX(-1);
    }
    .bar rect {
      transition:
        x 400ms ease-out,
        width 400ms ease-out;
    }
    .bar .sold {
      fill: var(--line-strong);
    }
    .bar .held {
      fill: color-mix(in srgb, var(--accent) 60%, var(--sunken));
    }
    .stepper,
    .closed {
      margin-inline-start: auto;
    }
    .closed {
      max-width: 9rem;
      color: var(--ink-soft);
      font-size: 0.875rem;
      text-align: end;
    }
    .members {
      padding: 0.15rem 0.55rem;
      border-radius: 99px;
      background: var(--accent-wash);
      color: var(--accent-strong);
      font-size: 0.75rem;
      font-weight: 650;
    }
    .reduced {
      margin: 0.75rem 0 0;
      color: var(--orange);
      font-size: 0.875rem;
      font-weight: 550;
    }
    .reduced:empty {
      display: none;
    }
    .row-skeleton {
      height: 5.6rem;
      margin-bottom: 0.75rem;
      border-radius: var(--radius);
    }
  `,
];
