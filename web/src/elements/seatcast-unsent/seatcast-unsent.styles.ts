import { css } from 'lit';
import { buttons } from '../internal/controls.ts';
import { tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  css`
    :host {
      display: block;
      margin-block-end: 1.25rem;
    }
    :host([empty]) {
      display: none;
    }
    section {
      display: grid;
      gap: 0.6rem;
    }
    .attempt {
      display: flex;
      flex-wrap: wrap;
      gap: 0.75rem 1.25rem;
      align-items: center;
      justify-content: space-between;
      padding: 0.9rem 1.1rem;
      border-radius: var(--radius-small);
      background: var(--yellow-wash);
      color: var(--ink);
    }
    .attempt.refused {
      background: var(--red-wash);
    }
    .text {
      flex: 1 1 18rem;
      min-width: 0;
    }
    p {
      margin: 0;
      overflow-wrap: anywhere;
    }
    strong {
      display: block;
    }
    .actions {
      display: flex;
      flex-wrap: wrap;
      gap: 0.6rem;
    }
  `,
];
