//! The private Postgres starts, keeps its data, ends with its owner and recovers.

use seatcast::embedded::{Embedded, EmbeddedError};

use crate::support::database::{TestDatabase, connect};
use crate::support::postgres::{ThrowawayPostgres, settings};

#[tokio::test]
async fn data_survives_a_restart() {
    let postgres = ThrowawayPostgres::start().unwrap();
    let client = connect(postgres.url()).await;
    client
        .batch_execute("create table kept as select 42 as answer")
        .await
        .unwrap();
    postgres.restart().unwrap();
    let client = connect(postgres.url()).await;
    let row = client
        .query_one("select answer from kept", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 42);
}

#[tokio::test]
async fn it_listens_on_its_socket_only() {
    let postgres = ThrowawayPostgres::start().unwrap();
    let client = connect(postgres.url()).await;
    let row = client
        .query_one("show listen_addresses", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "");
}

#[test]
fn a_second_instance_is_refused() {
    let postgres = ThrowawayPostgres::start().unwrap();
    let error = Embedded::start_with(&settings(postgres.data_dir())).unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn databases_of_tests_are_migrated_and_apart() {
    let (one, other) = (TestDatabase::new().await, TestDatabase::new().await);
    one.store().await.ping().await.unwrap();
    let sql = "insert into users (name) values ('Ada') returning id";
    one.client().await.query_one(sql, &[]).await.unwrap();
    let other = other.client().await;
    let users = other.query("select from users", &[]).await.unwrap();
    assert!(users.is_empty());
}
