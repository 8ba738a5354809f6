import { css } from 'lit';
import { fold } from './fold.ts';
import { frame } from './frame.ts';
import { shared } from '../pages/shared.styles.ts';

export const styles = [
  shared,
  frame,
  fold,
  css`
    :host {
      --page-width: 1360px;
    }
    main {
      padding-block: clamp(0.5rem, 2vw, 1.25rem) 4rem;
    }
    .waiting {
      height: 60vh;
    }
    .account {
      display: flex;
      align-items: center;
      gap: 0.9rem;
      min-width: 0;
    }
    /* Beside the links there is no room for the account: they have a line of their own. */
    @media (max-width: 1240px) {
      nav {
        order: 1;
        width: 100%;
      }
    }
    @media (max-width: 860px) {
      header {
        gap: 0.5rem;
      }
      .brand {
        margin-inline-end: auto;
      }
      .end {
        display: contents;
      }
      .account {
        order: 2;
        justify-content: space-between;
        width: 100%;
        padding-inline-start: 0.85rem;
        font-size: 0.875rem;
      }
      .language {
        min-height: 44px;
        font-size: 0.875rem;
      }
    }
    @media (max-width: 480px) {
      .brand span {
        display: none;
      }
    }
    @media (max-width: 360px) {
      .brand {
        gap: 0.3rem;
        font-size: 1.05rem;
      }
      .button.fold {
        gap: 0.2rem;
        padding-inline: 0.5rem;
      }
    }
  `,
];
