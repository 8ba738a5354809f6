"""Which requests the server may refuse although the OpenAPI document allows them.

A schema cannot compare two fields, know today's date, or what an earlier request did. Refusals of well-formed requests
must therefore be by one of these rules, and by no other.
"""

import re

import schemathesis

RULES = {
    # Fields that have to agree.
    "NOT_AFTER_FROM", "NOT_AFTER_VALID_FROM", "MISSING_CONTACT", "ONE_OF_THREE", "NOT_AFTER_STARTS_AT", "AFTER_STARTS_AT", "NOT_AFTER_SALE_FROM", "BELOW_MIN_PER_BOOKING",
    "CODE_OR_PAYLOAD", "PERIOD_TOO_LONG", "TOO_BIG value", "TOO_BIG max_per_booking", "NOT_A_MULTIPLE",
    "RESERVE_NEEDS_ONE_TYPE", "RESERVE_OF_SEATS",
    # Of a booking, an event or a job that is there.
    "OFFLINE_NOT_ALLOWED", "PAYMENT_REFUSED", "CURRENCY_MISMATCH", "SEVERAL_ORGANIZATIONS", "BELOW_MINIMUM_CHARGE",
    "TOO_MANY attendees",
    "PRICE_AND_TICKET_TYPES", "OTHER_CURRENCY", "CURSOR_OR_OFFSET", "DUPLICATE",
    # A code proves an address.
    "REQUIRED email",
    # A draft or an active event is made, of prices that are there.
    "NOT_A_CHOICE status", "REQUIRED price",
    # Of a seat, its row or its section.
    "REQUIRED ticket_type_id",
    # The clock, the time zones that exist, the depths of free-form data, the size of it as text.
    "NOT_A_CURRENCY", "IN_THE_PAST", "YEAR_OUT_OF_RANGE", "NOT_A_TIMEZONE", "NUL_IN_TEXT", "TOO_LONG data",
    # Whether an address is of the open internet, numbers that are points of a curve, and what each kind of message is about.
    "NOT_HTTPS", "PRIVATE_HOST", "NOT_A_PUSH_KEY", "REQUIRED event_id", "REQUIRED booking_id",
    # The parts of an e-mail address have lengths of their own.
    "NOT_AN_EMAIL",
    # A table in CSV.
    "BAD_CSV", "UNKNOWN_FIELD",
    # Queries of /rest/v1/ have a language of their own, and a bound on what they read; what Postgres cannot keep.
    "42703", "PGRST100", "54000", "22P05", "22001",
    # Links that were mailed, signatures of others, providers that this server has.
    "LINK_EXPIRED", "INVITATION_EXPIRED", "BAD_SIGNATURE", "PROVIDER_UNKNOWN",
    # Effects of what was answered or stored before.
    "NOT_A_CURSOR", "IDEMPOTENCY_MISMATCH", "EVENT_CANCELLED", "LIMIT_EXCEEDED", "BELOW_MINIMUM", "NOT_SEATED",
    "CAPACITY_IS_SEATS", "MAP_BEYOND_CAPACITY", "STAYS", "TICKET_TYPES_APART",
}

# Schemathesis writes these into an address although no schema allows them there: 7.0, which JSON Schema counts among the
# integers, and Python's None, where it follows a link of its own from an answer's null.
NOT_OF_THE_SCHEMA = re.compile(r"/([0-9]+[.]0|None)(/|[?]|$)")


def refusals(body):
    """The codes of a refusal, each with the field that it is about."""
    data = body.get("data") or body
    for error in data.get("errors", []):
        yield error["code"], error["field"].rsplit(".")[-1]
    if "errors" not in data:
        yield data.get("code"), ""


@schemathesis.check
def valid_requests_are_refused_by_rule(ctx, response, case):
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or response.status_code not in (400, 410, 422):
        return
    if NOT_OF_THE_SCHEMA.search(response.request.url):
        return
    for code, field in refusals(response.json()):
        assert code in RULES or f"{code} {field}" in RULES, f"{code} of {field!r} is no rule that a schema cannot say"
