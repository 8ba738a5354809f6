import { css } from 'lit';
import { buttons } from '../internal/controls.ts';
import { skeleton, tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  skeleton,
  css`
    :host {
      --seat-1: light-dark(#3340d1, #a3adff);
      --seat-2: light-dark(#0b7a70, #5fdccb);
      --seat-3: light-dark(#a02ab0, #eaa6f5);
      --seat-4: light-dark(#0f6fa8, #86cdf7);
      --seat-5: light-dark(#b3244d, #ffabc0);
      --seat-held: light-dark(#f0b13c, #b87a22);
      --seat-sold: light-dark(#c6c0b4, #55525f);
      --seat-blocked: light-dark(#d5d0c5, #413f4a);
      display: block;
    }
    /* Seats keep colours that are told apart, on a ground of their own; words follow the reader's. */
    @media (forced-colors: active) {
      :host {
        --surface: Canvas;
        --sunken: ButtonFace;
        --ink: CanvasText;
        --ink-soft: CanvasText;
        --on-accent: Canvas;
        --seat-held: Mark;
        --seat-sold: GrayText;
        --seat-blocked: GrayText;
      }
      canvas,
      .probe,
      .swatch {
        forced-color-adjust: none;
      }
    }
    /* Its colour is read while the style sheet's animations may be running. */
    .probe {
      transition: none !important;
    }
    .frame {
      position: relative;
      overflow: hidden;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    canvas {
      display: block;
      width: 100%;
      /* As high as the layout is, within reason: a flat hall is no letter box, a deep one no tower. */
      height: clamp(300px, calc(100cqi * var(--aspect, 0.7)), min(78vh, 720px));
      cursor: pointer;
      touch-action: pan-y;
    }
    .frame {
      container-type: inline-size;
    }
    canvas.zoomed {
      touch-action: none;
    }
    .keys {
      position: absolute;
      inset: 0;
      border-radius: inherit;
      pointer-events: none;
    }
    .keys:focus-visible {
      outline-offset: -3px;
    }
    .loading {
      position: absolute;
      inset: 0;
      border-radius: 0;
    }
    .tools {
      position: absolute;
      inset-inline-end: 0.75rem;
      bottom: 0.75rem;
      display: grid;
      overflow: hidden;
      border: 1px solid var(--line-strong);
      border-radius: var(--radius-small);
      background: var(--surface);
    }
    .tools button {
      width: 40px;
      height: 40px;
      border: 0;
      background: none;
      font-size: 1.25rem;
      line-height: 1;
    }
    .tools button + button {
      border-top: 1px solid var(--line);
    }
    .tools button:hover:not(:disabled) {
      background: var(--sunken);
    }
    .tools button:disabled {
      opacity: 0.4;
    }
    .tip {
      position: absolute;
      padding: 0.4rem 0.7rem;
      border-radius: var(--radius-small);
      background: var(--ink);
      color: var(--surface);
      font-size: 0.8125rem;
      line-height: 1.35;
      pointer-events: none;
      transform: translate(-50%, calc(-100% - 8px));
      white-space: nowrap;
    }
    .tip.below {
      transform: translate(-50%, 8px);
    }
    .said {
      min-height: 1.5em;
      margin: 0.5rem 0 0;
      color: var(--orange);
      font-size: 0.875rem;
      font-weight: 550;
    }
    .legend {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem 1.4rem;
      margin: 0.25rem 0 0;
      padding: 0;
      font-size: 0.875rem;
      list-style: none;
    }
    .legend li {
      display: inline-flex;
      align-items: center;
      gap: 0.45rem;
    }
    .sections {
      margin-top: 0.25rem;
      font-size: 0.875rem;
    }
    .sections summary {
      min-height: 24px;
      color: var(--accent);
      cursor: pointer;
    }
    .sections ul {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr));
      gap: 0.25rem 1.5rem;
      margin: 0.4rem 0 0;
      padding: 0;
      list-style: none;
    }
    .sections li {
      display: flex;
      justify-content: space-between;
      gap: 1rem;
    }
    .type {
      font-weight: 600;
    }
    .price {
      color: var(--ink-soft);
      font-variant-numeric: tabular-nums;
    }
    .swatch {
      width: 0.85rem;
      height: 0.85rem;
      border-radius: 50%;
    }
    .type-1 {
      background: var(--seat-1);
    }
    .type-2 {
      background: var(--seat-2);
    }
    .type-3 {
      background: var(--seat-3);
    }
    .type-4 {
      background: var(--seat-4);
    }
    .type-5 {
      background: var(--seat-5);
    }
    .swatch.held {
      background: var(--seat-held);
    }
    .swatch.sold {
      width: 0.6rem;
      height: 0.6rem;
      margin: 0.125rem;
      background: var(--seat-sold);
    }
    .swatch.blocked {
      width: 0.6rem;
      height: 0.6rem;
      margin: 0.125rem;
      border: 2px solid var(--seat-blocked);
    }
    .swatch.chosen {
      background: radial-gradient(var(--surface) 28%, var(--ink) 34%);
    }
  `,
];
