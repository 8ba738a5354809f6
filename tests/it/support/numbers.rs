//! The page `/metrics`. Metrics are global in a process, so tests read them from a server in a process of its own.

use std::collections::BTreeMap;

use super::caller::Caller;
use super::server::DEADLINE;

/// Every sample by its name and labels.
pub(crate) type Page = BTreeMap<String, f64>;

pub(crate) async fn page(caller: &Caller) -> Page {
    let answer = caller.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let mut described = None;
    let mut page = Page::new();
    for line in answer.text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            described = comment.split(' ').nth(1).map(str::to_owned);
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        let described = described.as_deref().expect("a description first");
        assert!(name.starts_with(described), "{name} under {described}");
        let twice = page.insert(name.to_owned(), value.parse().expect("a number"));
        assert_eq!(twice, None, "{name}");
    }
    page
}

/// Reads until the sample has this value.
pub(crate) async fn reads(caller: &Caller, name: &str, value: f64) {
    let wait = async { while page(caller).await.get(name) != Some(&value) {} };
    if tokio::time::timeout(DEADLINE, wait).await.is_err() {
        panic!("{name} is not {value}: {:#?}", page(caller).await);
    }
}
