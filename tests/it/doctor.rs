//! `seatcast doctor` finds what is in the way, and says what to do.

use seatcast::config::{Config, ForwardedHeader};
use seatcast::store::doctor::{Condition, Diagnosis, Symptom};
use seatcast::tools::doctor::examine;

use crate::support::binary::{output, seatcast};
use crate::support::database::{TestDatabase, acting_as, grant};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::Scratch;

async fn diagnosis(url: &str) -> Diagnosis {
    let mut config = Config::default();
    config.database.url = Some(url.to_owned());
    examine(&config, url)
        .await
        .expect("an address that can be read")
}

fn of<'a>(diagnosis: &'a Diagnosis, what: &str) -> &'a Symptom {
    let found = diagnosis.0.iter().find(|symptom| symptom.of == what);
    found.unwrap_or_else(|| panic!("nothing of {what}: {diagnosis}"))
}

#[tokio::test]
async fn a_database_that_serves_is_well() {
    let database = TestDatabase::new().await;
    let found = diagnosis(database.url()).await;
    for well in ["sessions", "version", "clock", "schema", "notifications"] {
        assert_eq!(of(&found, well).condition, Condition::Well, "{found}");
    }
    // The tests' cluster writes nothing through, and its user may do everything.
    assert_eq!(of(&found, "role").condition, Condition::Warning, "{found}");
    assert!(
        found
            .0
            .iter()
            .all(|symptom| { (symptom.condition == Condition::Well) == symptom.mend.is_empty() })
    );
    let said = output(&mut seatcast(&["doctor", "--database-url", database.url()]));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("ok    sessions"), "{said}");
    // How many find room depends on the tests that run beside this one.
    assert!(said.contains("room for"), "{said}");
}

#[tokio::test]
async fn a_demo_is_told_that_it_is_one() {
    let database = TestDatabase::new().await;
    seatcast::store::seed::seed(&database.store().await)
        .await
        .unwrap();
    // As beside `make run`, whose Postgres is private.
    let found = examine(&Config::default(), database.url()).await.unwrap();
    for well in ["demo", "role", "proxies"] {
        assert_eq!(of(&found, well).condition, Condition::Well, "{found}");
    }
    // Tickets are not sold beside people whose password everybody knows.
    let found = diagnosis(database.url()).await;
    for warned in ["demo", "role", "proxies"] {
        assert_eq!(of(&found, warned).condition, Condition::Warning, "{found}");
    }
}

/// To look at what is there makes nothing.
#[test]
fn where_there_is_no_database_yet_it_says_what_the_first_start_would_make() {
    let scratch = Scratch::new().unwrap();
    let (data, empty) = (scratch.path().join("data"), scratch.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    let asked = |more: &[&str]| {
        let mut args = vec!["doctor", "--data-dir", data.to_str().unwrap()];
        args.extend(more);
        let said = output(&mut seatcast(&args));
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        (said.status.success(), text)
    };
    let (is_well, said) = asked(&["--dev"]);
    assert!(is_well, "{said}");
    // Without any key the server would not start.
    let (is_well, said) = asked(&[]);
    assert!(!is_well && said.contains("FAIL  settings"), "{said}");
    let (is_well, said) = asked(&["--dev", "--smtp-url", "smtp://localhost"]);
    assert!(!is_well && said.contains("FAIL  settings"), "{said}");
    assert!(said.contains("WARN  database: none yet"), "{said}");
    let (is_well, said) = asked(&["--pg-bin-dir", empty.to_str().unwrap()]);
    assert!(
        !is_well && said.contains("FAIL  database: none yet, and"),
        "{said}"
    );
    assert!(said.contains("no Postgres 15 or newer"), "{said}");
    assert!(!data.exists(), "something was made");
}

#[tokio::test]
async fn faults_1_clients_behind_a_proxy_that_share_an_address_are_named() {
    let nowhere = "postgres://nobody@127.0.0.1:1/nowhere";
    let asked = async |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        let found = examine(&config, nowhere).await.unwrap();
        of(&found, "proxies").clone()
    };
    let near = asked(|_| {}).await;
    assert_eq!(near.condition, Condition::Warning, "{near:?}");
    assert!(near.mend.contains("--trusted-proxies"), "{near:?}");
    let open = asked(|config| config.http.host = "0.0.0.0".parse().unwrap()).await;
    assert_eq!(open.condition, Condition::Well, "{open:?}");
    let trusting = asked(|config| config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]);
    let trusting = trusting.await;
    assert_eq!(trusting.condition, Condition::Warning, "{trusting:?}");
    assert!(trusting.mend.contains("--forwarded-header"), "{trusting:?}");
    let named = asked(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.http.forwarded_header = Some(ForwardedHeader::XForwardedFor);
    });
    let named = named.await;
    assert_eq!(named.condition, Condition::Well, "{named:?}");
}

#[tokio::test]
async fn what_is_in_the_way_is_named_with_its_mend() {
    let database = TestDatabase::new().await;
    let empty = database.sibling("empty").await;
    let found = diagnosis(&empty).await;
    let schema = of(&found, "schema");
    assert_eq!(schema.condition, Condition::Warning);
    assert!(schema.mend.contains("seatcast migrate"), "{found}");

    let pooler = PgBouncer::start(database.url(), "pool_mode = transaction");
    let found = diagnosis(pooler.url()).await;
    let sessions = of(&found, "sessions");
    assert_eq!(sessions.condition, Condition::Ill, "{found}");
    assert!(sessions.mend.contains("pool sessions"), "{found}");

    let nobody = "postgres://nobody@127.0.0.1:1/nowhere";
    let found = diagnosis(nobody).await;
    assert_eq!(of(&found, "sessions").condition, Condition::Ill);
    assert_eq!(found.worst(), Condition::Ill);
}

#[tokio::test]
async fn rights_that_a_migration_left_behind_are_named() {
    let database = TestDatabase::new().await;
    grant(database.url()).await;
    let server = acting_as("server", database.url());
    let found = diagnosis(&server).await;
    assert_eq!(of(&found, "role").condition, Condition::Well, "{found}");

    // As a table of a new migration is, until `roles.sql` runs again.
    let owner = database.client().await;
    let closed = "revoke select on checkins from seatcast_server";
    owner.batch_execute(closed).await.unwrap();
    let found = diagnosis(&server).await;
    let role = of(&found, "role");
    assert_eq!(role.condition, Condition::Ill, "{found}");
    assert!(role.says.contains("may not read checkins"), "{found}");
    assert!(role.mend.contains("sql/roles.sql"), "{found}");

    let closed = "revoke usage on schema seatcast from seatcast_server";
    owner.batch_execute(closed).await.unwrap();
    let found = diagnosis(&server).await;
    assert_eq!(of(&found, "role").condition, Condition::Ill, "{found}");
}
