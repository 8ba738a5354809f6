//! The content of a private topic, entity by entity, and the frames that bring a viewer to it.
//!
//! Pure. A picture never changes: the next read of the database makes another one out of it, which shares the unchanged
//! entities. Every entity, and every id that went away, carries the revision of the read that first found it so; a
//! viewer lacks those with a later revision than its own.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::value::RawValue;

use crate::config::inside::{GONE_ENTITIES_MAX, PRIVATE_ENTITIES_BYTES_MAX, REVISIONS_TOLD_MAX};
use crate::protocol::native::{self, EntityId, EntityKind, Response, Told};
use crate::protocol::phoenix::{self, Vsn};
use crate::protocol::topic::Topic;
use crate::ticketing::{Revision, UserId};

/// An entity as a read found it: with its body, unless this version of it is known.
#[derive(Debug, Clone)]
pub struct Listed {
    pub id: EntityId,
    pub version: i64,
    pub body: Option<Arc<RawValue>>,
}

/// The content that a read found for a topic.
#[derive(Debug, Clone)]
pub enum FoundContent {
    /// Entities of `user:`, in display order.
    Own(Vec<Listed>),
    /// The figures of `admin:`: an object that is not empty.
    Figures(Arc<RawValue>),
}

/// The content of a private topic. Made by `private/`, shared by all shards; its frame is encoded once for all viewers that
/// have the picture before it.
#[derive(Debug)]
pub struct Picture {
    pub topic: Topic,
    /// The user who may see it; admins may see those of events as well.
    pub owner: UserId,
    /// When the read began that found the latest change, by the database's clock, in microseconds. Every earlier commit is
    /// in it.
    pub revision: Revision,
    /// The beginning of the read that found the change before it; 0 if there was none.
    before: Revision,
    content: Content,
    frames: [OnceLock<Bytes>; 2],
    /// The beginning of the latest read that found no change. `private/` advances it; for a shard that missed a newer picture
    /// it stands still.
    read: AtomicU64,
}

#[derive(Debug, Clone)]
enum Content {
    Own(OwnEntities),
    Figures(Arc<RawValue>),
}

#[derive(Debug, Clone)]
struct OwnEntities {
    entities: Vec<Entity>,
    /// Ids of entities that went away, each with the read that found it so, in order.
    gone: VecDeque<(EntityId, Revision)>,
    /// The revision from which on the ids that went away are known.
    reaches: Revision,
    /// The latest revisions that this node may have sent, at least one. A revision of another node is not among them: that
    /// node may have shown a booking that came and went between two reads here, and nobody here knows that it is gone.
    told: VecDeque<Revision>,
}

#[derive(Debug, Clone)]
struct Entity {
    id: EntityId,
    version: i64,
    body: Arc<RawValue>,
    /// The read that first found this version.
    found: Revision,
}

impl Picture {
    /// The first picture of a topic, or the first after its history was forgotten.
    pub fn first(topic: Topic, owner: UserId, read: Revision, found: FoundContent) -> Self {
        let content = match found {
            FoundContent::Figures(body) => Content::Figures(body),
            FoundContent::Own(listed) => {
                let entities = listed.into_iter();
                let entities = entities.filter_map(|listed| listed.found_in(read));
                Content::Own(OwnEntities {
                    entities: fitting(entities.collect()),
                    gone: VecDeque::new(),
                    reaches: read,
                    told: VecDeque::from([read]),
                })
            }
        };
        Picture {
            topic,
            owner,
            revision: read,
            before: 0,
            content,
            frames: Default::default(),
            read: AtomicU64::new(read),
        }
    }

    /// The picture after a later read; `None` if nothing changed and it does not answer a client (`answers`), which is told
    /// its revision.
    pub fn after(
        &self,
        owner: UserId,
        read: Revision,
        found: FoundContent,
        answers: bool,
    ) -> Option<Self> {
        // Later reads have higher numbers, even within a microsecond or after the clock was set back.
        let read = read.max(self.read() + 1);
        let changed = match (&self.content, found) {
            (Content::Figures(known), FoundContent::Figures(body)) => {
                (known.get() != body.get()).then_some(Content::Figures(body))
            }
            (Content::Own(known), FoundContent::Own(listed)) => {
                known.after(read, listed).map(Content::Own)
            }
            // A topic never changes its kind of content.
            _ => None,
        };
        let (revision, before) = match changed.is_some() || owner != self.owner {
            true => (read, self.revision),
            false if answers => (self.revision, self.before),
            false => {
                self.read.fetch_max(read, Ordering::Relaxed);
                return None;
            }
        };
        let mut content = changed.unwrap_or_else(|| self.content.clone());
        if let Content::Own(own) = &mut content {
            own.told.push_back(read);
            while own.told.len() > REVISIONS_TOLD_MAX {
                own.told.pop_front();
            }
        }
        Some(Picture {
            topic: self.topic,
            owner,
            revision,
            before,
            content,
            frames: Default::default(),
            read: AtomicU64::new(read),
        })
    }

    /// The listed entities (id and version) whose body is not in `known`.
    pub fn lacks(known: Option<&Picture>, listed: &[(EntityId, i64)]) -> Vec<EntityId> {
        let versions = match known.map(|known| &known.content) {
            Some(Content::Own(own)) => own.versions(),
            _ => HashMap::new(),
        };
        let unknown = listed
            .iter()
            .filter(|(id, version)| versions.get(id) != Some(version));
        unknown.map(|(id, _)| *id).collect()
    }

    /// The beginning of the latest read that found no change: every commit before it is in the picture.
    pub fn read(&self) -> Revision {
        self.read.load(Ordering::Relaxed)
    }

    /// [`Picture::read`] as a timestamp.
    pub fn checked_at(&self) -> Timestamp {
        let read = i64::try_from(self.read()).unwrap_or(i64::MAX);
        Timestamp::from_microsecond(read).unwrap_or(Timestamp::MAX)
    }

    /// The answer to a join of `user:` by a client that has revision `since`: the changes after it if this node sent it,
    /// else the whole.
    pub fn joined(&self, since: Option<Revision>) -> Response<Told<'_>> {
        let own = self.own();
        let told =
            |own: &OwnEntities, since| own.told.contains(&since) || mistaken!(ResumeAnywhere);
        let changes = since.and_then(|since| {
            let own = own.filter(|own| told(own, since))?;
            own.changes(since)
        });
        Response {
            revision: own
                .and_then(|own| own.told.back().copied())
                .unwrap_or(self.revision),
            resumed: changes.is_some(),
            state: changes.unwrap_or_else(|| self.whole()),
        }
    }

    /// The frame for a viewer that this node last brought to revision `sent`; `None` if it lacks nothing.
    pub fn frame(&self, vsn: Vsn, sent: Revision) -> Option<Bytes> {
        if sent >= self.revision {
            return None;
        }
        if sent < self.before && self.own().is_some() {
            return Some(self.encode(vsn, sent));
        }
        let frame = &self.frames[usize::from(vsn == Vsn::V2)];
        Some(frame.get_or_init(|| self.encode(vsn, self.before)).clone())
    }

    fn encode(&self, vsn: Vsn, sent: Revision) -> Bytes {
        let topic = self.topic.to_string();
        let own = match &self.content {
            Content::Figures(body) => {
                let figures = native::figures(self.revision, body);
                return phoenix::push(vsn, &topic, native::FIGURES, &figures);
            }
            Content::Own(own) => own,
        };
        let changes = own.changes(sent);
        let (from, told) = match changes {
            Some(changes) => (sent, changes),
            None => (0, self.whole()),
        };
        let update = native::user_update(from, self.revision, &told);
        phoenix::push(vsn, &topic, native::UPDATE, &update)
    }

    fn own(&self) -> Option<&OwnEntities> {
        match &self.content {
            Content::Own(own) => Some(own),
            Content::Figures(_) => None,
        }
    }

    fn whole(&self) -> Told<'_> {
        let entities = self.own().map_or(&[][..], |own| &own.entities);
        Told {
            is_whole: true,
            entities: entities.iter().map(Entity::told).collect(),
            gone: Vec::new(),
        }
    }
}

impl OwnEntities {
    fn versions(&self) -> HashMap<EntityId, i64> {
        let entities = self.entities.iter();
        entities.map(|entity| (entity.id, entity.version)).collect()
    }

    /// `None` if nothing changed.
    fn after(&self, read: Revision, listed: Vec<Listed>) -> Option<OwnEntities> {
        let known: HashMap<EntityId, &Entity> = self.entities.iter().map(|e| (e.id, e)).collect();
        let mut entities = Vec::with_capacity(listed.len());
        for listed in listed {
            match known.get(&listed.id) {
                Some(known) if known.version == listed.version => {
                    entities.push((*known).clone());
                }
                // Without a body: it was removed during the read.
                _ => entities.extend(listed.found_in(read)),
            }
        }
        let entities = fitting(entities);
        let changed = entities.iter().any(|entity| entity.found == read);
        let now: HashSet<EntityId> = entities.iter().map(|entity| entity.id).collect();
        let mut own = OwnEntities {
            gone: self.gone.clone(),
            reaches: self.reaches,
            told: self.told.clone(),
            entities,
        };
        let went = self
            .entities
            .iter()
            .filter(|entity| !now.contains(&entity.id));
        let went: Vec<_> = went.map(|entity| (entity.id, read)).collect();
        if !changed && went.is_empty() {
            return None;
        }
        own.gone.retain(|(id, _)| !now.contains(id));
        if !mistaken!(ForgetGone) {
            let is_told =
                |id: &EntityId| id.kind() == EntityKind::Booking || !mistaken!(KeepHandedOn);
            own.gone
                .extend(went.into_iter().filter(|(id, _)| is_told(id)));
        }
        while own.gone.len() > GONE_ENTITIES_MAX
            && let Some((_, at)) = own.gone.pop_front()
        {
            own.reaches = at;
        }
        Some(own)
    }

    /// The changes after `have`; `None` if they are not known any more.
    fn changes(&self, have: Revision) -> Option<Told<'_>> {
        if have < self.reaches {
            return None;
        }
        let changed = self.entities.iter().filter(|entity| entity.found > have);
        let gone = self.gone.iter().filter(|(_, at)| *at > have);
        Some(Told {
            is_whole: false,
            entities: changed.map(Entity::told).collect(),
            gone: gone.map(|(id, _)| *id).collect(),
        })
    }
}

/// Those that fit into one frame, in their order. The others are not the viewer's, as those beyond the bound on their number.
fn fitting(mut entities: Vec<Entity>) -> Vec<Entity> {
    let mut bytes_left = PRIVATE_ENTITIES_BYTES_MAX;
    entities.retain(|entity| {
        let left = bytes_left.checked_sub(entity.body.get().len());
        bytes_left = left.unwrap_or(bytes_left);
        left.is_some()
    });
    entities
}

impl Entity {
    fn told(&self) -> (EntityKind, &RawValue) {
        (self.id.kind(), &self.body)
    }
}

impl Listed {
    fn found_in(self, found: Revision) -> Option<Entity> {
        Some(Entity {
            id: self.id,
            version: self.version,
            body: self.body?,
            found,
        })
    }
}
