import { css } from 'lit';
import { skeleton, tokens } from '../internal/tokens.ts';

/** Styles until the map itself is here. */
export const styles = [
  tokens,
  skeleton,
  css`
    :host {
      display: block;
      container: map / inline-size;
    }
    .frame {
      position: relative;
      overflow: hidden;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    canvas,
    .loading {
      display: block;
      width: 100%;
      /* As high as the layout is, within reason: a flat hall is no letter box, a deep one no tower. */
      height: clamp(300px, calc(100cqi * var(--aspect, 0.7)), min(78vh, 720px));
      border-radius: 0;
    }
    .said {
      min-height: 1.5em;
      margin: 0;
      color: var(--orange);
      font-size: 0.875rem;
      font-weight: 550;
    }
  `,
];
