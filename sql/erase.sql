-- Erases a person: name, mail address and phone, wherever they are stored, and the way to sign in. Bookings, payments and
-- invoices' sums stay, of nobody. Run it with psql as the server's role or the owner; it may be repeated:
--
--     psql "$DATABASE_URL" -v email=aiko@example.org -f sql/erase.sql
--
-- It cannot be taken back. Tickets that the person holds stay good, but no mail reaches them any more;
-- tickets that the person is offered stay where they are. An organization keeps its name and its events. Answers that were
-- stored for repeated requests go by themselves (--idempotency-retention-hours), and so do backups only if you see to it.
-- For another schema change the next line.
set search_path = seatcast;

begin;
with person as (select id from users where email = lower(:'email')),
     theirs as (select id from bookings where user_id in (select id from person)
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
     -- Mail servers name the one whom they refuse.
     sent as (delete from jobs where state <> 'leased' and strpos(payload::text || lower(coalesce(reason, '')), lower(:'email')) > 0),
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
