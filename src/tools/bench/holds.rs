//! Holds on one hot event: at the desk, by REST, and the naive way on the same Postgres.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::BenchError;
use super::process::allow_sockets;
use super::report::{Report, Target, count, millis, percentile};
use super::world::World;
use crate::config::{Config, DatabaseConfig};
use crate::desk::{BookingRequest, Desks};
use crate::store::audit::audit;
use crate::store::yardstick::{NaiveSeller, Stage};
use crate::ticketing::booking::{self, Item, Wish};

/// How long each way sells, after a warm-up.
const SELLING: Duration = Duration::from_secs(5);
/// From so many buyers on, batches have to pay.
const CROWD: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);

pub(super) fn run(buyers: &[usize], database: &DatabaseConfig) -> Result<(), BenchError> {
    let most = buyers.iter().copied().max().unwrap_or_default();
    allow_sockets(2 * most)?;
    let world = World::start(database)?;
    for &buyers in buyers {
        println!("{}", measure(&world, buyers)?);
    }
    let report = world.runtime.block_on(audit(&world.store))?;
    println!("audit: {report}");
    Ok(())
}

fn measure(world: &World, buyers: usize) -> Result<Report, BenchError> {
    let (ringing, silent, mut desk) = world.runtime.block_on(in_process(world, buyers))?;
    let (server, address) = world.server()?;
    let mut rest = world.runtime.block_on(by_rest(world, address, buyers))?;
    drop(server);

    let mut report = Report::new(format!(
        "{buyers} buyers, one hot event, one ticket each. Floor: the naive transaction (lock, \
         update, insert, insert, notify, commit), each buyer on a connection of its own."
    ));
    let floor = ringing.rate();
    let at_desk = (buyers >= CROWD).then_some(Target::AtLeast(8.0));
    for (name, sales, target) in [
        ("holds/s at the desk", &desk, at_desk),
        ("holds/s by REST", &rest, None),
        ("holds/s naive, without notify", &silent, None),
    ] {
        let pair = (count(sales.rate()), count(floor));
        report.compared(name, pair, sales.rate() / floor, target);
    }
    for (name, sales) in [("at the desk", &mut desk), ("by REST", &mut rest)] {
        let p50 = millis(percentile(&mut sales.latencies, 50));
        let p99 = millis(percentile(&mut sales.latencies, 99));
        report.fact(&format!("a hold takes {name}, p50"), p50);
        report.fact(&format!("a hold takes {name}, p99"), p99);
    }
    Ok(report)
}

/// The naive way with and without a notification, and the desk.
async fn in_process(world: &World, buyers: usize) -> Result<(Sales, Sales, Sales), BenchError> {
    world.store.set_naive_stage().await?;
    let ringing = sell(naive_buyers(world, buyers, true).await?).await?;
    let silent = sell(naive_buyers(world, buyers, false).await?).await?;
    let stage = world.store.set_stage().await?;
    let end = CancellationToken::new();
    let tasks = TaskTracker::new();
    let desks = Desks::new(
        world.store.clone(),
        Config::default().desk,
        tasks.clone(),
        end.clone(),
    );
    let buyer = DeskBuyer { desks, stage };
    let desk = sell(vec![buyer; buyers]).await?;
    end.cancel();
    tasks.close();
    tasks.wait().await;
    Ok((ringing, silent, desk))
}

async fn by_rest(world: &World, address: SocketAddr, buyers: usize) -> Result<Sales, BenchError> {
    let stage = world.store.set_stage().await?;
    let mut all = Vec::with_capacity(buyers);
    for _ in 0..buyers {
        all.push(RestBuyer::connect(address, &stage).await?);
    }
    sell(all).await
}

/// Somebody who holds one ticket after the other.
trait Buyer: Send + 'static {
    fn hold(&mut self) -> impl Future<Output = Result<(), BenchError>> + Send;
}

struct Sales {
    /// One for each hold.
    latencies: Vec<Duration>,
    wall: Duration,
}

impl Sales {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.wall.as_secs_f64()
    }
}

/// All buyers at once, each as fast as it is served. Counted is what begins after the warm-up.
async fn sell<B: Buyer>(buyers: Vec<B>) -> Result<Sales, BenchError> {
    let counted_from = Instant::now() + WARM_UP;
    let until = counted_from + SELLING;
    let mut tasks = JoinSet::new();
    for mut buyer in buyers {
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let begun = Instant::now();
                if begun > until {
                    return Ok(latencies);
                }
                buyer.hold().await?;
                if begun >= counted_from {
                    latencies.push(begun.elapsed());
                }
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let sold: Result<_, BenchError> = ended.map_err(|_| BenchError::Child("a buyer died"))?;
        latencies.extend(sold?);
    }
    let wall = counted_from.elapsed();
    Ok(Sales { latencies, wall })
}

async fn naive_buyers(
    world: &World,
    buyers: usize,
    rings: bool,
) -> Result<Vec<NaiveSeller>, BenchError> {
    let mut sellers = Vec::with_capacity(buyers);
    for _ in 0..buyers {
        sellers.push(world.store.naive_seller(rings).await?);
    }
    Ok(sellers)
}

impl Buyer for NaiveSeller {
    async fn hold(&mut self) -> Result<(), BenchError> {
        Ok(NaiveSeller::hold(self).await?)
    }
}

#[derive(Clone)]
struct DeskBuyer {
    desks: Desks,
    stage: Stage,
}

impl Buyer for DeskBuyer {
    async fn hold(&mut self) -> Result<(), BenchError> {
        let one = Item::Quantity {
            ticket_type_id: self.stage.ticket_type,
            quantity: 1,
        };
        let request = BookingRequest {
            event_id: self.stage.event,
            request: booking::Request {
                booking_id: uuid::Uuid::now_v7(),
                buyer: None,
                member: false,
                wish: Wish::Items(vec![one]),
            },
            token_hash: Some([0; 32]),
            key: None,
        };
        let held = self.desks.book(request).await;
        held.map(drop)
            .map_err(|_| BenchError::Child("the desk refused a hold"))
    }
}

/// A connection that is kept alive, as browsers do.
struct RestBuyer {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    body: Bytes,
}

impl RestBuyer {
    async fn connect(address: SocketAddr, stage: &Stage) -> Result<RestBuyer, BenchError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(BenchError::io("connect"))?;
        stream
            .set_nodelay(true)
            .map_err(BenchError::io("connect"))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let body = serde_json::json!({
            "event_id": stage.event,
            "items": [{"ticket_type_id": stage.ticket_type, "quantity": 1}],
        });
        Ok(RestBuyer {
            sender,
            host: address.to_string(),
            body: body.to_string().into(),
        })
    }
}

impl Buyer for RestBuyer {
    async fn hold(&mut self) -> Result<(), BenchError> {
        let request = Request::post("/api/v1/bookings")
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(self.body.clone()))
            .map_err(|_| BenchError::Child("the request could not be built"))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if response.status() != StatusCode::CREATED {
            return Err(BenchError::Child("the server refused a hold"));
        }
        response.into_body().collect().await?;
        Ok(())
    }
}
