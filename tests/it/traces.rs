//! A booking is followed from its request to its viewers: in the traces that a collector is sent, and in the log.

use std::fs::{self, File};

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::support::binary::{ServerProcess, output, seatcast};
use crate::support::caller::Caller;
use crate::support::collector::{Collector, said};
use crate::support::database::TestDatabase;
use crate::support::http_client;
use crate::support::show::Show;
use crate::support::websocket::{Socket, WireVersion};

/// A booking that was made while somebody watched.
struct Booked {
    event: String,
    reference: String,
    revision: String,
}

/// A viewer joins, a booking is made, the viewer sees it, the server goes down.
async fn book(args: &[&str], log: File) -> Booked {
    let database = TestDatabase::new().await;
    let show = Show::new().ticket_type("Stalls", 4_500, 3);
    let show = show.stage(&database.client().await).await;
    let args = [&["--database-url", database.url()], args].concat();
    let server = ServerProcess::start_logging(&args, log.into());
    let topic = format!("event:{}", show.event);
    let mut viewer = Socket::connect(server.address(), WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;

    let caller = Caller::new(http_client(), server.url.clone());
    let caller = caller.with_header("x-request-id", "the-one".to_owned());
    let booking = json!({"event_id": show.event, "quantity": 2});
    let answer = caller.post("/api/v1/bookings", &booking).await;
    let revision = answer.header("x-event-revision").expect("a revision");
    let revision = revision.to_owned();
    let reference = answer.data(201)["reference"].as_str().map(str::to_owned);
    viewer.next_on(&topic, "update").await;
    assert!(server.stop().success());
    Booked {
        event: show.event.to_string(),
        reference: reference.expect("a reference"),
        revision,
    }
}

fn is_linked(from: &Span, to: &Span) -> bool {
    let mut links = from.links.iter();
    links.any(|link| link.span_id == to.span_id && link.trace_id == to.trace_id)
}

// The wait for the server's end blocks a thread, and the collector needs one.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sees_a_booking_on_its_way_to_the_viewers() {
    let collector = Collector::start().await;
    let log = tempfile::tempfile().unwrap();
    // Whatever is logged: all spans are sent.
    let args = ["--otlp-endpoint", &collector.url, "--log-level", "warn"];
    let Booked {
        event,
        reference,
        revision,
    } = book(&args, log).await;

    let spans = collector.spans();
    let with = |name: &str, key: &str, value: &str| {
        let is_it = |span: &&Span| span.name == name && said(span, key).as_deref() == Some(value);
        let found = spans.iter().find(is_it);
        found.unwrap_or_else(|| panic!("no {name} with {key} {value} in {spans:#?}"))
    };
    let request = with("request", "id", "the-one");
    for (name, value) in [
        ("event", &event),
        ("reference", &reference),
        ("revision", &revision),
    ] {
        assert_eq!(said(request, name).as_ref(), Some(value), "{name}");
    }
    let batch = with("batch", "revision", &revision);
    assert_eq!(said(batch, "event").as_ref(), Some(&event));
    assert!(is_linked(batch, request), "the batch knows its requests");

    let publish = with("publish", "to", &revision);
    assert_eq!(said(publish, "event").as_ref(), Some(&event));
    let before = revision.parse::<u64>().unwrap() - 1;
    assert_eq!(said(publish, "from"), Some(before.to_string()));
    assert!(
        is_linked(publish, batch) || is_linked(batch, publish),
        "whoever came second knows the other"
    );
    // A small change rides on the doorbell's ring, so nothing is read for it.
    let parent = spans
        .iter()
        .find(|span| span.span_id == publish.parent_span_id);
    assert!(parent.is_none_or(|parent| parent.name == "read"));
    let fan_out = with("fan_out", "to", &revision);
    assert_eq!(fan_out.parent_span_id, publish.span_id);

    for span in &spans {
        let name = span.name.as_str();
        let known = ["request", "batch", "read", "publish", "fan_out"];
        assert!(known.contains(&name), "{name} is not in the list");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
}

#[tokio::test]
async fn the_log_tells_the_same_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let args = ["--log", "json", "--log-level", "seatcast=debug"];
    let Booked {
        event,
        reference,
        revision,
    } = book(&args, File::create(&path).unwrap()).await;
    let (event, revision): (u64, u64) = (event.parse().unwrap(), revision.parse().unwrap());

    let log = fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    let span_of = |message: &str| {
        let mut told = lines.iter().filter(|line| line["message"] == message);
        &told
            .next()
            .unwrap_or_else(|| panic!("no {message} in {log}"))["span"]
    };
    let request = span_of("answered");
    assert_eq!(request["name"], "request");
    assert_eq!(request["id"], "the-one");
    assert_eq!(request["event"], event);
    assert_eq!(request["reference"], *reference);
    assert_eq!(request["revision"], revision);
    let batch = span_of("committed");
    assert_eq!(
        (&batch["event"], &batch["revision"]),
        (&json!(event), &json!(revision))
    );
    let publish = span_of("published");
    assert_eq!(
        (&publish["event"], &publish["to"]),
        (&json!(event), &json!(revision))
    );
    assert_eq!(publish["from"], revision - 1);
}

#[test]
fn the_reason_of_an_end_is_a_line_of_the_log() {
    let nowhere = "postgres://nobody@127.0.0.1:1/nowhere";
    let args = ["migrate", "--database-wait-s", "0", "--log", "json"];
    let mut command = seatcast(&args);
    let said = output(command.args(["--database-url", nowhere]));
    assert!(!said.status.success());
    let log = String::from_utf8(said.stderr).unwrap();
    let last = log.lines().next_back().expect("a reason");
    let last: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("not JSON: {last}"));
    assert_eq!(last["level"], "ERROR");
    let message = last["message"].as_str().unwrap();
    assert!(message.contains("cannot be reached"), "{message}");
}
