//! Scans at the doors, for the event's staff.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::openapi::schema::{Object, ObjectBuilder};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::organizer_with;
use super::extract::{At, Body, NoBody, Query};
use super::fields::{Fields, Input};
use super::idempotency;
use super::page::{self, Page, RequestedUri};
use super::tickets::PRIVATE;
use crate::auth::passes::{PublicKey, verify};
use crate::auth::{Caller, Right};
use crate::config::rest::NAME_CHARS_MAX;
use crate::schema;
use crate::store::audit_trail::AuditEntry;
use crate::store::checkins::{
    AttendeesNamed, ListedCheckin, NotUndone, Scan, Scanned, ShownTicket, StillIn, TicketAttendee,
};
use crate::ticketing::admission::ScanResult;
use crate::ticketing::pass::PASS_CHARS_MAX;
use crate::ticketing::record::TicketStatus;
use crate::ticketing::reference::{parse_booking_reference, plain_digits, typed_ticket_code};
use crate::ticketing::{CheckinId, EventId, Revision, TicketId, UserId};

/// Characters of a code as it comes: with marks and spaces, where it was copied from a text.
const CODE_CHARS_MAX: usize = 100;
const NONCE_CHARS_MIN: usize = 8;
const NONCE_CHARS_MAX: usize = 100;
const GATE_CHARS_MAX: usize = 100;
/// Scans merged by one request.
const BATCH_MAX: usize = 200;
/// Tickets in one part of a bundle.
const BUNDLE_TICKETS_MAX: i64 = 2_000;

/// Either `code` or `payload`.
#[derive(ToSchema)]
#[schema(example = json!({"code": "TKT-20310601-7F3K9QWX", "nonce": "0f6e2c1b9a34", "gate": "North", "event_id": 2}))]
#[expect(dead_code, reason = "describes the body; `Read` reads it")]
pub(super) struct CheckinBody {
    /// As it is printed on the ticket.
    #[schema(schema_with = code, required = false)]
    code: Option<String>,
    /// The text of the QR.
    #[schema(schema_with = payload, required = false)]
    payload: Option<String>,
    /// Drawn for each scan, and sent again with it until it is answered.
    #[schema(schema_with = nonce)]
    nonce: String,
    #[schema(schema_with = gate, required = false)]
    gate: Option<String>,
    /// By the scanner's clock; without it: now.
    #[schema(schema_with = schema::time, required = false)]
    scanned_at: Option<String>,
    /// The event of these doors; without it: the ticket's own event.
    event_id: Option<EventId>,
}

#[derive(ToSchema)]
#[schema(example = json!({"event_id": 2, "entries": [{"code": "TKT-20310601-7F3K9QWX", "nonce": "0f6e2c1b9a34",
    "scanned_at": "2031-06-01T17:30:00Z"}]}))]
#[expect(dead_code, reason = "describes the body; `ReadBatch` reads it")]
pub(super) struct CheckinBatchBody {
    event_id: EventId,
    #[schema(min_items = 1, max_items = 200)]
    entries: Vec<CheckinEntry>,
}

/// Either `code` or `payload`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body; `Read` reads it")]
pub(super) struct CheckinEntry {
    #[schema(schema_with = code, required = false)]
    code: Option<String>,
    #[schema(schema_with = payload, required = false)]
    payload: Option<String>,
    #[schema(schema_with = nonce)]
    nonce: String,
    #[schema(schema_with = gate, required = false)]
    gate: Option<String>,
    #[schema(schema_with = schema::time, required = false)]
    scanned_at: Option<String>,
}

fn code() -> ObjectBuilder {
    schema::filled_up_to(CODE_CHARS_MAX)
}

fn payload() -> ObjectBuilder {
    schema::filled_up_to(PASS_CHARS_MAX)
}

fn nonce() -> ObjectBuilder {
    // It is trimmed, so blanks at its ends would not count.
    schema::filled_up_to(NONCE_CHARS_MAX)
        .min_length(Some(NONCE_CHARS_MIN))
        .pattern(Some(schema::TRIMMED))
}

fn gate() -> ObjectBuilder {
    schema::filled_up_to(GATE_CHARS_MAX)
}

enum Given {
    Code(String),
    Payload(String),
}

/// A scan as it was sent.
pub(super) struct ScanInput {
    given: Given,
    nonce: String,
    gate: Option<String>,
    scanned_at: Option<Timestamp>,
}

impl Input for ScanInput {
    fn read(fields: &mut Fields) -> Option<ScanInput> {
        fields.require(&["nonce"]);
        if fields.has("code") == fields.has("payload") {
            fields.refuse("code", "CODE_OR_PAYLOAD", "");
        }
        let code = fields.filled_text("code", CODE_CHARS_MAX);
        let payload = fields.filled_text("payload", PASS_CHARS_MAX);
        let nonce = fields.filled_text("nonce", NONCE_CHARS_MAX);
        if let Some(nonce) = &nonce
            && nonce.chars().count() < NONCE_CHARS_MIN
        {
            fields.refuse("nonce", "TOO_SHORT", NONCE_CHARS_MIN);
        }
        let gate = fields.filled_text("gate", GATE_CHARS_MAX);
        let scanned_at = fields.time("scanned_at");
        let given = match (code, payload) {
            (Some(code), _) => Given::Code(typed_ticket_code(&code)),
            (None, payload) => Given::Payload(payload?),
        };
        Some(ScanInput {
            given,
            nonce: nonce?,
            gate,
            scanned_at,
        })
    }
}

pub(super) struct ReadAt {
    scan: ScanInput,
    event: Option<EventId>,
}

impl Input for ReadAt {
    fn read(fields: &mut Fields) -> Option<ReadAt> {
        let event = fields.id("event_id");
        let scan = ScanInput::read(fields)?;
        Some(ReadAt { scan, event })
    }
}

pub(super) struct ReadBatch {
    event: EventId,
    entries: Vec<ScanInput>,
}

impl Input for ReadBatch {
    fn read(fields: &mut Fields) -> Option<ReadBatch> {
        fields.require(&["event_id", "entries"]);
        let event = fields.id("event_id");
        let entries = fields.list("entries", BATCH_MAX);
        if entries.as_ref().is_some_and(Vec::is_empty) {
            fields.refuse("entries", "EMPTY", "");
        }
        Some(ReadBatch {
            event: event?,
            entries: entries?,
        })
    }
}

fn scan(state: &ApiState, keys: &[PublicKey], read: ScanInput) -> Scan {
    let (kind, text) = match &read.given {
        Given::Code(code) => ("code", code),
        Given::Payload(text) => ("payload", text),
    };
    let shown_hash = Sha256::digest(format!("{kind} {text}")).into();
    let shown = match read.given {
        Given::Code(code) => ShownTicket::Code(code),
        Given::Payload(text) => verify(keys, &text).map_or(ShownTicket::Forged, ShownTicket::Pass),
    };
    Scan {
        shown,
        shown_hash,
        nonce: read.nonce,
        gate: read.gate,
        scanned_at: read.scanned_at.unwrap_or_else(|| state.desk.now()),
    }
}

fn unknown() -> ApiError {
    ApiError::not_found("TICKET_NOT_FOUND")
}

/// Let somebody in
///
/// For those who may `check_in`. The same nonce again is the same scan, and answered the same; with something else shown it
/// is refused. A refused scan is not kept.
#[utoipa::path(
    post, path = "/checkins", tag = "tickets", request_body = CheckinBody,
    responses(
        (status = 200, description = "Admitted, now or before with this nonce", body = Envelope<Scanned>,
            headers(("X-Event-Revision" = u64))),
        (status = 404, description = "`TICKET_NOT_FOUND`: no ticket of ours, or of an event whose doors are not the \
            caller's; `EVENT_NOT_FOUND`", body = Failure),
        (status = 409, description = "`ALREADY_USED {at, gate}`, `TICKET_VOID`, `TICKET_REPLACED`, `WRONG_EVENT`",
            body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`; `IDEMPOTENCY_MISMATCH`: the nonce was used for something else \
            that was shown", body = Failure),
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body { input, .. }: Body<ReadAt>,
) -> ApiResult<Reply<Scanned>> {
    let keys = state.store.public_keys().await?;
    let ReadAt { scan: read, event } = input;
    let scan = scan(&state, &keys, read);
    let event = match event {
        Some(event) => {
            guard(&state, &caller, Right::CheckIn, event).await?;
            event
        }
        None => own_event(&state, &caller, &scan).await?,
    };
    let scans = [scan];
    let by = caller.user_id();
    let (scanned, revision) = state.store.check_in(event, &scans, by, false).await?;
    let scanned = scanned.into_iter().next();
    let scanned = scanned.ok_or_else(|| ApiError::internal("a scan was not decided"))?;
    match scanned.result {
        ScanResult::Admitted => Ok(Reply::ok("CHECKED_IN", scanned).revision(revision)),
        ScanResult::AlreadyUsed => Err(ApiError::conflict("ALREADY_USED")
            .with("at", scanned.at.map(|at| at.to_string()))
            .with("gate", scanned.gate)),
        ScanResult::Void => Err(ApiError::conflict("TICKET_VOID")),
        ScanResult::Replaced => Err(ApiError::conflict("TICKET_REPLACED")),
        ScanResult::WrongEvent => Err(ApiError::conflict("WRONG_EVENT")),
        ScanResult::Unknown => Err(unknown()),
        ScanResult::NonceReused => Err(idempotency::mismatch()),
    }
}

/// The event of the ticket that is shown, if its doors are the caller's. To others the ticket does not exist.
async fn own_event(state: &ApiState, caller: &Caller, scan: &Scan) -> ApiResult<EventId> {
    let (event, organizer): (EventId, UserId) = match &scan.shown {
        ShownTicket::Code(code) => {
            let ticket = state.store.ticket(code).await?.ok_or_else(unknown)?;
            (ticket.event.id, ticket.belongs.organizer_id)
        }
        ShownTicket::Pass(pass) => {
            let organizer = state.store.organizer_of(pass.event).await?;
            (pass.event, organizer.ok_or_else(unknown)?)
        }
        ShownTicket::Forged => return Err(unknown()),
    };
    match caller.may(Right::CheckIn, organizer) {
        true => Ok(event),
        false => Err(unknown()),
    }
}

async fn guard(state: &ApiState, caller: &Caller, right: Right, event: EventId) -> ApiResult<()> {
    organizer_with(state, caller, &[right], event).await?;
    Ok(())
}

/// Merge scans that a gate made without network
///
/// In the order in which they were made. Each has its own result; all are kept, also those that should not have let
/// anybody in. Sent again, it is answered the same. An entry whose nonce was used for something else is `nonce_reused`, and
/// not kept: it may be sent under another nonce.
#[utoipa::path(
    post, path = "/checkins/batch", tag = "tickets", request_body = CheckinBatchBody,
    responses(
        (status = 200, description = "A result for each entry, in their order", body = Envelope<Vec<Scanned>>,
            headers(("X-Event-Revision" = u64))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn batch(
    State(state): State<ApiState>,
    caller: Caller,
    Body { input, .. }: Body<ReadBatch>,
) -> ApiResult<Reply<Vec<Scanned>>> {
    let ReadBatch { event, entries } = input;
    guard(&state, &caller, Right::CheckIn, event).await?;
    let keys = state.store.public_keys().await?;
    let entries = entries.into_iter();
    let scans: Vec<Scan> = entries.map(|entry| scan(&state, &keys, entry)).collect();
    let by = caller.user_id();
    let (scanned, revision) = state.store.check_in(event, &scans, by, true).await?;
    Ok(Reply::ok("CHECKINS", scanned).revision(revision))
}

/// Undo a check-in
///
/// For those who may `manage`: the ticket opens the door again. Where a gate without network let somebody in with it as well
/// (`already_used` when it was merged), that entry becomes its admission, the ticket stays used, and `data` names it; it may be
/// undone like every other. Sent again, it is done already.
#[utoipa::path(
    post, path = "/checkins/{checkin_id}/undo", tag = "tickets", params(("checkin_id" = CheckinId, Path)),
    responses(
        (status = 200, description = "Undone, now or before", body = Envelope<Option<StillIn>>,
            headers(("X-Event-Revision" = u64))),
        (status = 404, description = "`CHECKIN_NOT_FOUND`: there is none, or it let nobody in", body = Failure),
        (status = 409, description = "`TICKET_VOID`: the ticket was taken back since, or its booking ended", body = Failure),
    )
)]
pub(super) async fn undo(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<CheckinId>,
    _: NoBody,
) -> ApiResult<Reply<Option<StillIn>>> {
    let none = || ApiError::not_found("CHECKIN_NOT_FOUND");
    let found = state.store.checkin_belongs(id).await?;
    let (event, organizer) = found.ok_or_else(none)?;
    if !caller.may(Right::Manage, organizer) {
        return Err(ApiError::forbidden());
    }
    let by = caller.user_id();
    let entry = AuditEntry::of_event(&caller, organizer, event);
    let entry = entry.with(json!({ "checkin_undone": id }));
    match state.store.undo_checkin(event, id, by, &entry).await? {
        Ok((still, revision)) => Ok(Reply::ok("CHECKIN_UNDONE", still).revision(revision)),
        Err(NotUndone::NotFound) => Err(none()),
        Err(NotUndone::Void) => Err(ApiError::conflict("TICKET_VOID")),
    }
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BundleQuery {
    /// Tickets after this one: `next` of the part before.
    #[param(value_type = Option<TicketId>, required = false)]
    after: Option<TicketId>,
}

impl Input for BundleQuery {
    fn read(fields: &mut Fields) -> Option<BundleQuery> {
        Some(BundleQuery {
            after: fields.id("after"),
        })
    }
}

/// All that a gate needs without network.
#[derive(Serialize, ToSchema)]
pub(super) struct Bundle {
    event_id: EventId,
    /// The event's, when this was read.
    #[schema(schema_with = schema::revision)]
    revision: Revision,
    keys: Vec<BundleKey>,
    tickets: Vec<BundleTicketData>,
    /// `null`: this was the last part.
    next: Option<TicketId>,
}

/// The public half of an Ed25519 key.
#[derive(Serialize, ToSchema)]
pub(super) struct BundleKey {
    /// As a QR says it.
    id: u8,
    /// 32 bytes in base64url.
    public: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BundleTicketData {
    id: TicketId,
    /// A QR of another one is dead.
    generation: u16,
    status: TicketStatus,
    /// SHA-256 of the code that opens the door, in base64url.
    code_hash: String,
    /// The holder's, or the one that the booking gives for this ticket, or the buyer's. Personal: a gate keeps it no longer
    /// than the event lasts.
    name: Option<String>,
}

/// All that a gate needs to check tickets without network
///
/// For those who may `check_in`: public keys, and the event's tickets by id, 2,000 at once, with their holders' names; codes as
/// hashes only.
#[utoipa::path(
    get, path = "/events/{event_id}/checkin-bundle", tag = "tickets",
    params(("event_id" = EventId, Path), BundleQuery),
    responses(
        (status = 200, description = "A part of it", body = Envelope<Bundle>),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn bundle(
    State(state): State<ApiState>,
    caller: Caller,
    At(event): At<EventId>,
    Query(BundleQuery { after }): Query<BundleQuery>,
) -> ApiResult<Reply<Bundle>> {
    guard(&state, &caller, Right::CheckIn, event).await?;
    // A key that signs must be known before the first ticket is signed.
    state.store.signing_key().await?;
    let keys = state.store.public_keys().await?;
    let limit = BUNDLE_TICKETS_MAX;
    let (tickets, revision) = state.store.bundle(event, after, limit).await?;
    let is_full = i64::try_from(tickets.len()).is_ok_and(|count| count >= limit);
    let next = tickets.last().map(|ticket| ticket.id).filter(|_| is_full);
    let keys = keys.iter().map(|key| BundleKey {
        id: key.id,
        public: URL_SAFE_NO_PAD.encode(key.public),
    });
    let tickets = tickets.into_iter().map(|ticket| BundleTicketData {
        id: ticket.id,
        generation: ticket.generation,
        status: ticket.status,
        code_hash: URL_SAFE_NO_PAD.encode(Sha256::digest(ticket.code.as_bytes())),
        name: ticket.name,
    });
    let data = Bundle {
        event_id: event,
        revision,
        keys: keys.collect(),
        tickets: tickets.collect(),
        next,
    };
    let private = HeaderValue::from_static(PRIVATE);
    Ok(Reply::ok("CHECKIN_BUNDLE", data).header(header::CACHE_CONTROL, private))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AttendeeList {
    /// A reference, a ticket's code, or a part of a name.
    #[param(schema_with = schema::search, required = false)]
    q: Option<String>,
    #[param(ignore)]
    page: Page,
}

impl Input for AttendeeList {
    fn read(fields: &mut Fields) -> Option<AttendeeList> {
        let q = fields.text("q", NAME_CHARS_MAX);
        let page = Page::read(fields)?;
        Some(AttendeeList { q, page })
    }
}

/// People who may come in
///
/// The tickets of an event with the names of those who hold them, for those who may `check_in`: a ticket that nobody can
/// show is found by name, and let in by its code.
#[utoipa::path(
    get, path = "/events/{event_id}/attendees", tag = "tickets",
    params(("event_id" = EventId, Path), AttendeeList, Page),
    responses(
        (status = 200, description = "A page of them", body = Envelope<Vec<TicketAttendee>>,
            headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn attendees(
    State(state): State<ApiState>,
    caller: Caller,
    At(event): At<EventId>,
    Query(AttendeeList { q, page }): Query<AttendeeList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<TicketAttendee>>> {
    guard(&state, &caller, Right::CheckIn, event).await?;
    let after = page.after_id("attendees")?;
    let words = q.map(|words| plain_digits(&words));
    let words = words.as_deref().filter(|words| !words.is_empty());
    let code = words
        .map(|typed| parse_booking_reference(typed).unwrap_or_else(|| typed_ticket_code(typed)));
    let named = AttendeesNamed {
        event,
        words,
        code: code.as_deref(),
    };
    let found = state
        .store
        .attendees(named, after, page.rows_wanted(), page.offset);
    let (found, asked) = (found.await?, (&page, &asked));
    let reply = page::by_id("ATTENDEES", "attendees", found, asked, |one| one.ticket_id);
    let private = HeaderValue::from_static(PRIVATE);
    Ok(reply.header(header::CACHE_CONTROL, private))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckinList {
    /// Only those of this result.
    #[param(schema_with = kept_results, required = false)]
    result: Option<ScanResult>,
    #[param(ignore)]
    page: Page,
}

fn kept_results() -> Object {
    schema::choice(ScanResult::KEPT.map(ScanResult::as_str))
}

impl Input for CheckinList {
    fn read(fields: &mut Fields) -> Option<CheckinList> {
        let results = ScanResult::KEPT.map(|result| (result.as_str(), result));
        let result = fields.choice("result", &results);
        let page = Page::read(fields)?;
        Some(CheckinList { result, page })
    }
}

/// The check-ins of an event, newest first
///
/// For those who may `check_in`: all that let somebody in, and all that gates made without network, also with tickets that
/// were void, used or handed on.
#[utoipa::path(
    get, path = "/events/{event_id}/checkins", tag = "tickets",
    params(("event_id" = EventId, Path), CheckinList, Page),
    responses(
        (status = 200, description = "A page of them", body = Envelope<Vec<ListedCheckin>>,
            headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    At(event): At<EventId>,
    Query(CheckinList { result, page }): Query<CheckinList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<ListedCheckin>>> {
    guard(&state, &caller, Right::CheckIn, event).await?;
    let before = page.after_id("checkins")?;
    let found = state
        .store
        .checkins(event, result, before, page.rows_wanted(), page.offset);
    let (found, asked) = (found.await?, (&page, &asked));
    Ok(page::by_id(
        "CHECKIN_LIST",
        "checkins",
        found,
        asked,
        |one| one.id,
    ))
}
