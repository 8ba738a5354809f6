/** An error in the form that Stripe answers with. */
export class StripeError extends Error {
  constructor(status, code, message, { type = 'invalid_request_error', ...rest } = {}) {
    super(message);
    this.status = status;
    this.body = { error: { type, code, message, ...rest } };
  }
}

export function notFound(kind, id) {
  return new StripeError(404, 'resource_missing', `No such ${kind}: '${id}'`, { param: 'id' });
}
