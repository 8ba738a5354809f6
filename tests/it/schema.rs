//! The schema by itself: what it makes, moves, logs and refuses, by plain SQL.

use std::time::Duration;

use seatcast::config::Config;
use seatcast::store::Store;
use seatcast::store::audit::audit;
use seatcast::store::books::TrialBalance;
use seatcast::store::migrate::migrate;
use seatcast::store::seed::seed;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::binary::{output, seatcast};
use crate::support::database::{TestDatabase, acting_as, connect, grant};
use crate::support::show::Show;
use seatcast::ticketing::EventId;

#[tokio::test]
async fn nodes_that_start_together_migrate_once() {
    let database = TestDatabase::new().await;
    let empty = database.sibling("from_empty").await;
    let config = Config::default().database;
    let (a, b, c) = tokio::join!(
        migrate(&config, &empty),
        migrate(&config, &empty),
        migrate(&config, &empty),
    );
    let mut applied = [a.unwrap(), b.unwrap(), c.unwrap()];
    applied.sort_unstable();
    assert_eq!(applied[..2], [0, 0], "one of them did it all");
    assert!(applied[2] >= 9);
    assert_eq!(migrate(&config, &empty).await.unwrap(), 0);
    let store = Store::connect(&config, &empty).await.unwrap();
    assert!(audit(&store).await.unwrap().is_clean());
}

/// An old node that ends by accident while newer ones start must come up again.
#[tokio::test]
async fn a_node_starts_on_a_schema_that_a_newer_one_made() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let newer = "insert into refinery_schema_history (version, name, applied_on, checksum)
                 select max(version) + 1, 'newer', max(applied_on), '1' from refinery_schema_history";
    client.batch_execute(newer).await.unwrap();
    let config = Config::default().database;
    assert_eq!(migrate(&config, database.url()).await.unwrap(), 0);
}

/// Behind a migration that waits for a backup to end, all bookings would wait as well.
#[tokio::test]
async fn a_migration_waits_for_no_table_for_long() {
    const WAITS: &str = "select exists (select from pg_locks
                          where not granted and relation = 'refinery_schema_history'::regclass)";
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut reading = database.client().await;
    let reading = reading.transaction().await.unwrap();
    let lock = "lock table refinery_schema_history in access exclusive mode";
    reading.batch_execute(lock).await.unwrap();
    let config = Config::default().database;
    let url = database.url().to_owned();
    let migrating = tokio::spawn(async move { migrate(&config, &url).await });
    for waits in [true, false, true, false] {
        let seen = async {
            while client
                .query_one(WAITS, &[])
                .await
                .unwrap()
                .get::<_, bool>(0)
                != waits
            {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let seen = tokio::time::timeout(std::time::Duration::from_secs(20), seen).await;
        assert!(seen.is_ok(), "it does not come to {waits}");
    }
    reading.rollback().await.unwrap();
    assert_eq!(migrating.await.unwrap().unwrap(), 0);
}

/// Viewers' state may change in no way that goes unlogged.
#[tokio::test]
async fn every_published_table_has_its_triggers() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let published = [
        ("events", "insert update delete truncate"),
        ("ticket_types", "insert update delete truncate"),
        ("pools", "insert update delete truncate"),
        ("ticket_type_pools", "insert update delete truncate"),
        ("sections", "insert update delete truncate"),
        ("seats", "insert update delete truncate"),
        ("claims", "insert update delete truncate"),
        ("notices", "insert update delete truncate"),
        ("bookings", "insert update delete truncate"),
        ("booking_items", "insert update delete truncate"),
        ("tickets", "insert update delete truncate"),
        ("payments", "insert update delete truncate"),
        ("refunds", "insert update delete truncate"),
        ("turns", "insert update delete truncate"),
    ];
    for (table, operations) in published {
        let row = client
            .query_one(
                "select string_agg(operation, ' ' order by bit)
                   from (values (4, 'insert'), (8, 'delete'), (16, 'update'), (32, 'truncate')) as o (bit, operation)
                  where not exists (
                        select from pg_trigger
                         where tgrelid = $1::text::regclass and not tgisinternal
                           and tgenabled = 'A' and tgtype & bit <> 0)",
                &[&table],
            )
            .await
            .unwrap();
        let missing: Option<String> = row.get(0);
        assert_eq!(missing, None, "{table} needs triggers for {operations}");
    }
}

/// `infinity` cannot leave as RFC 3339: a key that an operator lets end «never» so must not fail each request with it.
#[tokio::test]
async fn core_10_no_time_that_leaves_as_text_may_be_infinite() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let unbound = "select c.relname || '.' || a.attname
          from pg_attribute a join pg_class c on c.oid = a.attrelid
         where c.relnamespace = 'seatcast'::regnamespace and c.relkind = 'r' and a.atttypid = 'timestamptz'::regtype
           and a.attname = any('{starts_at,ends_at,doors_at,sale_from,sale_to,valid_from,valid_to,until,expires_at,pay_by,run_at}')
           and c.relname <> 'presence_nodes'
           and not exists (select from pg_constraint where conrelid = c.oid and conname = c.relname || '_' || a.attname || '_bound')";
    assert_eq!(rows(&client, unbound).await, [""; 0]);
    let key = "insert into api_keys (organization_id, name, hash, prefix, scopes, expires_at)
        values (1, 'k', '', 'sk', '{see}', 'infinity')";
    let refused = client.batch_execute(key).await.unwrap_err();
    let refused = refused.as_db_error().unwrap();
    assert_eq!(refused.constraint(), Some("api_keys_expires_at_bound"));
}

#[tokio::test]
async fn an_event_makes_its_root_pool_first() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    let kinds = rows(
        &client,
        &format!("select kind from pools where event_id = {event} order by id"),
    )
    .await;
    assert_eq!(kinds, ["event", "ticket_type", "ticket_type"]);
    assert_eq!(log(&client, event).await.len(), 2, "one row a statement");
}

#[tokio::test]
async fn what_changes_nothing_logs_nothing() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    book(&client, event, "held", 2).await;
    client.batch_execute(SEATS).await.unwrap();
    let before = log(&client, event).await.len();
    client
        .batch_execute(
            "update events set title = title; update ticket_types set capacity = capacity;
             update claims set state = state; update claims set quantity = 9 where false;
             insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
                 select booking_id, event_id, ticket_type_id, quantity, 'dead' from claims;
             delete from claims where state = 'dead';
             update seats set x = x; update seats set blocked = blocked; update sections set name = name;
             insert into pools (event_id, kind, name, capacity) select id, 'allotment', 'spare', 5 from events;
             update pools set capacity = 6 where kind = 'allotment';
             delete from pools where kind = 'allotment';
             delete from notices; update users set name = 'Somebody'",
        )
        .await
        .unwrap();
    assert_eq!(log(&client, event).await.len(), before);
    assert_clean(&database).await;
}

/// A row of the log has what changed and nothing else.
#[tokio::test]
async fn a_claim_logs_the_types_and_seats_that_it_changed() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();

    book(&client, event, "held", 2).await;
    let logged = last(&client, event).await;
    assert_eq!(logged["ticket_types"].as_array().unwrap().len(), 1);
    assert_eq!(logged["ticket_types"][0]["op"], "update");
    assert_eq!(logged["ticket_types"][0]["held"], 2);
    assert_eq!(logged["ticket_types"][0]["available"], 4);
    assert!(logged.get("seats").is_none());

    // Eight of a third type leave the root with two: the first two are bound by it now.
    client
        .batch_execute(
            "insert into ticket_types (event_id, name, capacity) values (1, 'Side', 8);
             update claims set ticket_type_id = 3, quantity = 8, state = 'sold'",
        )
        .await
        .unwrap();
    let logged = last(&client, event).await;
    let types = logged["ticket_types"].as_array().unwrap();
    let left: Vec<_> = types
        .iter()
        .map(|t| t["available"].as_i64().unwrap())
        .collect();
    assert_eq!(left, [2, 2, 0]);

    client
        .batch_execute(
            "insert into claims (booking_id, event_id, ticket_type_id, quantity, seat_id)
             select id, 1, 2, 1, 3 from bookings",
        )
        .await
        .unwrap();
    let logged = last(&client, event).await;
    assert_eq!(logged["seats"], serde_json::json!([[2, 1]]));
}

#[tokio::test]
async fn linked_pools_bind_and_are_counted_from_the_claims_there_are() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    book(&client, event, "held", 2).await;
    client
        .batch_execute(
            "insert into pools (event_id, kind, name, capacity) values (1, 'allotment', 'VIP', 5)",
        )
        .await
        .unwrap();
    let link = "insert into ticket_type_pools select t.id, p.id from ticket_types t, pools p
                 where p.kind = 'allotment'";
    client.batch_execute(link).await.unwrap();
    assert_eq!(available(&client).await, [3, 3], "two of five are held");
    client
        .batch_execute("update pools set capacity = 2 where kind = 'allotment'")
        .await
        .unwrap();
    assert_eq!(available(&client).await, [0, 0]);
    refused(
        &client,
        "update pools set capacity = 1 where kind = 'allotment'",
        "pools_no_oversell",
    )
    .await;
    refused(
        &client,
        "delete from pools where kind = 'allotment'",
        "pools_links_cut_first",
    )
    .await;
    client
        .batch_execute(
            "delete from ticket_type_pools l using pools p where p.id = l.pool_id and p.kind = 'allotment';
             delete from pools where kind = 'allotment'",
        )
        .await
        .unwrap();
    assert_eq!(available(&client).await, [4, 6]);
    assert_clean(&database).await;
}

/// As many are left of each type as before, but no longer from one stock: the event's total is another, and viewers
/// are to know it.
#[tokio::test]
async fn a_cut_link_that_leaves_every_type_as_it_was_is_told() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    client
        .batch_execute(
            "insert into pools (event_id, kind, name, capacity) values (1, 'allotment', 'Roomy', 10);
             insert into ticket_type_pools select t.id, p.id from ticket_types t, pools p where p.kind = 'allotment'",
        )
        .await
        .unwrap();
    let before = available(&client).await;
    client
        .batch_execute("delete from ticket_type_pools where ticket_type_id = 1 and pool_id in (select id from pools where kind = 'allotment')")
        .await
        .unwrap();
    assert_eq!(available(&client).await, before);
    let told = last(&client, event).await;
    let cut = &told["ticket_types"][0];
    assert_eq!(
        (cut["id"].as_i64(), cut.get("shared")),
        (Some(1), None),
        "{told}"
    );
    assert_clean(&database).await;
}

#[tokio::test]
async fn deleting_softly_ends_an_event_and_undeleting_begins_it_anew() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();
    book(&client, event, "held", 2).await;
    client
        .batch_execute("update events set deleted_at = now()")
        .await
        .unwrap();
    assert_eq!(
        last(&client, event).await,
        serde_json::json!({"deleted": true})
    );
    let store = database.store().await;
    assert!(
        store
            .live_event(EventId(event), 10)
            .await
            .unwrap()
            .is_none()
    );
    assert_clean(&database).await;
    let deletion = log(&client, event).await.len() as u64;

    client
        .batch_execute(
            "update claims set state = 'dead'; update bookings set status = 'expired';
             update seats set x = x + 1; update events set title = 'Unseen'",
        )
        .await
        .unwrap();
    assert_clean(&database).await;
    client
        .batch_execute("update events set deleted_at = null")
        .await
        .unwrap();
    let logged = last(&client, event).await;
    assert_eq!(logged["event"]["title"], "Unseen");
    assert_eq!(logged["ticket_types"][1]["op"], "insert");
    assert_clean(&database).await;
    // A revision from before the deletion leads nowhere: a viewer from then is given everything.
    let live = store
        .live_event(EventId(event), 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(live.recent[0].from, deletion);
}

#[tokio::test]
async fn deleting_an_event_is_logged_last_and_its_id_goes_on_counting() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();
    client.batch_execute("delete from events").await.unwrap();
    let before = log(&client, event).await;
    assert_eq!(
        before.last().unwrap(),
        &serde_json::json!({"deleted": true})
    );
    assert_eq!(rows(&client, "select 'left' from pools").await.len(), 0);
    assert_clean(&database).await;
    client
        .batch_execute(
            "insert into events (id, organizer_id, title, venue, starts_at, capacity)
             values (1, 2, 'Again', 'Hall', now() + interval '1 day', 7)",
        )
        .await
        .unwrap();
    assert_eq!(log(&client, event).await.len(), before.len() + 1);
    assert_clean(&database).await;
}

/// Constraints have the last word, and their names are how the application understands them.
#[tokio::test]
async fn what_must_not_be_is_refused_by_name() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();
    book(&client, event, "held", 1).await;
    let claim = "insert into claims (booking_id, event_id, ticket_type_id, quantity, seat_id)
                 select id, 1,";
    client
        .batch_execute(&format!(
            "{claim} 2, 1, 1 from bookings; update seats set blocked = true where id = 2"
        ))
        .await
        .unwrap();
    let refusals = [
        ("update pools set held = held + 1", "pools_derived"),
        ("update turns set revision = 0", "turns_derived"),
        ("update pools set capacity = 1000", "pools_derived"),
        ("delete from pools", "pools_derived"),
        ("insert into pools (event_id, kind, name, capacity, held) values (1, 'section', 's', 5, 1)", "pools_derived"),
        ("select move_stock('{1}', '{1}', '{1}', '{0}', null)", "pools_derived"),
        ("select log_changes('{1}', '{\"{}\"}')", "turns_derived"),
        ("update turns set layout = 9", "turns_derived"),
        ("delete from turns", "turns_derived"),
        ("update ticket_types set seated = not seated", "ticket_types_seated_derived"),
        ("delete from ticket_type_pools", "ticket_type_pools_derived"),
        ("update ticket_type_pools set pool_id = pool_id", "ticket_type_pools_fixed"),
        ("update events set capacity = 1", "pools_no_oversell"),
        ("update events set capacity = 3", "seats_within_capacity"),
        ("update ticket_types set capacity = 0 where id = 1", "pools_no_oversell"),
        ("update ticket_types set capacity = 9 where id = 2", "ticket_types_capacity_is_seats"),
        ("update claims set quantity = 99 where seat_id is null", "pools_no_oversell"),
        (&format!("{claim} 2, 1, 1 from bookings"), "claims_one_live_seat"),
        (&format!("{claim} 2, 1, 2 from bookings"), "claims_seat_not_blocked"),
        (&format!("{claim} 1, 1, 3 from bookings"), "claims_seat_of_type"),
        (&format!("{claim} 2, 1, null from bookings"), "claims_seated_as_type"),
        ("update seats set ticket_type_id = 1 where id = 3", "claims_seated_as_type"),
        (&format!("{claim} 2, 2, 3 from bookings"), "claims_seat_is_one"),
        (&format!("{claim} 1, 0, null from bookings"), "claims_quantity_positive"),
        ("update seats set blocked = true where id = 1", "seats_blocked_not_claimed"),
        ("update seats set ticket_type_id = 1 where id = 1", "claims_seat_of_type"),
        ("delete from seats", "claims_seat_of_type"),
        ("insert into seats (event_id, section_id, ticket_type_id, row_label, number, position)
          values (1, 1, 2, 'Z', '1', 1)", "seats_position_unique"),
        ("delete from ticket_types where id = 1", "claims_type_of_event"),
        ("delete from bookings", "claims_booking_of_event"),
        ("insert into events (organizer_id, title, venue, starts_at, capacity) values (2, 'Other', 'Hall', now(), 1);
          update bookings set event_id = (select max(id) from events)", "claims_booking_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity) values (gen_random_uuid(), 1, 1, 1)",
         "claims_booking_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity)
          select id, 1, 1, 1 from bookings union all select gen_random_uuid(), 1, 1, 1", "claims_booking_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
          values (gen_random_uuid(), 1, 1, 1, 'dead')", "claims_booking_of_event"),
        ("update claims set booking_id = gen_random_uuid()", "claims_booking_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity) select id, 1, 9, 1 from bookings",
         "claims_type_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity)
          select id, 1, type, 1 from bookings, unnest(array[1, 9]) type", "claims_type_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
          select id, 1, 9, 1, 'dead' from bookings", "claims_type_of_event"),
        ("insert into claims (booking_id, event_id, ticket_type_id, quantity) select id, 9, 1, 1 from bookings",
         "claims_type_of_event"),
        ("update claims set ticket_type_id = 9 where seat_id is null", "claims_type_of_event"),
        ("update claims set ticket_type_id = 2 where seat_id is null", "claims_seated_as_type"),
        // A dead claim says nothing of how its type is sold now.
        ("insert into ticket_types (event_id, name, capacity) values (1, 'Late', 1);
          insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
          select b.id, 1, (select max(id) from ticket_types), 1, 'dead' from bookings b;
          update seats set ticket_type_id = (select max(id) from ticket_types) where id = 3;
          update claims set ticket_type_id = (select max(id) from ticket_types) where seat_id is null",
         "claims_seated_as_type"),
        // Types are checked of the desk, too: it takes the stock of old bookings again.
        (&format!("set local seatcast.writer = 'desk'; {claim} 2, 1, null from bookings"), "claims_seated_as_type"),
        ("set local seatcast.writer = 'desk';
          insert into claims (booking_id, event_id, ticket_type_id, quantity)
          select id, 1, type, 1 from bookings, unnest(array[1, 2]) type", "claims_seated_as_type"),
        ("delete from events", "bookings_event_exists"),
        ("update events set starts_at = 'infinity'", "events_starts_at_bound"),
        ("insert into bookings (reference, event_id, quantity, total_amount, currency)
          values ('BK-X', 1, 1, 0, 'EUR')", "bookings_pending_ends"),
        ("insert into bookings (reference, event_id, user_id, quantity, total_amount, currency, expires_at)
          select 'BK-' || n, 1, 3, 1, 0, 'EUR', now() from generate_series(8, 9) n", "bookings_one_pending"),
        ("update bookings set expires_at = '-infinity'", "bookings_expires_at_bound"),
        ("update bookings set id = gen_random_uuid()", "bookings_id_final"),
        ("insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
          values (gen_random_uuid(), 1, 1, 1, 0)", "booking_items_booking_exists"),
        ("update booking_items set booking_id = gen_random_uuid()", "booking_items_booking_exists"),
        ("insert into booking_contacts (booking_id) values (gen_random_uuid())", "booking_contacts_booking_exists"),
        ("insert into vouchers (event_id, code, kind, value) values (1, 'SUMMER', 'percent', 100);
          insert into voucher_uses (booking_id, voucher_id) select gen_random_uuid(), id from vouchers",
         "voucher_uses_booking_exists"),
        ("insert into voucher_uses (booking_id, voucher_id) select id, 99 from bookings", "voucher_uses_voucher_exists"),
        ("insert into vouchers (event_id, code, kind, value) values (1, 'SUMMER', 'percent', 100);
          insert into voucher_uses (booking_id, voucher_id) select b.id, v.id from bookings b, vouchers v;
          update voucher_uses set voucher_id = voucher_id + 1", "voucher_uses_voucher_exists"),
        ("insert into vouchers (event_id, code, kind, value) values (1, 'SUMMER', 'percent', 100);
          insert into voucher_uses (booking_id, voucher_id, live) select b.id, v.id, false from bookings b, vouchers v;
          delete from vouchers", "voucher_uses_voucher_exists"),
        ("insert into vouchers (event_id, code, kind, value) values (1, 'SUMMER', 'percent', 100);
          update vouchers set id = id + 1", "vouchers_id_final"),
        ("insert into vouchers (event_id, code, kind, value) values (1, 'SUMMER', 'percent', 100);
          update vouchers set reserved_taken = 1", "vouchers_reserve_derived"),
    ];
    let before = log(&client, event).await.len();
    for (statement, constraint) in refusals {
        refused(&client, statement, constraint).await;
    }
    for table in [
        "claims",
        "pools",
        "seats",
        "events",
        "notices",
        "ticket_types",
        "sections",
        "vouchers",
    ] {
        let error = client
            .batch_execute(&format!("truncate {table} cascade"))
            .await;
        assert!(error.is_err(), "truncate {table} went through");
    }
    assert_eq!(
        log(&client, event).await.len(),
        before,
        "what was refused left a trace"
    );

    client
        .batch_execute("update claims set state = 'dead'; update bookings set status = 'cancelled'")
        .await
        .unwrap();
    refused(
        &client,
        "update claims set state = 'held'",
        "claims_dead_is_final",
    )
    .await;
    // History does not pin a seat to its type, or to the map.
    client
        .batch_execute(
            "update seats set ticket_type_id = 1 where id = 1; delete from seats where id = 1",
        )
        .await
        .unwrap();
    assert_clean(&database).await;
}

#[tokio::test]
async fn seats_get_positions_and_gaps_read_as_blocked() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let event = small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();
    let positions = rows(&client, "select position::text from seats order by id").await;
    assert_eq!(positions, ["0", "1", "2", "3"]);
    client
        .batch_execute(
            "delete from seats where position = 1; update seats set position = 3 - position",
        )
        .await
        .unwrap();
    let logged = last(&client, event).await;
    // Those that changed hands, the gap that moved among them.
    let touched = serde_json::json!([[0, 0], [1, 0], [2, 3], [3, 0]]);
    assert_eq!(logged["seats"], touched);
    assert_eq!(
        (&logged["seat_count"], &logged["kept"]),
        (&4.into(), &4.into())
    );
    assert_eq!(logged["layout"], logged["event"]["layout"]);
    assert_clean(&database).await;
}

/// The session's settings must not leak into what is logged.
#[tokio::test]
async fn times_are_utc_whatever_the_session_says() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client
        .batch_execute(
            "set timezone = 'Asia/Tehran'; set datestyle = 'German'; set search_path = pg_catalog",
        )
        .await
        .unwrap();
    client
        .batch_execute(
            "insert into seatcast.users (id, name) values (2, 'Organizer');
             insert into seatcast.events (organizer_id, title, venue, starts_at, capacity)
             values (2, 'Show', 'Hall', '2031-03-21 20:00:00.25+03:30', 5)",
        )
        .await
        .unwrap();
    let starts_at = client
        .query_one(
            "select payload -> 'event' ->> 'starts_at' from seatcast.changes",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(starts_at.get::<_, String>(0), "2031-03-21T16:30:00.250000Z");
    assert_clean(&database).await;
}

#[tokio::test]
async fn demo_data_is_sown_once_and_passes_the_audit() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let (first, second) = tokio::join!(seed(&store), seed(&store));
    let mut sown = [first.unwrap().events.len(), second.unwrap().events.len()];
    sown.sort_unstable();
    assert_eq!(sown, [0, 6]);
    let client = database.client().await;
    let users = rows(&client, "select role from users order by id").await;
    assert_eq!(users[..3], ["admin", "organizer", "customer"]);
    assert_eq!(users.len(), 9);
    client
        .batch_execute("insert into users (name) values ('The next one')")
        .await
        .unwrap();
    let seats = rows(&client, "select count(*)::text from seats").await;
    assert_eq!(seats, ["4040"]);
    // The demo's customers may buy of every event: they have at most half the tickets that one account may have.
    let each = "select max(tickets)::text from (select sum(quantity) as tickets from bookings
                where user_id is not null group by event_id, user_id) as theirs";
    assert!(rows(&client, each).await[0].parse::<i64>().unwrap() <= 50);
    // The books say of each event what its numbers say, and in all what was sold.
    let mut sales = 0;
    for event in 1..=6 {
        let revenue = "select sold_amount - returned_amount from booking_numbers where event_id = $1 and quarter = '-infinity'";
        let revenue: i64 = client.query_one(revenue, &[&event]).await.unwrap().get(0);
        let payout = store.payout(EventId(event)).await.unwrap();
        assert_eq!(payout.len(), 1, "event {event}");
        assert_eq!(
            (payout[0].sales, payout[0].refunds),
            (revenue, 0),
            "event {event}"
        );
        sales += revenue;
    }
    let balances = store.trial_balance(None, 100).await.unwrap();
    assert_eq!(balances.len(), 3);
    // The sums are of all accounts, however few of them are shown.
    for shown in [1, 5] {
        let part = store.trial_balance(None, shown).await.unwrap();
        let sums = |of: &[TrialBalance]| -> Vec<(String, i64, i64)> {
            let sums = of.iter();
            sums.map(|one| (one.currency.clone(), one.debits, one.credits))
                .collect()
        };
        assert_eq!(sums(&part), sums(&balances));
        assert!(part.iter().all(|one| one.debits == one.credits));
    }
    let earned = balances.iter().flat_map(|balance| &balance.accounts);
    let earned: i64 = earned
        .filter(|account| account.kind == "income")
        .map(|account| account.balance.amount)
        .sum();
    assert_eq!(-earned, sales);
    let unpaid = "select count(*)::text from bookings b
                   where status = 'confirmed' and total_amount > 0
                     and not exists (select from payments p join ledger_transactions t on t.payment_id = p.id and t.at = p.created_at
                                      where p.id = b.payment_id and p.captured_amount = b.total_amount)";
    assert_eq!(rows(&client, unpaid).await, ["0"]);
    let disorder = "select count(*)::text from (select at, lag(at) over (order by id) as before from ledger_transactions) t
                     where at < before";
    assert_eq!(
        rows(&client, disorder).await,
        ["0"],
        "invoices are numbered in this order"
    );
    assert_clean(&database).await;
}

const SEATS: &str = "insert into sections (event_id, name) values (1, 'Stalls');
    insert into seats (event_id, section_id, ticket_type_id, row_label, number)
    select 1, 1, 2, 'A', n::text from generate_series(1, 4) n";

/// Event 1: ten places, two ticket types of six.
async fn small_event(client: &Client) -> i64 {
    client
        .batch_execute(
            "insert into users (id, name, role) values (2, 'Organizer', 'organizer'), (3, 'Customer', 'customer');
             insert into events (organizer_id, title, venue, starts_at, capacity, status)
             values (2, 'Show', 'Hall', now() + interval '9 days', 10, 'active');
             insert into ticket_types (event_id, name, price_amount, capacity)
             values (1, 'Front', 4500, 6), (1, 'Back', 0, 6)",
        )
        .await
        .unwrap();
    1
}

async fn book(client: &Client, event: i64, state: &str, quantity: i32) {
    client
        .batch_execute(&format!(
            "with b as (insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
                        values ('BK-1', {event}, {quantity}, 0, 'EUR', now() + interval '1 hour') returning id),
                  i as (insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                        select id, 1, 1, {quantity}, 0 from b)
             insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
             select id, {event}, 1, {quantity}, '{state}' from b"
        ))
        .await
        .unwrap();
}

/// As with foreign keys, which ask for each row.
#[tokio::test]
async fn parts_go_with_their_booking_and_keep_it_while_they_are_written() {
    let database = TestDatabase::new().await;
    let (client, other) = (database.client().await, database.client().await);
    let event = small_event(&client).await;
    book(&client, event, "held", 1).await;
    let voucher =
        "insert into vouchers (event_id, code, kind, value) values (1, 'SUMMER', 'percent', 100)";
    client.batch_execute(voucher).await.unwrap();
    other
        .batch_execute("set lock_timeout = '50ms'")
        .await
        .unwrap();
    let parts = [
        "insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
         select id, 2, 1, 1, 0 from bookings",
        "insert into booking_contacts (booking_id) select id from bookings",
        "insert into voucher_uses (booking_id, voucher_id) select b.id, v.id from bookings b, vouchers v",
    ];
    let end = "delete from claims; delete from bookings";
    for part in parts {
        for (first, second) in [(part, end), (end, part)] {
            let first = format!("begin; {first}");
            client.batch_execute(&first).await.unwrap();
            let waits = other.batch_execute(second).await.unwrap_err();
            let code = waits.code();
            assert_eq!(code, Some(&SqlState::LOCK_NOT_AVAILABLE), "{second}");
            client.batch_execute("rollback").await.unwrap();
        }
    }
    client.batch_execute(&parts.join(";")).await.unwrap();
    client.batch_execute(end).await.unwrap();
    let left = "select booking_id::text from booking_items
                union all select booking_id::text from booking_contacts
                union all select booking_id::text from voucher_uses";
    assert_eq!(rows(&client, left).await, Vec::<String>::new());
    let uses = rows(&client, "select uses::text from vouchers").await;
    assert_eq!(uses, ["0"]);
    assert_clean(&database).await;
}

/// As with foreign keys, which lock each row that they look at.
#[tokio::test]
async fn bookings_and_types_stay_while_they_are_claimed() {
    let database = TestDatabase::new().await;
    let (client, other) = (database.client().await, database.client().await);
    let event = small_event(&client).await;
    book(&client, event, "held", 1).await;
    let spare = "
        insert into ticket_types (event_id, name, capacity) values (1, 'Spare', 1);
        insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
        values ('BK-2', 1, 1, 0, 'EUR', now())";
    client.batch_execute(spare).await.unwrap();
    other
        .batch_execute("set lock_timeout = '50ms'")
        .await
        .unwrap();
    let claim = |type_name: &str, state: &str| {
        format!(
            "insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
             select b.id, 1, t.id, 1, '{state}' from bookings b, ticket_types t
              where b.reference = 'BK-2' and t.name = '{type_name}'"
        )
    };
    let (no_type, no_booking) = (
        "delete from ticket_types where name = 'Spare'",
        "delete from bookings where reference = 'BK-2'",
    );
    for (state, end) in [
        ("held", no_type),
        ("dead", no_type),
        ("held", no_booking),
        ("dead", no_booking),
    ] {
        let claim = claim("Spare", state);
        for (first, second) in [(claim.as_str(), end), (end, claim.as_str())] {
            let first = format!("begin; {first}");
            client.batch_execute(&first).await.unwrap();
            let waits = other.batch_execute(second).await.unwrap_err();
            let code = waits.code();
            assert_eq!(code, Some(&SqlState::LOCK_NOT_AVAILABLE), "{second}");
            client.batch_execute("rollback").await.unwrap();
        }
        // Nor does a transaction end them that does not see the claim.
        let earlier = "begin isolation level repeatable read; select from turns";
        other.batch_execute(earlier).await.unwrap();
        client.batch_execute(&claim).await.unwrap();
        let late = other.batch_execute(end).await.unwrap_err();
        let code = late.code();
        assert_eq!(code, Some(&SqlState::T_R_SERIALIZATION_FAILURE), "{end}");
        other.batch_execute("rollback").await.unwrap();
        let gone = "delete from claims c using bookings b where b.id = c.booking_id and reference = 'BK-2'";
        client.batch_execute(gone).await.unwrap();
    }
    let ends = format!("{no_booking}; {no_type}");
    client.batch_execute(&ends).await.unwrap();
    client
        .batch_execute("delete from claims; delete from bookings")
        .await
        .unwrap();
    assert_clean(&database).await;
}

async fn refused(client: &Client, statement: &str, constraint: &str) {
    let error = client
        .batch_execute(statement)
        .await
        .expect_err(&format!("not refused: {statement}"));
    let name = error.as_db_error().and_then(|reply| reply.constraint());
    assert_eq!(name, Some(constraint), "{statement}: {error:?}");
}

async fn available(client: &Client) -> Vec<i32> {
    let rows = client
        .query("select available_count from event_tickets order by id", &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn rows(client: &Client, statement: &str) -> Vec<String> {
    let rows = client.query(statement, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn log(client: &Client, event: i64) -> Vec<serde_json::Value> {
    let rows = client
        .query(
            "select payload from changes where event_id = $1 order by revision",
            &[&event],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn last(client: &Client, event: i64) -> serde_json::Value {
    log(client, event).await.pop().unwrap()
}

async fn assert_clean(database: &TestDatabase) {
    let report = audit(&database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

/// A booking's version moves by one for each transaction that writes it or what is shown with it.
#[tokio::test]
async fn a_bookings_version_moves_with_all_that_is_shown() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();
    client
        .batch_execute(
            "with b as (insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at)
                        values ('BK-1', 1, 1, 0, 'EUR', now() + interval '1 hour') returning id),
                  i as (insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                        select id, 1, 2, 1, 0 from b)
             insert into claims (booking_id, event_id, ticket_type_id, quantity, seat_id) select id, 1, 2, 1, 2 from b",
        )
        .await
        .unwrap();
    let steps = [
        ("select", 1),
        ("update bookings set reference = reference", 1),
        ("update bookings set version = 9 where false", 1),
        // Confirmed with its parts in one transaction: by one.
        ("begin; update bookings set status = 'confirmed', confirmed_at = now(); update claims set state = 'sold';
          insert into tickets (booking_id, event_id, ticket_type_id, seat_id, code) select id, 1, 2, 2, 'T' from bookings;
          commit", 2),
        ("update claims set seat_id = 3", 3),
        ("update claims set seat_id = 3", 3),
        ("update booking_items set unit_amount = 5", 4),
        ("insert into transfers (ticket_id, event_id, generation) select id, 1, 1 from tickets", 5),
        ("update transfers set state = 'cancelled', ended_at = now()", 6),
        ("delete from transfers", 7),
        ("update tickets set status = 'used'", 8),
        ("update ticket_types set name = 'Nearer' where id = 2", 9),
        ("update ticket_types set name = 'Farther' where id = 1", 9),
        ("update seats set number = '3b' where id = 3", 10),
        ("update seats set number = '4b' where id = 4", 10),
        ("update sections set name = 'Parquet'", 11),
        ("delete from tickets", 12),
        ("update bookings set version = 100", 13),
    ];
    for (sql, version) in steps {
        client.batch_execute(sql).await.unwrap();
        let found = rows(&client, "select version::text from bookings").await;
        assert_eq!(found, [version.to_string()], "{sql}");
    }
}

/// A number for each user once grew with the users and was never pruned; versions of bookings took its place.
#[tokio::test]
async fn core_39_no_table_counts_what_left_each_user() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let sql = "select table_name::text from information_schema.tables
               where table_schema = 'seatcast' and table_type = 'BASE TABLE' order by 1";
    let rows = client.query(sql, &[]).await.unwrap();
    let tables: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(tables.iter().any(|table| table == "bookings"), "{tables:?}");
    assert!(
        !tables.iter().any(|table| table == "bookings_left"),
        "{tables:?}"
    );
}

/// The cost of a statement to its session, of which nothing is kept: rows that it read and wrote, its triggers' included, and
/// processor time. What else the machine does is in neither, so costs can be compared.
#[derive(Debug, Clone, Copy)]
struct Cost {
    rows: f64,
    cpu: Duration,
}

impl Cost {
    async fn of(client: &Client, sql: &str) -> Cost {
        let pid = "select pg_backend_pid()";
        let pid: i32 = client.query_one(pid, &[]).await.unwrap().get(0);
        client.batch_execute("begin").await.unwrap();
        let (rows, cpu) = (rows_touched(client).await, cpu_time(pid));
        client.batch_execute(sql).await.unwrap();
        let cpu = cpu_time(pid) - cpu;
        let rows = rows_touched(client).await - rows;
        client.batch_execute("rollback").await.unwrap();
        Cost { rows, cpu }
    }

    /// The least of some runs, of which the first makes the plans.
    async fn least_of(client: &Client, sql: &str, runs: usize) -> Cost {
        let mut least = Cost::of(client, sql).await;
        for _ in 1..runs {
            let next = Cost::of(client, sql).await;
            least.rows = least.rows.min(next.rows);
            least.cpu = least.cpu.min(next.cpu);
        }
        least
    }
}

/// Rows of all tables that the session read or wrote so far, as far as it did not report them yet: within a transaction it
/// reports none.
async fn rows_touched(client: &Client) -> f64 {
    let rows = "
        select (sum(coalesce(seq_tup_read, 0)) + sum(coalesce(idx_tup_fetch, 0))
                + sum(n_tup_ins) + sum(n_tup_upd) + sum(n_tup_del))::float8
          from pg_stat_xact_user_tables";
    client.query_one(rows, &[]).await.unwrap().get(0)
}

/// Processor time that a process has had.
fn cpu_time(pid: i32) -> Duration {
    let spent = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    let nanoseconds = spent.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

/// Many rows of one statement cost by their number.
#[tokio::test]
async fn core_36_speed_g_a_statement_on_many_events_costs_each_what_it_costs_few() {
    const FEW: i32 = 250;
    const MANY: i32 = 3_000;
    let database = TestDatabase::new().await;
    let client = database.client().await;
    small_event(&client).await;
    let make = |from: i32, count: i32| {
        let ids = format!("generate_series({from}, {from} + {count} - 1)");
        format!(
            "with e as (insert into events (id, organizer_id, title, venue, starts_at, capacity, status)
                        select n, 2, n::text, 'Hall', now() + interval '9 days', 9, 'active' from {ids} n returning id)
             insert into ticket_types (event_id, name, capacity) select id, k::text, 9 from e, generate_series(1, 2) k"
        )
    };
    let (few, many) = (1_000, 10_000);
    for (from, count) in [(few, FEW), (many, MANY)] {
        client.batch_execute(&make(from, count)).await.unwrap();
    }
    client.batch_execute("analyze").await.unwrap();
    type Statement<'a> = &'a dyn Fn(i32, i32) -> String;
    let events = |set: &'static str| {
        move |from: i32, count: i32| {
            format!("update events set {set} where id >= {from} and id < {from} + {count}")
        }
    };
    let of_types = |what: &'static str| {
        move |from: i32, count: i32| {
            format!("{what} where event_id >= {from} and event_id < {from} + {count}")
        }
    };
    let statements: [(&str, Statement<'_>); 6] = [
        ("make", &|from, count| make(from + 100_000, count)),
        ("category", &events("category = 'Opera'")),
        ("venue, which tells viewers", &events("venue = 'Barn'")),
        ("capacity", &events("capacity = 10")),
        ("edit types", &of_types("update ticket_types set sort = 7")),
        ("drop types", &of_types("delete from ticket_types")),
    ];
    for (what, statement) in statements {
        let small = Cost::least_of(&client, &statement(few, FEW), 3).await;
        let times = f64::from(MANY) / f64::from(FEW);
        let mut large = Cost::least_of(&client, &statement(many, MANY), 2).await;
        // Where others share the processor, the same work takes longer at times.
        for _ in 0..4 {
            if large.cpu.as_secs_f64() < 2.0 * times * small.cpu.as_secs_f64() {
                break;
            }
            let again = Cost::of(&client, &statement(many, MANY)).await;
            large.cpu = large.cpu.min(again.cpu);
        }
        let rows = large.rows / small.rows / times;
        let cpu = large.cpu.as_secs_f64() / small.cpu.as_secs_f64() / times;
        println!(
            "{what}: {small:?}, {large:?}: each {rows:.2} times the rows, {cpu:.2} times the time"
        );
        assert!(rows < 1.5, "{what}: each costs {rows} times the rows");
        // Of those that were quadratic once, the cheapest had 2.9, telling viewers 80.
        assert!(cpu < 2.0, "{what}: each costs {cpu} times the time");
    }
}

/// A seat costs what it costs, however large its map is.
#[tokio::test]
async fn core_37_one_seat_costs_the_same_on_a_large_map() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let mut costs = Vec::new();
    for seats in [200, 20_000] {
        let show = Show::new()
            .capacity(seats + 10)
            .ticket_type("Seats", 4_500, seats);
        let show = show.row(seats).stage(&client).await;
        client.batch_execute("analyze").await.unwrap();
        let (event, kind) = (show.event, show.ticket_types[0]);
        let seat = show.seats[7];
        let add = format!(
            "insert into seats (event_id, section_id, ticket_type_id, row_label, number)
             select {event}, id, {kind}, 'B', '1' from sections where event_id = {event}"
        );
        let block = format!("update seats set blocked = true where id = {seat}");
        let name = format!("update seats set number = 'A' where id = {seat}");
        let mut of_map = Vec::new();
        for sql in [add, block, name] {
            of_map.push((Cost::least_of(&client, &sql, 2).await.rows, sql));
        }
        costs.push(of_map);
    }
    for ((small, _), (large, sql)) in costs[0].iter().zip(&costs[1]) {
        assert!(*large <= small + 20.0, "{small} and {large} rows: {sql}");
    }
}

/// A seat is logged without its map.
#[tokio::test]
async fn core_37_a_seat_is_logged_without_its_map() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    small_event(&client).await;
    client.batch_execute(SEATS).await.unwrap();
    client
        .batch_execute(
            "insert into seats (event_id, section_id, ticket_type_id, row_label, number)
             values (1, 1, 2, 'B', '1');
             update seats set blocked = true where row_label = 'B'",
        )
        .await
        .unwrap();
    let logged = log(&client, 1).await;
    assert_eq!(
        logged[logged.len() - 2]["seats"],
        serde_json::json!([]),
        "nothing but the new seat, which is free"
    );
    let last = &logged[logged.len() - 1];
    assert_eq!(last["seats"], serde_json::json!([[4, 3]]));
    assert_eq!(last["ticket_types"][0]["available"], 4);
    assert!(last.get("event").is_none(), "no new geometry");
    assert_clean(&database).await;
}

/// No table has a word of them any more, whichever it was that had one.
#[tokio::test]
async fn an_erased_person_is_in_no_table() {
    const EMAIL: &str = "luca@seatcast.example";
    let database = TestDatabase::new().await;
    let store = database.store().await;
    seed(&store).await.unwrap();
    grant(database.url()).await;
    let client = database.client().await;
    let known = "
        insert into booking_contacts (booking_id, name, email, phone)
            select id, 'Luca', 'luca@seatcast.example', '+39 1' from bookings where user_id = 6 limit 3;
        insert into booking_attendees (booking_id, position, name, email)
            select id, 1, 'Luca', 'Luca@seatcast.example' from bookings where user_id = 5 limit 1;
        insert into booking_answers (booking_id, answers)
            select id, '{\"1\": \"Luca\"}' from bookings where user_id = 6 limit 1;
        with handed as (update tickets set status = 'transferred', generation = 2 where id = (select min(id) from tickets)
                        returning id, event_id),
             accepted as (insert into transfers (ticket_id, event_id, generation, state, ended_at)
                          select id, event_id, 1, 'accepted', now() from handed)
        insert into ticket_holders (ticket_id, code, user_id, name, email)
            select id, 'code-of-luca', 6, 'Luca', 'luca@seatcast.example' from handed;
        insert into jobs (kind, key, payload, expires_at)
            values ('account_mail', 'a-key', '{\"email\": \"luca@seatcast.example\"}', now() + interval '1 day');
        insert into jobs (kind, key, payload, state, reason, expires_at)
            values ('confirmation', 'b-key', '{}', 'needs_review', 'MAIL_REFUSED: no luca@seatcast.example here', now() + interval '1 day');
        insert into jobs (kind, key, payload, state, lease_until, expires_at)
            values ('email_code', 'c-key', '{\"email\": \"luca@seatcast.example\"}', 'leased', now() + interval '1 day', now() + interval '1 day');
        insert into jobs (kind, key, payload, reason, expires_at)
            values ('confirmation', 'd-key', '{}', 'MAIL_DEFERRED: later, ''Luca@seatcast.example''.', now() + interval '1 day');
        insert into jobs (kind, key, payload, reason, expires_at)
            values ('account_mail', 'of-others-1', '{\"email\": \"gianluca@seatcast.example\"}', null, now() + interval '1 day'),
                   ('account_mail', 'of-others-2', '{\"email\": \"luca@seatcast.example.com\"}', null, now() + interval '1 day'),
                   ('confirmation', 'of-others-3', '{}', 'MAIL_DEFERRED: not now, <gian.luca@seatcast.example>', now() + interval '1 day'),
                   ('confirmation', 'of-others-4', '{}', 'MAIL_DEFERRED: not now, luca@seatcast.example-hall.org', now() + interval '1 day');
        with offered as (insert into transfers (ticket_id, event_id, generation)
                         select id, event_id, 1 from tickets order by id desc limit 1 returning id)
        insert into transfer_contacts (transfer_id, name, email) select id, 'Luca', 'luca@seatcast.example' from offered;
        with sold as (update bookings set user_id = 6, kind = 'staff'
                       where id = (select id from bookings where user_id = 4 and status = 'confirmed' order by id desc limit 1)
                      returning id)
        insert into booking_contacts (booking_id, name, email) select id, 'Grace', 'grace@example.org' from sold";
    client.batch_execute(known).await.unwrap();
    assert!(!tables_with(&client, EMAIL).await.is_empty());

    let erase = |email: &str| {
        let sql = include_str!("../../sql/erase.sql");
        sql.replace(":'email'", &format!("'{email}'"))
    };
    let server = connect(&acting_as("server", database.url())).await;
    let erases = async |email: &str| {
        let erased = server.batch_execute(&erase(email)).await;
        let failed = erased.err().and_then(|error| {
            let said = error.as_db_error()?.message().to_owned();
            Some(said)
        });
        server.batch_execute("rollback").await.unwrap();
        failed
    };
    let mistyped = erases("lucas@seatcast.example").await.unwrap();
    assert_eq!(mistyped, "nobody has the address lucas@seatcast.example");
    // These are the ends of others' addresses, and of the person's own.
    for part in ["uca@seatcast.example", "an.luca@seatcast.example"] {
        let part_of = erases(part).await.unwrap();
        assert_eq!(part_of, format!("nobody has the address {part}"));
    }
    let of_others = "select concat_ws(' ', key, state, payload, reason) from jobs where key like 'of-others-%' order by key";
    let before = rows(&client, of_others).await;
    assert_eq!(before.len(), 4);
    let unicode = erases("luca@sitzplätze.example").await.unwrap();
    assert!(unicode.contains("xn--"), "{unicode}");
    assert!(!tables_with(&client, EMAIL).await.is_empty());
    let customer = "insert into provider_customers (user_id, provider, customer_ref) values (6, 'stripe', 'cus_of_luca')";
    client.batch_execute(customer).await.unwrap();
    let said = server.simple_query(&erase("Luca@Seatcast.example")).await;
    let told = said.unwrap().into_iter().any(|said| match said {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("stripe cus_of_luca"),
        _ => false,
    });
    assert!(told, "nobody could delete the customer at the provider");
    assert_eq!(rows(&client, of_others).await, before);
    let reasons =
        "select concat_ws(' ', key, reason) from jobs where key like '_-key' order by key";
    assert_eq!(
        rows(&client, reasons).await,
        ["b-key MAIL_REFUSED", "d-key MAIL_DEFERRED"]
    );
    client
        .batch_execute("delete from jobs where key like 'of-others-%'")
        .await
        .unwrap();
    assert_eq!(tables_with(&client, EMAIL).await, [""; 0]);
    assert!(audit(&store).await.unwrap().is_clean());
    let signed_out = "select exists (select from ended_tokens where user_id = 6)";
    let signed_out = client.query_one(signed_out, &[]).await.unwrap();
    assert!(signed_out.get::<_, bool>(0), "its tokens end at once");
    let sold = "select count(*) from bookings where user_id = 6";
    let sold: i64 = client.query_one(sold, &[]).await.unwrap().get(0);
    assert!(sold > 0, "what was sold stays");
    let buyer = "select count(*) from booking_contacts where email = 'grace@example.org'";
    let buyer: i64 = client.query_one(buyer, &[]).await.unwrap().get(0);
    assert_eq!(buyer, 1, "those to whom the person sold are others");
    let offered = "select state from transfers order by id desc limit 1";
    let offered: String = client.query_one(offered, &[]).await.unwrap().get(0);
    assert_eq!(offered, "cancelled", "nobody could take it");
}

async fn tables_with(client: &Client, text: &str) -> Vec<String> {
    let tables = "select c.relname::text from pg_class c
                   where c.relnamespace = 'seatcast'::regnamespace and c.relkind = 'r' order by c.relname";
    let mut found = Vec::new();
    for row in client.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let sql =
            format!("select exists (select from {table} t where strpos(lower(t::text), $1) > 0)");
        let has: bool = client.query_one(&sql, &[&text]).await.unwrap().get(0);
        if has {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn operators_make_another_key_for_tickets() {
    let database = TestDatabase::new().await;
    let store = database.store().await;
    let before = store.signing_key().await.unwrap();
    let args = ["ticket-key", "--database-url", database.url()];
    let said = output(&mut seatcast(&args));
    assert!(said.status.success(), "{said:?}");
    let after = store.signing_key().await.unwrap();
    assert_eq!(after.id, before.id + 1);
    let verify = store.public_keys().await.unwrap();
    assert!(verify.iter().any(|key| key.id == before.id));
}
