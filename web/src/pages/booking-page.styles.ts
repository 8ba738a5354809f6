import { css } from 'lit';
import { notes } from '../elements/internal/controls.ts';
import { shared } from './shared.styles.ts';

export const styles = [
  shared,
  notes,
  css`
    :host {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: clamp(1.25rem, 3vw, 2rem);
    }
    p {
      margin: 0;
    }
    .head {
      display: grid;
      grid-template-columns: auto minmax(0, 1fr);
      gap: 0.35rem 1rem;
      align-items: center;
    }
    .head svg {
      grid-row: span 2;
      width: 3.5rem;
      height: 3.5rem;
      padding: 0.85rem;
      border-radius: 50%;
      background: var(--sunken);
      color: var(--ink-soft);
      fill: none;
      stroke: currentColor;
      stroke-width: 2.4;
      stroke-linecap: round;
      stroke-linejoin: round;
    }
    .confirmed svg {
      background: var(--green-wash);
      color: var(--green);
    }
    .pending svg,
    .paying svg,
    .owed svg,
    .offered svg {
      background: var(--accent-wash);
      color: var(--accent);
    }
    .head p {
      color: var(--ink-soft);
    }
    h2 {
      font-size: 1.15rem;
    }
    .columns {
      display: grid;
      grid-template-columns: minmax(0, 7fr) minmax(0, 5fr);
      gap: clamp(1.25rem, 3vw, 2rem);
      align-items: start;
    }
    aside {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 1.25rem;
    }
    section {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 0.75rem;
    }
    .event {
      overflow: hidden;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    .event .poster {
      aspect-ratio: 16 / 7;
    }
    .event .text {
      display: grid;
      gap: 0.35rem;
      padding: 0 1.1rem 1.1rem;
    }
    .event p {
      color: var(--ink-soft);
    }
    .next ul {
      display: grid;
      gap: 0.5rem;
      margin: 0;
      padding-inline-start: 1.2rem;
    }
    dl {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 0.4rem 0;
      margin: 0;
    }
    dt {
      padding-inline-end: 1rem;
      overflow-wrap: anywhere;
    }
    dd {
      margin: 0;
      font-variant-numeric: tabular-nums;
      text-align: end;
      white-space: nowrap;
    }
    .sum {
      padding-top: 0.5rem;
      border-top: 1px dashed var(--line-strong);
      font-weight: 650;
    }
    .contained {
      grid-column: 1 / -1;
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    .links {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
    }
    .skeleton.card {
      height: 16rem;
      border-radius: var(--radius);
    }
    @media (max-width: 820px) {
      .columns {
        grid-template-columns: minmax(0, 1fr);
      }
    }
  `,
];
