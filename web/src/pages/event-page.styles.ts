import { css } from 'lit';
import { shared } from './shared.styles.ts';

export const styles = [
  shared,
  css`
    :host {
      display: grid;
      grid-template-columns: minmax(0, 1fr);
      gap: clamp(1.25rem, 3vw, 2rem);
    }
    .hero {
      display: grid;
      grid-template-columns: minmax(0, 5fr) minmax(0, 7fr);
      gap: clamp(1.25rem, 3.5vw, 2.75rem);
      align-items: center;
    }
    .poster {
      display: block;
      width: 100%;
      aspect-ratio: 16 / 10;
      border-radius: calc(var(--radius) + 4px);
      object-fit: cover;
    }
    .off .poster {
      filter: grayscale(0.85);
    }
    .about {
      display: grid;
      justify-items: start;
      gap: 0.8rem;
    }
    .category {
      color: var(--accent);
      font-size: 0.8125rem;
      font-weight: 700;
      letter-spacing: 0.08em;
      text-transform: uppercase;
    }
    .facts {
      display: grid;
      gap: 0.35rem;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    .facts li {
      display: flex;
      gap: 0.65rem;
      align-items: center;
    }
    .facts svg {
      flex: none;
      width: 1.2rem;
      height: 1.2rem;
      fill: none;
      stroke: var(--ink-soft);
      stroke-width: 2;
      stroke-linecap: round;
      stroke-linejoin: round;
    }
    .now {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.4rem 1.1rem;
    }
    :host > seatcast-bookings {
      max-width: 46rem;
    }
    /* What the organizer wrote runs its own way, from the edge that all begins at. */
    [dir='auto'] {
      text-align: left;
    }
    :host(:lang(fa)) [dir='auto'] {
      text-align: right;
    }
    .description {
      max-width: 42rem;
      margin: 0;
      color: var(--ink-soft);
      overflow-wrap: anywhere;
      white-space: pre-line;
    }
    .choose {
      display: grid;
      gap: 0.9rem;
    }
    .members {
      margin: 0;
      padding: 0.3rem 0.7rem;
      border-radius: 99px;
      background: var(--accent-wash);
      color: var(--accent-strong);
      font-size: 0.8125rem;
      font-weight: 650;
    }
    .line {
      height: 1.2rem;
      width: 60%;
    }
    .line.short {
      width: 25%;
    }
    .place {
      margin: 0;
      padding-inline-start: 1.85rem;
    }
    .line.title {
      height: 3rem;
      width: 90%;
    }
    @media (max-width: 760px) {
      .hero {
        grid-template-columns: minmax(0, 1fr);
      }
      .poster {
        aspect-ratio: 16 / 8;
      }
    }
  `,
];
