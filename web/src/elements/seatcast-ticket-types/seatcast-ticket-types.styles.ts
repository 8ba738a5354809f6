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
    li {
      display: grid;
      grid-template:
        'what price stepper' auto
        'bar bar bar' auto / 1fr auto auto;
      align-items: center;
      gap: 0.85rem 1.1rem;
      padding: 1rem 1.1rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    .what {
      display: flex;
      flex-wrap: wrap;
      grid-area: what;
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
      grid-area: price;
      font-variant-numeric: tabular-nums;
      font-weight: 600;
    }
    .bar {
      display: block;
      grid-area: bar;
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
    .stepper {
      grid-area: stepper;
    }
    .closed {
      grid-area: stepper;
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
    @media (max-width: 460px) {
      li {
        grid-template:
          'what what' auto
          'price stepper' auto
          'bar bar' auto / 1fr auto;
        gap: 0.6rem 1rem;
      }
    }
  `,
];
