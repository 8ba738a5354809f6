import { html, type TemplateResult } from 'lit';

/** Stands in `sign-in-page` for the address that signing in leads back to. */
const HERE = '{page}';

/**
 * Words that lead to the site's sign-in page, where it has one (`sign-in-page="/account?back={page}"`), and from there back to
 * this page.
 */
export function signInLink(page: string | undefined, words: string): TemplateResult | string {
  return page ? html`<a href=${signInAddress(page)}>${words}</a>` : words;
}

export function signInAddress(page: string): string {
  return page.replace(HERE, encodeURIComponent(location.pathname + location.search));
}

/** The attribute of the elements that have such words. */
export const SIGN_IN_PAGE = { attribute: 'sign-in-page' };
