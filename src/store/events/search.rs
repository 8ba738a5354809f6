//! Finds events by a part of their texts.
//!
//! The index of n-grams finds those that match, up to a bound, in no order, and they are sorted. Where there are more, a short
//! walk along the list's order mostly meets a page of them; if it does not, all that the index finds are sorted.

use deadpool_postgres::{GenericClient, Object, Transaction};
use tokio_postgres::types::ToSql;

use super::{EventFilter, MATCHING, Matching, PageSql, ids};
use crate::config::inside::{SEARCH_CANDIDATES_MAX, SEARCH_WALKED_MAX};
use crate::config::rest::SEARCH_COUNTED_MAX;
use crate::store::{StoreError, Total};
use crate::ticketing::EventId;

/// An index of its kind (gin) is read by bitmaps only, which our sessions do without; other indexes are not to be taken.
const BY_WORDS: &str = "
    set local enable_bitmapscan = on; set local enable_indexscan = off; set local enable_indexonlyscan = off";

/// A page of the events that have `part` in their texts, and how many there are.
pub(super) async fn search(
    client: &mut Object,
    part: &str,
    filter: &EventFilter,
    matching: Matching<'_>,
) -> Result<(Vec<EventId>, Total), StoreError> {
    let by_words = by_words(client).await?;
    let found = found(&by_words, part, matching).await?;
    by_words.commit().await?;
    let total = Total::counted(found.len() as i64, SEARCH_COUNTED_MAX);
    if total.is_exact {
        return Ok((sorted(client, &found, filter).await?, total));
    }
    let mut page = page(client, part, filter, matching, SearchPlan::Walk).await?;
    if (page.len() as i64) < filter.limit {
        let by_words = self::by_words(client).await?;
        page = self::page(&by_words, part, filter, matching, SearchPlan::Words).await?;
        by_words.commit().await?;
    }
    Ok((page, total))
}

async fn by_words(client: &mut Object) -> Result<Transaction<'_>, StoreError> {
    let begun = client.build_transaction().read_only(true).start().await?;
    begun.batch_execute(BY_WORDS).await?;
    Ok(begun)
}

/// Events that have the letters of `part`, a parameter. No other condition is asked of them there, so no other index is taken.
fn having(part: &str) -> String {
    format!(
        "(select * from events where ngrams(searched) @> sought_ngrams(searchable({part})) offset 0) e"
    )
}

/// Those that match, in no order; one more than are counted means that there may be any number.
async fn found(
    by_words: &impl GenericClient,
    part: &str,
    matching: Matching<'_>,
) -> Result<Vec<EventId>, StoreError> {
    let sql = format!(
        "select e.id from (select e.id, e.searched from {} {MATCHING} limit $9) e
          where strpos(e.searched, searchable($8)) > 0 limit $10",
        having("$8")
    );
    let found_max = SEARCH_COUNTED_MAX + 1;
    let bounds: [&(dyn ToSql + Sync); 3] = [&part, &SEARCH_CANDIDATES_MAX, &found_max];
    let values: Vec<_> = matching.into_iter().chain(bounds).collect();
    ids(&by_words.query(&sql, &values).await?)
}

/// The page of those that were found, each read by its key.
async fn sorted(
    client: &impl GenericClient,
    found: &[EventId],
    filter: &EventFilter,
) -> Result<Vec<EventId>, StoreError> {
    let PageSql { beyond, order, .. } = filter.page_sql(2);
    let sql = format!(
        "select e.id from unnest($1::bigint[]) as found (id)
          cross join lateral (select * from events where id = found.id limit 1) e
          where true {beyond} order by {order} limit $4 offset $5"
    );
    let (place, id) = filter.after.clone().unzip();
    let values: [&(dyn ToSql + Sync); 5] = [&found, &place, &id, &filter.limit, &filter.offset];
    ids(&client.query(&sql, &values).await?)
}

/// The way to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SearchPlan {
    /// The first events of the list's order.
    Walk,
    /// Those that the index finds, sorted.
    Words,
}

async fn page(
    client: &impl GenericClient,
    part: &str,
    filter: &EventFilter,
    matching: Matching<'_>,
    way: SearchPlan,
) -> Result<Vec<EventId>, StoreError> {
    let PageSql {
        beyond,
        key,
        direction,
        order,
    } = filter.page_sql(8);
    let (events, way, rows_max) = match way {
        SearchPlan::Walk => (
            "events e".to_owned(),
            format!("order by {order}"),
            SEARCH_WALKED_MAX,
        ),
        SearchPlan::Words => (having("$10"), String::new(), SEARCH_CANDIDATES_MAX),
    };
    let sql = format!(
        "select e.id from (select e.id, {key} as place, e.searched from {events} {MATCHING} {beyond} {way} limit $11) e
          where strpos(e.searched, searchable($10)) > 0
          order by e.place {direction}, e.id {direction} limit $12 offset $13"
    );
    let (place, id) = filter.after.clone().unzip();
    let of_page: [&(dyn ToSql + Sync); 6] =
        [&place, &id, &part, &rows_max, &filter.limit, &filter.offset];
    let values: Vec<_> = matching.into_iter().chain(of_page).collect();
    ids(&client.query(&sql, &values).await?)
}
