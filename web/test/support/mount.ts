/**
 * Puts an element on the page of a test, with the client of a fake server. Tests that use it say
 * `// @vitest-environment happy-dom` in their first line, and run under fake timers.
 */
import '../../src/elements/internal/refusal-words.ts';
import type { LitElement } from 'lit';
import type { SeatcastClient } from '../../src/sdk/index.ts';
import type { FakeServer } from './fake-server.ts';

/** An element that may be given a client. */
type Mounted = LitElement & { client: unknown };

/** Creates the element, lets its topic be joined, and answers when it has drawn itself. */
export async function mount<T extends Mounted>(
  server: FakeServer,
  client: SeatcastClient,
  tag: string,
  attributes: Record<string, string> = {},
): Promise<T> {
  const element = document.createElement(tag) as T;
  element.client = client;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  document.body.append(element);
  await drawn(server, element);
  return element;
}

/** Lets what is due happen, then waits for the drawing. */
export async function drawn(server: FakeServer, element: LitElement, ms = 20): Promise<void> {
  await server.settle(ms);
  await element.updateComplete;
}

/** The element's text in one line, elements inside it included. */
export function textOf(element: Element): string {
  const root = element.shadowRoot ?? element;
  const parts = [...root.childNodes].map((node) => {
    if (node instanceof HTMLStyleElement) return '';
    if (node instanceof Element) return textOf(node);
    return node.nodeType === Node.TEXT_NODE ? (node.textContent ?? '') : '';
  });
  return parts.join(' ').replace(/\s+/g, ' ').trim();
}

export function find<T extends Element = HTMLElement>(element: LitElement, selector: string): T {
  const found = element.renderRoot.querySelector<T>(selector);
  if (!found) throw new Error(`no ${selector} in ${textOf(element)}`);
  return found;
}
