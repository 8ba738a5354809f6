//! A guest in the database that people have: one schema, roles, and nothing left behind.

use std::sync::Arc;

use seatcast::config::Config;
use seatcast::store::migrate::migrate;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::binary::{ServerProcess, output, seatcast};
use crate::support::caller::Caller;
use crate::support::database::{TestDatabase, acting_as, connect, grant};
use crate::support::http_client;
use crate::support::postgres::ThrowawayPostgres;
use crate::support::show::{Show, one, user};

/// The host's own tables, some with our names, one of them in a trigger of its own.
const HOST: &str = "
    create table public.users (email text primary key);
    create table public.events (name text, at timestamptz);
    create table public.tickets (number int);
    create function public.rfc3339(at timestamptz) returns text language sql as $$ select 'the host''s' $$;
    create function public.take_turn(event bigint) returns void language sql as $$ select $$;
    create view public.event_tickets as select number from public.tickets;
    create sequence public.claims;
    insert into public.users values ('ada@example.org');
    insert into public.events values ('Reading', now());
    insert into public.tickets values (1), (2)";

/// Everything that there is outside our schema and Postgres's own, and the host's rows.
const OUTSIDE: &str = "
    select string_agg(thing, e'\\n' order by thing) from (
        select format('class %s.%s %s %s', n.nspname, c.relname, c.relkind, c.relacl) as thing
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
        union all
        select format('function %s.%s(%s) %s', n.nspname, p.proname, pg_get_function_arguments(p.oid), p.prosrc)
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        union all
        select format('type %s.%s', n.nspname, t.typname) from pg_type t join pg_namespace n on n.oid = t.typnamespace
        union all
        select format('trigger %s.%s', n.nspname, t.tgname)
          from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
        union all
        select format('constraint %s.%s', n.nspname, c.conname) from pg_constraint c join pg_namespace n on n.oid = c.connamespace
        union all
        select format('schema %s.%s', n.nspname, n.nspacl) from pg_namespace n
        union all
        select format('extension x.%s', extname) from pg_extension
        union all
        select format('event trigger x.%s', evtname) from pg_event_trigger
        union all
        select format('setting x.%s %s', setrole, setconfig) from pg_db_role_setting
        union all
        select format('row x.%s', users) from public.users
        union all
        select format('row x.%s', events) from public.events
        union all
        select format('row x.%s', tickets) from public.tickets) as things
     where thing !~ '^\\w+( \\w+)? (seatcast|pg_toast|pg_temp_\\d+|pg_toast_temp_\\d+|pg_catalog|information_schema)\\.'";

async fn outside(client: &Client) -> String {
    client.query_one(OUTSIDE, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn core_33_nothing_is_touched_outside_the_schema() {
    let database = TestDatabase::new().await;
    let url = database.sibling("of_others").await;
    let host = connect(&url).await;
    host.batch_execute("set search_path = public")
        .await
        .unwrap();
    host.batch_execute(HOST).await.unwrap();
    let before = outside(&host).await;

    grant(&url).await;
    let config = Config::default().database;
    let applied = migrate(&config, &acting_as("owner", &url)).await.unwrap();
    assert!(applied >= 9);
    grant(&url).await;

    let as_server = acting_as("server", &url);
    let args = ["--database-url", &as_server, "--no-migrate"];
    let server = ServerProcess::start(&args);
    let writer = connect(&acting_as("writer", &url)).await;
    let owner = connect(&acting_as("owner", &url)).await;
    let organizer = user(&owner, "organizer").await;
    drop(owner);
    let show = Show::new()
        .by(organizer)
        .ticket_type("Floor", 4_500, 5)
        .ticket_type("Seats", 4_500, 4)
        .row(4);
    let show = show.stage(&writer).await;
    let buyer: i64 = {
        let sql = "insert into users (name) values ('Buyer') returning id";
        writer.query_one(sql, &[]).await.unwrap().get(0)
    };
    let caller =
        Caller::new(http_client(), server.url.clone()).with_header("x-user-id", buyer.to_string());
    let body = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 2}]});
    let made = caller.post("/api/v1/bookings", &body).await;
    let id = made.data(201)["id"].as_str().unwrap().to_owned();
    let availability = format!("/api/v1/availability/{}", show.event);
    let left = caller.get(&availability).await;
    assert_eq!(left.data(200)["ticket_types"][0]["available"], 3);
    let status = format!("/api/v1/bookings/{id}/status");
    let cancelled = caller.put(&status, &json!({"status": "cancelled"})).await;
    cancelled.data(200);
    show.sell(&writer, 1).await;
    let audit = seatcast_audit(&as_server);
    assert!(audit.starts_with("0 differences"), "{audit}");
    server.stop();

    assert_eq!(outside(&host).await, before, "with Seatcast in it");
    drop(writer);
    host.batch_execute("drop schema seatcast cascade")
        .await
        .unwrap();
    assert_eq!(outside(&host).await, before, "without it");
}

/// Other programs add customers; nobody becomes somebody else by them.
#[tokio::test]
async fn a_writer_makes_no_admin_and_takes_no_account() {
    let database = TestDatabase::new().await;
    grant(database.url()).await;
    let ours = database.client().await;
    let admin = user(&ours, "admin").await;
    let writer = connect(&acting_as("writer", database.url())).await;
    let refused = async |sql: &str| {
        let error = writer.batch_execute(sql).await.expect_err(sql);
        let code = error.code().map(|state| state.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {error}");
    };
    let made = "insert into users (name, email, phone) values ('Buyer', 'buyer@example.org', '+491') returning role";
    assert_eq!(one::<String>(&writer, made, &[]).await, "customer");
    writer
        .batch_execute("update users set name = 'Ada' where email = 'buyer@example.org'")
        .await
        .unwrap();
    for sql in [
        "insert into users (name, role) values ('Mallory', 'admin')",
        "insert into users (name, role) values ('Mallory', 'organizer')",
        "insert into users (name, password_hash) values ('Mallory', '$argon2id$')",
        "insert into users (name, email, email_confirmed_at) values ('Mallory', 'm@example.org', now())",
        "update users set role = 'admin'",
        // A link that signs in would go there.
        "update users set email = 'mallory@example.org'",
        "update users set phone = '+492'",
        "update users set email_confirmed_at = now()",
        "update users set password_hash = '$argon2id$'",
        "update users set token_generation = 0",
        "delete from users",
        "insert into organizations (id, name) select id, 'Mine' from users",
        "insert into organization_members (organization_id, user_id, role) select id, id, 'owner' from users",
        "insert into memberships (user_id, kind) select id, 'friend' from users",
        "insert into sessions (user_id) select id from users",
        "insert into identities (user_id) select id from users",
        "insert into api_keys (name) values ('Mine')",
        "insert into secrets (name) values ('Mine')",
        "insert into jobs (kind, key, payload, expires_at) values ('invitation', 'k', '{}', now())",
        "insert into account_links (user_id) select id from users",
    ] {
        refused(sql).await;
    }
    let roles =
        "select string_agg(id || role, ',' order by role) from users where role <> 'customer'";
    assert_eq!(
        one::<String>(&ours, roles, &[]).await,
        format!("{admin}admin")
    );
}

fn seatcast_audit(url: &str) -> String {
    let output = output(&mut seatcast(&["audit", "--database-url", url]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// It stopped at the first name that was taken, and left what it had made by then.
#[tokio::test]
async fn core_33_a_schema_that_somebody_else_uses_is_refused_whole() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    client
        .batch_execute("create schema shop; create table shop.bookings (guest text); create type shop.seats as (n int)")
        .await
        .unwrap();
    let mut config = Config::default().database;
    config.schema = "shop".to_owned();
    let refused = migrate(&config, database.url()).await.unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("schema shop") && said.contains("bookings, seats"),
        "{said}"
    );
    let left =
        "select count(*) from pg_class where relnamespace = 'shop'::regnamespace and relkind = 'r'";
    let left: i64 = client.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
}

#[tokio::test]
async fn core_32_no_role_writes_what_is_derived() {
    let database = Arc::new(TestDatabase::new().await);
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Floor", 4_500, 50)
        .stage(&client)
        .await;
    show.sell(&client, 1).await;
    let derived = [
        "update pools set held = 0",
        "update pools set sold = 0 where kind = 'event'",
        "update turns set revision = 7",
        "insert into turns (event_id) values (99)",
        "insert into changes (event_id, revision, payload) values (1, 99, '{}')",
        "update changes set payload = '{}'",
        "select move_stock('{1}', '{1}', '{1}', '{0}', null)",
        "select log_changes('{1}', '{\"{}\"}')",
        "truncate claims",
        "update ledger_entries set amount = 1",
        "delete from ledger_transactions",
        "delete from payments",
        "delete from changes",
        // The guards of these let our own functions pass, by the setting.
        "insert into pools (event_id, kind, name, capacity) values (1, 'event', 'Second', 50)",
        "update pools set capacity = 500 where kind = 'event'",
        "delete from ticket_type_pools",
        "insert into ticket_type_pools select max(t.id), max(p.id) from ticket_types t, pools p",
        "update ticket_types set capacity = 500",
    ];
    for role in ["server", "writer", "reader"] {
        let session = format!("set role seatcast_{role}; set xmlbinary = hex");
        client.batch_execute(&session).await.unwrap();
        for sql in derived {
            let refused = client.batch_execute(&format!("begin; {sql}")).await;
            client.batch_execute("rollback").await.unwrap();
            // Old rows of the log are the server's to drop.
            let may = role == "server" && sql.starts_with("delete from changes");
            assert_eq!(refused.is_ok(), may, "{role}: {sql}: {refused:?}");
            let code = refused.err().and_then(|error| error.code().cloned());
            let denied = code.is_none_or(|code| code.code() == "42501");
            assert!(denied, "{role}: {sql}");
        }
        client
            .batch_execute("reset role; reset xmlbinary")
            .await
            .unwrap();
    }
    // A writer takes turns, sells and edits; a reader reads.
    client
        .batch_execute("set role seatcast_writer; begin; select take_turn(1)")
        .await
        .unwrap();
    show.sell(&client, 2).await;
    client
        .batch_execute(
            "update events set title = 'Edited'; update ticket_types set capacity = 60; commit;
             select booking_json(b) from bookings b; reset role",
        )
        .await
        .unwrap();
    client
        .batch_execute("set role seatcast_reader")
        .await
        .unwrap();
    let row = client.query_one("select live_state(1)", &[]).await.unwrap();
    let state: Value = row.get(0);
    assert_eq!(state["ticket_types"][0]["sold"], 3);
    client.batch_execute("reset role").await.unwrap();
    let audit = seatcast_audit(database.url());
    assert!(audit.starts_with("0 differences"), "{audit}");
}

/// Passwords, tokens, keys and what opens doors or pays. A hash of what cannot be guessed is none of them.
#[tokio::test]
async fn roles_read_no_secrets_that_they_do_not_need() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let secrets = [
        "select password_hash from users",
        "update users set password_hash = 'mine'",
        "insert into users (name, password_hash) values ('Eve', 'mine')",
        "select client_secret from payments",
        "select * from idempotency_keys",
        "select * from refresh_tokens",
        "select * from api_keys",
        "select * from ticket_keys",
        "select * from ticket_holders",
        "select * from account_links",
        "select * from organization_invitations",
        "select * from secrets",
        "select * from jobs",
        "select * from push_subscriptions",
    ];
    let of_readers = [
        "select code from tickets",
        "select token_hash from bookings",
    ];
    for (role, secrets) in [
        ("writer", &secrets[..]),
        ("reader", &secrets),
        ("reader", &of_readers),
    ] {
        let session = format!("set role seatcast_{role}");
        client.batch_execute(&session).await.unwrap();
        for sql in secrets {
            let refused = client.batch_execute(sql).await.unwrap_err();
            let code = refused.code().map(|code| code.code());
            assert_eq!(code, Some("42501"), "{role}: {sql}: {refused:?}");
        }
        client.batch_execute("reset role").await.unwrap();
    }
    let may = [
        "set role seatcast_writer",
        "insert into users (name, email) values ('Ada', 'ada@example.org')",
        "update users set name = 'Ada Lovelace' where email = 'ada@example.org'",
        "select id, provider, state, amount from payments",
        "select booking_json(b) from bookings b",
        "set role seatcast_reader",
        "select id, name, email from users",
        "select id, booking_id, seat_id, status from tickets",
        "select place, moved_at(1, 10) from history",
    ];
    for sql in may {
        let done = client.batch_execute(sql).await;
        assert!(done.is_ok(), "{sql}: {done:?}");
    }
}

/// A trigger of somebody else's is no excuse to write counters, and no reason not to edit what one may.
#[tokio::test]
async fn core_31_guards_look_at_the_function_and_not_at_the_depth() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Floor", 4_500, 50)
        .stage(&client)
        .await;
    client
        .batch_execute(
            "create table public.mine (sql text);
             create function public.mine() returns trigger language plpgsql as $$ begin execute new.sql; return new; end $$;
             create trigger mine after insert on public.mine for each row execute function public.mine();
             insert into pools (event_id, kind, name, capacity) values (1, 'section', 'Stalls', 9);
             insert into ticket_type_pools select t.id, p.id from ticket_types t, pools p where p.kind = 'section'",
        )
        .await
        .unwrap();
    let refused = client
        .batch_execute("insert into public.mine values ('update pools set held = 1')")
        .await
        .unwrap_err();
    let constraint = refused.as_db_error().and_then(|error| error.constraint());
    assert_eq!(constraint, Some("pools_derived"));
    client
        .batch_execute("insert into public.mine values ('update pools set capacity = 4 where kind = ''section''')")
        .await
        .unwrap();
    let live = database
        .store()
        .await
        .live_event(show.event, 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        live.state.ticket_types.values().next().unwrap().available,
        4
    );
    assert_eq!(live.recent.len(), 1, "and it was logged");
}

/// Providers give nobody a superuser.
#[tokio::test]
async fn a_role_that_may_create_roles_makes_ours() {
    let postgres = ThrowawayPostgres::start().expect("a throw-away Postgres");
    let admin = connect(postgres.url()).await;
    let hardened = "create role installer createrole;
                    revoke all on database seatcast from public;
                    grant connect on database seatcast to public;
                    grant create, temporary on database seatcast to installer with grant option";
    admin.batch_execute(hardened).await.unwrap();
    let as_installer = format!("{}&options=-c%20role%3Dinstaller", postgres.url());
    grant(&as_installer).await;
    let config = Config::default().database;
    let owner = acting_as("owner", postgres.url());
    migrate(&config, &owner).await.unwrap();
    grant(&as_installer).await;
    grant(&as_installer).await;
    let server = connect(&acting_as("server", postgres.url())).await;
    let serves = "insert into seatcast.users (name) values ('Somebody');
                  create temporary table seatcast_room (n int)";
    server.batch_execute(serves).await.unwrap();
}

/// Logical replication applies rows without triggers of statements: it is refused with the first row.
#[tokio::test]
async fn logical_replication_is_refused_core_35() {
    let postgres = ThrowawayPostgres::start().expect("a throw-away Postgres");
    let admin = connect(postgres.url()).await;
    let logical = "alter system set wal_level = logical";
    admin.batch_execute(logical).await.expect("a setting");
    drop(admin);
    postgres.restart().expect("a restart");
    let config = seatcast::config::Config::default().database;
    seatcast::store::migrate::migrate(&config, postgres.url())
        .await
        .expect("it migrates");
    let target = connect(postgres.url()).await;
    // The source has the same row, as a copy has before it is replicated to.
    let show = Show::new().ticket_type("Seated", 4_500, 4).row(4);
    let show = show.stage(&target).await;
    let section = "select min(section_id) from seats";
    let section: i64 = target.query_one(section, &[]).await.expect("a seat").get(0);
    target
        .batch_execute("create database source")
        .await
        .expect("a database");
    let url = postgres.url().replacen("///seatcast?", "///source?", 1);
    let source = connect(&url).await;
    source
        .batch_execute(&format!(
            "create schema seatcast;
             create table seatcast.seats (id bigint primary key, event_id bigint, section_id bigint, ticket_type_id bigint,
                                          row_label text, number text, position int, blocked boolean);
             insert into seatcast.seats values ({}, {}, {section}, {}, 'R0', '1', 0, false);
             create publication p for table seatcast.seats",
            show.seats[0], show.event, show.ticket_types[0]
        ))
        .await
        .expect("a publication");
    let row = target
        .query_one(
            "select current_setting('unix_socket_directories'), current_setting('port')",
            &[],
        )
        .await
        .expect("settings");
    let subscription = format!(
        "create subscription s connection 'dbname=source host={} port={} user={}' publication p
         with (create_slot = false, copy_data = false)",
        row.get::<_, String>(0),
        row.get::<_, String>(1),
        user_of(&target).await,
    );
    for write in [
        "insert into seatcast.seats select 999, event_id, section_id, ticket_type_id, 'B', '1', 9, false from seatcast.seats",
        "update seatcast.seats set blocked = true",
        "delete from seatcast.seats",
    ] {
        let slot = "select pg_create_logical_replication_slot('s', 'pgoutput')";
        source.query_one(slot, &[]).await.expect("a slot");
        let made = target.batch_execute(&subscription).await;
        made.expect("a subscription");
        source.batch_execute(write).await.expect("a row");
        // Nobody tells that a worker failed but its statistics.
        let refused = async {
            let errors = "select apply_error_count from pg_stat_subscription_stats";
            while target
                .query_one(errors, &[])
                .await
                .expect("statistics")
                .get::<_, i64>(0)
                == 0
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), refused)
            .await
            .unwrap_or_else(|_| panic!("it is refused: {write}"));
        let stored = "select count(*) filter (where not blocked) from seats";
        let stored = target.query_one(stored, &[]).await.expect("seats");
        assert_eq!(stored.get::<_, i64>(0), 4, "{write}");
        for end in [
            "alter subscription s disable",
            "alter subscription s set (slot_name = none); drop subscription s",
        ] {
            target.batch_execute(end).await.expect("its end");
        }
        // Its worker goes away by itself.
        let drop =
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active";
        while source.query(drop, &[]).await.expect("slots").is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

/// Every table whose statements have triggers refuses what comes row by row.
#[tokio::test]
async fn no_table_of_which_statements_have_triggers_is_replicated_to_core_35() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let without = "
        select distinct c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid
         where c.relnamespace = 'seatcast'::regnamespace and t.tgtype & 1 = 0 and t.tgtype & (4 | 8 | 16) <> 0
           and not exists (select from pg_trigger r where r.tgrelid = c.oid and r.tgname = c.relname || '_not_replicated'
                              and r.tgenabled = 'R' and r.tgtype & (4 | 8 | 16) = 4 | 8 | 16)";
    let without = client.query(without, &[]).await.expect("triggers");
    let without: Vec<String> = without.iter().map(|row| row.get(0)).collect();
    assert_eq!(without, [""; 0]);
}

async fn user_of(client: &Client) -> String {
    let user = client.query_one("select current_user::text", &[]).await;
    user.expect("a user").get(0)
}

/// Plain SQL that runs as `replica` is counted like all other.
#[tokio::test]
async fn claims_of_replica_sessions_are_counted() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Floor", 4_500, 50)
        .stage(&client)
        .await;
    client
        .batch_execute("set session_replication_role = replica")
        .await
        .unwrap();
    show.sell(&client, 3).await;
    let live = database
        .store()
        .await
        .live_event(show.event, 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(live.state.ticket_types.values().next().unwrap().sold, 3);
    let audit = seatcast_audit(database.url());
    assert!(audit.starts_with("0 differences"), "{audit}");
}
