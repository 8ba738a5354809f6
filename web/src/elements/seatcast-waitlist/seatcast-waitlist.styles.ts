import { css } from 'lit';
import { buttons, fields, notes } from '../internal/controls.ts';
import { tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  fields,
  notes,
  css`
    :host {
      display: block;
    }
    section {
      display: grid;
      gap: 0.75rem;
      padding: 1.1rem 1.25rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
    }
    p {
      margin: 0;
    }
    form {
      display: flex;
      flex-wrap: wrap;
      gap: 0.75rem;
      align-items: end;
    }
    form .button {
      flex: 1 1 auto;
    }
    input {
      width: 6.5rem;
    }
    .place {
      display: flex;
      gap: 0.9rem;
      align-items: center;
    }
    .place strong {
      color: var(--accent);
      font-family: var(--display);
      font-size: 2.25rem;
      font-variant-numeric: tabular-nums;
      line-height: 1;
    }
    .hint {
      color: var(--ink-soft);
      font-size: 0.9375rem;
    }
    section > .button {
      justify-self: start;
    }
  `,
];
