import { html, nothing, type TemplateResult } from 'lit';
import { DeskPage } from '../desk-page.ts';
import { may, organizationsOf } from '../rights.ts';
import { deskStyles } from '../styles.ts';
import { WORDS } from './words.ts';
import './rule-list.ts';

/** Taxes of the organizations that the caller manages: of their events that have none themselves. */
export class OrganizationTaxesPage extends DeskPage {
  static override styles = deskStyles;

  override render(): TemplateResult {
    const words = WORDS[this.language];
    const managed = organizationsOf(this.me).filter((id) => may(this.me, 'manage', id));
    return html`
      <h1>${words.countryTaxes}</h1>
      <p class="soft">${words.countryTaxesIntro}</p>
      ${managed.map(
        (id) => html`${managed.length > 1 ? html`<h2>${id === this.me.id ? words.ownOrganization : words.organization(String(id))}</h2>` : nothing}
          <desk-rule-list kind="countryTaxes" .path=${`/organizations/${id}/taxes`}></desk-rule-list>`,
      )}
    `;
  }
}

customElements.define('desk-organization-taxes', OrganizationTaxesPage);
