import { css } from 'lit';
import { buttons, tokens } from '../internal/tokens.ts';

export const styles = [
  tokens,
  buttons,
  css`
    :host {
      display: block;
      container-type: inline-size;
    }
    .panel {
      display: grid;
      gap: 0.9rem;
      padding: 1.25rem;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--surface);
      box-shadow: var(--shadow);
    }
    p {
      margin: 0;
    }
    ul {
      display: grid;
      gap: 0.5rem;
      margin: 0;
      padding: 0;
      overflow: auto;
      list-style: none;
    }
    li,
    .total {
      display: flex;
      justify-content: space-between;
      gap: 1rem;
    }
    .amount {
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }
    .total {
      padding-top: 0.75rem;
      border-top: 1px dashed var(--line-strong);
      font-weight: 650;
    }
    .empty,
    .terms {
      color: var(--ink-soft);
    }
    .terms {
      font-size: 0.8125rem;
      text-align: center;
    }
    .button {
      width: 100%;
      min-height: 50px;
      font-size: 1.0625rem;
    }
    .problem {
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
    /* One column: what was chosen stays in sight at the bottom of the screen. */
    .side {
      display: contents;
    }
    .panel {
      margin-block: 1.25rem 1rem;
    }
    .panel.chosen {
      position: sticky;
      bottom: 0.75rem;
      z-index: 1;
    }
    .panel.chosen ul {
      max-height: 6.5rem;
    }
    .panel.chosen .terms {
      display: none;
    }
    /* Wide enough for two columns: the choice on the left, what becomes of it stays in sight. */
    @container (min-width: 820px) {
      slot {
        display: block;
        float: left;
        width: calc(100% - 368px);
      }
      .side {
        position: sticky;
        top: 1rem;
        display: grid;
        gap: 1rem;
        width: 340px;
        margin-left: auto;
      }
      .panel.chosen {
        position: static;
      }
      .panel {
        margin: 0;
      }
      .panel.chosen ul {
        max-height: 15rem;
      }
      .panel.chosen .terms {
        display: block;
      }
    }
  `,
];
