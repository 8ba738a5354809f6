//! An event's numbers over time: sales, and how far visitors came.

use axum::extract::State;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::openapi::schema::Object;
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::organizer_with;
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use crate::auth::{Caller, Right};
use crate::config::inside::{
    FUNNEL_HOURS_MAX, FUNNEL_STEPS_MAX, NUMBERS_DAYS_MAX, NUMBERS_HOURS_MAX,
};
use crate::schema;
use crate::store::numbers::NumbersEvent;
use crate::ticketing::interaction::ACTION_CHARS_MAX;
use crate::ticketing::numbers::{
    ActionCount, BookingNumbers, NumbersPoint, NumbersStep, StepCount, TicketNumbers,
};
use crate::ticketing::record::Money;
use crate::ticketing::{EventId, TicketTypeId};

/// Days that are answered where no time is asked for.
const DAYS_DEFAULT: i64 = 30;
const HOURS_DEFAULT: i64 = 48;
/// The way to a ticket, as the clients of the source documents report it.
const STEPS: [&str; 4] = [
    "event_viewed",
    "ticket_selected",
    "form_field_changed",
    "payment_initiated",
];

/// The time asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Period {
    /// From this time on (RFC 3339). By default 30 days before `to`, by the hour 48 hours.
    #[param(schema_with = schema::time, required = false)]
    from: Option<Timestamp>,
    /// Up to this time (RFC 3339), which is not part of it; by default now.
    #[param(schema_with = schema::time, required = false)]
    to: Option<Timestamp>,
}

impl Input for Period {
    fn read(fields: &mut Fields) -> Option<Period> {
        Some(Period {
            from: fields.time("from"),
            to: fields.time("to"),
        })
    }
}

impl Period {
    /// # Errors
    /// 422: it ends before it begins, or has more than `hours_max`.
    fn bounds(
        &self,
        now: Timestamp,
        hours_default: i64,
        hours_max: i64,
    ) -> ApiResult<(Timestamp, Timestamp)> {
        let to = self.to.unwrap_or(now);
        let default = || {
            to.checked_sub(SignedDuration::from_hours(hours_default))
                .ok()
        };
        let from = self.from.or_else(default).unwrap_or(to);
        if from >= to {
            return Err(ApiError::invalid_field("to", "NOT_AFTER_FROM"));
        }
        if to.duration_since(from) > SignedDuration::from_hours(hours_max) {
            return Err(ApiError::invalid_field("from", "PERIOD_TOO_LONG"));
        }
        Ok((from, to))
    }
}

/// The numbers asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AnalyticsQuery {
    #[param(ignore)]
    period: Period,
    /// `day` (default), at most 366 of them, or `hour`, at most 744.
    #[param(schema_with = steps, required = false)]
    step: NumbersStep,
}

fn steps() -> Object {
    schema::choice(NumbersStep::ALL.map(NumbersStep::name))
}

impl Input for AnalyticsQuery {
    fn read(fields: &mut Fields) -> Option<AnalyticsQuery> {
        let choices = NumbersStep::ALL.map(|step| (step.name(), step));
        Some(AnalyticsQuery {
            step: fields.choice("step", &choices).unwrap_or(NumbersStep::Day),
            period: Period::read(fields)?,
        })
    }
}

/// Bookings by their outcome. Each is counted when it happened.
#[derive(Serialize, ToSchema)]
pub(super) struct Sales {
    /// Bookings made, as holds or at once.
    bookings_made: i64,
    tickets_held: i64,
    /// Confirmed ones, whatever became of them later.
    bookings_confirmed: i64,
    tickets_sold: i64,
    /// The totals of these bookings; of those that staff gave away nothing.
    revenue: Money,
    /// Holds that ran out.
    holds_expired: i64,
    /// Holds that were given up.
    holds_cancelled: i64,
    /// Confirmed ones that were cancelled or refunded.
    bookings_returned: i64,
    tickets_returned: i64,
    /// Money that went back, also in part, at the provider, or to a cardholder's bank; of bookings that ended before
    /// money came for them their totals.
    revenue_returned: Money,
    /// `revenue` without `revenue_returned`.
    revenue_net: Money,
    /// Bookings confirmed for each one made; `null` where none was made.
    conversion: Option<f64>,
    /// From hold to confirmation on average; `null` where no hold was confirmed.
    seconds_to_pay: Option<f64>,
}

/// Tickets of one type, at their prices: without what fees and discounts make of a whole booking.
#[derive(Serialize, ToSchema)]
pub(super) struct TypeSales {
    ticket_type_id: TicketTypeId,
    tickets_sold: i64,
    tickets_returned: i64,
    revenue: Money,
    revenue_returned: Money,
}

/// One hour or day.
#[derive(Serialize, ToSchema)]
pub(super) struct SalesPoint {
    /// When it begins, with the offset of the event's time zone.
    #[schema(value_type = String, format = DateTime)]
    at: String,
    #[serde(flatten)]
    sales: Sales,
    ticket_types: Vec<TypeSales>,
}

/// Sales over time.
#[derive(Serialize, ToSchema)]
pub(super) struct Analytics {
    event_id: EventId,
    timezone: String,
    step: NumbersStep,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// People who are on the event's pages now, on all nodes.
    present: i64,
    /// The sums of all points.
    total: Sales,
    ticket_types: Vec<TypeSales>,
    /// By time; hours or days in which nothing happened are left out.
    points: Vec<SalesPoint>,
}

/// Sales over time
///
/// Bookings made, confirmed, expired and given back, tickets and revenue by hour or day of the event's time zone, and by
/// ticket type. Needs the right `figures`.
#[utoipa::path(get, path = "/events/{event_id}/analytics", tag = "numbers",
    params(("event_id" = EventId, Path), Period, AnalyticsQuery),
    responses(
        (status = 200, body = Envelope<Analytics>),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`"),
    ))]
pub(super) async fn analytics(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(asked): Query<AnalyticsQuery>,
) -> ApiResult<Reply<Analytics>> {
    let event = event_with(&state, &caller, Right::Figures, event_id).await?;
    let step = asked.step;
    let (hours, hours_max) = match step {
        NumbersStep::Hour => (HOURS_DEFAULT, NUMBERS_HOURS_MAX),
        NumbersStep::Day => (DAYS_DEFAULT * 24, NUMBERS_DAYS_MAX * 24),
    };
    let (from, to) = asked.period.bounds(state.desk.now(), hours, hours_max)?;
    let (timezone, name) = timezone(&event);
    let report = state.store.sales_report(event_id, (from, to), step, &name);
    let report = report.await?;
    let currency = &event.currency;
    let types = report.tickets();
    let total = Sales::of(report.bookings(), &types, currency);
    let point = |point: &NumbersPoint| SalesPoint {
        at: local(point.at, &timezone),
        sales: Sales::of(point.bookings, &point.tickets, currency),
        ticket_types: TypeSales::all(&point.tickets, currency),
    };
    let analytics = Analytics {
        event_id,
        step,
        from,
        to,
        present: report.present,
        total,
        ticket_types: TypeSales::all(&types, currency),
        points: report.points.iter().map(point).collect(),
        timezone: name,
    };
    Ok(Reply::ok("ANALYTICS", analytics))
}

/// How far to look, and for which steps.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FunnelQuery {
    #[param(ignore)]
    period: Period,
    /// The actions that are steps, in order, separated by commas. By default `event_viewed`, `ticket_selected`,
    /// `form_field_changed`, `payment_initiated`.
    #[param(schema_with = step_names, required = false)]
    steps: Vec<String>,
}

fn step_names() -> Object {
    schema::filled_up_to(FUNNEL_STEPS_MAX * (ACTION_CHARS_MAX + 1))
        .examples(["ticket_selected,payment_initiated"])
        .build()
}

impl Input for FunnelQuery {
    fn read(fields: &mut Fields) -> Option<FunnelQuery> {
        let named = fields.filled_text("steps", FUNNEL_STEPS_MAX * (ACTION_CHARS_MAX + 1));
        let mut steps: Vec<String> = Vec::new();
        for step in named.iter().flat_map(|named| named.split(',')) {
            let step = step.trim();
            if !step.is_empty() && !steps.iter().any(|one| one == step) {
                steps.push(step.to_owned());
            }
        }
        if steps.len() > FUNNEL_STEPS_MAX {
            fields.refuse("steps", "TOO_MANY", FUNNEL_STEPS_MAX);
        }
        if steps.is_empty() {
            steps = STEPS.map(str::to_owned).into();
        }
        Some(FunnelQuery {
            steps,
            period: Period::read(fields)?,
        })
    }
}

/// How far visitors came.
#[derive(Serialize, ToSchema)]
pub(super) struct Funnel {
    event_id: EventId,
    /// Everything since then was read.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// False where there are more reports than are read at once: these are the newest 50,000.
    is_whole: bool,
    /// Reports that were read.
    interactions: i64,
    /// Visitors who reported anything: sessions, or accounts where no session was named.
    sessions: i64,
    /// In the order asked for.
    steps: Vec<StepCount>,
    /// Those of most visitors first, at most 50.
    actions: Vec<ActionCount>,
}

/// How far visitors came
///
/// From the reports of clients (`POST /interactions`, `track`): distinct sessions by step, and how many reported no later
/// one. Needs the right `figures`.
#[utoipa::path(get, path = "/events/{event_id}/funnel", tag = "numbers",
    params(("event_id" = EventId, Path), Period, FunnelQuery),
    responses(
        (status = 200, body = Envelope<Funnel>),
        (status = 404, body = Failure, description = "`EVENT_NOT_FOUND`"),
        (status = 422, body = Failure, description = "`VALIDATION_FAILED`"),
    ))]
pub(super) async fn funnel(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(asked): Query<FunnelQuery>,
) -> ApiResult<Reply<Funnel>> {
    event_with(&state, &caller, Right::Figures, event_id).await?;
    let now = state.desk.now();
    let (from, to) = asked
        .period
        .bounds(now, DAYS_DEFAULT * 24, FUNNEL_HOURS_MAX)?;
    // The newest are stamped by the database, of whose clock the node's notion is behind.
    let until = asked.period.to.unwrap_or(Timestamp::MAX);
    let report = (state.store).funnel(event_id, (from, until), &asked.steps);
    let report = report.await?;
    let funnel = Funnel {
        event_id,
        from: report.from,
        to,
        is_whole: report.is_whole,
        interactions: report.interactions,
        sessions: report.sessions,
        steps: report.steps,
        actions: report.actions,
    };
    Ok(Reply::ok("FUNNEL", funnel))
}

/// The event, if the caller has this right in its organization.
pub(super) async fn event_with(
    state: &ApiState,
    caller: &Caller,
    right: Right,
    event_id: EventId,
) -> ApiResult<NumbersEvent> {
    let event = state.store.numbers_event(event_id).await?;
    let event = event.ok_or_else(|| ApiError::not_found("EVENT_NOT_FOUND"))?;
    organizer_with(state, caller, &[right], event_id).await?;
    Ok(event)
}

/// The event's time zone, and its name. UTC where plain SQL has stored something else.
pub(super) fn timezone(event: &NumbersEvent) -> (TimeZone, String) {
    match TimeZone::get(&event.timezone) {
        Ok(timezone) => (timezone, event.timezone.clone()),
        Err(_) => (TimeZone::UTC, "UTC".to_owned()),
    }
}

fn local(at: Timestamp, timezone: &TimeZone) -> String {
    let offset = timezone.to_offset(at);
    at.display_with_offset(offset).to_string()
}

impl Sales {
    fn of(numbers: BookingNumbers, types: &[TicketNumbers], currency: &str) -> Sales {
        let money = |amount| money(amount, currency);
        Sales {
            bookings_made: numbers.made,
            tickets_held: numbers.made_tickets,
            bookings_confirmed: numbers.sold,
            tickets_sold: types.iter().map(|one| one.sold).sum(),
            revenue: money(numbers.sold_amount),
            holds_expired: numbers.expired,
            holds_cancelled: numbers.cancelled,
            bookings_returned: numbers.returned,
            tickets_returned: types.iter().map(|one| one.returned).sum(),
            revenue_returned: money(numbers.returned_amount),
            revenue_net: money(numbers.sold_amount - numbers.returned_amount),
            conversion: numbers.conversion(),
            seconds_to_pay: numbers.seconds_to_pay(),
        }
    }
}

impl TypeSales {
    fn all(types: &[TicketNumbers], currency: &str) -> Vec<TypeSales> {
        let of = |one: &TicketNumbers| TypeSales {
            ticket_type_id: one.ticket_type_id,
            tickets_sold: one.sold,
            tickets_returned: one.returned,
            revenue: money(one.sold_amount, currency),
            revenue_returned: money(one.returned_amount, currency),
        };
        types.iter().map(of).collect()
    }
}

fn money(amount: i64, currency: &str) -> Money {
    Money {
        amount,
        currency: currency.to_owned(),
    }
}
