//! A viewer that follows the wire's rules: it holds one topic's picture and revision, applies a frame only if
//! `from <= have < to`, notices every gap, reconnects with `since` after any failure, and records each picture that it
//! could have shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use seatcast::store::Store;
use seatcast::ticketing::live::{Delta, EventState};
use seatcast::ticketing::{EventId, TicketTypeId};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::server::DEADLINE;
use super::websocket::{Socket, SocketEnd, WireVersion};

/// The server's current address; `None` while it is known to be down.
pub(crate) type Address = watch::Receiver<Option<SocketAddr>>;

/// Pause between attempts to reconnect; a real client waits longer, with jitter.
const RETRY: Duration = Duration::from_millis(20);
/// A viewer that hears nothing for this long reconnects. Longer than the beat interval of the tests' servers.
const PATIENCE: Duration = Duration::from_secs(4);

/// A topic's content at one revision, in a form that can be compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ShownPicture {
    title: String,
    status: String,
    /// Available, held and sold by ticket type.
    types: BTreeMap<TicketTypeId, (i64, i64, i64)>,
    /// By position; empty on `event:` topics.
    seats: Vec<u8>,
}

impl ShownPicture {
    /// The picture that a viewer of this topic should have of a state.
    pub(crate) fn of(state: &EventState, topic: &str) -> ShownPicture {
        if topic.starts_with("seats:") {
            let seats = (0..state.seats.len()).filter_map(|place| state.seats.get(place));
            return ShownPicture {
                seats: seats.map(|status| status as u8).collect(),
                ..ShownPicture::default()
            };
        }
        let types = state
            .ticket_types
            .values()
            .filter(|row| !row.hidden)
            .map(|row| (row.id, (row.available, row.held, row.sold)));
        ShownPicture {
            title: state.event.title.clone(),
            status: json!(state.event.status)
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            types: types.collect(),
            seats: Vec::new(),
        }
    }

    /// Without the padding after the last seat: packed seats come four to the byte.
    pub(crate) fn trimmed(&self, truth: &ShownPicture) -> ShownPicture {
        let mut trimmed = self.clone();
        trimmed.seats.truncate(truth.seats.len());
        trimmed
    }

    fn apply(&mut self, change: &Value, whole: bool) {
        if whole {
            *self = ShownPicture::default();
        }
        if let Some(event) = change["event"].as_object() {
            self.title = event["title"].as_str().unwrap_or_default().to_owned();
            self.status = event["status"].as_str().unwrap_or_default().to_owned();
        }
        for row in change["ticket_types"].as_array().into_iter().flatten() {
            let id = TicketTypeId(row["id"].as_i64().expect("an id"));
            if row["removed"] == true {
                self.types.remove(&id);
            } else {
                let number = |name: &str| row[name].as_i64().expect("a number");
                self.types
                    .insert(id, (number("available"), number("held"), number("sold")));
            }
        }
        match &change["seats"] {
            Value::String(packed) => {
                let bytes = BASE64.decode(packed).expect("base64");
                self.seats = bytes
                    .iter()
                    .flat_map(|byte| (0..4).map(move |place| byte >> (place * 2) & 3))
                    .collect();
            }
            Value::Array(pairs) => {
                for pair in pairs {
                    let place =
                        usize::try_from(pair[0].as_u64().expect("a position")).expect("small");
                    if place >= self.seats.len() {
                        self.seats.resize(place + 1, 0);
                    }
                    self.seats[place] =
                        u8::try_from(pair[1].as_u64().expect("a status")).expect("two bits");
                }
            }
            _ => {}
        }
    }
}

/// The history of one viewer.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// Every revision that it reached, with its picture at that moment.
    pub(crate) pictures: Vec<(u64, ShownPicture)>,
    pub(crate) connected: u64,
    pub(crate) resumed: u64,
    pub(crate) gaps: u64,
    pub(crate) stale: u64,
}

pub(crate) struct Viewer {
    pub(crate) topic: String,
    pub(crate) diary: Arc<Mutex<Diary>>,
    have: watch::Receiver<u64>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Viewer {
    pub(crate) fn watch(address: Address, topic: String, vsn: WireVersion) -> Viewer {
        let (reached, have) = watch::channel(0);
        let (diary, stop) = (Arc::<Mutex<Diary>>::default(), CancellationToken::new());
        let mut life = Life {
            address,
            topic: topic.clone(),
            vsn,
            have: 0,
            picture: ShownPicture::default(),
            diary: diary.clone(),
            reached,
        };
        let end = stop.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = life.live() => {}
            }
        });
        Viewer {
            topic,
            diary,
            have,
            stop,
            task,
        }
    }

    /// Waits until the viewer has reached this revision.
    pub(crate) async fn reach(&self, revision: u64, deadline: Duration) {
        let mut have = self.have.clone();
        let reached = have.wait_for(|have| *have >= revision);
        let reached = matches!(tokio::time::timeout(deadline, reached).await, Ok(Ok(_)));
        assert!(
            reached,
            "{} stays at {} of {revision}: (connected, resumed, gaps) {:?}",
            self.topic,
            *self.have.borrow(),
            self.counts()
        );
    }

    pub(crate) async fn end(self) -> Diary {
        self.stop.cancel();
        self.task.await.expect("a viewer that did not panic");
        std::mem::take(&mut *self.diary.lock().expect("no panic"))
    }

    fn counts(&self) -> (u64, u64, u64) {
        let diary = self.diary.lock().expect("no panic");
        (diary.connected, diary.resumed, diary.gaps)
    }
}

struct Life {
    address: Address,
    topic: String,
    vsn: WireVersion,
    have: u64,
    picture: ShownPicture,
    diary: Arc<Mutex<Diary>>,
    reached: watch::Sender<u64>,
}

impl Life {
    async fn live(&mut self) {
        loop {
            let Ok(address) = self
                .address
                .wait_for(Option::is_some)
                .await
                .map(|address| *address)
            else {
                return;
            };
            if let Some(address) = address
                && let Ok(mut socket) = Socket::try_connect(address, self.vsn).await
            {
                self.note(|diary| diary.connected += 1);
                while self.join(&mut socket).await && self.follow(&mut socket).await {}
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Joins, with `since` if there is anything to resume; `false` when the connection ended, or the
    /// server could not open the topic.
    async fn join(&mut self, socket: &mut Socket) -> bool {
        let payload = if self.have > 0 {
            json!({ "since": self.have })
        } else {
            json!({})
        };
        let reference = socket.try_send(&self.topic, "phx_join", payload).await;
        loop {
            match socket.next_frame(PATIENCE).await {
                Ok(frame) if frame.event == "phx_reply" && frame.reference == json!(reference) => {
                    let response = &frame.payload["response"];
                    let Some(revision) = response["revision"].as_u64() else {
                        return false;
                    };
                    let resumed = response["resumed"] == true;
                    self.note(|diary| diary.resumed += u64::from(resumed));
                    self.picture.apply(&response["state"], !resumed);
                    self.arrive(revision);
                    return true;
                }
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Takes frames until the connection ends (`false`) or a gap asks for a new join (`true`).
    async fn follow(&mut self, socket: &mut Socket) -> bool {
        loop {
            let frame = match socket.next_frame(PATIENCE).await {
                Ok(frame) => frame,
                Err(SocketEnd::Silence) => {
                    self.note(|diary| diary.stale += 1);
                    return false;
                }
                Err(SocketEnd::Closed(_)) => return false,
            };
            match &*frame.event {
                "update" if frame.topic == self.topic => {
                    let number = |name: &str| frame.payload[name].as_u64().expect("a revision");
                    let (from, to) = (number("from"), number("to"));
                    if from > self.have {
                        self.note(|diary| diary.gaps += 1);
                        return true;
                    }
                    if to > self.have {
                        self.picture.apply(&frame.payload, from == 0);
                        self.arrive(to);
                    }
                }
                "beat" => {
                    // Frames come before the beat that names their revision.
                    let newest = frame.payload["revisions"][&self.topic].as_u64();
                    if newest.is_some_and(|newest| newest > self.have) {
                        self.note(|diary| diary.gaps += 1);
                        return true;
                    }
                }
                "phx_close" | "phx_error" => return false,
                _ => {}
            }
        }
    }

    fn arrive(&mut self, revision: u64) {
        assert!(
            revision >= self.have,
            "{} went back from {} to {revision}",
            self.topic,
            self.have
        );
        self.have = revision;
        let picture = self.picture.clone();
        self.note(|diary| diary.pictures.push((revision, picture)));
        self.reached.send_replace(revision);
    }

    fn note(&self, change: impl FnOnce(&mut Diary)) {
        change(&mut self.diary.lock().expect("no panic"));
    }
}

/// Replays the log, and compares every diary with it.
async fn judge(store: &Store, event: EventId, diaries: &[(String, Diary)]) {
    let log: Vec<Delta> = whole_log(store, event).await;
    let mut pictures: HashMap<(&str, u64), ShownPicture> = HashMap::new();
    let topics = diaries.iter().map(|(topic, _)| topic.as_str());
    let topics: BTreeSet<&str> = topics.collect();
    let live = store
        .live_event(event, 1)
        .await
        .expect("a snapshot")
        .expect("an event");
    let mut state = live.state.clone();
    assert_eq!((log[0].from, log[0].to), (0, 1), "the log is whole");
    // A delta from 0 replaces everything.
    state.revision = 0;
    for delta in &log {
        state.apply(delta).expect("no gap in the log");
        for topic in &topics {
            pictures.insert((topic, state.revision), ShownPicture::of(&state, topic));
        }
    }
    assert_eq!(state.revision, live.state.revision);
    for (topic, diary) in diaries {
        assert!(!diary.pictures.is_empty(), "{topic} saw nothing");
        for (revision, seen) in &diary.pictures {
            let truth = &pictures[&(topic.as_str(), *revision)];
            // Packed seats come four to the byte; the rest of the last byte is padding.
            assert_eq!(
                &seen.trimmed(truth),
                truth,
                "{topic} at revision {revision}"
            );
        }
        let (last, _) = diary.pictures.last().expect("a picture");
        assert_eq!(*last, live.state.revision, "{topic}");
    }
}

async fn whole_log(store: &Store, event: EventId) -> Vec<Delta> {
    let mut log: Vec<Delta> = Vec::new();
    loop {
        let head = log.last().map_or(0, |delta| delta.to);
        let more = store
            .changes_after(&[(event, head)], 500)
            .await
            .expect("the log");
        if more.is_empty() {
            return log;
        }
        log.extend(more.into_iter().map(|(_, delta)| delta));
    }
}

/// Viewers of both topics and both versions of the wire.
pub(crate) fn viewers(
    address: &watch::Receiver<Option<SocketAddr>>,
    event: EventId,
    pairs: usize,
) -> Vec<Viewer> {
    (0..pairs * 2)
        .map(|n| {
            let topic = if n % 2 == 0 {
                format!("event:{event}")
            } else {
                format!("seats:{event}")
            };
            let vsn = if n % 3 == 0 {
                WireVersion::V1
            } else {
                WireVersion::V2
            };
            Viewer::watch(address.clone(), topic, vsn)
        })
        .collect()
}

/// Waits until all viewers have the database's revision, ends them, and checks their histories.
pub(crate) async fn finish(
    store: &Store,
    event: EventId,
    viewers: Vec<Viewer>,
) -> Vec<(String, Diary)> {
    let live = store
        .live_event(event, 1)
        .await
        .expect("a snapshot")
        .expect("an event");
    for viewer in &viewers {
        viewer.reach(live.state.revision, DEADLINE).await;
    }
    let mut diaries = Vec::new();
    for viewer in viewers {
        diaries.push((viewer.topic.clone(), viewer.end().await));
    }
    judge(store, event, &diaries).await;
    diaries
}
