//! Buyers and staff over HTTP, as a program outside would be one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::selling::{Act, BenchBuyer, Pile};
use crate::store::yardstick::StagedEvent;
use crate::ticketing::{BookingId, EventId, Revision};
use crate::tools::bench::{BenchError, http};

const REVISION: &str = "x-event-revision";
const TOKEN: &str = "x-booking-token";
/// The voucher of events with price rules.
pub(in crate::tools::bench) const VOUCHER: &str = "BENCH";
/// The form that the demo's page is sent: a card that pays.
const CARD: &str = "card=4242424242424242";
/// A page that waits for its tickets looks so often, and so many times.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 600;

/// A connection that is kept alive, as browsers do. Each booking is one ticket of one of the
/// events, of any of its types, with an idempotency key; the event's organizer confirms and
/// cancels.
pub(in crate::tools::bench) struct RestBuyer {
    basket: Basket,
    sender: SendRequest<Full<Bytes>>,
    host: String,
    stages: Arc<Vec<StagedEvent>>,
    pile: Pile,
    newest: Newest,
}

/// The contents of each booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tools::bench) enum Basket {
    OneTicket,
    /// One ticket of each of three types, with a voucher.
    ThreeTypesAndVoucher,
}

/// The newest revision that an answer named.
pub(in crate::tools::bench) type Newest = Arc<AtomicU64>;

#[derive(Deserialize)]
struct PaymentAnswer {
    data: BegunPayment,
}

#[derive(Deserialize)]
struct BegunPayment {
    redirect_url: String,
}

#[derive(Deserialize)]
struct SaleAnswer {
    data: AnsweredBooking,
}

#[derive(Deserialize)]
struct AnsweredBooking {
    id: BookingId,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    tickets: Vec<Value>,
}

impl RestBuyer {
    pub(in crate::tools::bench) async fn connect_all(
        buyers: usize,
        address: SocketAddr,
        stages: &Arc<Vec<StagedEvent>>,
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
                basket: Basket::OneTicket,
            });
        }
        Ok(all)
    }

    pub(in crate::tools::bench) fn with(self, basket: Basket) -> RestBuyer {
        RestBuyer { basket, ..self }
    }

    async fn book(&mut self) -> Result<(), BenchError> {
        let (event, held) = self.hold().await?;
        self.pile.put(Act::Book, (event, held.id));
        Ok(())
    }

    async fn hold(&mut self) -> Result<(EventId, AnsweredBooking), BenchError> {
        let stage = self.stages[rand::random_range(0..self.stages.len())].clone();
        let types = &stage.ticket_types;
        let first = rand::random_range(0..types.len());
        let item =
            |place: usize| json!({"ticket_type_id": types[place % types.len()], "quantity": 1});
        let body = match self.basket {
            Basket::OneTicket => json!({"event_id": stage.event, "items": [item(first)]}),
            Basket::ThreeTypesAndVoucher => json!({
                "event_id": stage.event, "items": [item(first), item(first + 1), item(first + 2)],
                "vouchers": [VOUCHER], "contact": {"name": "Ada", "email": "ada@example.org"},
            }),
        };
        let request =
            Request::post("/api/v1/bookings").header("idempotency-key", Uuid::new_v4().to_string());
        let (status, body) = self.send(request, &body).await?;
        if status != StatusCode::CREATED {
            return Err(BenchError::Child("the server refused a hold"));
        }
        let answer: SaleAnswer = serde_json::from_slice(&body)
            .map_err(|_| BenchError::Child("the answer to a booking names none"))?;
        Ok((stage.event, answer.data))
    }

    /// Holds, and begins to pay as the server's usual provider asks for it.
    pub(in crate::tools::bench) async fn begin_payment(&mut self) -> Result<(), BenchError> {
        let (_, held) = self.hold().await?;
        let token = held.token.unwrap_or_default();
        let pay = Request::post(format!("/api/v1/bookings/{}/payment", held.id));
        match self.send(pay.header(TOKEN, &token), &json!({})).await?.0 {
            StatusCode::CREATED => Ok(()),
            _ => Err(BenchError::Child("the server refused a payment")),
        }
    }

    /// Holds, pays with the demo's card, and waits for the tickets, as a page does.
    pub(in crate::tools::bench) async fn purchase(&mut self) -> Result<(), BenchError> {
        let (_, held) = self.hold().await?;
        let token = held.token.unwrap_or_default();
        let booking = format!("/api/v1/bookings/{}", held.id);
        let pay = Request::post(format!("{booking}/payment")).header(TOKEN, &token);
        let (status, body) = self.send(pay, &json!({"provider": "demo"})).await?;
        let began: PaymentAnswer = serde_json::from_slice(&body)
            .map_err(|_| BenchError::Child("the answer to a payment names no page"))?;
        if status != StatusCode::CREATED {
            return Err(BenchError::Child("the server refused a payment"));
        }
        let page = Request::post(began.data.redirect_url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, _) = self.send_text(page, CARD.to_owned()).await?;
        if status != StatusCode::SEE_OTHER {
            return Err(BenchError::Child("the demo's card was refused"));
        }
        for _ in 0..LOOKS_MAX {
            let look = Request::get(&booking).header(TOKEN, &token);
            let (_, body) = self.send_text(look, String::new()).await?;
            let seen: SaleAnswer = serde_json::from_slice(&body)
                .map_err(|_| BenchError::Child("the answer is no booking"))?;
            if seen.data.status == "confirmed" && !seen.data.tickets.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(BenchError::Child("a payment came to nothing"))
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
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.send_text(request, body.to_string()).await
    }

    async fn send_text(
        &mut self,
        request: hyper::http::request::Builder,
        body: String,
    ) -> Result<(StatusCode, Bytes), BenchError> {
        let request = request
            .header(header::HOST, &self.host)
            .body(Full::new(body.into()))
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
            Act::Purchase => self.purchase().await.map(|()| true),
            Act::Cancel => self.set_status(act, json!({"status": "cancelled"})).await,
        }
    }
}
