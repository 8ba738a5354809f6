//! Bounds what waits for the turn of one event, connections of the pool and jobs, so that a turn that somebody holds for
//! long costs other events none. Changes of one event are one after the other in any case: what waits here would wait in the
//! database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StoreError;
use crate::ticketing::EventId;

/// Of all there are, one event may have one in so many.
const EVENTS_SHARE: usize = 8;

#[derive(Debug)]
pub(crate) struct TurnPlaces {
    /// Of each event.
    places: usize,
    /// Events that somebody writes or waits to write: each has at least one [`TurnPlace`].
    events: Mutex<HashMap<EventId, Arc<Semaphore>>>,
}

/// A place among those that may wait for an event's turn, or the wait for one.
#[derive(Debug)]
pub(crate) struct TurnPlace {
    all: Arc<TurnPlaces>,
    event: EventId,
    semaphore: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl TurnPlaces {
    /// `all_max`: how many there are for all events.
    pub(crate) fn new(all_max: usize) -> TurnPlaces {
        TurnPlaces {
            places: (all_max / EVENTS_SHARE).max(1),
            events: Mutex::default(),
        }
    }

    /// A place, within `patience`.
    ///
    /// # Errors
    /// [`StoreError::Busy`]: there was none in all that time.
    pub(super) async fn place(
        self: &Arc<TurnPlaces>,
        event: EventId,
        patience: Duration,
    ) -> Result<TurnPlace, StoreError> {
        let mut place = self.line(event);
        let permit = place.semaphore.clone().acquire_owned();
        let permit = tokio::time::timeout(patience, permit).await;
        let permit = permit.map_err(|error| StoreError::Busy(error.into()))?;
        place.permit = Some(permit.map_err(|error| StoreError::Busy(error.into()))?);
        Ok(place)
    }

    /// A place, if there is one.
    pub(crate) fn free(self: &Arc<TurnPlaces>, event: EventId) -> Option<TurnPlace> {
        let mut place = self.line(event);
        place.permit = Some(place.semaphore.clone().try_acquire_owned().ok()?);
        Some(place)
    }

    fn line(self: &Arc<TurnPlaces>, event: EventId) -> TurnPlace {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(self.places));
        TurnPlace {
            all: self.clone(),
            event,
            semaphore: events.entry(event).or_insert_with(new).clone(),
            permit: None,
        }
    }
}

impl Drop for TurnPlace {
    fn drop(&mut self) {
        self.permit = None;
        let events = self.all.events.lock();
        let mut events = events.unwrap_or_else(PoisonError::into_inner);
        // Ours and the map's.
        if Arc::strong_count(&self.semaphore) == 2 {
            events.remove(&self.event);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn an_event_has_its_share_of_places_and_others_have_theirs() {
        let places = Arc::new(TurnPlaces::new(16));
        let (one, other) = (EventId(1), EventId(2));
        let patience = Duration::from_millis(10);
        let first = places.place(one, patience).await.unwrap();
        let second = places.place(one, patience).await.unwrap();
        let third = places.place(one, patience).await;
        assert!(matches!(third, Err(StoreError::Busy(_))));
        assert!(places.free(one).is_none() && places.free(other).is_some());
        places.place(other, patience).await.unwrap();
        drop(first);
        places.place(one, patience).await.unwrap();
        drop(second);
        assert!(places.events.lock().unwrap().is_empty());
    }
}
