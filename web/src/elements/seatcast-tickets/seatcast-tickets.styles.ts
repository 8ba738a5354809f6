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
      display: grid;
      gap: 0.75rem;
      container-type: inline-size;
    }
    ul {
      display: grid;
      gap: 0.5rem;
      margin: 0;
      padding: 0;
      list-style: none;
    }
    li {
      display: flex;
      flex-wrap: wrap;
      gap: 0.9rem;
      align-items: center;
    }
    .open li {
      padding: 0.75rem;
      border: 1px solid var(--line);
      border-radius: var(--radius-small);
    }
    .qr {
      flex: none;
      width: 8rem;
      aspect-ratio: 1;
      border-radius: 6px;
      /* Scanners want dark on light, in dark mode too. */
      background: #fff;
    }
    .qr img {
      display: block;
      width: 100%;
      height: 100%;
    }
    .about {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.3rem 0.6rem;
      min-width: 0;
    }
    .open .valid .about {
      flex: 1 1 0;
    }
    .link {
      min-height: 24px;
      padding: 0;
      border: 0;
      background: none;
      color: var(--accent);
      font-size: 0.875rem;
      text-decoration: underline;
    }
    .recipient {
      display: grid;
      flex: 1 0 100%;
      gap: 0.6rem;
      justify-items: start;
    }
    .recipient label {
      width: 100%;
    }
    .recipient input {
      width: 100%;
    }
    .hint {
      margin: 0;
      color: var(--ink-soft);
      font-size: 0.8125rem;
    }
    .said {
      margin: 0;
    }
    .said:empty {
      display: none;
    }
    .open .about {
      flex-direction: column;
      align-items: start;
    }
    .what {
      font-weight: 600;
    }
    code {
      padding: 0.2rem 0.5rem;
      border-radius: 6px;
      background: var(--green-wash);
      color: var(--green);
      font-size: 0.8125rem;
      overflow-wrap: anywhere;
    }
    .status {
      color: var(--ink-soft);
      font-size: 0.8125rem;
    }
    li:not(.valid) code {
      background: var(--sunken);
      color: var(--ink-soft);
    }
    li.void code,
    li.transferred code {
      text-decoration: line-through;
    }
    .actions {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem;
    }
    @container (max-width: 230px) {
      .open li {
        flex-direction: column;
        align-items: start;
      }
      .qr {
        width: 100%;
      }
    }
  `,
];
