//! Buyers and staff over HTTP, as a program outside would be one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::selling::{Act, BenchBuyer, Pile};
use crate::store::yardstick::Stage;
use crate::ticketing::{BookingId, Revision};
use crate::tools::bench::{BenchError, http};

const REVISION: &str = "x-event-revision";

/// A connection that is kept alive, as browsers do. Each booking is one ticket of one of the
/// events, of any of its types, with an idempotency key; the event's organizer confirms and
/// cancels.
pub(in crate::tools::bench) struct RestBuyer {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    stages: Arc<Vec<Stage>>,
    pile: Pile,
    newest: Newest,
}

/// The newest revision that an answer named.
pub(in crate::tools::bench) type Newest = Arc<AtomicU64>;

#[derive(Deserialize)]
struct SaleAnswer {
    data: AnsweredBooking,
}

#[derive(Deserialize)]
struct AnsweredBooking {
    id: BookingId,
}

impl RestBuyer {
    pub(in crate::tools::bench) async fn connect_all(
        buyers: usize,
        address: SocketAddr,
        stages: &Arc<Vec<Stage>>,
        pile: &Pile,
        newest: &Newest,
    ) -> Result<Vec<RestBuyer>, BenchError> {
        let mut all = Vec::with_capacity(buyers);
        for _ in 0..buyers {
            all.push(RestBuyer {
                sender: http::connect(address).await?,
                host: address.to_string(),
                stages: stages.clone(),
                pile: pile.clone(),
                newest: newest.clone(),
            });
        }
        Ok(all)
    }

    async fn book(&mut self) -> Result<(), BenchError> {
        let stage = self.stages[rand::random_range(0..self.stages.len())].clone();
        let types = &stage.ticket_types;
        let body = json!({
            "event_id": stage.event,
            "items": [{"ticket_type_id": types[rand::random_range(0..types.len())], "quantity": 1}],
        });
        let request =
            Request::post("/api/v1/bookings").header("idempotency-key", Uuid::new_v4().to_string());
        let (status, body) = self.send(request, &body).await?;
        if status != StatusCode::CREATED {
            return Err(BenchError::Child("the server refused a hold"));
        }
        let answer: SaleAnswer = serde_json::from_slice(&body)
            .map_err(|_| BenchError::Child("the answer to a booking names none"))?;
        self.pile.put(Act::Book, (stage.event, answer.data.id));
        Ok(())
    }

    /// Whether there was a booking for it.
    async fn set_status(&mut self, act: Act, body: Value) -> Result<bool, BenchError> {
        let Some((event, booking)) = self.pile.take(act) else {
            return Ok(false);
        };
        // All events of a bench are one organizer's.
        let request = Request::put(format!("/api/v1/bookings/{booking}/status"))
            .header("x-user-id", self.stages[0].organizer.to_string());
        if self.send(request, &body).await?.0 != StatusCode::OK {
            return Err(BenchError::Child(
                "the server refused a booking's new status",
            ));
        }
        self.pile.put(act, (event, booking));
        Ok(true)
    }

    async fn send(
        &mut self,
        request: hyper::http::request::Builder,
        body: &Value,
    ) -> Result<(StatusCode, Bytes), BenchError> {
        let request = request
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.to_string().into()))
            .map_err(|_| BenchError::Child("the request could not be built"))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if let Some(revision) = revision(&response) {
            self.newest.fetch_max(revision, Ordering::Relaxed);
        }
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

fn revision<B>(response: &Response<B>) -> Option<Revision> {
    let header = response.headers().get(REVISION)?;
    header.to_str().ok()?.parse().ok()
}

impl BenchBuyer for RestBuyer {
    async fn act(&mut self, act: Act) -> Result<bool, BenchError> {
        match act {
            Act::Book => self.book().await.map(|()| true),
            Act::Confirm => {
                let paid = json!({"status": "confirmed", "paid_by": "cash"});
                self.set_status(act, paid).await
            }
            Act::Cancel => self.set_status(act, json!({"status": "cancelled"})).await,
        }
    }
}
