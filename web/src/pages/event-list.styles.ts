import { css } from 'lit';
import { selectArrow } from '../elements/internal/select.ts';
import { shared } from './shared.styles.ts';

export const styles = [
  shared,
  selectArrow,
  css`
    :host {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: 1.75rem;
    }
    .intro {
      display: flex;
      flex-wrap: wrap;
      align-items: end;
      justify-content: space-between;
      gap: 1.25rem;
    }
    .intro p {
      margin: 0.5rem 0 0;
      color: var(--ink-soft);
    }
    .search {
      position: relative;
      flex: 0 1 22rem;
      min-width: min(100%, 16rem);
    }
    .search svg {
      position: absolute;
      inset-inline-start: 1rem;
      top: 50%;
      width: 1.1rem;
      height: 1.1rem;
      fill: none;
      stroke: var(--ink-soft);
      stroke-width: 2.2;
      stroke-linecap: round;
      transform: translateY(-50%);
      pointer-events: none;
    }
    input {
      width: 100%;
      min-height: 48px;
      padding-block: 0;
      padding-inline: 2.75rem 1rem;
      border: 1px solid var(--line-strong);
      border-radius: 99px;
      background: var(--surface);
      color: var(--ink);
      font: inherit;
    }
    input::placeholder {
      color: var(--ink-soft);
      opacity: 1;
    }
    .filters {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      justify-content: space-between;
      gap: 0.75rem 1.5rem;
      /* As high as it will be. */
      min-height: 40px;
    }
    .choices {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 1rem;
    }
    .choices label {
      display: inline-flex;
      align-items: center;
      gap: 0.5rem;
      color: var(--ink-soft);
      font-size: 0.875rem;
    }
    .choices :is(select, input) {
      width: auto;
      max-width: 11rem;
      min-height: 40px;
      padding-block: 0;
      padding-inline-start: 0.9rem;
      border: 1px solid var(--line-strong);
      border-radius: 99px;
      background-color: var(--surface);
      color: var(--ink);
      font: inherit;
      font-size: 0.875rem;
    }
    .choices input {
      padding-inline-end: 0.9rem;
    }
    .chips {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem;
    }
    .chips button {
      min-height: 36px;
      padding: 0 0.95rem;
      border: 1px solid var(--line);
      border-radius: 99px;
      background: var(--surface);
      font-size: 0.9rem;
      font-weight: 550;
      text-transform: capitalize;
    }
    .chips button::first-letter {
      text-transform: uppercase;
    }
    .chips button[aria-pressed='true'] {
      border-color: var(--ink);
      background: var(--ink);
      color: var(--surface);
    }
    @media (forced-colors: active) {
      .chips button[aria-pressed='true'] {
        background: Highlight;
        color: HighlightText;
        forced-color-adjust: none;
      }
    }
    .past {
      margin: 1rem 0 0;
      color: var(--ink-soft);
    }
    .grid {
      display: grid;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr));
      gap: clamp(1rem, 2.4vw, 1.6rem);
      margin: 0;
      padding: 0;
      list-style: none;
    }
    .card {
      position: relative;
      display: flex;
      flex-direction: column;
      height: 100%;
      overflow: hidden;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
      box-shadow: var(--shadow);
      transition:
        transform 160ms,
        border-color 160ms;
    }
    .card:hover {
      border-color: var(--line-strong);
      transform: translateY(-3px);
    }
    .card:focus-within {
      border-color: var(--accent);
    }
    .poster {
      display: block;
      width: 100%;
      aspect-ratio: 16 / 9;
      object-fit: cover;
    }
    .off .poster {
      filter: grayscale(0.85);
    }
    .date {
      position: absolute;
      inset-inline-start: 0.9rem;
      top: 0.9rem;
      display: grid;
      justify-items: center;
      padding: 0.4rem 0.7rem;
      border-radius: var(--radius-small);
      background: var(--surface);
      line-height: 1.15;
    }
    .date b {
      font-family: var(--display);
      font-size: 1.3rem;
    }
    .date span {
      font-size: 0.7rem;
      font-weight: 650;
      letter-spacing: 0.05em;
      text-transform: uppercase;
    }
    .text {
      display: flex;
      flex: 1;
      flex-direction: column;
      gap: 0.3rem;
      padding: 1.1rem 1.2rem 1.2rem;
    }
    h2 {
      font-size: 1.3rem;
    }
    h2 a {
      text-decoration: none;
    }
    /* The whole card is the link. */
    h2 a::after {
      position: absolute;
      inset: 0;
      content: '';
    }
    h2 a:focus-visible {
      outline: none;
    }
    h2 a:focus-visible::after {
      border-radius: var(--radius);
      outline: 3px solid var(--accent);
      outline-offset: -3px;
    }
    .where {
      margin: 0;
      color: var(--ink-soft);
    }
    .foot {
      margin-top: auto;
      padding-top: 0.9rem;
    }
    .price {
      position: absolute;
      inset-inline-end: 0.9rem;
      top: 0.9rem;
      padding: 0.3rem 0.7rem;
      border-radius: 99px;
      background: var(--surface);
      font-size: 0.875rem;
      font-variant-numeric: tabular-nums;
      font-weight: 650;
    }
    .line {
      width: 75%;
      height: 1rem;
      margin-block: 0.2rem;
    }
    .line.wide {
      width: 90%;
      height: 1.5rem;
    }
    .line.short {
      width: 40%;
      height: 1.6rem;
      margin-top: 1rem;
    }
    .more {
      justify-self: center;
    }
  `,
];
