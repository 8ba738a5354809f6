//! An organizer's broadcasts. A row is all it takes: the triggers push it.

use deadpool_postgres::{GenericClient, Transaction};
use serde_json::Value;
use tokio_postgres::types::Json;

use super::edit::{EditResult, Edited};
use super::{Store, StoreError};
use crate::auth::Caller;
use crate::ticketing::edit::{EditRefusal, NewNotice};
use crate::ticketing::live::Notice;
use crate::ticketing::{EventId, NoticeId, UserId};

impl Store {
    pub async fn create_notice(
        &self,
        event: EventId,
        caller: &Caller,
        notice: &NewNotice,
    ) -> EditResult<Edited<Notice>> {
        let given = (event, caller.user_id(), notice);
        self.edit(event, caller, &given, |tx, (event, author, notice), _| {
            Box::pin(async move {
                let notices = std::slice::from_ref(*notice);
                let made = insert_notices(tx, *event, *author, notices).await?;
                let first = made.into_iter().next();
                Ok(first.ok_or_else(|| StoreError::corrupt("no notice was made"))?)
            })
        })
        .await
    }

    /// Those that have not ended, oldest first.
    pub async fn notices(&self, event: EventId) -> Result<Vec<Notice>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select notice_json(n) from notices n
                  where event_id = $1 and (until is null or until > now()) order by id",
            )
            .await?;
        let rows = client.query(&statement, &[&event]).await?;
        rows.iter()
            .map(|row| {
                let Json(notice) = row.try_get(0)?;
                Ok(notice)
            })
            .collect()
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

/// All in one statement, hence one revision.
pub(super) async fn insert_notices(
    tx: &Transaction<'_>,
    event: EventId,
    author: Option<UserId>,
    notices: &[NewNotice],
) -> EditResult<Vec<Notice>> {
    if notices.is_empty() {
        return Ok(Vec::new());
    }
    let kinds: Vec<&str> = notices.iter().map(|notice| notice.kind).collect();
    let messages: Vec<&str> = notices
        .iter()
        .map(|notice| notice.message.as_str())
        .collect();
    let data: Vec<&Value> = notices.iter().map(|notice| &notice.data).collect();
    let until: Vec<_> = notices.iter().map(|notice| notice.until).collect();
    // An author whose token is good but whose row is not here is left out: the notice counts.
    let statement = "
        insert into notices as n (event_id, created_by, type, message, data, until)
        select $1, (select id from users where id = $2), type, message, data, until
          from unnest($3::text[], $4::text[], $5::jsonb[], $6::timestamptz[]) with ordinality
            as t (type, message, data, until, place)
         order by place
        returning notice_json(n)";
    let rows = tx
        .query(
            statement,
            &[&event, &author, &kinds, &messages, &data, &until],
        )
        .await?;
    let made: Result<Vec<Notice>, tokio_postgres::Error> = rows
        .iter()
        .map(|row| row.try_get(0).map(|Json(notice)| notice))
        .collect();
    Ok(made?)
}
