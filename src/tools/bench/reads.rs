//! Every read of REST beside many events, as a program outside asks: one request after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode, header};

use super::client::{BenchClient, join};
use super::report::{Report, Target, count, millis, percentile};
use super::world::BenchWorld;
use super::{BenchError, http};
use crate::config::DatabaseConfig;
use crate::store::yardstick::catalogue::BenchHall;
use crate::ticketing::EventId;

/// Bound for the p99 of a read.
const READ_MAX: Duration = Duration::from_millis(50);
/// Room for the longest name in the report.
const NAME_CHARS: usize = 56;
/// Asked before, and not counted: plans, caches, the version of a seat map that is packed once.
const WARM_UPS: usize = 6;
/// Events whose availability is asked for at once.
const SEVERAL: i64 = 100;
/// `--dev` believes this header.
const USER: &str = "x-user-id";

pub(super) fn run(
    events: u32,
    seats: u32,
    rounds: usize,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    BenchWorld::audited(database, 0, |world| {
        Ok(vec![measure(world, events, seats, rounds)?.printed()])
    })
}

fn measure(
    world: &BenchWorld,
    events: u32,
    seats: u32,
    rounds: usize,
) -> Result<Report, BenchError> {
    let begun = Instant::now();
    world
        .runtime
        .block_on(world.store.fill_catalogue(events.into()))?;
    let hall = world
        .runtime
        .block_on(world.store.fill_hall(seats.into()))?;
    world.runtime.block_on(world.store.analyze())?;
    println!("filled in {} s", begun.elapsed().as_secs());
    let several = world.runtime.block_on(world.store.first_events(SEVERAL))?;
    let (server, address) = world.server()?;
    let cases = cases(&hall, &several, u64::from(events) * 9 / 10);
    let mut report = Report::new(format!(
        "Reads over HTTP, packed, one after the other: {} events, one of them with {} seats. p50, p99 (the \
         ratio: its ms) and bytes of {rounds} requests each, and the very first one",
        count(events.into()),
        count(seats.into()),
    ));
    world.runtime.block_on(async {
        for case in &cases {
            let mut reader = BenchReader::connect(address).await?;
            let watcher = match case.watched {
                true => Some(watch(address, hall.stage.event).await?),
                false => None,
            };
            let took = reader.ask_often(case, rounds).await?;
            drop(watcher);
            add(&mut report, case, took);
        }
        Ok::<_, BenchError>(())
    })?;
    drop(server);
    Ok(report)
}

/// A request, and who asks.
struct ReadCase {
    name: String,
    path: String,
    user: Option<String>,
    /// While somebody watches the hall.
    watched: bool,
    /// Asked for by the first request's `next`: a page far down, by its cursor.
    next: bool,
}

impl ReadCase {
    fn new(path: impl Into<String>) -> ReadCase {
        let path = path.into();
        ReadCase {
            name: path.clone(),
            path: format!("/api/v1{path}"),
            user: None,
            watched: false,
            next: false,
        }
    }

    /// `path` has a place for the id; the report has `name` there.
    fn of(path: &str, id: impl ToString, name: &str) -> ReadCase {
        ReadCase {
            name: path.replace("{}", name),
            ..ReadCase::new(path.replace("{}", &id.to_string()))
        }
    }

    fn by(mut self, user: impl ToString) -> ReadCase {
        self.user = Some(user.to_string());
        self
    }

    fn watched(mut self) -> ReadCase {
        self.name = format!("{}, watched", self.name);
        self.watched = true;
        self
    }

    fn page_after(mut self) -> ReadCase {
        self.name = format!("next of {}", self.name.replace("&limit=100", ""));
        self.next = true;
        self
    }
}

fn cases(hall: &BenchHall, several: &[EventId], far: u64) -> Vec<ReadCase> {
    let (event, organizer) = (hall.stage.event, hall.stage.organizer);
    let one = several.first().copied().unwrap_or(event);
    let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
    let mut cases = Vec::new();
    cases.push(ReadCase::new("/events"));
    cases.push(ReadCase::new(format!("/events?offset={far}")));
    for sort in [
        "starts_at",
        "title",
        "created_at",
        "-starts_at",
        "-title",
        "-created_at",
    ] {
        cases.push(ReadCase::new(format!("/events?sort={sort}&limit=100")));
        cases.push(
            ReadCase::new(format!("/events?sort={sort}&limit=100&offset={far}")).page_after(),
        );
    }
    for filter in [
        "category=jazz",
        "status=paused",
        "status=cancelled",
        "category=none&sort=title",
    ] {
        cases.push(ReadCase::new(format!("/events?{filter}")));
    }
    // In one event, in some, in a tenth, in all, in none; too short for the index.
    for q in [
        "rehearsal%205007",
        "rehearsal",
        "JAZZ",
        "op%C3%A9ra%20ev",
        "an%20evening%20with",
        "nowhere",
        "ev",
        "qx",
    ] {
        cases.push(ReadCase::new(format!("/events?q={q}")));
    }
    cases.push(ReadCase::new("/events?q=jazz&sort=-title"));
    cases.push(ReadCase::new("/events?q=evening&category=jazz&sort=title"));
    for below in [
        "/events/{}",
        "/events/{}/ticket-types",
        "/events/{}/notices",
        "/availability/{}",
    ] {
        cases.push(ReadCase::of(below, one, "id"));
    }
    cases.push(ReadCase::of(
        "/availability?event_ids={}",
        ids.join(","),
        "100 of them",
    ));
    let active = "/availability/all/active";
    cases.push(ReadCase::new(active));
    cases.push(ReadCase::new(format!("{active}?offset={far}")));
    cases.push(ReadCase::new(format!("{active}?offset={far}")).page_after());
    for below in [
        "/events/{}",
        "/events/{}/seatmap",
        "/events/{}/seatmap?form=runs",
        "/events/{}/seats",
        "/availability/{}",
        "/availability/{}/sections",
        "/bookings/event/{}/stats",
    ] {
        cases.push(ReadCase::of(below, event, "hall"));
    }
    for below in ["/events/{}/seats", "/availability/{}"] {
        cases.push(ReadCase::of(below, event, "hall").watched());
    }
    let bookings = "/bookings/event/{}";
    cases.push(ReadCase::of(bookings, event, "hall").by(organizer));
    cases.push(
        ReadCase::of(
            &format!("{bookings}?offset={}", hall.bookings / 2),
            event,
            "hall",
        )
        .by(organizer)
        .page_after(),
    );
    cases.push(ReadCase::of(&format!("{bookings}?status=refunded"), event, "hall").by(organizer));
    cases.push(ReadCase::new("/bookings/mine?limit=100").by(hall.buyer));
    cases.push(ReadCase::new("/events/management/view").by(organizer));
    cases
}

async fn watch(address: SocketAddr, event: EventId) -> Result<BenchClient, BenchError> {
    let failed = |_| BenchError::Child("the hall cannot be watched");
    let mut client = BenchClient::connect(address).await.map_err(failed)?;
    match client.ask(join(event, "{}")).await.map_err(failed)? {
        true => Ok(client),
        false => Err(BenchError::Child("the hall cannot be watched")),
    }
}

/// The first request, and the later ones.
struct ReadTimes {
    first: Duration,
    others: Vec<Duration>,
    bytes: usize,
}

struct BenchReader {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl BenchReader {
    async fn connect(address: SocketAddr) -> Result<BenchReader, BenchError> {
        Ok(BenchReader {
            sender: http::connect(address).await?,
            host: address.to_string(),
        })
    }

    async fn ask_often(&mut self, case: &ReadCase, rounds: usize) -> Result<ReadTimes, BenchError> {
        let mut path = case.path.clone();
        if case.next {
            let (_, _, next) = self.ask(case, &path).await?;
            let next = next.ok_or(BenchError::Child("a list ends before its next page"))?;
            path.truncate(path.find('?').unwrap_or(path.len()));
            path.push_str(&next);
        }
        let (first, bytes, _) = self.ask(case, &path).await?;
        for _ in 0..WARM_UPS {
            self.ask(case, &path).await?;
        }
        let mut others = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            others.push(self.ask(case, &path).await?.0);
        }
        Ok(ReadTimes {
            first,
            others,
            bytes,
        })
    }

    /// How long the answer took to its last byte, how many bytes it had, and the next page's query.
    async fn ask(
        &mut self,
        case: &ReadCase,
        path: &str,
    ) -> Result<(Duration, usize, Option<String>), BenchError> {
        let mut request = Request::get(path)
            .header(header::HOST, &self.host)
            .header(header::ACCEPT_ENCODING, "gzip");
        if let Some(user) = &case.user {
            request = request.header(USER, user);
        }
        let request = request
            .body(Full::default())
            .map_err(|_| BenchError::Child("the request could not be built"))?;
        self.sender.ready().await?;
        let begun = Instant::now();
        let answer = self.sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        let took = begun.elapsed();
        if head.status != StatusCode::OK {
            println!("{path}: {}", head.status);
            return Err(BenchError::Child("the server refused a read"));
        }
        let links = head
            .headers
            .get(header::LINK)
            .and_then(|links| links.to_str().ok());
        let next = links.and_then(|links| {
            links
                .split(", ")
                .find(|link| link.ends_with("rel=\"next\""))
        });
        let next =
            next.and_then(|link| Some(link.trim_start_matches('<').split_once('>')?.0.to_owned()));
        Ok((took, body.len(), next))
    }
}

fn add(report: &mut Report, case: &ReadCase, mut took: ReadTimes) {
    let (p50, p99) = (
        percentile(&mut took.others, 50),
        percentile(&mut took.others, 99),
    );
    let cells = format!(
        "{:>9} {:>9} {:>5} KB {:>9}",
        millis(p50),
        millis(p99),
        count(took.bytes as f64 / 1e3),
        millis(took.first),
    );
    let target = Target::AtMost(READ_MAX.as_secs_f64() * 1e3);
    report.bounded(
        &format!("{:<NAME_CHARS$}", case.name),
        cells,
        p99.as_secs_f64() * 1e3,
        target,
    );
}
