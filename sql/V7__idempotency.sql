-- Stored answers of requests that carried an Idempotency-Key. The row is written in the
-- transaction of the effect, so that the same request after a crash finds either both or
-- neither. Refusals are not stored: they changed nothing and may be tried again.

create table idempotency_keys (
    scope text not null,
    key text not null,
    body_hash bytea not null,
    status int not null,
    response jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint idempotency_keys_pkey primary key (scope, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
