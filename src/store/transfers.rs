//! Tickets that are handed on. The stock is not touched: the ticket stays, its code and generation change.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::jobs::{self, QueuedJob};
use super::letters::LETTER_WORTH;
use super::tickets::{generation, ticket_status};
use super::{Store, StoreError, edit};
use crate::config::inside::{TICKET_OFFERS_MAX, TICKET_OFFERS_S, TRANSFER_REPEAT_MIN};
use crate::lang::Lang;
use crate::ticketing::admission::{self, Offered, TransferRefusal};
use crate::ticketing::live::EventStatus;
use crate::ticketing::record::TicketStatus;
use crate::ticketing::{EventId, Revision, TicketId, TransferId, UserId};

/// The job that offers a ticket.
pub const TRANSFER_OFFER_JOB: &str = "transfer_offer";
/// The job that sends a ticket to its new holder, and the one that tells the old one.
pub const TICKET_SENT_JOB: &str = "ticket_sent";
pub const TICKET_GIVEN_JOB: &str = "ticket_given";

pub fn sent_key(transfer: TransferId) -> String {
    format!("ticket-sent-{transfer}")
}

pub fn given_key(transfer: TransferId) -> String {
    format!("ticket-given-{transfer}")
}

/// Whom a ticket is offered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub name: String,
    /// In lower case.
    pub email: String,
    pub lang: Lang,
}

/// An offer as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Transfer {
    #[schema(value_type = uuid::Uuid)]
    pub id: TransferId,
    pub ticket_id: TicketId,
    pub event_id: EventId,
    pub state: TransferState,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    Pending,
    Accepted,
    Cancelled,
}

/// A ticket that has gone over.
#[derive(Debug, Clone, PartialEq)]
pub struct HandedOver {
    pub ticket: TicketId,
    pub generation: u16,
    /// The holder's.
    pub code: String,
    pub event: EventId,
    pub revision: Revision,
}

/// Why nothing was handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotHandedOn {
    /// There is no such ticket or offer, or the offer was withdrawn.
    NotFound,
    Refused(TransferRefusal),
}

/// The facts for the letter to the recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedTicket {
    pub to: Recipient,
    pub ticket: TicketId,
}

impl Store {
    /// Offers a ticket, once for each `key`, and writes the job that tells the recipient in the same transaction.
    /// `generation`: the one that the offerer holds. `audit`: staff do it.
    pub async fn offer_ticket(
        &self,
        (ticket, event, held): (TicketId, EventId, u16),
        to: &Recipient,
        id: TransferId,
        job: &QueuedJob,
        key: Option<&IdempotencyKey>,
        audit: Option<&AuditEntry>,
    ) -> Result<Result<Once<(Transfer, Revision)>, NotHandedOn>, StoreError> {
        let given = (ticket, event, held, to, id, job, key, audit);
        self.in_turn(event, &given, |tx, (ticket, event, held, to, id, job, key, audit)| {
            Box::pin(async move {
                tx.execute("select take_turn($1)", &[event]).await?;
                if let Some(known) = idempotency::recall_made(tx, *key).await? {
                    return Ok(Ok(known));
                }
                let Some((offered, now)) = offered(tx, *ticket).await? else {
                    return Ok(Err(NotHandedOn::NotFound));
                };
                // The ticket went on while its holder asked.
                if offered.generation != *held {
                    return Ok(Err(NotHandedOn::NotFound));
                }
                if let Err(refusal) = admission::transfer(&offered, now) {
                    return Ok(Err(NotHandedOn::Refused(refusal)));
                }
                let sql = "select count(*) from (select created_at from transfers where ticket_id = $1 order by id desc limit $2) newest
                            where created_at > clock_timestamp() - make_interval(secs => $3)";
                let (most, secs) = (TICKET_OFFERS_MAX, TICKET_OFFERS_S as f64);
                let offers: i64 = tx.query_one(sql, &[ticket, &most, &secs]).await?.try_get(0)?;
                if offers >= most {
                    return Ok(Err(NotHandedOn::Refused(TransferRefusal::TooMany)));
                }
                let sql = "insert into transfers (id, ticket_id, event_id, generation) values ($1, $2, $3, $4) returning created_at";
                let held = i32::from(*held);
                let row = tx.query_one(sql, &[id, ticket, event, &held]).await?;
                let sql = "insert into transfer_contacts (transfer_id, name, email, lang) values ($1, $2, $3, $4)";
                tx.execute(sql, &[id, &to.name, &to.email, &to.lang.tag()]).await?;
                jobs::keep(tx, job).await?;
                if let Some(entry) = audit {
                    entry.write(tx).await?;
                }
                let transfer = Transfer {
                    id: *id,
                    ticket_id: *ticket,
                    event_id: *event,
                    state: TransferState::Pending,
                    created_at: row.try_get(0)?,
                };
                let made = (transfer, edit::revision(tx, *event).await?);
                idempotency::remember_made(tx, *key, &made).await?;
                Ok(Ok(Once::Made(made)))
            })
        })
        .await
    }

    /// Hands the offered ticket over, under `code`. A repeated request is answered as the first one, while the ticket has
    /// not gone on: to the account that accepted it, or, without an account, for some minutes. Links stay in mails that others
    /// may come to read.
    pub async fn accept_transfer(
        &self,
        id: TransferId,
        user: Option<UserId>,
        code: &str,
    ) -> Result<Result<HandedOver, NotHandedOn>, StoreError> {
        let Some((ticket, event)) = self.offer_of(id).await? else {
            return Ok(Err(NotHandedOn::NotFound));
        };
        let given = (ticket, event, id, user, code);
        self.in_turn(event, &given, |tx, (ticket, event, id, user, code)| {
            Box::pin(async move {
                let (ticket, event) = (*ticket, *event);
                tx.execute("select take_turn($1)", &[&event]).await?;
                let sql = "select state, generation, ended_at > clock_timestamp() - make_interval(mins => $2)
                             from transfers where id = $1 for update";
                let row = tx.query_one(sql, &[id, &TRANSFER_REPEAT_MIN]).await?;
                let is_recent: Option<bool> = row.try_get(2)?;
                let (state, of): (&str, i32) = (row.try_get(0)?, row.try_get(1)?);
                let of = generation(of)?;
                let Some((offered, now)) = offered(tx, ticket).await? else {
                    return Ok(Err(NotHandedOn::NotFound));
                };
                let over = |generation, code: String, revision| HandedOver { ticket, generation, code, event, revision };
                match state {
                    "pending" if offered.generation == of => {}
                    "accepted" if offered.generation == of.saturating_add(1) => {
                        let sql = "select code, user_id from ticket_holders where ticket_id = $1";
                        let holder = tx.query_one(sql, &[&ticket]).await?;
                        let code = holder.try_get(0)?;
                        let is_again = match holder.try_get::<_, Option<UserId>>(1)? {
                            Some(holder) => *user == Some(holder),
                            // Nobody can prove to be the one who accepted it, but for a request that is sent again.
                            None => is_recent == Some(true),
                        };
                        if !is_again {
                            return Ok(Err(NotHandedOn::NotFound));
                        }
                        let revision = edit::revision(tx, event).await?;
                        return Ok(Ok(over(offered.generation, code, revision)));
                    }
                    _ => return Ok(Err(NotHandedOn::NotFound)),
                }
                let offered = Offered { pending: false, ..offered };
                if let Err(refusal) = admission::transfer(&offered, now) {
                    return Ok(Err(NotHandedOn::Refused(refusal)));
                }
                let sql = "select email, lang from ticket_holders where ticket_id = $1";
                let giver = tx.query_opt(sql, &[&ticket]).await?;
                let (email, lang): (Option<String>, Option<String>) = match &giver {
                    Some(row) => (row.try_get(0)?, row.try_get(1)?),
                    None => (None, None),
                };
                let sql = "update tickets set status = 'transferred', generation = generation + 1 where id = $1";
                tx.execute(sql, &[&ticket]).await?;
                let sql = "insert into ticket_holders (ticket_id, code, user_id, name, email, lang)
                           select $2, $3, $4, name, email, lang from transfer_contacts where transfer_id = $1
                               on conflict (ticket_id) do update
                              set code = excluded.code, user_id = excluded.user_id, name = excluded.name,
                                  email = excluded.email, lang = excluded.lang, since = excluded.since";
                tx.execute(sql, &[id, &ticket, code, user]).await?;
                end(tx, *id, TransferState::Accepted).await?;
                let sent = json!({ "transfer_id": id, "event_id": event, "generation": of.saturating_add(1) });
                let given = json!({ "transfer_id": id, "event_id": event, "email": email, "lang": lang });
                for (kind, key, payload) in [
                    (TICKET_SENT_JOB, sent_key(*id), sent),
                    (TICKET_GIVEN_JOB, given_key(*id), given),
                ] {
                    let worth = LETTER_WORTH;
                    let job = QueuedJob { kind, key, payload, worth };
                    jobs::keep(tx, &job).await?;
                }
                let revision = edit::revision(tx, event).await?;
                Ok(Ok(over(of.saturating_add(1), (*code).to_owned(), revision)))
            })
        })
        .await
    }

    /// Withdraws an offer that was not accepted. Repeated, it finds it withdrawn.
    pub async fn withdraw_transfer(
        &self,
        id: TransferId,
        audit: Option<&AuditEntry>,
    ) -> Result<Result<Revision, NotHandedOn>, StoreError> {
        let Some((_, event)) = self.offer_of(id).await? else {
            return Ok(Err(NotHandedOn::NotFound));
        };
        let given = (event, id, audit);
        self.in_turn(event, &given, |tx, (event, id, audit)| {
            Box::pin(async move {
                let event = *event;
                tx.execute("select take_turn($1)", &[&event]).await?;
                let sql = "select state from transfers where id = $1";
                let row = tx.query_one(sql, &[id]).await?;
                match row.try_get(0)? {
                    "pending" => {
                        end(tx, *id, TransferState::Cancelled).await?;
                        if let Some(entry) = audit {
                            entry.write(tx).await?;
                        }
                    }
                    "cancelled" => {}
                    _ => return Ok(Err(NotHandedOn::NotFound)),
                }
                Ok(Ok(edit::revision(tx, event).await?))
            })
        })
        .await
    }

    /// The code by which the booking names the ticket of an offer.
    pub async fn ticket_of_transfer(&self, id: TransferId) -> Result<Option<String>, StoreError> {
        let client = self.client().await?;
        let sql =
            "select k.code from transfers t join tickets k on k.id = t.ticket_id where t.id = $1";
        let row = client.query_opt(sql, &[&id]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// The ticket and the event of an offer.
    async fn offer_of(&self, id: TransferId) -> Result<Option<(TicketId, EventId)>, StoreError> {
        let client = self.client().await?;
        let sql = "select ticket_id, event_id from transfers where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .transpose()
    }

    /// The newest offer of a ticket, if it waits for an answer or was withdrawn.
    ///
    /// # Errors
    /// The database.
    pub async fn latest_offer(&self, ticket: TicketId) -> Result<Option<TransferId>, StoreError> {
        let client = self.client().await?;
        let sql = "select id from (select id, state from transfers where ticket_id = $1 order by ticket_id desc, id desc limit 1) t
                    where state in ('pending', 'cancelled')";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&ticket]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Whom to write to of an offer that still waits.
    pub async fn transfer_to_tell(
        &self,
        id: TransferId,
    ) -> Result<Option<OfferedTicket>, StoreError> {
        let client = self.client().await?;
        let sql = "select c.name, c.email, c.lang, t.ticket_id
                     from transfers t join transfer_contacts c on c.transfer_id = t.id
                    where t.id = $1 and t.state = 'pending'";
        let row = client.query_opt(sql, &[&id]).await?;
        row.map(|row| {
            Ok(OfferedTicket {
                to: Recipient {
                    name: row.try_get(0)?,
                    email: row.try_get(1)?,
                    lang: Lang::parse(row.try_get(2)?).unwrap_or(Lang::En),
                },
                ticket: row.try_get(3)?,
            })
        })
        .transpose()
    }
}

/// The ticket as the rules of transfers ask for it, with the time by the database's clock. One that is about to go back is
/// void already, since the desk has still to hear of it; its row is locked, so that no refund comes in between
/// (`Store::begin_refund`).
async fn offered(
    tx: &Transaction<'_>,
    ticket: TicketId,
) -> Result<Option<(Offered, Timestamp)>, StoreError> {
    let sql = "select k.status, k.generation, e.starts_at, e.status, b.status = 'confirmed', clock_timestamp(),
                      exists (select from transfers t where t.ticket_id = k.id and t.state = 'pending')
                 from tickets k join events e on e.id = k.event_id join bookings b on b.id = k.booking_id
                where k.id = $1 for update of k";
    let Some(row) = tx.query_opt(sql, &[&ticket]).await? else {
        return Ok(None);
    };
    let status = ticket_status(row.try_get(0)?)?;
    // In a statement of its own: a refund may have been written while this one waited for the ticket.
    let sql = "select exists (select from refunded_tickets r join tickets k on k.code = r.code where k.id = $1)";
    let goes_back: bool = tx.query_one(sql, &[&ticket]).await?.try_get(0)?;
    let is_sold = row.try_get::<_, bool>(4)? && !goes_back;
    let event = edit::status(row.try_get(3)?)?;
    let offered = Offered {
        status: if is_sold { status } else { TicketStatus::Void },
        generation: generation(row.try_get(1)?)?,
        pending: row.try_get(6)?,
        starts_at: row.try_get(2)?,
        stands: !matches!(event, EventStatus::Cancelled | EventStatus::Completed),
    };
    Ok(Some((offered, row.try_get(5)?)))
}

/// The recipient's address is of no use after the offer's end.
async fn end(tx: &Transaction<'_>, id: TransferId, state: TransferState) -> Result<(), StoreError> {
    let state = match state {
        TransferState::Pending => "pending",
        TransferState::Accepted => "accepted",
        TransferState::Cancelled => "cancelled",
    };
    let sql = "update transfers set state = $2, ended_at = clock_timestamp() where id = $1";
    tx.execute(sql, &[&id, &state]).await?;
    let sql = "delete from transfer_contacts where transfer_id = $1";
    tx.execute(sql, &[&id]).await?;
    Ok(())
}
