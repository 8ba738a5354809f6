// @vitest-environment happy-dom
import { afterEach, beforeAll, expect, it } from 'vitest';
import { forgetUnsaved, hasUnsaved, saved, watchForms } from './unsaved.ts';

beforeAll(() => watchForms(document.body));
afterEach(() => {
  forgetUnsaved();
  document.body.replaceChildren();
});

/** A form as the desk's pages have them, in a shadow root. */
function shown(role = ''): { form: HTMLFormElement; field: HTMLInputElement; button: HTMLButtonElement } {
  const host = document.createElement('div');
  document.body.append(host);
  const root = host.attachShadow({ mode: 'open' });
  root.innerHTML = `<form role="${role}"><input name="title" value="Jazz"><button>Save</button></form>`;
  const [form, field, button] = ['form', 'input', 'button'].map((name) => root.querySelector(name)) as [HTMLFormElement, HTMLInputElement, HTMLButtonElement];
  form.addEventListener('submit', (event) => event.preventDefault());
  return { form, field, button };
}

const at = (element: Element, kind: string): boolean => element.dispatchEvent(new Event(kind, { bubbles: true, composed: true }));

function type(field: HTMLInputElement, text: string): void {
  field.value = text;
  at(field, 'input');
}

it('a form is unsaved from the first letter until it is as it was', () => {
  const { field } = shown();
  expect(hasUnsaved()).toBe(false);
  type(field, 'Jazz at the pier');
  expect(hasUnsaved()).toBe(true);
  type(field, 'Jazz');
  expect(hasUnsaved()).toBe(false);
});

it('what the server fills anew is not unsaved, nor is a search, nor a form that is gone', () => {
  const { field, form } = shown();
  field.value = 'by somebody else';
  expect(hasUnsaved()).toBe(false);
  type(shown('search').field, 'words');
  const passing = shown();
  passing.form.dataset['passing'] = '';
  type(passing.field, 'words');
  expect(hasUnsaved()).toBe(false);
  type(field, 'mine');
  expect(hasUnsaved()).toBe(true);
  form.remove();
  expect(hasUnsaved()).toBe(false);
});

it('a form stays unsaved where the server refused it, and is saved when it says so; another one is not', () => {
  const [first, other] = [shown(), shown()];
  type(first.field, 'mine');
  type(other.field, 'mine as well');
  saved();
  expect(hasUnsaved()).toBe(true);
  at(first.button, 'click');
  expect(hasUnsaved()).toBe(true);
  saved();
  other.form.remove();
  expect(hasUnsaved()).toBe(false);
  type(first.field, 'mine again');
  expect(hasUnsaved()).toBe(true);
});
