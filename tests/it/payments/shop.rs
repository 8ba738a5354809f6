//! A shop with an event, and a provider outside of the process that has books of its own.

use seatcast::config::Config;
use seatcast::ticketing::EventId;
use serde_json::json;
use tokio_postgres::Client;

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one};
use crate::support::smtp::Smtp;
use crate::support::stripe::{Stripe, WEBHOOK_SECRET};

pub(super) const GOOD: &str = "4242424242424242";
pub(super) const PRICE: i64 = 1_500;
/// Where mails lead.
pub(super) const PAGES: &str = "https://tickets.example";

pub(super) struct Shop {
    pub(super) stripe: Stripe,
    pub(super) server: TestServer,
    pub(super) client: Client,
    pub(super) show: Staged,
}

/// A buyer's hold.
pub(super) struct Held {
    pub(super) id: String,
    pub(super) token: String,
}

impl Shop {
    pub(super) async fn open(tickets: i32) -> Shop {
        let stripe = Stripe::start().await;
        let base = stripe.base();
        Shop::open_before(stripe, base, tickets).await
    }

    /// The provider is asked at `base`.
    pub(super) async fn open_before(stripe: Stripe, base: String, tickets: i32) -> Shop {
        Shop::open_with(stripe, base, tickets, |_| {}).await
    }

    /// Mails go to this server.
    pub(super) async fn open_mailing(smtp: &Smtp, tickets: i32) -> Shop {
        let (stripe, url) = (Stripe::start().await, smtp.url());
        let base = stripe.base();
        let mails = |config: &mut Config| {
            config.mail.smtp_url = Some(url);
            config.mail.public_url = Some(PAGES.to_owned());
            config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
        };
        Shop::open_with(stripe, base, tickets, mails).await
    }

    pub(super) async fn open_with(
        stripe: Stripe,
        base: String,
        tickets: i32,
        set: impl FnOnce(&mut Config),
    ) -> Shop {
        let server = TestServer::builder()
            .with(|config| {
                config.stripe.secret_key = Some("sk_test_1".to_owned());
                config.stripe.webhook_secret = Some(format!("whsec_older, {WEBHOOK_SECRET}"));
                config.stripe.api_base = base;
                set(config);
            })
            .start()
            .await;
        stripe.notify(&format!("http://{}", server.address())).await;
        let client = server.client().await;
        let show = Show::new()
            .capacity(tickets)
            .ticket_type("Standing", PRICE, tickets)
            .stage(&client)
            .await;
        Shop {
            stripe,
            server,
            client,
            show,
        }
    }

    pub(super) async fn hold(&self, quantity: i64) -> Held {
        self.hold_of(self.show.event, quantity).await
    }

    pub(super) async fn hold_of(&self, event: EventId, quantity: i64) -> Held {
        let body = json!({"event_id": event, "quantity": quantity});
        let made = self
            .server
            .anonymous()
            .post("/api/v1/bookings", &body)
            .await;
        let data = made.data(201);
        Held {
            id: data["id"].as_str().unwrap().to_owned(),
            token: data["token"].as_str().unwrap().to_owned(),
        }
    }

    /// Begins to pay; the intent's id.
    pub(super) async fn begin(&self, held: &Held) -> String {
        let path = format!("/api/v1/bookings/{}/payment", held.id);
        let buyer = self.buyer(held);
        let began = buyer.post(&path, &json!({})).await;
        let secret = began.data(201)["client_secret"].as_str().unwrap();
        secret.split("_secret_").next().unwrap().to_owned()
    }

    pub(super) fn buyer(&self, held: &Held) -> crate::support::caller::Caller {
        let anonymous = self.server.anonymous();
        anonymous.with_header("x-booking-token", held.token.clone())
    }

    pub(super) async fn until(&self, sql: &str) {
        let waiting = async {
            while !one::<bool>(&self.client, sql, &[]).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect(sql);
    }

    pub(super) async fn until_status(&self, held: &Held, status: &str) {
        let Held { id, .. } = held;
        self.until(&format!(
            "select status = '{status}' from bookings where id = '{id}'"
        ))
        .await;
    }

    pub(super) async fn until_payment(&self, held: &Held, state: &str) {
        let Held { id, .. } = held;
        self.until(&format!(
            "select count(*) > 0 from payments where booking_id = '{id}' and state = '{state}'"
        ))
        .await;
    }

    /// Lets all waiting jobs run now, as a minute later.
    pub(super) async fn a_minute_later(&self) {
        let sql = "update jobs set run_at = clock_timestamp() where state = 'waiting'";
        self.client.execute(sql, &[]).await.unwrap();
    }

    /// Waits, while every job is let run now.
    pub(super) async fn in_the_end(&self, sql: &str) {
        let waiting = async {
            while !one::<bool>(&self.client, sql, &[]).await {
                self.a_minute_later().await;
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect(sql);
    }

    pub(super) async fn pass_the_deadline(&self, held: &Held) {
        let sql = format!(
            "update bookings set expires_at = clock_timestamp() where id = '{}'",
            held.id
        );
        self.client.execute(&sql, &[]).await.unwrap();
        self.until_status(held, "expired").await;
    }

    /// The amount that the provider took of this intent and kept.
    pub(super) async fn kept(&self, intent: &str) -> i64 {
        let books = self.stripe.books().await;
        let charges = books["charges"].as_array().unwrap();
        let of = charges.iter().filter(|one| one["payment_intent"] == intent);
        of.map(|one| {
            one["amount_captured"].as_i64().unwrap() - one["amount_refunded"].as_i64().unwrap()
        })
        .sum()
    }

    pub(super) async fn tickets(&self, held: &Held) -> i64 {
        let sql = format!(
            "select count(*) from tickets where booking_id = '{}' and status = 'valid'",
            held.id
        );
        one(&self.client, &sql, &[]).await
    }

    pub(super) async fn paid_and_sold(&self, held: &Held, intent: &str, quantity: i64) {
        self.until_status(held, "confirmed").await;
        self.until_payment(held, "captured").await;
        assert_eq!(self.kept(intent).await, quantity * PRICE);
        assert_eq!(self.tickets(held).await, quantity);
        self.server.audit().await;
    }
}
