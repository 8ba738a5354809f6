//! Notices of organizers. A notice is a row; triggers push it.

use std::collections::BTreeSet;

use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::types::Json;

use super::audit_trail::AuditEntry;
use super::edit::{self, EditError, EditResult, Edited};
use super::idempotency::{IdempotencyKey, Once};
use super::{Store, StoreError, Total};
use crate::auth::Caller;
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::edit::{EditRefusal, NewNotice};
use crate::ticketing::live::Notice;
use crate::ticketing::{EventId, NoticeId, UserId};

impl Store {
    /// Makes a notice, once for each `key`.
    pub async fn create_notice(
        &self,
        event: EventId,
        caller: &Caller,
        notice: &NewNotice,
        key: Option<&IdempotencyKey>,
    ) -> EditResult<Once<Edited<Notice>>> {
        let given = (event, caller.user_id(), notice);
        self.edit_once(event, caller, key, &given, |tx, given, _| {
            let (event, author, notice) = given;
            Box::pin(async move {
                let id = insert_notice(tx, *event, *author, notice).await?;
                // Read again, since a trigger writes its revision after the insert.
                let made = "select notice_json(n) from notices n where id = $1";
                let Json(made) = tx.query_one(made, &[&id]).await?.try_get(0)?;
                Ok(made)
            })
        })
        .await
    }

    /// Makes all notices in the given order, or none. A refusal names the event that caused it.
    pub async fn create_notices(
        &self,
        caller: &Caller,
        notices: &[(EventId, NewNotice)],
    ) -> Result<Result<(), (EventId, EditRefusal)>, StoreError> {
        let events: BTreeSet<EventId> = notices.iter().map(|(event, _)| *event).collect();
        // Asked twice: nobody waits for the turn of an event that is not theirs, and the answer may change meanwhile.
        if let Err(refused) = entries(&self.client().await?, &events, caller).await? {
            return Ok(Err(refused));
        }
        let lent = (*caller, notices, &events);
        self.in_turns(&events, &lent, |tx, (caller, notices, events)| {
            Box::pin(async move {
                // Written only when all are allowed: a refusal commits what was written before it.
                match entries(tx, events, caller).await? {
                    Ok(entries) => {
                        for entry in &entries {
                            entry.write(tx).await?;
                        }
                    }
                    Err(refused) => return Ok(Err(refused)),
                }
                for (event, notice) in *notices {
                    match insert_notice(tx, *event, caller.user_id(), notice).await {
                        Ok(_) => {}
                        Err(EditError::Refused(refusal)) => return Ok(Err((*event, refusal))),
                        Err(EditError::Store(error)) => return Err(error),
                    }
                }
                Ok(Ok(()))
            })
        })
        .await
    }

    /// One page of the notices that have not ended, oldest first, and how many there are in all.
    pub async fn notices(
        &self,
        event: EventId,
        after: Option<NoticeId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Notice>, Total), StoreError> {
        let standing = "from notices n where event_id = $1 and (until is null or until > now())";
        let client = self.client().await?;
        let page = client
            .prepare_cached(&format!(
                "select notice_json(n) {standing} and id > $2 order by id limit $3 offset $4"
            ))
            .await?;
        let after = after.map_or(i64::MIN, |id| id.0);
        let rows = client
            .query(&page, &[&event, &after, &limit, &offset])
            .await?;
        let total = Total::of(&client, standing, &[&event], LIST_COUNTED_MAX).await?;
        let notice = |row: &tokio_postgres::Row| {
            let Json(notice) = row.try_get(0)?;
            Ok(notice)
        };
        let notices = rows.iter().map(notice).collect::<Result<_, StoreError>>()?;
        Ok((notices, total))
    }

    pub async fn delete_notice(
        &self,
        event: EventId,
        notice: NoticeId,
        caller: &Caller,
    ) -> EditResult<Edited<()>> {
        let given = (event, notice);
        self.edit(event, caller, &given, |tx, (event, notice), _| {
            Box::pin(async move {
                let delete = "delete from notices where event_id = $1 and id = $2";
                match tx.execute(delete, &[event, notice]).await? {
                    0 => Err(EditRefusal::NoticeNotFound.into()),
                    _ => Ok(()),
                }
            })
        })
        .await
    }
}

/// The audit trail's entry of each event, if `caller` may change all of them.
async fn entries(
    client: &impl GenericClient,
    events: &BTreeSet<EventId>,
    caller: &Caller,
) -> Result<Result<Vec<AuditEntry>, (EventId, EditRefusal)>, StoreError> {
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        match edit::authorized(client, *event, caller).await {
            Ok(before) => {
                entries.push(AuditEntry::of_event(caller, before.organizer_id, *event));
            }
            Err(EditError::Refused(refusal)) => return Ok(Err((*event, refusal))),
            Err(EditError::Store(error)) => return Err(error),
        }
    }
    Ok(Ok(entries))
}

async fn insert_notice(
    tx: &Transaction<'_>,
    event: EventId,
    author: Option<UserId>,
    notice: &NewNotice,
) -> EditResult<NoticeId> {
    // An author with a valid token but without a row here is left out; the notice is made all the same.
    let statement = "
        insert into notices (event_id, created_by, type, message, data, until, sender, sent)
        values ($1, (select id from users where id = $2), $3, $4, $5, $6, $7, $8)
        returning id";
    let NewNotice {
        kind,
        message,
        data,
        until,
        sender,
        sent,
    } = notice;
    let sent = sent.as_ref().map(Json);
    let row = tx
        .query_one(
            statement,
            &[&event, &author, kind, message, data, until, sender, &sent],
        )
        .await?;
    Ok(row.try_get(0)?)
}
