//! Bodies that are made once for a version and kept in memory, since the version never changes: packed seat maps, and
//! the statuses and numbers of all seats at a revision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tokio::sync::OnceCell;

use crate::config::inside::{SEATMAPS_KEPT_BYTES_MAX, SEATMAPS_KEPT_MAX};
use crate::seatmap::Form;
use crate::ticketing::EventId;
use crate::ticketing::availability::EventVersion;

/// A seat map: of a version, in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MapKey {
    pub(super) event: EventId,
    pub(super) layout: i32,
    pub(super) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum KeptKey {
    /// The data of a seat map, as [`crate::seatmap::Packed`] has it.
    Map(MapKey),
    /// The statuses of an event's seats, two bits a seat.
    Statuses {
        event: EventId,
        version: EventVersion,
    },
    /// The numbers of an event's seats by section, as JSON.
    Sections {
        event: EventId,
        version: EventVersion,
    },
    /// The free seats of an event's hidden ticket types, as JSON.
    Hidden {
        event: EventId,
        version: EventVersion,
    },
}

/// A handle; clones share what is kept. The bodies that were asked for last stay.
#[derive(Clone, Default)]
pub(in crate::api) struct KeptMaps(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    bodies: HashMap<KeptKey, Kept>,
    bytes: usize,
    /// Grows with each request: what was used last has the highest.
    clock: u64,
}

#[derive(Clone, Default)]
struct Kept {
    /// Filled by the first of those that ask for it; the others wait.
    body: Arc<OnceCell<Bytes>>,
    /// As counted in [`Shelf::bytes`]; 0 while it is being made.
    bytes: usize,
    used: u64,
}

impl KeptMaps {
    /// The bytes, made by `make` where they are not kept. Of several that ask at a time one makes them.
    pub(super) async fn get<E>(
        &self,
        key: KeptKey,
        make: impl Future<Output = Result<Bytes, E>>,
    ) -> Result<Bytes, E> {
        let cell = self.on_shelf(|shelf| shelf.take(key));
        match cell.get_or_try_init(|| make).await {
            Ok(body) => {
                self.on_shelf(|shelf| shelf.weigh(key, &cell, body.len()));
                Ok(body.clone())
            }
            Err(error) => {
                self.on_shelf(|shelf| shelf.drop_empty(key));
                Err(error)
            }
        }
    }

    /// Puts other bytes in the place of those that are kept, if they are.
    pub(super) fn replace(&self, key: KeptKey, body: Bytes) {
        self.on_shelf(|shelf| shelf.replace(key, body));
    }

    fn on_shelf<T>(&self, act: impl FnOnce(&mut Shelf) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shelf {
    fn take(&mut self, key: KeptKey) -> Arc<OnceCell<Bytes>> {
        self.clock += 1;
        let kept = self.bodies.entry(key).or_default();
        kept.used = self.clock;
        let body = kept.body.clone();
        self.make_room(key);
        body
    }

    fn weigh(&mut self, key: KeptKey, cell: &Arc<OnceCell<Bytes>>, bytes: usize) {
        if let Some(kept) = self.bodies.get_mut(&key)
            && kept.bytes == 0
            && Arc::ptr_eq(&kept.body, cell)
        {
            kept.bytes = bytes;
            self.bytes += bytes;
            self.make_room(key);
        }
    }

    fn replace(&mut self, key: KeptKey, body: Bytes) {
        if let Some(kept) = self.bodies.get_mut(&key) {
            self.bytes = self.bytes - kept.bytes + body.len();
            kept.bytes = body.len();
            kept.body = Arc::new(OnceCell::new_with(Some(body)));
            self.make_room(key);
        }
    }

    fn drop_empty(&mut self, key: KeptKey) {
        if self
            .bodies
            .get(&key)
            .is_some_and(|kept| !kept.body.initialized())
        {
            self.bodies.remove(&key);
        }
    }

    /// Those that were not used for longest go, but never this one.
    fn make_room(&mut self, key: KeptKey) {
        while self.bodies.len() > SEATMAPS_KEPT_MAX || self.bytes > SEATMAPS_KEPT_BYTES_MAX {
            let others = self.bodies.iter().filter(|(other, _)| **other != key);
            let Some((&oldest, _)) = others.min_by_key(|(_, kept)| kept.used) else {
                return;
            };
            if let Some(gone) = self.bodies.remove(&oldest) {
                self.bytes -= gone.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(event: i64) -> KeptKey {
        KeptKey::Map(MapKey {
            event: EventId(event),
            layout: 1,
            form: Form::Columns,
        })
    }

    #[tokio::test]
    async fn a_map_is_made_once_however_many_ask() {
        let (kept, made) = (KeptMaps::default(), AtomicUsize::new(0));
        let ask = || {
            kept.get(key(1), async {
                tokio::task::yield_now().await;
                made.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(Bytes::from_static(b"map"))
            })
        };
        let answers = futures_util::future::join_all((0..10).map(|_| ask())).await;
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().unwrap() == "map")
        );
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert_eq!(kept.on_shelf(|shelf| shelf.bytes), 3);
    }

    #[tokio::test]
    async fn what_could_not_be_made_is_asked_for_again() {
        let kept = KeptMaps::default();
        let failed = kept.get(key(1), async { Err::<Bytes, _>("away") }).await;
        assert_eq!(failed, Err("away"));
        assert_eq!(kept.on_shelf(|shelf| shelf.bodies.len()), 0);
        let made = kept.get(key(1), async { Ok::<_, &str>(Bytes::from_static(b"map")) });
        assert_eq!(made.await.unwrap(), "map");
    }

    #[tokio::test]
    async fn what_was_not_used_for_longest_goes_first() {
        let kept = KeptMaps::default();
        let large = Bytes::from(vec![0; SEATMAPS_KEPT_BYTES_MAX / 3]);
        for event in [1, 2, 3, 1, 4] {
            let body = kept.get(key(event), async { Ok::<_, Infallible>(large.clone()) });
            body.await.unwrap();
        }
        let mut left: Vec<i64> = kept.on_shelf(|shelf| {
            (1..=4)
                .filter(|event| shelf.bodies.contains_key(&key(*event)))
                .collect()
        });
        left.sort_unstable();
        assert_eq!(left, [1, 3, 4]);
        assert!(kept.on_shelf(|shelf| shelf.bytes) <= SEATMAPS_KEPT_BYTES_MAX);
        for event in 10..=(SEATMAPS_KEPT_MAX as i64 + 10) {
            let body = kept.get(key(event), async {
                Ok::<_, Infallible>(Bytes::from_static(b"x"))
            });
            body.await.unwrap();
        }
        assert_eq!(kept.on_shelf(|shelf| shelf.bodies.len()), SEATMAPS_KEPT_MAX);
    }

    #[tokio::test]
    async fn smaller_bytes_take_the_place_of_those_that_were_made_fast() {
        let kept = KeptMaps::default();
        let body =
            |body: &'static [u8]| async move { Ok::<_, Infallible>(Bytes::from_static(body)) };
        kept.get(key(1), body(b"made fast")).await.unwrap();
        kept.replace(key(1), Bytes::from_static(b"small"));
        // Nobody asks for it any more.
        kept.replace(key(2), Bytes::from_static(b"small"));
        assert_eq!(kept.get(key(1), body(b"")).await.unwrap(), "small");
        assert_eq!(
            kept.on_shelf(|shelf| (shelf.bytes, shelf.bodies.len())),
            (5, 1)
        );
    }
}
