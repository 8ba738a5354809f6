//! REST. Every route and its role on one screen; a handler calls one named store or desk function.
//!
//! `api` never names `hub` or `feed`: nothing is pushed from here. A write ends at COMMIT; the triggers
//! tell the viewers.

mod auth;
mod availability;
mod cache;
pub mod envelope;
pub mod error;
pub mod extract;
pub mod fields;
pub mod idempotency;
pub mod message;
pub mod page;

mod bookings;
mod caller;
mod checkins;
mod contact;
mod counted;
mod doors;
mod email_codes;
mod events;
mod exports;
mod health;
mod history;
mod interactions;
mod invoices;
mod jobs;
mod layers;
mod ledger;
mod mails;
mod memberships;
mod money;
mod notices;
mod numbers;
mod openapi;
mod organizations;
mod payments;
mod people;
mod prices;
mod push;
mod refunds;
mod reviews;
mod seats;
mod ticket_types;
mod tickets;
mod transfers;
mod users;
mod waitlist;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderName;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::any;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use self::caller::RoleCache;
use self::idempotency::InFlight;
use crate::auth::password::Passwords;
use crate::auth::proofs::Proofs;
use crate::auth::{Auth, Role};
use crate::board::Board;
use crate::config::Config;
use crate::config::rest::SEATMAP_BYTES_MAX;
use crate::desk::Desk;
use crate::interactions::Interactions;
use crate::jobs::Jobs;
use crate::limits::guest::GuestHasher;
use crate::limits::rates::Rates;
use crate::payments::Payments;
use crate::pdf::Printer;
use crate::push::Pusher;
use crate::store::{Store, StoreError};
use crate::ticketing::EventId;
use crate::ticketing::availability::Availability;
use crate::ticketing::live::EventInfo;

/// With it Stripe signs a webhook.
const STRIPE_SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// State of the handlers. Each layer and handler of a request has a clone, so it is one pointer.
#[derive(Clone)]
pub struct ApiState(Arc<ApiShared>);

impl Deref for ApiState {
    type Target = ApiShared;

    fn deref(&self) -> &ApiShared {
        &self.0
    }
}

/// The content of an [`ApiState`]: parts of the node, and what handlers share with each other.
pub struct ApiShared {
    pub config: Arc<Config>,
    pub auth: Auth,
    pub store: Store,
    /// Watched events, from memory.
    pub board: Board,
    pub desk: Desk,
    pub interactions: Interactions,
    /// Cancelled when the node begins to shut down.
    shutdown: CancellationToken,
    in_flight: InFlight,
    roles: RoleCache,
    rates: Rates,
    guests: GuestHasher,
    proofs: Proofs,
    jobs: Jobs,
    payments: Payments,
    passwords: Passwords,
    seatmaps: seats::KeptMaps,
    exports: exports::ExportPlaces,
    printer: Printer,
    pusher: Option<Pusher>,
    last_ping: health::LastPing,
}

/// Everything that handlers work with.
pub struct ApiParts {
    pub config: Arc<Config>,
    pub auth: Auth,
    pub store: Store,
    /// The key under which addresses of buyers without an account are hashed.
    pub guests_secret: [u8; 32],
    pub proofs: Proofs,
    pub board: Board,
    pub desk: Desk,
    pub interactions: Interactions,
    pub rates: Rates,
    pub jobs: Jobs,
    pub payments: Payments,
    pub printer: Printer,
    /// `None`: this server sends no messages to browsers.
    pub pusher: Option<Pusher>,
    pub shutdown: CancellationToken,
}

impl ApiState {
    pub fn new(parts: ApiParts) -> ApiState {
        let config = parts.config;
        ApiState(Arc::new(ApiShared {
            in_flight: InFlight::new(config.http.keys_in_flight_max),
            roles: RoleCache::new(&config.http),
            rates: parts.rates,
            guests: GuestHasher::new(parts.guests_secret),
            proofs: parts.proofs,
            jobs: parts.jobs,
            payments: parts.payments,
            passwords: Passwords::default(),
            seatmaps: seats::KeptMaps::default(),
            exports: exports::ExportPlaces::default(),
            printer: parts.printer,
            pusher: parts.pusher,
            last_ping: health::LastPing::default(),
            config,
            auth: parts.auth,
            store: parts.store,
            board: parts.board,
            desk: parts.desk,
            interactions: parts.interactions,
            shutdown: parts.shutdown,
        }))
    }
}

/// For everybody. Handlers check ownership where it matters.
fn everyone() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .nest("/availability", counts())
        .nest("/event-availability", counts())
        .routes(routes!(events::list)) // GET /events
        .routes(routes!(events::show)) // GET /events/{event_id}
        .routes(routes!(ticket_types::list)) // GET /events/{event_id}/ticket-types
        .routes(routes!(seats::seatmap::show)) // GET /events/{event_id}/seatmap
        .routes(routes!(seats::statuses)) // GET /events/{event_id}/seats
        .routes(routes!(notices::list)) // GET /events/{event_id}/notices
        .routes(routes!(bookings::create::create)) // POST /bookings
        .routes(routes!(bookings::quote::quote)) // POST /bookings/quote
        .routes(routes!(bookings::read::by_id)) // GET /bookings/{id}
        .routes(routes!(bookings::read::by_reference)) // GET /bookings/by-reference/{reference}
        .routes(routes!(bookings::find::find_again)) // POST /bookings/find
        .routes(routes!(bookings::find::open)) // POST /bookings/open
        .routes(routes!(email_codes::create)) // POST /email-codes
        .routes(routes!(bookings::read::stats)) // GET /bookings/event/{event_id}/stats
        .routes(routes!(bookings::swap::swap)) // PATCH /bookings/{id}
        .routes(routes!(bookings::status::set_status)) // PUT /bookings/{id}/status
        .routes(routes!(bookings::cancellation::preview)) // GET /bookings/{id}/cancellation
        .routes(routes!(tickets::show)) // GET /tickets/{code}
        .routes(routes!(tickets::qr_svg)) // GET /tickets/{code}/qr.svg
        .routes(routes!(tickets::qr_png)) // GET /tickets/{code}/qr.png
        .routes(routes!(tickets::pdf_of_one)) // GET /tickets/{code}/ticket.pdf
        .routes(routes!(transfers::offer)) // POST /tickets/{code}/transfer
        .routes(routes!(transfers::withdraw)) // DELETE /tickets/{code}/transfer
        .routes(routes!(transfers::accept)) // POST /transfers/{token}/accept
        .routes(routes!(tickets::pdf)) // GET /bookings/{id}/tickets.pdf
        .routes(routes!(tickets::ics)) // GET /bookings/{id}/calendar.ics
        .routes(routes!(mails::resend)) // POST /bookings/{id}/resend
        .routes(routes!(payments::pay)) // POST /bookings/{id}/payment
        .routes(routes!(payments::stripe)) // POST /webhooks/stripe
        .routes(routes!(ledger::invoices)) // GET /bookings/{id}/invoices
        .routes(routes!(invoices::pdf)) // GET /events/{event_id}/invoice/{file}
        .routes(routes!(refunds::policy)) // GET /events/{event_id}/refund-policy
        .routes(routes!(refunds::terms)) // GET /events/{event_id}/payment-terms
        .routes(routes!(users::create)) // POST /users
        .routes(routes!(interactions::create)) // POST /interactions
        .routes(routes!(push::key)) // GET /push/key
        .routes(routes!(push::subscribe)) // POST /push/subscriptions
        .routes(routes!(push::renew)) // POST /push/subscriptions/renew
        .routes(routes!(push::mine)) // GET /push/subscriptions/mine
        .routes(routes!(push::unsubscribe)) // DELETE /push/subscriptions/{subscription_id}
        .routes(routes!(auth::register)) // POST /auth/register
        .routes(routes!(auth::login)) // POST /auth/login
        .routes(routes!(auth::refresh)) // POST /auth/refresh
        .routes(routes!(auth::logout)) // POST /auth/logout
        .routes(routes!(auth::links::confirm)) // POST /auth/confirm
        .routes(routes!(auth::links::forgot)) // POST /auth/password/forgot
        .routes(routes!(auth::links::reset)) // POST /auth/password/reset
        .routes(routes!(auth::links::ask)) // POST /auth/link
        .routes(routes!(auth::links::open)) // POST /auth/link/open
}

/// Availability, served under two names.
fn counts() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(availability::several)) // GET
        .routes(routes!(availability::one)) // GET /{event_id}
        .routes(routes!(availability::sections)) // GET /{event_id}/sections
        .routes(routes!(availability::active)) // GET /all/active
}

/// For callers with an account. Handlers check ownership.
fn signed_in() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(bookings::read::mine)) // GET /bookings/mine
        .routes(routes!(tickets::mine)) // GET /tickets/mine
        .routes(routes!(bookings::read::of_user)) // GET /bookings/user/{user_id}
        .routes(routes!(users::show)) // GET /users/{user_id}
        .routes(routes!(memberships::list)) // GET /users/{user_id}/memberships
        .routes(routes!(auth::me)) // GET /auth/me
        .routes(routes!(auth::change_password)) // PUT /auth/password
        .routes(routes!(organizations::people::accept)) // POST /invitations/accept
        .routes(routes!(waitlist::join)) // POST /events/{event_id}/waitlist
        .routes(routes!(waitlist::mine)) // GET /waitlist/mine
        .routes(routes!(waitlist::show)) // GET /waitlist/{waiting_id}
        .routes(routes!(waitlist::leave)) // DELETE /waitlist/{waiting_id}
        .routes(routes!(waitlist::accept)) // POST /waitlist/{waiting_id}/accept
        .routes(routes!(waitlist::decline)) // POST /waitlist/{waiting_id}/decline
}

/// For organizers, each for own events, and admins.
fn organizers() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(events::management)) // GET /events/management/view
        .routes(routes!(events::doors)) // GET /events/doors/view
        .routes(routes!(events::edits::create)) // POST /events
        .routes(routes!(events::edits::replace)) // PUT /events/{event_id}
        .routes(routes!(events::edits::update)) // PATCH /events/{event_id}
        .routes(routes!(events::edits::remove)) // DELETE /events/{event_id}
        .routes(routes!(events::edits::pause)) // POST /events/{event_id}/pause
        .routes(routes!(events::edits::resume)) // POST /events/{event_id}/resume
        .routes(routes!(events::edits::complete)) // POST /events/{event_id}/complete
        .routes(routes!(events::edits::cancel)) // POST /events/{event_id}/cancel
        .routes(routes!(ticket_types::create)) // POST /events/{event_id}/ticket-types
        .routes(routes!(ticket_types::change)) // PATCH /events/{event_id}/ticket-types/{ticket_type_id}
        .routes(routes!(ticket_types::remove)) // DELETE /events/{event_id}/ticket-types/{ticket_type_id}
        .routes(routes!(prices::vouchers::list)) // GET /events/{event_id}/vouchers
        .routes(routes!(prices::vouchers::create)) // POST /events/{event_id}/vouchers
        .routes(routes!(prices::vouchers::change)) // PATCH /events/{event_id}/vouchers/{voucher_id}
        .routes(routes!(prices::vouchers::remove)) // DELETE /events/{event_id}/vouchers/{voucher_id}
        .routes(routes!(prices::taxes::list)) // GET /events/{event_id}/taxes
        .routes(routes!(prices::taxes::create)) // POST /events/{event_id}/taxes
        .routes(routes!(prices::taxes::change)) // PATCH /events/{event_id}/taxes/{tax_id}
        .routes(routes!(prices::taxes::remove)) // DELETE /events/{event_id}/taxes/{tax_id}
        .routes(routes!(prices::fees::list)) // GET /events/{event_id}/fees
        .routes(routes!(prices::fees::create)) // POST /events/{event_id}/fees
        .routes(routes!(prices::fees::change)) // PATCH /events/{event_id}/fees/{fee_id}
        .routes(routes!(prices::fees::remove)) // DELETE /events/{event_id}/fees/{fee_id}
        .routes(large(routes!(seats::seatmap::replace))) // PUT /events/{event_id}/seatmap
        .routes(routes!(seats::change)) // PATCH /events/{event_id}/seats
        .routes(routes!(notices::create)) // POST /events/{event_id}/notices
        .routes(routes!(notices::remove)) // DELETE /events/{event_id}/notices/{notice_id}
        .routes(routes!(waitlist::of_event)) // GET /events/{event_id}/waitlist
        .routes(routes!(bookings::read::of_event)) // GET /bookings/event/{event_id}
        .routes(routes!(numbers::analytics)) // GET /events/{event_id}/analytics
        .routes(routes!(numbers::funnel)) // GET /events/{event_id}/funnel
        .routes(routes!(history::changes)) // GET /events/{event_id}/changes
        .routes(routes!(exports::report)) // GET /events/{event_id}/report.csv
        .routes(routes!(exports::doors)) // GET /events/{event_id}/doors.csv
        .routes(routes!(checkins::create)) // POST /checkins
        .routes(routes!(checkins::batch)) // POST /checkins/batch
        .routes(routes!(checkins::undo)) // POST /checkins/{checkin_id}/undo
        .routes(routes!(checkins::bundle)) // GET /events/{event_id}/checkin-bundle
        .routes(routes!(checkins::list)) // GET /events/{event_id}/checkins
        .routes(routes!(checkins::attendees)) // GET /events/{event_id}/attendees
        .routes(routes!(organizations::people::list)) // GET /organizations/{organization_id}/members
        .routes(routes!(organizations::people::invite)) // POST /organizations/{organization_id}/members
        .routes(routes!(organizations::people::invitations)) // GET /organizations/{organization_id}/invitations
        .routes(routes!(organizations::people::withdraw)) // DELETE /organizations/{organization_id}/invitations/{invitation_id}
        .routes(routes!(organizations::people::set_role)) // PUT /organizations/{organization_id}/members/{user_id}
        .routes(routes!(organizations::people::remove)) // DELETE /organizations/{organization_id}/members/{user_id}
        .routes(routes!(organizations::people::audit_trail)) // GET /organizations/{organization_id}/audit-trail
        .routes(routes!(organizations::api_keys::list)) // GET /organizations/{organization_id}/api-keys
        .routes(routes!(organizations::api_keys::create)) // POST /organizations/{organization_id}/api-keys
        .routes(routes!(organizations::api_keys::revoke)) // DELETE /organizations/{organization_id}/api-keys/{api_key_id}
        .routes(routes!(organizations::taxes::list)) // GET /organizations/{organization_id}/taxes
        .routes(routes!(organizations::taxes::create)) // POST /organizations/{organization_id}/taxes
        .routes(routes!(organizations::taxes::change)) // PATCH /organizations/{organization_id}/taxes/{tax_id}
        .routes(routes!(organizations::taxes::remove)) // DELETE /organizations/{organization_id}/taxes/{tax_id}
        .routes(routes!(refunds::create)) // POST /bookings/{id}/refunds
        .routes(routes!(refunds::list)) // GET /bookings/{id}/refunds
        .routes(routes!(refunds::set_policy)) // PUT /events/{event_id}/refund-policy
        .routes(routes!(refunds::set_terms)) // PUT /events/{event_id}/payment-terms
        .routes(routes!(jobs::bulk)) // POST /bookings/bulk
        .routes(routes!(jobs::list)) // GET /jobs
        .routes(routes!(jobs::show)) // GET /jobs/{job_id}
        .routes(routes!(jobs::retry)) // POST /jobs/{job_id}/retry
        .routes(routes!(jobs::give_up)) // POST /jobs/{job_id}/drop
        .routes(routes!(reviews::list)) // GET /payments
        .routes(routes!(reviews::decide)) // POST /payments/{id}/review
        .routes(routes!(mails::list)) // GET /mails
        .routes(routes!(ledger::accounts)) // GET /ledger/accounts
        .routes(routes!(ledger::entries)) // GET /ledger/entries
        .routes(routes!(ledger::trial_balance)) // GET /ledger/trial-balance
        .routes(routes!(ledger::payout)) // GET /events/{event_id}/payout
}

/// For admins.
fn admins() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(users::list)) // GET /users
        .routes(routes!(users::change)) // PATCH /users/{user_id}
        .routes(routes!(organizations::people::whole_audit_trail)) // GET /audit-trail
        .routes(routes!(memberships::create)) // POST /users/{user_id}/memberships
        .routes(routes!(memberships::change)) // PUT /users/{user_id}/memberships/{membership_id}
        .routes(routes!(memberships::remove)) // DELETE /users/{user_id}/memberships/{membership_id}
}

/// For operators; outside of any API version.
fn health() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(health::about)) // GET /api
        .routes(routes!(health::alive)) // GET /healthz
        .routes(routes!(health::ready)) // GET /readyz
}

fn v1() -> OpenApiRouter<ApiState> {
    everyone()
        .merge(caller::only(Role::Customer, signed_in()))
        .merge(caller::only(Role::Organizer, organizers()))
        .merge(caller::only(Role::Admin, admins()))
}

/// Allows larger bodies, for seat maps.
fn large(routes: UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
    routes.layer(DefaultBodyLimit::max(SEATMAP_BYTES_MAX))
}

/// An event and its stock as everybody sees them; `None`: there is none, or it is not published.
///
/// # Errors
/// The database.
pub async fn public_event(
    state: &ApiState,
    event: EventId,
) -> Result<Option<(EventInfo, Availability)>, StoreError> {
    availability::public(state, event).await
}

/// All REST routes and the OpenAPI pages, to be merged with the socket's route and the pages.
pub fn router(state: ApiState, document: Value) -> Router {
    let (v1, _) = v1().split_for_parts();
    let identify = from_fn_with_state(state.clone(), caller::identify);
    let versions = Router::new()
        .nest("/v1", v1.layer(identify))
        .fallback(layers::no_such_route);
    let (health, _) = health().split_for_parts();
    let deadline = Duration::from_millis(state.config.http.request_timeout_ms);
    health
        .nest("/api", versions)
        // `nest` covers neither this path nor `/api`.
        .route("/api/", any(layers::no_such_route))
        .method_not_allowed_fallback(layers::no_such_method)
        // Wherever there is no route, also beside `/api`: clients take an empty 404 for a success.
        .fallback(layers::no_such_route)
        .merge(openapi::pages(document, state.auth.dev()))
        .layer(DefaultBodyLimit::max(state.config.http.body_bytes_max))
        .layer(from_fn_with_state(deadline, layers::deadline))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(state.rates.clone(), doors::admit))
        .layer(from_fn(layers::observe))
        .layer(layers::gunzip())
        .layer(layers::gzip())
        .layer(layers::cors())
        .with_state(state)
}

/// For connections past all bounds: how the node is, and for everything else the word to come back.
pub fn spare(state: ApiState) -> Router {
    let (health, _) = health().split_for_parts();
    let deadline = Duration::from_millis(state.config.http.request_timeout_ms);
    health
        .fallback(layers::no_room)
        .layer(from_fn_with_state(deadline, layers::deadline))
        .layer(from_fn(layers::observe))
        .layer(layers::cors())
        .with_state(state)
}

/// For the time until the node can serve: it lives, and is not ready.
pub fn starting() -> Router {
    health::starting()
        .layer(from_fn(layers::observe))
        .layer(layers::cors())
}

/// Wraps routes of another stage in the layers for caller, envelope and CORS; without deadline and gzip, since
/// their answers may be endless.
pub fn with_callers(state: ApiState, routes: Router) -> Router {
    let admit = from_fn_with_state(state.rates.clone(), doors::admit);
    routes
        .layer(from_fn_with_state(state, caller::identify))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(admit)
        .layer(from_fn(layers::observe))
        .layer(layers::cors())
}

/// Wraps routes of another stage that find their callers themselves, in the layers for request ids, panics, gzip and CORS.
pub fn with_cors(routes: Router) -> Router {
    routes
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::observe))
        .layer(layers::gzip())
        .layer(layers::cors())
}

/// Lets the pages' answers say in JSON that there is no such page or file.
pub fn with_not_found(pages: Router) -> Router {
    pages.layer(from_fn(layers::tell_not_found))
}

/// Puts the doors before routes of other stages that have layers of their own.
pub fn with_doors(state: &ApiState, routes: Router) -> Router {
    doors::before(state.rates.clone(), routes)
}

/// The OpenAPI document of the routes here and of those in `others`, as JSON.
pub fn document(others: impl IntoIterator<Item = OpenApi>) -> Value {
    let mut document = OpenApiRouter::with_openapi(openapi::base())
        .merge(health())
        .nest("/api/v1", v1())
        .into_openapi();
    for other in others {
        document.merge(other);
    }
    // Its members are text, numbers and lists of them, which cannot fail to serialise.
    openapi::complete(serde_json::to_value(document).unwrap_or_default())
}
