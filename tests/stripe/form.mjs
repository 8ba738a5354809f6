// Bodies in the form encoding that Stripe takes: `metadata[booking]=7`, `expand[]=latest_charge`.

import { StripeError } from './errors.mjs';

/** Reads a form body into nested objects; lists stay objects with their indices as keys, or arrays where `[]` was said. */
export function parseForm(text) {
  const root = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.split('[').map((part) => part.replace(/\]$/, ''));
    let at = root;
    for (let depth = 0; depth < path.length - 1; depth += 1) {
      const key = path[depth];
      if (path[depth + 1] === '') {
        at[key] = Array.isArray(at[key]) ? at[key] : [];
      } else if (typeof at[key] !== 'object') {
        at[key] = {};
      }
      at = at[key];
    }
    const last = path[path.length - 1];
    if (last === '') {
      at.push(value);
    } else {
      at[last] = value;
    }
  }
  return root;
}

/** Refuses parameters that an endpoint does not have, as Stripe does. */
export function checkKnown(given, known) {
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) {
      throw new StripeError(400, 'parameter_unknown', `Received unknown parameter: ${name}`, { param: name });
    }
  }
}

/** A whole number of minor units; anything else is refused. */
export function integer(given, name) {
  const text = given[name];
  if (!/^-?\d+$/.test(String(text))) {
    throw new StripeError(400, 'parameter_invalid_integer', `Invalid integer: ${text}`, { param: name });
  }
  return Number(text);
}

export function list(value) {
  return value === undefined ? [] : Object.values(value);
}
