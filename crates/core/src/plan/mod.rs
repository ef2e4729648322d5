//! What a command would delete: each object, why it is deleted, what its loss means, and how much is freed. Pure: the input is the
//! engine's inventory, the output the plan.

mod change;
pub mod changes;
pub mod compose;
mod facts;
pub mod filters;
pub mod freed;
pub mod images;
pub mod inventory;
mod labels;
mod needs;
mod neighbours;
pub mod preview;
pub mod protect;
pub mod request_changes;
pub mod services;
pub mod signal;
mod simulate;
pub mod steps;
pub mod swarm;
pub mod swarm_changes;

use std::rc::Rc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

pub use change::{Change, ChangeKind, Downtime};
pub use changes::ChangeStep;
pub use facts::Facts;
pub use freed::Unreckoned;
pub use inventory::Inventory;
pub use needs::{ContainersNeeded, Needs};
pub use neighbours::{NeighbourContainer, PlanNeighbours};
pub use protect::{Protected, Protections};
pub use simulate::plan;
pub use steps::{Step, deletes, needs, steps, steps_of};

/// What kind of object it is, in the words of `fender plan --format json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A name of an image that stays.
    Tag,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// A record of the build cache.
    BuildCache,
    /// A service of the swarm.
    Service,
    /// A secret of the swarm.
    Secret,
    /// A config of the swarm.
    Config,
}

impl ObjectKind {
    /// Its name for a person and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ObjectKind::Container => "container",
            ObjectKind::Image => "image",
            ObjectKind::Tag => "tag",
            ObjectKind::Volume => "volume",
            ObjectKind::Network => "network",
            ObjectKind::BuildCache => "build-cache",
            ObjectKind::Service => "service",
            ObjectKind::Secret => "secret",
            ObjectKind::Config => "config",
        }
    }
}

/// How an object can be had again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recoverable {
    /// From a registry.
    Pull,
    /// From fender's trash.
    Trash,
    /// It does not come back.
    No,
}

/// How an object of a plan ceases to exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ItemChange {
    /// It is removed.
    #[default]
    Removed,
    /// It is removed, and a new one gets its name.
    Replaced,
    /// The same, or it stays: that depends on what is only known when the command runs, such as a new image.
    MaybeReplaced,
}

/// One object that goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it is.
    pub kind: ObjectKind,
    /// Its id; the name of an object that has none.
    pub id: String,
    /// Its name for a person.
    pub name: String,
    /// Of an image: all its tags.
    pub tags: Vec<String>,
    /// Bytes, as the engine reckons it for the object alone; None where it does not say.
    pub size: Option<i64>,
    /// Why it goes.
    pub reason: String,
    /// How it can be had again.
    pub recoverable: Recoverable,
    /// Why it cannot be kept, where it cannot.
    pub not_kept: Option<String>,
    /// What a person should know before: what used it, since when, the largest paths.
    pub about: Vec<String>,
    /// Seconds since 1970: made, and last used where that is known.
    pub created: Option<i64>,
    /// When it was used last, in seconds since 1970.
    pub used: Option<i64>,
    /// To see right before the deletion that it is still the same: a volume's time of creation, a tag's image.
    pub mark: String,
    /// `DELETE /containers/{id}`: also while it runs; with its anonymous volumes.
    pub force: bool,
    /// Whether its anonymous volumes go with it.
    pub volumes: bool,
    /// Bytes that its going frees: layers that several share belong to the first.
    pub frees: i64,
    /// Ids of the containers that stand on an image.
    pub users: Vec<String>,
    /// Which step of the command takes it.
    pub step: usize,
    /// Whether something else takes its place.
    pub change: ItemChange,
    /// Of a container: since when it runs, in seconds since 1970, where that was asked for.
    pub since: Option<i64>,
    /// Of a running container that is replaced: what nobody reaches meanwhile, where that was asked for.
    pub downtime: Option<Downtime>,
}

impl Item {
    /// Of a container: whether it has processes, running or paused.
    pub fn is_running(&self) -> bool {
        matches!(self.mark.as_str(), "running" | "paused" | "restarting")
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("name", &self.name)?;
        if self.kind == ObjectKind::Image {
            map.serialize_entry("tags", &self.tags)?;
        }
        map.serialize_entry("size", &self.size)?;
        map.serialize_entry("reason", &self.reason)?;
        map.serialize_entry("recoverable", &self.recoverable)?;
        if let Some(why) = &self.not_kept {
            map.serialize_entry("not_kept", why)?;
        }
        map.serialize_entry("about", &self.about)?;
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("used", &self.used)?;
        map.end()
    }
}

/// An object that the command names or would include, and that is not deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// Why it stays.
    pub reason: String,
    /// It is not deleted because it is protected.
    pub protected: bool,
    /// The command names it, rather than sweeping it up.
    #[serde(skip)]
    pub named: bool,
    /// The position of its step in the plan.
    #[serde(skip)]
    pub step: usize,
}

/// What it takes to keep what a plan promises, estimated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// How long it takes, in seconds, rounded up.
    pub seconds: u64,
    /// On the disk of the trash, before they are compressed.
    pub bytes: u64,
    /// What the engine has to send for each object that takes time.
    pub copies: Vec<KeepingCopy>,
}

/// One object that is copied to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepingCopy {
    /// Its place in the plan's list.
    pub at: usize,
    /// What is copied of it.
    pub source: CopySource,
    /// In the engine's own numbers.
    pub bytes: u64,
}

/// Where it comes from: not all of them are equally fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// The files of a volume.
    Files,
    /// The layers of an image, or of a container with those of its image.
    Layers,
    /// The files of a volume or of a container's layer, which are read where they lie on this machine.
    Here,
}

/// Everything that a command would delete on one engine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    /// The engine's id.
    pub engine: String,
    /// What it calls itself.
    pub engine_name: String,
    /// What is deleted or replaced, in the order in which docker deletes it. JSON has what is replaced among the changes alone.
    #[serde(serialize_with = "without_replaced")]
    pub deletes: Vec<Item>,
    /// Bytes, with layers that several images share counted once.
    pub frees: i64,
    /// What was meant and is not deleted.
    pub skipped: Vec<Skipped>,
    /// What is lost without being in the list: networks that a container needs to start, data that ends with `--rm`.
    pub warnings: Vec<String>,
    /// What is not known.
    pub unclear: Vec<String>,
    /// What else changes: [`Plan::all_changes`] has it with the deletions.
    #[serde(skip)]
    pub changes: Vec<Change>,
    /// What the command acts on could not be read: it may take anything.
    #[serde(skip)]
    pub unknown: bool,
    /// How long the trash keeps what it can, in seconds.
    #[serde(skip)]
    pub kept_for: u64,
    /// What keeping takes, as far as it was estimated.
    #[serde(skip)]
    pub keeping: Keeping,
    /// The steps that the command consists of.
    #[serde(skip)]
    pub steps: Vec<Step>,
    /// The deletion is done by docker itself, because only it can: why.
    #[serde(skip)]
    pub by_docker: Option<String>,
    /// The engine has not said in time how large the volumes are that go: they are measured after the answer, before anything is deleted.
    #[serde(skip)]
    pub unmeasured: bool,
    /// What images free together is asked after the question, as they are many: until then `frees` is the least.
    #[serde(skip)]
    pub unreckoned: Option<Rc<Unreckoned>>,
    /// Many containers go, and what they share with others is read after the answer, before anything is deleted.
    #[serde(skip)]
    pub unread: bool,
    /// What else the engine has; None where nothing was listed.
    #[serde(skip)]
    pub neighbours: Option<Rc<PlanNeighbours>>,
}

fn without_replaced<S: Serializer>(deletes: &[Item], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(deletes.iter().filter(|item| item.change == ItemChange::Removed))
}

impl Plan {
    /// The items of one kind.
    pub fn of(&self, kind: ObjectKind) -> impl Iterator<Item = &Item> {
        self.deletes.iter().filter(move |item| item.kind == kind)
    }

    /// Objects that cannot be restored and that somebody might need. Build cache is not among them.
    pub fn lost(&self) -> impl Iterator<Item = &Item> {
        self.deletes.iter().filter(|item| item.recoverable == Recoverable::No && item.kind != ObjectKind::BuildCache)
    }

    /// Protected objects that the command names or has to delete.
    pub fn refused(&self) -> impl Iterator<Item = &Skipped> {
        self.skipped.iter().filter(|it| it.protected && it.named)
    }

    /// Protected objects that a prune skips.
    pub fn skipped_protected(&self) -> impl Iterator<Item = &Skipped> {
        self.skipped.iter().filter(|it| it.protected && !it.named)
    }
}
