//! A database that was dumped and restored, as docs/operate.md says backups are made, is the same one and goes on selling.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use seatcast::config::Config;
use seatcast::store::Store;
use seatcast::store::audit::audit;
use seatcast::store::migrate::migrate;
use seatcast::store::seed::seed;
use serde_json::json;
use tokio_postgres::Client;

use crate::support::binary::output;
use crate::support::database::{TestDatabase, acting_as, connect};
use crate::support::postgres::Scratch;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged};

const BOOKINGS: &str = "/api/v1/bookings";

/// Of everything that a dump has to bring along: what there is, and a hash of how it is.
const THINGS: &str = "
    select 'trigger ' || tgrelid::regclass || '.' || tgname as name, concat_ws(' ', tgenabled, pg_get_triggerdef(oid)) as shape
      from pg_trigger where tgrelid in (select oid from pg_class where relnamespace = 'seatcast'::regnamespace)
       and not tgisinternal
    union all
    select 'function ' || p.oid::regprocedure, concat_ws(' ', pg_get_functiondef(p.oid), p.proacl)
      from pg_proc p where pronamespace = 'seatcast'::regnamespace
    union all
    select 'constraint ' || conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
      from pg_constraint where connamespace = 'seatcast'::regnamespace
    union all
    select 'index ' || indexname, indexdef from pg_indexes where schemaname = 'seatcast'
    union all
    select 'column ' || a.attrelid::regclass || '.' || a.attname,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                     pg_get_expr(d.adbin, d.adrelid), a.attacl)
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where c.relnamespace = 'seatcast'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0 and not a.attisdropped
    union all
    select 'table ' || relname, concat_ws(' ', relpersistence, relacl, reloptions, pg_get_userbyid(relowner))
      from pg_class where relnamespace = 'seatcast'::regnamespace and relkind in ('r', 'v')
    union all
    select 'sequence ' || sequencename, coalesce(last_value::text, 'unused') from pg_sequences where schemaname = 'seatcast'
    order by 1, 2";

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_dump_is_the_same_database_and_goes_on_selling() {
    let database = Arc::new(TestDatabase::new().await);
    seed(&database.store().await).await.expect("a demo");
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_500, 20)
        .ticket_type("Seats", 4_500, 10)
        .row(10);
    let show = show.stage(&client).await;
    let before = TestServer::builder().on(database.clone()).start().await;
    sell(&before, &show).await;
    before.audit().await;
    before.stop().await.expect("an orderly end");
    let sold = everything(&client).await;
    drop(client);

    let programs = programs(&database).await;
    let scratch = Scratch::new().expect("a temporary folder");
    let file = scratch.path().join("backup");
    let restored = database.sibling("restored").await;
    run(Command::new(programs.join("pg_dump"))
        .args(["--format=custom", "--file"])
        .arg(&file)
        .args(["--dbname", database.url()]));
    run(Command::new(programs.join("pg_restore"))
        .args(["--exit-on-error", "--dbname", &restored])
        .arg(&file));

    let copy = connect(&restored).await;
    let differ = difference(&sold, &everything(&copy).await);
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let config = Config::default().database;
    let applied = migrate(&config, &acting_as("owner", &restored)).await;
    assert_eq!(applied.expect("it is of this version"), 0);
    clean(&restored).await;
    let after = TestServer::builder()
        .on(database)
        .through(acting_as("server", &restored))
        .start()
        .await;
    sell(&after, &show).await;
    let bookings = "select count(*) from bookings where event_id = $1";
    let bookings = copy.query_one(bookings, &[&show.event]).await;
    assert_eq!(bookings.expect("a count").get::<_, i64>(0), 4);
    clean(&restored).await;
}

/// A booking of units and one of seats; the second is confirmed. Then a notice.
async fn sell(server: &TestServer, show: &Staged) {
    let organizer = server.user(show.organizer);
    for ticket_type in &show.ticket_types {
        let item = json!({"ticket_type_id": ticket_type, "quantity": 2});
        let body = json!({"event_id": show.event, "items": [item]});
        let made = server.anonymous().post(BOOKINGS, &body).await;
        let booking = made.data(201)["id"].as_str().expect("an id").to_owned();
        if *ticket_type == show.ticket_types[1] {
            let sale = json!({"status": "confirmed", "paid_by": "cash"});
            let status = format!("{BOOKINGS}/{booking}/status");
            organizer.put(&status, &sale).await.data(200);
        }
    }
    let notice = json!({"type": "custom", "message": "Doors open late"});
    let notices = format!("/api/v1/events/{}/notices", show.event);
    organizer.post(&notices, &notice).await.data(201);
}

async fn clean(url: &str) {
    let store = Store::connect(&Config::default().database, url).await;
    let report = audit(&store.expect("a store")).await.expect("an audit");
    assert!(report.is_clean(), "{report}");
}

/// The schema's things and all rows, each with its name.
async fn everything(client: &Client) -> BTreeSet<String> {
    // Names of the schema's own things are shown without it, and times in one way.
    let settings = "set search_path = seatcast; set timezone = 'UTC'";
    client.batch_execute(settings).await.expect("settings");
    let things = client.query(THINGS, &[]).await.expect("things");
    let mut all: BTreeSet<String> = things
        .iter()
        .map(|row| format!("{}: {}", row.get::<_, String>(0), row.get::<_, String>(1)))
        .collect();
    let tables = "select relname::text from pg_class where relnamespace = 'seatcast'::regnamespace and relkind = 'r' order by 1";
    for table in client.query(tables, &[]).await.expect("tables") {
        let table: String = table.get(0);
        let rows = format!("select t::text from {table} t order by 1");
        let rows = client.query(&rows, &[]).await.expect("rows");
        all.extend(
            rows.iter()
                .map(|row| format!("row of {table}: {}", row.get::<_, String>(0))),
        );
    }
    assert!(all.len() > 1_000, "the scan finds things and rows");
    all
}

/// Lines that one of them has and the other has not.
fn difference(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let lost = before.difference(after);
    let new = after.difference(before);
    let lost = lost.map(|thing| format!("lost: {thing}"));
    lost.chain(new.map(|thing| format!("new: {thing}")))
        .collect()
}

/// The folder of the programs of the Postgres that runs.
async fn programs(database: &TestDatabase) -> PathBuf {
    let sql = "select setting from pg_config where name = 'BINDIR'";
    let row = database.client().await.query_one(sql, &[]).await;
    let folder: String = row.expect("a setting").get(0);
    for program in ["pg_dump", "pg_restore"] {
        assert!(
            Path::new(&folder).join(program).exists(),
            "there is no {program} beside Postgres in {folder}: install its client programs (Debian: postgresql-client)"
        );
    }
    folder.into()
}

fn run(command: &mut Command) {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
