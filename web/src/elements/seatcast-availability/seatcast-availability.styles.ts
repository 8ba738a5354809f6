import { css } from 'lit';
import { core, skeleton } from '../internal/core-tokens.ts';

export const styles = [
  core,
  skeleton,
  css`
    :host {
      display: inline-flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.5rem;
      font-size: 0.8125rem;
      line-height: 1.25;
    }
    .badge {
      display: inline-flex;
      align-items: center;
      gap: 0.4rem;
      padding: 0.28rem 0.65rem;
      border-radius: 99px;
      font-weight: 600;
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }
    .badge.skeleton {
      width: 6.5rem;
      height: 1.6rem;
      border-radius: 99px;
    }
    .dot {
      width: 0.45rem;
      height: 0.45rem;
      border-radius: 50%;
      background: currentColor;
    }
    .available {
      background: var(--green-wash);
      color: var(--green);
    }
    .limited {
      background: var(--yellow-wash);
      color: var(--yellow);
    }
    .almost_sold_out {
      background: var(--orange-wash);
      color: var(--orange);
    }
    .sold_out {
      background: var(--red-wash);
      color: var(--red);
    }
    .closed {
      background: var(--sunken);
      color: var(--ink-soft);
    }
    .closed.cancelled {
      background: var(--red-wash);
      color: var(--red);
    }
    /* Not proven: the number stays, its colour is no promise any more. */
    .badge.old {
      background: var(--sunken);
      color: var(--ink-soft);
    }
    .changed {
      animation: changed 900ms ease-out;
    }
    @keyframes changed {
      from {
        box-shadow: 0 0 0 3px color-mix(in srgb, currentColor 55%, transparent);
      }
      to {
        box-shadow: 0 0 0 7px transparent;
      }
    }
    .liveness {
      display: inline-flex;
      align-items: center;
      gap: 0.35rem;
      color: var(--ink-soft);
      font-size: 0.6875rem;
      font-weight: 700;
      letter-spacing: 0.07em;
      text-transform: uppercase;
    }
    .pulse {
      width: 0.5rem;
      height: 0.5rem;
      border-radius: 50%;
      background: currentColor;
    }
    .liveness.live {
      color: var(--green);
    }
    /* Nothing on paper is live. */
    @media print {
      .live {
        display: none;
      }
    }
    .live .pulse {
      animation: pulse 2.4s ease-out infinite;
    }
    .liveness.stale {
      color: var(--orange);
    }
    .stale .pulse {
      background: none;
      border: 2px solid;
    }
    .offline .pulse {
      height: 2px;
    }
    @keyframes pulse {
      from {
        box-shadow: 0 0 0 0 color-mix(in srgb, currentColor 55%, transparent);
      }
      60%,
      to {
        box-shadow: 0 0 0 7px transparent;
      }
    }
  `,
];
