-- Erases a person: name, mail address and phone, wherever they are stored, and the way to sign in. Bookings, payments and
-- invoices' sums stay, of nobody. Run it with psql as the server's role or the owner:
--
--     psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -v email=aiko@example.org -f sql/erase.sql
--
-- Addresses are stored with their domain as DNS has it: for info@münchen.example write info@xn--mnchen-3ya.example.
-- Where nobody has the address, it says so and fails, also when it is run again.
--
-- It cannot be taken back. The person leaves all waitlists, and what is offered to them comes free within seconds. Tickets
-- that the person holds stay good, but no mail reaches them any more, and nobody can sign in to see them; tickets that the
-- person is offered stay where they are. An organization keeps its name and its events. Answers that were stored for repeated requests go by themselves
-- (--idempotency-retention-hours), and so do backups only if you see to it. A mail that is under way meanwhile may fail and
-- leave the address as its reason: run it once more after two minutes, which erases that or says that nobody has the address.
-- Where the provider of payments has a customer for the account, it is named: the server keeps no other trace of it, so delete
-- it there, with its name, address and cards (for Stripe: `curl -X DELETE -u "$STRIPE_SECRET_KEY:" \
-- https://api.stripe.com/v1/customers/cus_…`, or on its page). What was paid stays there as it is here.
-- For another schema change the next line.
set search_path = seatcast;

begin;
select set_config('seatcast.erased_email', lower(:'email'), true);
-- The address in what mail servers said, but not where it is the end or the beginning of another one: ali@example.org has
-- li@example.org in it. Quotes may stand around it.
select set_config('seatcast.erased_pattern',
                  '(?<![[:alnum:].!#$%&*+/?^_{|}~-])' || regexp_replace(lower(:'email'), '[^[:alnum:]]', '\\\&', 'g')
                      || '(?!-*[[:alnum:]]|[.][[:alnum:]])', true);
do $$
declare
    wanted constant text := current_setting('seatcast.erased_email');
begin
    if wanted ~ '[^ -~]' then
        raise exception 'addresses are stored with the domain as DNS has it: write % with xn--…', wanted;
    end if;
    if not exists (select from users where email = wanted)
        and not exists (select from booking_contacts where email = wanted)
        and not exists (select from booking_attendees where lower(email) = wanted)
        and not exists (select from ticket_holders where email = wanted)
        and not exists (select from transfer_contacts where email = wanted)
        and not exists (select from organization_invitations where email = wanted)
        and not exists (select from account_links where email = wanted)
        and not exists (select from jobs
                         where lower(payload ->> 'email') = wanted
                            or lower(reason) ~ current_setting('seatcast.erased_pattern')) then
        raise exception 'nobody has the address %', wanted;
    end if;
end
$$;
select provider || ' ' || customer_ref as "delete this customer at the provider of payments"
  from provider_customers where user_id in (select id from users where email = lower(:'email'));
-- First those who wait, as somebody may be offered something meanwhile; then the deadline of what is offered, which frees it by
-- the rules of all deadlines.
update waitlist set status = 'left', updated_at = clock_timestamp()
 where status = 'waiting' and user_id in (select id from users where email = lower(:'email'));
update bookings set expires_at = clock_timestamp()
 where kind = 'offer' and status = 'pending' and user_id in (select id from users where email = lower(:'email'));
with person as (select id from users where email = lower(:'email')),
     -- A booking that staff sold to somebody whom the contact names is not the seller's.
     theirs as (select id from bookings where user_id in (select id from person)
                   and (kind <> 'staff' or not exists (select from booking_contacts where booking_id = bookings.id))
                 union select booking_id from booking_contacts where email = lower(:'email')),
     contacts as (delete from booking_contacts where booking_id in (select id from theirs)),
     attendees as (delete from booking_attendees
                    where booking_id in (select id from theirs) or lower(email) = lower(:'email')),
     answers as (delete from booking_answers where booking_id in (select id from theirs)),
     holders as (update ticket_holders set name = null, email = null
                  where email = lower(:'email') or user_id in (select id from person)),
     offered as (delete from transfer_contacts where email = lower(:'email') returning transfer_id),
     withdrawn as (update transfers set state = 'cancelled', ended_at = clock_timestamp()
                    where state = 'pending' and id in (select transfer_id from offered)),
     invitations as (delete from organization_invitations where email = lower(:'email')),
     links as (delete from account_links where email = lower(:'email') or user_id in (select id from person)),
     letters as (delete from jobs where lower(payload ->> 'email') = lower(:'email')),
     -- Mail servers name the one whom they refuse. The job stays with the code of its reason: it may be about others as well.
     refusals as (update jobs set reason = split_part(reason, ':', 1)
                   where lower(reason) ~ current_setting('seatcast.erased_pattern')
                     and lower(payload ->> 'email') is distinct from lower(:'email')),
     steps as (update interactions set user_id = null, session_id = null, page_url = null, user_agent = null, data = '{}'
                where user_id in (select id from person)),
     signed_in as (delete from sessions where user_id in (select id from person)),
     elsewhere as (delete from identities where user_id in (select id from person)),
     cards as (delete from provider_customers where user_id in (select id from person)),
     browsers as (delete from push_subscriptions where user_id in (select id from person)),
     places as (delete from organization_members where user_id in (select id from person))
update users set name = 'Erased', email = null, phone = null, password_hash = null, role = 'customer',
                 token_generation = token_generation + 1
 where id in (select id from person);
commit;
