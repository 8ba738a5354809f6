import { css } from 'lit';

/** Buttons, the same everywhere. */
export const buttons = css`
  button {
    font: inherit;
    color: inherit;
    cursor: pointer;
  }
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.5rem;
    min-height: 44px;
    padding: 0.55rem 1.1rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--surface);
    font-weight: 600;
    text-decoration: none;
    transition:
      background 120ms,
      border-color 120ms;
  }
  .button:hover:not(:disabled) {
    background: var(--sunken);
  }
  .button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  .button.primary:hover:not(:disabled) {
    background: var(--accent-strong);
  }
  .button.small {
    min-height: 36px;
    padding: 0.3rem 0.8rem;
    font-size: 0.875rem;
  }
  .button:disabled {
    border-color: transparent;
    background: var(--sunken);
    color: var(--ink-soft);
    cursor: not-allowed;
  }
`;

/** A quantity between its two buttons. */
export const stepper = css`
  .stepper {
    display: inline-flex;
    align-items: center;
    border: 1px solid var(--line-strong);
    border-radius: 99px;
    background: var(--surface);
  }
  .stepper button {
    width: 40px;
    height: 40px;
    border: 0;
    border-radius: 50%;
    background: none;
    font-size: 1.25rem;
    line-height: 1;
  }
  /* A finger does not hover: the colour would stay. */
  @media (hover: hover) {
    .stepper button:hover:not(:disabled) {
      background: var(--sunken);
    }
  }
  .stepper button:disabled {
    color: var(--ink-soft);
    opacity: 0.5;
    cursor: not-allowed;
  }
  .stepper output {
    min-width: 1.6rem;
    font-variant-numeric: tabular-nums;
    font-weight: 600;
    text-align: center;
  }
`;

/** A form's fields, each in its label. */
export const fields = css`
  label {
    display: grid;
    gap: 0.2rem;
    color: var(--ink-soft);
    font-size: 0.8125rem;
  }
  input {
    min-height: 44px;
    padding: 0.4rem 0.7rem;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius-small);
    background: var(--paper);
    color: var(--ink);
    font: inherit;
  }
`;

/** A refusal in place, and the sign that something is under way. */
export const notes = css`
  .problem {
    margin: 0;
    padding: 0.65rem 0.85rem;
    border-radius: var(--radius-small);
    background: var(--red-wash);
    color: var(--red);
    font-size: 0.9375rem;
  }
  .problem:empty {
    display: none;
  }
  .spinner {
    flex: none;
    width: 1rem;
    height: 1rem;
    border: 2px solid currentColor;
    border-right-color: transparent;
    border-radius: 50%;
    animation: turn 700ms linear infinite;
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }
`;
