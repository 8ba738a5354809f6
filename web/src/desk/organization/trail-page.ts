import { css, html, type PropertyDeclarations, type TemplateResult } from 'lit';
import { digits, momentWords } from '../../elements/internal/format.ts';
import type { JsonObject } from '../../sdk/protocol.ts';
import { DeskPage } from '../desk-page.ts';
import { List } from '../list.ts';
import { deskStyles } from '../styles.ts';
import { tableOf } from '../table.ts';
import { actionWords, objectWords } from './actions.ts';
import { chosenOf, organizationChoice } from './choice.ts';
import { WORDS } from './words.ts';

const PAGE_ROWS = 50;

interface Audited {
  id: number;
  at: string;
  organization_id: number | null;
  user_id: number | null;
  api_key_id: number | null;
  action: string;
  object: string;
  detail: JsonObject;
}

/** All that was done in an organization, and by whom, newest first. */
export class TrailPage extends DeskPage {
  static override properties: PropertyDeclarations = { organization: { state: true } };
  static override styles = [
    deskStyles,
    css`
      .waiting {
        height: 24rem;
      }
      code {
        font-size: 0.8125rem;
        text-align: start;
        overflow-wrap: anywhere;
      }
      summary {
        min-height: 28px;
        cursor: pointer;
      }
      pre {
        max-width: 26rem;
        margin: 0.4rem 0 0;
        overflow-x: auto;
        font-size: 0.8125rem;
        text-align: start;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
    `,
  ];

  declare organization: number | undefined;
  readonly #list: List<Audited> = new List<Audited>(this, () => {
    const of = this.organization === undefined ? '' : `/organizations/${this.organization}`;
    return `${of}/audit-trail?limit=${PAGE_ROWS}`;
  });

  constructor() {
    super();
    const isAsked = new URLSearchParams(location.search).has('organization');
    this.organization = this.me.role === 'admin' && !isAsked ? undefined : chosenOf(this.me, 'people');
  }

  override render(): TemplateResult {
    const words = WORDS[this.language];
    return html`
      <div class="bar">
        <div>
          <h1>${words.trail}</h1>
          <p class="soft">${words.trailHint}</p>
        </div>
        ${organizationChoice(this.language, this.me, 'people', this.organization, this.#choose)}
      </div>
      ${this.#list.view(this.language, { title: words.noTrailTitle, text: words.noTrail }, (rows) => this.#table(rows))}
    `;
  }

  #table(rows: readonly Audited[]): TemplateResult {
    const words = WORDS[this.language];
    return tableOf(rows, {
      key: ({ id }) => id,
      columns: [
        { head: words.action, cell: ({ action }) => this.#action(action) },
        { head: words.object, cell: ({ object }) => this.#object(object) },
        { head: words.who, cell: ({ user_id: user, api_key_id: key }) => (user !== null ? words.user(user) : key !== null ? words.key(key) : '–') },
        { head: words.when, cell: ({ at }) => momentWords(this.language, at) },
        { head: words.details, cell: ({ detail }) => this.#details(JSON.stringify(detail, null, 1)) },
      ],
    });
  }

  /** In words, and the route as the small print. */
  #action(action: string): TemplateResult {
    const words = actionWords(this.language, action);
    return words === undefined ? routeOf(action) : html`<span>${words}<br />${routeOf(action)}</span>`;
  }

  #object(object: string): TemplateResult {
    const colon = object.indexOf(':');
    const words = objectWords(this.language, object.slice(0, colon));
    if (words === undefined) return html`<bdi dir="ltr">${object}</bdi>`;
    const id = object.slice(colon + 1);
    return html`<span>${words} <bdi dir="ltr">${/^\d+$/.test(id) ? digits(this.language, id) : id}</bdi></span>`;
  }

  #details(text: string): string | TemplateResult {
    const isEmpty = text.length <= '{}'.length;
    return isEmpty ? '–' : html`<details><summary>${WORDS[this.language].details}</summary><pre dir="ltr">${text}</pre></details>`;
  }

  readonly #choose = (id: number): void => {
    this.organization = id;
    void this.#list.restart();
  };
}

/** It may be broken between the parts of its path. */
function routeOf(action: string): TemplateResult {
  const [first = '', ...parts] = action.split('/');
  return html`<code class="soft" dir="ltr">${first}${parts.map((part) => html`<wbr />/${part}`)}</code>`;
}

customElements.define('desk-trail', TrailPage);
