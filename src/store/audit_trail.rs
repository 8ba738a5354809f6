//! The audit trail: what people and programs with rights did. A row is written in the transaction of what it tells.
//!
//! Where a request came from is known at its edge only, and told to everything below it by a value of the task
//! ([`of_request`]), since it concerns none of the functions between. Work that is handed to another task takes an
//! [`AuditEntry`] along, which has it already.

use std::future::Future;

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use utoipa::ToSchema;

use super::{Store, StoreError, Total};
use crate::auth::Caller;
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::{ApiKeyId, BookingId, EventId, OrganizationId, UserId};

/// The request that something is done for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestOrigin {
    /// Method and route, as in `PATCH /events/{event_id}`.
    pub action: String,
    /// The parts of the route that vary, by name. Codes of tickets and tokens are left out, since they open something.
    pub parts: Map<String, Value>,
    pub request_id: String,
    /// A keyed hash of the client's address.
    pub address_hash: [u8; 16],
}

tokio::task_local! {
    static ORIGIN: RequestOrigin;
}

/// Does `work` for a request.
pub async fn of_request<T>(origin: RequestOrigin, work: impl Future<Output = T>) -> T {
    ORIGIN.scope(origin, work).await
}

/// A row to be written. A job takes it along for what a request asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    organization: Option<OrganizationId>,
    user: Option<UserId>,
    api_key: Option<ApiKeyId>,
    object: String,
    detail: Map<String, Value>,
    origin: Option<RequestOrigin>,
}

/// The action of what comes from no request, such as a broadcast over a socket.
const ACTION_WITHOUT_REQUEST: &str = "broadcast";

impl AuditEntry {
    /// `object`: what it is done to, as in `event:5`. The action is the request's route.
    pub fn new(
        caller: &Caller,
        organization: Option<OrganizationId>,
        object: String,
    ) -> AuditEntry {
        let api_key = match caller {
            Caller::Key { id, .. } => Some(*id),
            _ => None,
        };
        AuditEntry {
            organization,
            user: caller.user_id(),
            api_key,
            object,
            detail: Map::new(),
            origin: ORIGIN.try_with(RequestOrigin::clone).ok(),
        }
    }

    /// Of an event, whose organizer names its organization.
    pub fn of_event(caller: &Caller, organizer: UserId, event: EventId) -> AuditEntry {
        AuditEntry::new(caller, Some(organizer.into()), format!("event:{event}"))
    }

    /// Of a booking.
    pub fn of_booking(caller: &Caller, organizer: UserId, booking: BookingId) -> AuditEntry {
        AuditEntry::new(caller, Some(organizer.into()), format!("booking:{booking}"))
    }

    /// Adds what else is to be known. Nothing personal: the trail outlives the people in it.
    pub fn with(mut self, detail: Value) -> AuditEntry {
        if let Value::Object(detail) = detail {
            self.detail.extend(detail);
        }
        self
    }

    /// The same, done to a booking.
    pub fn to_booking(mut self, booking: BookingId) -> AuditEntry {
        self.object = format!("booking:{booking}");
        self
    }

    /// The parts of the route that were meant, and details that were added.
    fn detail(&self) -> Value {
        let parts = self.origin.iter().flat_map(|origin| origin.parts.clone());
        let mut detail: Map<String, Value> = parts.collect();
        detail.extend(self.detail.clone());
        Value::Object(detail)
    }

    /// Writes the row, in the transaction of `client`.
    pub async fn write(&self, client: &impl GenericClient) -> Result<(), StoreError> {
        let sql = "
            insert into audit_trail (organization_id, user_id, api_key_id, action, object, detail, request_id, address_hash)
            values ($1, $2, $3, $4, $5, $6, $7, $8)";
        let origin = self.origin.as_ref();
        let action = origin.map_or(ACTION_WITHOUT_REQUEST, |origin| origin.action.as_str());
        let request_id = origin.map(|origin| origin.request_id.as_str());
        let address_hash = origin.map(|origin| origin.address_hash.as_slice());
        client
            .execute(
                sql,
                &[
                    &self.organization,
                    &self.user,
                    &self.api_key,
                    &action,
                    &self.object,
                    &Json(self.detail()),
                    &request_id,
                    &address_hash,
                ],
            )
            .await?;
        Ok(())
    }
}

/// Columns of rows to be written.
#[derive(Default)]
pub(super) struct AuditRows<'a> {
    organizations: Vec<Option<OrganizationId>>,
    users: Vec<Option<UserId>>,
    api_keys: Vec<Option<ApiKeyId>>,
    actions: Vec<&'a str>,
    objects: Vec<&'a str>,
    details: Vec<Json<Value>>,
    requests: Vec<Option<&'a str>>,
    addresses: Vec<Option<&'a [u8]>>,
}

impl<'a> AuditRows<'a> {
    pub(super) fn of(entries: &'a [AuditEntry]) -> AuditRows<'a> {
        let mut columns = AuditRows::default();
        for entry in entries {
            let origin = entry.origin.as_ref();
            let action = origin.map_or(ACTION_WITHOUT_REQUEST, |origin| origin.action.as_str());
            columns.organizations.push(entry.organization);
            columns.users.push(entry.user);
            columns.api_keys.push(entry.api_key);
            columns.actions.push(action);
            columns.objects.push(&entry.object);
            columns.details.push(Json(entry.detail()));
            let request = origin.map(|origin| origin.request_id.as_str());
            columns.requests.push(request);
            let address = origin.map(|origin| origin.address_hash.as_slice());
            columns.addresses.push(address);
        }
        columns
    }

    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &self.organizations,
            &self.users,
            &self.api_keys,
            &self.actions,
            &self.objects,
            &self.details,
            &self.requests,
            &self.addresses,
        ]
    }
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Audited {
    #[schema(minimum = 1)]
    pub id: i64,
    /// RFC 3339.
    pub at: String,
    pub organization_id: Option<OrganizationId>,
    /// The user who did it; null: a program, by its key.
    pub user_id: Option<UserId>,
    pub api_key_id: Option<ApiKeyId>,
    /// The request, as in `PATCH /events/{event_id}`.
    pub action: String,
    /// The object of the action, as in `event:5`.
    pub object: String,
    pub detail: Value,
    pub request_id: Option<String>,
    /// Two that are equal came from one address.
    pub address_hash: Option<String>,
}

impl Store {
    /// Rows of an organization (`None`: all rows), newest first, before row `before`.
    pub async fn audit_trail(
        &self,
        organization: Option<OrganizationId>,
        before: Option<i64>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Audited>, Total), StoreError> {
        let client = self.client().await?;
        let whose = match organization {
            Some(_) => "organization_id = $1",
            None => "$1::bigint is null",
        };
        let sql = format!(
            "select id, at, organization_id, user_id, api_key_id, action, object, detail, request_id, address_hash
               from audit_trail where {whose} and id < $2 order by id desc limit $3 offset $4"
        );
        let before = before.unwrap_or(i64::MAX);
        let rows = client
            .query(&sql, &[&organization, &before, &limit, &offset])
            .await?;
        let all = format!("from audit_trail where {whose}");
        let total = Total::of(&client, &all, &[&organization], LIST_COUNTED_MAX).await?;
        Ok((rows.iter().map(read).collect::<Result<_, _>>()?, total))
    }
}

fn read(row: &Row) -> Result<Audited, StoreError> {
    let at: Timestamp = row.try_get(1)?;
    let Json(detail) = row.try_get(7)?;
    let hash: Option<&[u8]> = row.try_get(9)?;
    let hash = hash.map(|hash| hash.iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(Audited {
        id: row.try_get(0)?,
        at: at.to_string(),
        organization_id: row.try_get(2)?,
        user_id: row.try_get(3)?,
        api_key_id: row.try_get(4)?,
        action: row.try_get(5)?,
        object: row.try_get(6)?,
        detail,
        request_id: row.try_get(8)?,
        address_hash: hash,
    })
}
