import { css } from 'lit';
import { frame } from './frame.ts';
import { shared } from '../pages/shared.styles.ts';

export const styles = [
  shared,
  frame,
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
    @media (max-width: 640px) {
      nav {
        order: 3;
        width: 100%;
      }
    }
  `,
];
