//! A thousand webhooks at once: how soon each is answered, and whether all of their payments end in tickets.
//!
//! As many buyers hold and begin to pay by card; the provider is a stand-in within the bench, which answers at once. Then the
//! cards of all are authorised, and all webhooks come at the same moment, each over a connection of its own, as after an
//! outage, and some of them twice. Each payment takes the way of a card: the server looks at it, sells, and captures, which
//! the provider tells by a webhook of its own.

mod till;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode, header};
use tokio::sync::Barrier;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use self::till::{BenchTill, IntentName};
use super::holds::rest::{Newest, RestBuyer};
use super::holds::selling::Pile;
use super::process::allow_sockets;
use super::report::{Report, Target, count, millis, percentile};
use super::world::BenchWorld;
use super::{BenchError, http};
use crate::config::DatabaseConfig;
use crate::store::yardstick::StagedEvent;
use crate::store::yardstick::money::SoldSoFar;

/// Every webhook is answered within this, in seconds.
const ANSWERED: Target = Target::AtMost(5.0);
/// Payments whose tickets are there in the end, and events that were taken in, of all.
const KEPT: Target = Target::AtLeast(1.0);
/// Every such webhook comes twice.
const DOUBLED: usize = 10;
/// Buyers who begin to pay at a time.
const BUYERS: usize = 16;
const SECRET: &str = "whsec_bench";
/// Time after which every payment has to be booked.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn run(webhooks: usize, database: &DatabaseConfig) -> Result<Vec<Report>, BenchError> {
    allow_sockets(4 * webhooks + 2 * BUYERS)?;
    BenchWorld::audited(database, 0, |world| {
        Ok(vec![measure(world, webhooks)?.printed()])
    })
}

fn measure(world: &BenchWorld, webhooks: usize) -> Result<Report, BenchError> {
    let run = &world.runtime;
    let stages = Arc::new(run.block_on(world.store.set_stages(1, 1))?);
    let stage = stages
        .first()
        .ok_or(BenchError::Child("no event was made"))?;
    let (till, captured) = run.block_on(BenchTill::open())?;
    let base = till.base();
    let (server, address) = world.server_with(&[
        "--stripe-secret-key",
        "sk_test_bench",
        "--stripe-webhook-secret",
        SECRET,
        "--stripe-api-base",
        &base,
    ])?;
    run.block_on(begin_all(address, &stages, webhooks))?;
    let intents = till.intents();
    if intents.len() != webhooks {
        return Err(BenchError::Child("a payment was not begun"));
    }
    let events = |kind: &str| -> Vec<String> {
        let intents = intents.iter();
        intents.map(|intent| till::event(kind, intent)).collect()
    };
    // Refused before anything is read.
    let unsigned = run.block_on(burst(address, events("floor"), "whsec_other"))?;
    let mut authorized = events(till::AUTHORIZED);
    let doubles: Vec<String> = authorized.iter().step_by(DOUBLED).cloned().collect();
    authorized.extend(doubles);
    till.authorize_all();
    let begun = Instant::now();
    let deadline = begun + PATIENCE;
    let captures = run.spawn(tell_captures(address, captured, webhooks, deadline));
    let mut told = run.block_on(burst(address, authorized, SECRET))?;
    let captures = run.block_on(captures);
    let mut captures = captures.map_err(|_| BenchError::Child("a sender died"))??;
    let sold = wait_for(world, stage, webhooks, deadline)?;
    let all_after = begun.elapsed();
    drop(server);

    let mut unsigned = unsigned.latencies;
    let (told, captures) = (&mut told.latencies, &mut captures.latencies);
    let mut report = Report::new(format!(
        "{} webhooks at once, each over a connection of its own, every {DOUBLED}th twice; then one for each capture. Floor: \
         the same with a bad signature.",
        count(webhooks as f64),
    ));
    let longest = percentile(told, 100).max(percentile(captures, 100));
    let name = "the last is answered after, in seconds";
    report.bounded(name, millis(longest), longest.as_secs_f64(), ANSWERED);
    let booked = sold.confirmed.min(sold.captured);
    for (name, kept, all) in [
        ("payments that ended in tickets", booked, webhooks),
        ("events that were taken in", sold.told, 2 * webhooks),
    ] {
        let kept = kept as f64;
        report.bounded(name, count(kept), kept / all as f64, KEPT);
    }
    for percent in [50, 99, 100] {
        let [ours, floor] = [&mut *told, &mut unsigned].map(|of| percentile(of, percent));
        report.beside(
            &format!("an answer takes, p{percent}"),
            (millis(ours), millis(floor)),
        );
    }
    for percent in [50, 99, 100] {
        report.fact(
            &format!("an answer about a capture takes, p{percent}"),
            millis(percentile(captures, percent)),
        );
    }
    report.fact("all tickets are there after", millis(all_after));
    report.fact(
        "n; captures",
        format!(
            "{}; {}",
            count(told.len() as f64),
            count(captures.len() as f64)
        ),
    );
    Ok(report)
}

/// The sale, once all payments are booked and all events taken in, or time is up.
fn wait_for(
    world: &BenchWorld,
    stage: &StagedEvent,
    webhooks: usize,
    deadline: Instant,
) -> Result<SoldSoFar, BenchError> {
    let all = webhooks as i64;
    loop {
        let sold = world.runtime.block_on(world.store.sold_so_far(stage))?;
        let is_whole = sold.confirmed.min(sold.captured) >= all && sold.told >= 2 * all;
        if is_whole || Instant::now() > deadline {
            return Ok(sold);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

/// Tells of each capture as soon as it is made, as the provider does, until all are or time is up.
async fn tell_captures(
    address: SocketAddr,
    mut captured: UnboundedReceiver<IntentName>,
    captures: usize,
    deadline: Instant,
) -> Result<WebhookAnswers, BenchError> {
    let mut all = JoinSet::new();
    for _ in 0..captures {
        let next = tokio::time::timeout_at(deadline.into(), captured.recv()).await;
        let Ok(Some(intent)) = next else {
            break;
        };
        all.spawn(async move {
            let request = signed(address, till::event(till::CAPTURED, &intent), SECRET)?;
            let sender = http::connect(address).await?;
            tell(sender, request, StatusCode::OK).await
        });
    }
    answers(all).await
}

async fn begin_all(
    address: SocketAddr,
    stages: &Arc<Vec<StagedEvent>>,
    payments: usize,
) -> Result<(), BenchError> {
    let (pile, newest) = (Pile::default(), Newest::default());
    let buyers = RestBuyer::connect_all(BUYERS, address, stages, &pile, &newest).await?;
    let mut all = JoinSet::new();
    for (place, mut buyer) in buyers.into_iter().enumerate() {
        let mine = (place..payments).step_by(BUYERS).count();
        all.spawn(async move {
            for _ in 0..mine {
                buyer.begin_payment().await?;
            }
            Ok::<_, BenchError>(())
        });
    }
    while let Some(ended) = all.join_next().await {
        ended.map_err(|_| BenchError::Child("a buyer died"))??;
    }
    Ok(())
}

struct WebhookAnswers {
    latencies: Vec<Duration>,
}

/// Sends all of them at the same moment. Those with the server's secret have to be taken in, others refused.
async fn burst(
    address: SocketAddr,
    bodies: Vec<String>,
    secret: &'static str,
) -> Result<WebhookAnswers, BenchError> {
    let ready = Arc::new(Barrier::new(bodies.len()));
    let expected = match secret == SECRET {
        true => StatusCode::OK,
        false => StatusCode::BAD_REQUEST,
    };
    let mut all = JoinSet::new();
    for body in bodies {
        let sender = http::connect(address).await?;
        let ready = ready.clone();
        all.spawn(async move {
            let request = signed(address, body, secret)?;
            ready.wait().await;
            tell(sender, request, expected).await
        });
    }
    answers(all).await
}

async fn answers(
    mut all: JoinSet<Result<Duration, BenchError>>,
) -> Result<WebhookAnswers, BenchError> {
    let mut latencies = Vec::new();
    while let Some(ended) = all.join_next().await {
        latencies.push(ended.map_err(|_| BenchError::Child("a sender died"))??);
    }
    Ok(WebhookAnswers { latencies })
}

fn signed(
    address: SocketAddr,
    body: String,
    secret: &str,
) -> Result<Request<Full<Bytes>>, BenchError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let at = now.map_or(0, |now| now.as_secs());
    let signature = crate::payments::stripe::signature(at, body.as_bytes(), secret.as_bytes());
    let request = Request::post("/api/v1/webhooks/stripe")
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/json")
        .header("stripe-signature", signature)
        .body(Full::new(body.into()));
    request.map_err(|_| BenchError::Child("the request could not be built"))
}

async fn tell(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    expected: StatusCode,
) -> Result<Duration, BenchError> {
    let begun = Instant::now();
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    answer.into_body().collect().await?;
    match status == expected {
        true => Ok(begun.elapsed()),
        false => Err(BenchError::Child("a webhook was answered otherwise")),
    }
}
