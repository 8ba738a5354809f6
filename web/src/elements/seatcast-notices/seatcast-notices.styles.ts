import { css } from 'lit';
import { buttons } from '../internal/controls.ts';
import { tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  css`
    :host {
      display: block;
    }
    [role='log'] {
      display: grid;
      gap: 0.6rem;
    }
    .notice {
      display: grid;
      grid-template-columns: auto 1fr auto;
      align-items: start;
      gap: 0.75rem;
      padding: 0.8rem 0.5rem 0.8rem 1rem;
      border-radius: var(--radius-small);
      background: var(--accent-wash);
    }
    .arrives {
      animation: appear 300ms ease-out;
    }
    .capacity_change {
      background: var(--yellow-wash);
    }
    .cancellation {
      background: var(--red-wash);
      color: var(--red);
    }
    p {
      margin: 0;
      overflow-wrap: anywhere;
    }
    .reason {
      display: block;
    }
    svg {
      width: 1.35rem;
      height: 1.35rem;
      margin-top: 0.08rem;
      fill: none;
      stroke: currentColor;
      stroke-width: 2;
      stroke-linecap: round;
      stroke-linejoin: round;
    }
    time {
      color: var(--ink-soft);
      font-size: 0.8125rem;
      white-space: nowrap;
    }
    .more {
      justify-self: start;
      min-height: 32px;
      padding: 0 0.5rem;
      border: 0;
      background: none;
      color: var(--accent);
      font-size: 0.875rem;
      font-weight: 600;
    }
    .away {
      width: 36px;
      height: 36px;
      margin: -0.4rem 0;
      border: 0;
      border-radius: 50%;
      background: none;
      font-size: 1.25rem;
      line-height: 1;
    }
    .away:hover {
      background: light-dark(rgb(0 0 0 / 0.07), rgb(255 255 255 / 0.1));
    }
    @keyframes appear {
      from {
        opacity: 0;
        transform: translateY(-6px);
      }
    }
  `,
];
