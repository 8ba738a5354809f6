//! The first round trip of a turn: the lock, and everything that the rules ask about.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Client;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::{Questions, statements};
use crate::store::StoreError;
use crate::store::changes::unsigned;
use crate::store::edit::status;
use crate::store::expiry::EXPIRE;
use crate::store::idempotency::StoredAnswer;
use crate::ticketing::adjacent::{Place, SeatRow};
use crate::ticketing::stock::{Buyer, EventTerms, Pool, PoolId, Seat, Stock, TicketTypeTerms};
use crate::ticketing::{EventId, Revision, SeatId, TicketTypeId, UserId};

statements! {
    lock = "
        select p.id, t.revision from turns t join pools p on p.event_id = t.event_id and p.kind = 'event'
         where t.event_id = $1 for no key update of t";
    due = "
        select coalesce((select min(due_at) from bookings where event_id = $1 and due_at is not null)
                        <= statement_timestamp(), false)";
    event = "
        select organizer_id, status, starts_at, currency, membership_required, max_per_booking,
               hold_minutes, statement_timestamp()
          from events where id = $1 and deleted_at is null";
    pools = "
        select id, capacity, held, sold from pools where event_id = $1";
    ticket_types = "
        select id, name, price_amount, sort, sale_from, sale_to, min_per_booking, max_per_booking,
               max_per_user, members_only,
               seated,
               array(select pool_id from ticket_type_pools l where l.ticket_type_id = t.id)
          from ticket_types t where event_id = $1";
    seats = "
        select s.id, s.ticket_type_id, section.name, s.row_label, s.number,
               s.blocked or exists (select from claims c where c.seat_id = s.id and c.state <> 'dead')
          from seats s join sections section on section.id = s.section_id
         where s.event_id = $1 and s.id = any($2)";
    // Whole rows: a seat of another ticket type between two of this one parts them.
    rows = "
        with wanted as (
            select distinct section_id, row_label from seats
             where event_id = $1
               and ticket_type_id = any(case when $3 then array(select id from ticket_types where event_id = $1)
                                             else $2::bigint[] end)
        )
        select s.section_id, section.name, s.row_label,
               array_agg(s.id order by s.position), array_agg(s.ticket_type_id order by s.position),
               array_agg(s.number order by s.position),
               array_agg(s.x order by s.position), array_agg(s.y order by s.position),
               array_agg(s.blocked or c.id is not null order by s.position)
          from wanted
          join seats s on s.section_id = wanted.section_id and s.row_label = wanted.row_label
          join sections section on section.id = s.section_id
          left join claims c on c.seat_id = s.id and c.state <> 'dead'
         group by s.section_id, section.name, s.row_label
         order by min(s.position)";
    buyers = "
        select id, member,
               (select b.id from bookings b
                 where b.event_id = $1 and b.user_id = u.id and b.status = 'pending')
          from users u where id = any($2)";
    // Through the buyers' own bookings: the claims of a popular ticket type are many.
    live = "
        with theirs as materialized (
            select id, user_id from bookings
             where user_id = any($2) and event_id = $1 and status in ('pending', 'confirmed')
               and exists (select from ticket_types where event_id = $1 and max_per_user is not null)
        )
        select theirs.user_id, c.ticket_type_id, sum(c.quantity)::bigint
          from theirs join claims c on c.booking_id = theirs.id
         where c.state <> 'dead'
         group by theirs.user_id, c.ticket_type_id";
    keys = "
        select scope, key, body_hash, status, response
          from idempotency_keys join unnest($1::text[], $2::text[]) as asked (scope, key) using (scope, key)";
    references = "
        select reference from bookings where reference = any($1)";
    expire = EXPIRE;
}

/// Overdue holds that a turn ends on its way; the sweeper ends the rest.
const EXPIRED_HOLDS_MAX: i64 = 500;

/// What the turn is decided on.
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) revision: Revision,
    /// Overdue holds were ended on the way; nobody else sees that before the commit.
    pub(super) expired: bool,
    pub(super) stock: Stock,
    pub(super) stored: HashMap<(String, String), StoredAnswer>,
    pub(super) references_taken: Vec<String>,
}

/// Begins, locks and reads. `None`: no such event.
pub(super) async fn begin(
    client: &Client,
    sql: &Statements,
    event: EventId,
    questions: &Questions,
) -> Result<Option<Facts>, StoreError> {
    let of_event: Parameters<'_, 1> = [&event];
    // Joined futures send in order: nothing is read before the lock is granted.
    let ((), root, overdue, answers) = tokio::try_join!(
        biased;
        run(client.batch_execute("begin isolation level read committed")),
        run(client.query_opt(&sql.lock, &of_event)),
        run(client.query_one(&sql.due, &of_event)),
        ask(client, sql, event, questions),
    )?;
    let Some(root) = root else { return Ok(None) };
    if !overdue.try_get::<_, bool>(0)? {
        return answers.facts(&root, event, false);
    }
    let of_expiry: Parameters<'_, 2> = [&event, &EXPIRED_HOLDS_MAX];
    // Rare: a hold ended and no sweeper was here yet. Its stock is for sale again from its
    // deadline on, and its buyer may book again.
    let (_, root, answers) = tokio::try_join!(
        biased;
        run(client.execute(&sql.expire, &of_expiry)),
        run(client.query_one(&sql.lock, &of_event)),
        ask(client, sql, event, questions),
    )?;
    answers.facts(&root, event, true)
}

pub(super) async fn run<T>(
    query: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    Ok(query.await?)
}

/// Rows as they came.
struct Answers {
    event: Option<Row>,
    pools: Vec<Row>,
    ticket_types: Vec<Row>,
    seats: Vec<Row>,
    rows: Vec<Row>,
    buyers: Vec<Row>,
    live: Vec<Row>,
    keys: Vec<Row>,
    references: Vec<Row>,
}

async fn ask(
    client: &Client,
    sql: &Statements,
    event: EventId,
    asked: &Questions,
) -> Result<Answers, StoreError> {
    let scopes: Vec<&str> = asked.keys.iter().map(|key| key.scope.as_str()).collect();
    let digests: Vec<&str> = asked.keys.iter().map(|key| key.digest.as_str()).collect();
    let choosing = asked.every_ticket_type || !asked.ticket_types.is_empty();
    let of_event: Parameters<'_, 1> = [&event];
    let of_seats: Parameters<'_, 2> = [&event, &asked.seats];
    let of_rows: Parameters<'_, 3> = [&event, &asked.ticket_types, &asked.every_ticket_type];
    let of_buyers: Parameters<'_, 2> = [&event, &asked.buyers];
    let of_keys: Parameters<'_, 2> = [&scopes, &digests];
    let of_references: Parameters<'_, 1> = [&asked.references];
    let known = !asked.buyers.is_empty();
    let (event, pools, ticket_types, seats, rows, buyers, live, keys, references) = tokio::try_join!(
        biased;
        client.query_opt(&sql.event, &of_event),
        client.query(&sql.pools, &of_event),
        client.query(&sql.ticket_types, &of_event),
        ask_if(client, !asked.seats.is_empty(), &sql.seats, &of_seats),
        ask_if(client, choosing, &sql.rows, &of_rows),
        ask_if(client, known, &sql.buyers, &of_buyers),
        ask_if(client, known, &sql.live, &of_buyers),
        ask_if(client, !asked.keys.is_empty(), &sql.keys, &of_keys),
        client.query(&sql.references, &of_references),
    )?;
    Ok(Answers {
        event,
        pools,
        ticket_types,
        seats,
        rows,
        buyers,
        live,
        keys,
        references,
    })
}

type Parameters<'a, const N: usize> = [&'a (dyn ToSql + Sync); N];

/// Most batches ask only some of the questions.
async fn ask_if(
    client: &Client,
    needed: bool,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    match needed {
        true => client.query(statement, parameters).await,
        false => Ok(Vec::new()),
    }
}

impl Answers {
    fn facts(
        self,
        root: &Row,
        event_id: EventId,
        expired: bool,
    ) -> Result<Option<Facts>, StoreError> {
        let Some(event) = &self.event else {
            return Ok(None);
        };
        let mut seats = collect(&self.seats, named_seat)?;
        let rows = seat_rows(&self.rows, &mut seats)?;
        let stock = Stock {
            event: event_terms(event, event_id)?,
            ticket_types: collect(&self.ticket_types, ticket_type)?,
            pools: collect(&self.pools, pool)?,
            root: root.try_get(0)?,
            seats,
            rows,
            buyers: buyers(&self.buyers, &self.live)?,
        };
        let references = self.references.iter().map(|row| Ok(row.try_get(0)?));
        Ok(Some(Facts {
            now: event.try_get(7)?,
            revision: unsigned(root.try_get(1)?)?,
            expired,
            stock,
            stored: self
                .keys
                .iter()
                .map(stored_answer)
                .collect::<Result<_, _>>()?,
            references_taken: references.collect::<Result<_, StoreError>>()?,
        }))
    }
}

fn collect<K: Ord, V>(
    rows: &[Row],
    read: impl Fn(&Row) -> Result<(K, V), StoreError>,
) -> Result<BTreeMap<K, V>, StoreError> {
    rows.iter().map(read).collect()
}

fn event_terms(row: &Row, id: EventId) -> Result<EventTerms, StoreError> {
    Ok(EventTerms {
        id,
        organizer_id: row.try_get(0)?,
        status: status(row.try_get(1)?)?,
        starts_at: row.try_get(2)?,
        currency: row.try_get(3)?,
        membership_required: row.try_get(4)?,
        max_per_booking: row.try_get::<_, i32>(5)?.into(),
        hold_minutes: row.try_get::<_, i32>(6)?.into(),
    })
}

fn pool(row: &Row) -> Result<(PoolId, Pool), StoreError> {
    let pool = Pool {
        capacity: row.try_get::<_, i32>(1)?.into(),
        held: row.try_get::<_, i32>(2)?.into(),
        sold: row.try_get::<_, i32>(3)?.into(),
    };
    Ok((row.try_get(0)?, pool))
}

fn ticket_type(row: &Row) -> Result<(TicketTypeId, TicketTypeTerms), StoreError> {
    let terms = TicketTypeTerms {
        name: row.try_get(1)?,
        price_amount: row.try_get(2)?,
        sort: row.try_get::<_, i32>(3)?.into(),
        sale_from: row.try_get(4)?,
        sale_to: row.try_get(5)?,
        min_per_booking: row.try_get::<_, i32>(6)?.into(),
        max_per_booking: row.try_get::<_, Option<i32>>(7)?.map(i64::from),
        max_per_user: row.try_get::<_, Option<i32>>(8)?.map(i64::from),
        members_only: row.try_get(9)?,
        seated: row.try_get(10)?,
        pools: row.try_get(11)?,
    };
    Ok((row.try_get(0)?, terms))
}

fn named_seat(row: &Row) -> Result<(SeatId, Seat), StoreError> {
    let seat = Seat {
        ticket_type_id: row.try_get(1)?,
        section: row.try_get(2)?,
        row: row.try_get(3)?,
        number: row.try_get(4)?,
        taken: row.try_get(5)?,
    };
    Ok((row.try_get(0)?, seat))
}

/// Rows in layout order, each knowing how far back in its section it is; their seats join `seats`.
fn seat_rows(rows: &[Row], seats: &mut BTreeMap<SeatId, Seat>) -> Result<Vec<SeatRow>, StoreError> {
    let mut rows_before: HashMap<i64, usize> = HashMap::new();
    let mut seat_rows = Vec::with_capacity(rows.len());
    for row in rows {
        let (section, row_label): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let ids: Vec<SeatId> = row.try_get(3)?;
        let types: Vec<TicketTypeId> = row.try_get(4)?;
        let numbers: Vec<String> = row.try_get(5)?;
        let (xs, ys): (Vec<f32>, Vec<f32>) = (row.try_get(6)?, row.try_get(7)?);
        let taken: Vec<bool> = row.try_get(8)?;

        let places = ids.iter().zip(xs).zip(ys);
        let places: Vec<Place> = places
            .map(|((seat, x), y)| Place { seat: *seat, x, y })
            .collect();
        let rank = rows_before.entry(row.try_get(0)?).or_default();
        seat_rows.push(SeatRow::new(*rank, &places));
        *rank += 1;

        for (((id, ticket_type_id), number), taken) in
            ids.into_iter().zip(types).zip(numbers).zip(taken)
        {
            let seat = Seat {
                ticket_type_id,
                section: section.clone(),
                row: row_label.clone(),
                number,
                taken,
            };
            seats.insert(id, seat);
        }
    }
    Ok(seat_rows)
}

fn buyers(buyers: &[Row], live: &[Row]) -> Result<BTreeMap<UserId, Buyer>, StoreError> {
    let mut buyers = collect(buyers, |row| {
        let buyer = Buyer {
            member: row.try_get(1)?,
            pending: row.try_get(2)?,
            live: BTreeMap::new(),
        };
        Ok((row.try_get(0)?, buyer))
    })?;
    for row in live {
        if let Some(buyer) = buyers.get_mut(&row.try_get::<_, UserId>(0)?) {
            buyer.live.insert(row.try_get(1)?, row.try_get(2)?);
        }
    }
    Ok(buyers)
}

fn stored_answer(row: &Row) -> Result<((String, String), StoredAnswer), StoreError> {
    let answer = StoredAnswer {
        body_hash: row.try_get(2)?,
        status: row.try_get(3)?,
        response: row.try_get(4)?,
    };
    Ok(((row.try_get(0)?, row.try_get(1)?), answer))
}
