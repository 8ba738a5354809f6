import { css } from 'lit';
import { buttons } from '../internal/controls.ts';
import { selectArrow } from '../internal/select.ts';

export const planStyles = css`
  ${buttons}
  ${selectArrow}
  :host {
    --seat-1: light-dark(#3340d1, #a3adff);
    --seat-2: light-dark(#0b7a70, #5fdccb);
    --seat-3: light-dark(#a02ab0, #eaa6f5);
    --seat-4: light-dark(#0f6fa8, #86cdf7);
    --seat-5: light-dark(#b3244d, #ffabc0);
    --seat-dimmed: light-dark(#d3cee0, #45434f);
    --seat-held: light-dark(#d08a12, #d59a3c);
    --seat-sold: light-dark(#b9b2a5, #5d5a68);
    --seat-blocked: light-dark(#cfc9bd, #4a4854);
    --section: var(--accent);
  }
  /* The reader's own colours, and shapes instead of hues. */
  @media (forced-colors: active) {
    :host {
      --surface: Canvas;
      --sunken: ButtonFace;
      --ink: CanvasText;
      --ink-soft: CanvasText;
      --line: GrayText;
      --on-accent: Canvas;
      --seat-1: LinkText;
      --seat-2: LinkText;
      --seat-3: LinkText;
      --seat-4: LinkText;
      --seat-5: LinkText;
      --seat-dimmed: GrayText;
      --seat-held: CanvasText;
      --seat-sold: GrayText;
      --seat-blocked: GrayText;
      --section: GrayText;
    }
    canvas,
    .probe,
    .swatch {
      forced-color-adjust: none;
    }
    .seat[aria-pressed='true'],
    .type[aria-pressed='true'],
    .best .button[aria-pressed='true'] {
      outline: 3px solid Highlight;
      outline-offset: -4px;
    }
  }
  /* Its colour is read while the style sheet's animations may be running. */
  .probe {
    transition: none !important;
  }

  .bar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.6rem 1.25rem;
    margin-bottom: 0.75rem;
    font-size: 0.9375rem;
  }
  .party,
  .best {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.6rem;
    min-width: 0;
  }
  .stepper {
    display: inline-flex;
    align-items: center;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
  }
  .stepper button,
  .tools button {
    display: grid;
    place-items: center;
    width: 44px;
    height: 44px;
    padding: 0;
    border: 0;
    background: none;
  }
  .stepper button {
    height: 42px;
  }
  .stepper output {
    min-width: 1.6em;
    font-weight: 650;
    text-align: center;
    font-variant-numeric: tabular-nums;
  }
  .stepper button:hover:not(:disabled),
  .tools button:hover:not(:disabled) {
    background: var(--sunken);
  }
  .stepper button:disabled,
  .tools button:disabled {
    cursor: default;
  }
  .stepper button:disabled svg,
  .tools button:disabled svg {
    opacity: 0.35;
  }
  .stepper svg,
  .tools svg,
  .back svg {
    width: 20px;
    height: 20px;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.8;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  select {
    min-height: 44px;
    max-width: 100%;
    padding-block: 0.3rem;
    padding-inline-start: 0.75rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background-color: var(--surface);
    color: var(--ink);
    font: inherit;
    text-overflow: ellipsis;
  }
  .best .button[aria-pressed='true'] {
    border-color: var(--accent);
    background: var(--accent-wash);
    color: var(--accent-strong);
  }
  .to-list {
    margin-inline-start: auto;
    border-color: transparent;
    background: none;
    color: var(--accent);
  }

  .best {
    flex-wrap: nowrap;
  }
  .best select {
    flex: 0 1 auto;
    min-width: 0;
  }
  .best .button {
    flex: none;
  }
  @container map (max-width: 34rem) {
    .to-list {
      margin-inline-start: -1.1rem;
    }
    .tools {
      grid-auto-flow: column;
    }
    .tools button + button {
      border-block-start: 0;
      border-inline-start: 1px solid var(--line);
    }
  }

  .ground {
    cursor: pointer;
    touch-action: pan-y;
    user-select: none;
    -webkit-user-select: none;
  }
  .ground.zoomed {
    touch-action: none;
  }
  canvas {
    transform-origin: 0 0;
    pointer-events: none;
  }
  .where {
    position: absolute;
    inset-block-start: 0.75rem;
    inset-inline-start: 0.75rem;
    max-width: calc(100% - 1.5rem);
    padding: 0.3rem 0.7rem;
    overflow: hidden;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
    background: var(--surface);
    font-size: 0.8125rem;
    font-weight: 600;
    text-overflow: ellipsis;
    white-space: nowrap;
    pointer-events: none;
  }
  .hint {
    position: absolute;
    inset-block-start: 50%;
    inset-inline: 0;
    width: fit-content;
    max-width: 90%;
    margin-inline: auto;
    padding: 0.5rem 1rem;
    border-radius: var(--radius-small);
    background: var(--ink);
    color: var(--surface);
    font-size: 0.875rem;
    pointer-events: none;
    transform: translateY(-50%);
  }
  .tools {
    position: absolute;
    inset-inline-end: 0.75rem;
    inset-block-end: 0.75rem;
    display: grid;
    overflow: hidden;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
  }
  .tools button + button {
    border-block-start: 1px solid var(--line);
  }
  .tools button:focus-visible,
  .stepper button:focus-visible {
    outline-offset: -3px;
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
    transform: translate(-50%, calc(-100% - 10px));
    width: max-content;
    /* TIP_PX in plan.ts */
    max-width: min(100%, 220px);
    overflow-wrap: anywhere;
  }
  .tip.below {
    transform: translate(-50%, 10px);
  }
  .letter {
    display: inline-grid;
    place-items: center;
    min-width: 1.35em;
    padding: 0 0.25em;
    border: 1px solid currentColor;
    border-radius: 0.3em;
    font-size: 0.6875rem;
    font-style: normal;
    font-weight: 650;
    line-height: 1.35;
  }

  .note {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.4rem 0.8rem;
    min-height: 1.5rem;
    margin-block: 0.5rem;
  }
  .said.good {
    color: var(--ink);
  }
  .legend {
    display: grid;
    gap: 0.7rem;
    font-size: 0.875rem;
  }
  .legend ul {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.5rem 0.6rem;
    margin: 0;
    padding: 0;
    list-style: none;
  }
  .legend .statuses {
    gap: 0.3rem 1.2rem;
    color: var(--ink-soft);
  }
  .legend .statuses li {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
  }
  .legend li {
    min-width: 0;
  }
  .type {
    display: inline-flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.15rem 0.5rem;
    max-width: 100%;
    min-height: 44px;
    padding: 0.3rem 0.75rem;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
    background: var(--surface);
    text-align: start;
    overflow-wrap: anywhere;
  }
  .type:hover:not(:disabled) {
    border-color: var(--line-strong);
  }
  .type[aria-pressed='true'] {
    border-color: var(--accent);
    background: var(--accent-wash);
  }
  .type.dim .swatch,
  .type.dim .letter {
    opacity: 0.4;
  }
  .type:disabled {
    color: inherit;
    cursor: default;
  }
  .type .name {
    font-weight: 600;
  }
  .price {
    color: var(--ink-soft);
    font-variant-numeric: tabular-nums;
  }
  .swatch {
    flex: none;
    width: 1.05rem;
    height: 1.05rem;
    color: var(--seat-1);
    fill: currentColor;
  }
  .swatch .line {
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
  }
  .swatch .tick {
    fill: none;
    stroke: var(--surface);
    stroke-width: 2.4;
  }
  .type-2 {
    color: var(--seat-2);
  }
  .type-3 {
    color: var(--seat-3);
  }
  .type-4 {
    color: var(--seat-4);
  }
  .type-5 {
    color: var(--seat-5);
  }
  .swatch.held {
    color: var(--seat-held);
  }
  .swatch.sold {
    color: var(--seat-sold);
  }
  .swatch.blocked {
    color: var(--seat-blocked);
  }
  .swatch.special {
    color: var(--ink-soft);
  }
  .swatch.chosen {
    color: var(--ink);
  }

  .list {
    margin-block-start: 0.9rem;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--surface);
  }
  .list summary {
    display: flex;
    align-items: center;
    justify-content: space-between;
    min-height: 48px;
    padding: 0.4rem 1rem;
    border-radius: inherit;
    font-weight: 600;
    cursor: pointer;
    list-style: none;
  }
  .list summary::-webkit-details-marker {
    display: none;
  }
  .list summary::after {
    width: 0.5rem;
    height: 0.5rem;
    border: solid currentColor;
    border-width: 0 2px 2px 0;
    content: '';
    transform: translateY(-25%) rotate(45deg);
  }
  .list[open] summary::after {
    transform: translateY(25%) rotate(225deg);
  }
  .level {
    padding: 0 1rem 1rem;
  }
  .path {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.3rem 0.9rem;
    min-height: 44px;
    font-size: 0.9375rem;
  }
  .back {
    display: inline-flex;
    align-items: center;
    gap: 0.2rem;
    min-height: 36px;
    max-width: 100%;
    padding-block: 0.2rem;
    padding-inline: 0.3rem 0.7rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: none;
    font-size: 0.875rem;
    overflow-wrap: anywhere;
    text-align: start;
  }
  .back svg {
    flex: none;
  }
  .back:dir(rtl) svg {
    transform: scaleX(-1);
  }
  .none {
    margin: 0;
    color: var(--ink-soft);
    font-size: 0.9375rem;
  }
  .level ul {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr));
    gap: 0.5rem;
    max-height: 24rem;
    margin: 0;
    padding: 3px;
    overflow-y: auto;
    list-style: none;
  }
  .level.rows ul {
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 8rem), 1fr));
  }
  .level.seats ul {
    display: flex;
    flex-wrap: wrap;
    gap: 0.4rem;
  }
  .entry {
    display: grid;
    align-content: center;
    gap: 0.1rem;
    width: 100%;
    height: 100%;
    min-height: 48px;
    padding: 0.45rem 0.8rem;
    border: 1px solid var(--line);
    border-radius: var(--radius-small);
    background: none;
    text-align: start;
    overflow-wrap: anywhere;
  }
  .entry:hover,
  .seat:hover {
    border-color: var(--line-strong);
    background: var(--sunken);
  }
  .entry .name {
    font-weight: 600;
  }
  .counts {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 0 0.8rem;
    color: var(--ink-soft);
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }
  .seat {
    display: inline-grid;
    place-content: center;
    justify-items: center;
    min-width: 44px;
    height: 44px;
    padding: 0 0.4rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: none;
    font-size: 0.9375rem;
    font-weight: 600;
    line-height: 1.1;
    font-variant-numeric: tabular-nums;
  }
  .seat i {
    color: var(--ink-soft);
    font-size: 0.6875rem;
    font-style: normal;
    font-weight: 500;
  }
  .seat.taken {
    border-style: dashed;
    border-color: var(--line);
    color: var(--ink-soft);
    font-weight: 400;
    text-decoration: line-through;
  }
  .seat.special {
    border-style: double;
    border-width: 4px;
  }
  .seat[aria-pressed='true'] {
    border-color: var(--ink);
    background: var(--ink);
    color: var(--surface);
    text-decoration: none;
  }
  .seat[aria-pressed='true'] i {
    color: inherit;
  }
  .level :focus-visible {
    outline-offset: -1px;
  }
`;
