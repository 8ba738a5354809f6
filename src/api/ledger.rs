//! The books: accounts, entries, the trial balance, what an event earned, invoices.

use axum::extract::State;
use utoipa::IntoParams;

use super::ApiState;
use super::bookings::{ProofToken, is_visible, not_found};
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use super::events::organizer_with;
use super::extract::{At, Query};
use super::fields::{Fields, Input};
use super::page::{self, LongPage, Page, RequestedUri};
use crate::auth::{Caller, Right};
use crate::config::rest::LEDGER_ACCOUNTS_MAX;
use crate::store::books::{EntriesOf, LedgerAccount, LedgerEntry, Payout, TrialBalance};
use crate::store::invoices::Invoice;
use crate::ticketing::{BookingId, EventId, UserId};

/// The owner of the books.
#[derive(Debug, Clone, Copy, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BooksOf {
    /// The organization. Admins may leave it out: then it is all of them together.
    organization_id: Option<UserId>,
}

impl Input for BooksOf {
    fn read(fields: &mut Fields) -> Option<BooksOf> {
        let organization_id = fields.id("organization_id");
        Some(BooksOf { organization_id })
    }
}

/// Selection of entries.
#[derive(Debug, Clone, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EntryList {
    /// The organization. Admins may leave it out: then it is all of them together.
    organization_id: Option<UserId>,
    /// Only those of this account.
    #[param(minimum = 1)]
    account_id: Option<i64>,
    #[param(ignore)]
    page: Page,
}

impl Input for EntryList {
    fn read(fields: &mut Fields) -> Option<EntryList> {
        let organization_id = fields.id("organization_id");
        let account_id = fields.id("account_id");
        let page = Page::read(fields)?;
        Some(EntryList {
            organization_id,
            account_id,
            page,
        })
    }
}

/// The organization whose books the caller may read; `None`: all.
fn books(caller: &Caller, organization: Option<UserId>) -> ApiResult<Option<UserId>> {
    if caller.is_admin() {
        return Ok(organization);
    }
    let own = caller.organizations_with(Right::Money);
    match (organization, &own[..]) {
        (Some(named), _) if caller.may(Right::Money, named) => Ok(Some(named)),
        (None, [only]) => Ok(Some(only.founder())),
        _ => Err(ApiError::forbidden()),
    }
}

/// Accounts with their balances
#[utoipa::path(
    get, path = "/ledger/accounts", tag = "ledger", params(BooksOf, Page),
    responses((status = 200, body = Envelope<Vec<LedgerAccount>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn accounts(
    State(state): State<ApiState>,
    caller: Caller,
    Query(of): Query<BooksOf>,
    Query(page): Query<Page>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<LedgerAccount>>> {
    let organization = books(&caller, of.organization_id)?;
    let accounts = state
        .store
        .ledger_accounts(organization, LEDGER_ACCOUNTS_MAX)
        .await?;
    let asked = (&page, &asked);
    page::of_whole("LEDGER_ACCOUNTS", "accounts", accounts, asked, |account| {
        account.id
    })
}

/// Debits and credits by currency
///
/// The books are right if both are the same in each currency. Without `limit` at most 100.
#[utoipa::path(
    get, path = "/ledger/trial-balance", tag = "ledger", params(BooksOf, LongPage),
    responses((status = 200, body = Envelope<Vec<TrialBalance>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn trial_balance(
    State(state): State<ApiState>,
    caller: Caller,
    Query(of): Query<BooksOf>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<TrialBalance>>> {
    let organization = books(&caller, of.organization_id)?;
    let balance = state
        .store
        .trial_balance(organization, LEDGER_ACCOUNTS_MAX)
        .await?;
    let asked = (&page, &asked);
    page::of_whole("TRIAL_BALANCE", "balance", balance, asked, |one| {
        one.currency.clone()
    })
}

/// Entries, the newest first
#[utoipa::path(
    get, path = "/ledger/entries", tag = "ledger", params(EntryList, Page),
    responses((status = 200, body = Envelope<Vec<LedgerEntry>>, headers(("X-Total-Count" = i64), ("Link" = String))))
)]
pub(super) async fn entries(
    State(state): State<ApiState>,
    caller: Caller,
    Query(list): Query<EntryList>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<LedgerEntry>>> {
    let organization = books(&caller, list.organization_id)?;
    let EntryList {
        account_id: account,
        page,
        ..
    } = list;
    let of = EntriesOf {
        organization,
        account,
        before: page.after_id("ledger")?,
    };
    let wanted = (page.rows_wanted(), page.offset);
    let entries = state.store.ledger_entries(of, wanted).await?;
    let total = state.store.ledger_entries_total(of).await?;
    let (entries, asked) = ((entries, total), (&page, &asked));
    Ok(page::by_id(
        "LEDGER_ENTRIES",
        "ledger",
        entries,
        asked,
        |entry| entry.id,
    ))
}

/// An event's earnings, by currency
///
/// Without `limit` at most 100.
#[utoipa::path(
    get, path = "/events/{event_id}/payout", tag = "ledger", params(("event_id" = EventId, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<Payout>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`EVENT_NOT_FOUND`", body = Failure),
    )
)]
pub(super) async fn payout(
    State(state): State<ApiState>,
    caller: Caller,
    At(event_id): At<EventId>,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Payout>>> {
    organizer_with(&state, &caller, &[Right::Money], event_id).await?;
    let (payout, asked) = (state.store.payout(event_id).await?, (&page, &asked));
    page::of_whole("PAYOUT", "payout", payout, asked, |one| {
        one.currency.clone()
    })
}

/// Invoices and credit notes of a booking
///
/// For its owner, and for the people of the event's organization. They are numbered in the moment after the sale.
/// Without `limit` at most 100.
#[utoipa::path(
    get, path = "/bookings/{id}/invoices", tag = "payments", params(("id" = Uuid, Path), LongPage),
    responses(
        (status = 200, body = Envelope<Vec<Invoice>>, headers(("X-Total-Count" = i64), ("Link" = String))),
        (status = 404, description = "`BOOKING_NOT_FOUND`: there is none, or it is somebody else's", body = Failure),
    )
)]
pub(super) async fn invoices(
    State(state): State<ApiState>,
    caller: Caller,
    At(id): At<BookingId>,
    ProofToken(token): ProofToken,
    Query(LongPage(page)): Query<LongPage>,
    asked: RequestedUri,
) -> ApiResult<Reply<Vec<Invoice>>> {
    let found = state.store.booking_belongs(id).await?;
    let found = found.filter(|found| is_visible(&state, found, &caller, token.as_deref()));
    found.ok_or_else(not_found)?;
    let (invoices, asked) = (state.store.invoices_of(id).await?, (&page, &asked));
    page::of_whole("INVOICES", "invoices", invoices, asked, |one| one.issued_at)
}
