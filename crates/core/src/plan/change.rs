//! One object that is not afterwards what it was before, and what happens to it.

use serde::Serialize;

use super::inventory::Container;
use super::{Item, ItemChange, ObjectKind, Plan, Recoverable};
use crate::text::named;

/// What happens to an object, in the words of `fender plan --format json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// A new one takes its name, and the old one is gone.
    Replace,
    /// It is gone.
    Delete,
    /// It ends for now.
    Stop,
    /// It ends and starts again.
    Restart,
    /// Its processes stand still.
    Pause,
    /// It runs, or goes on.
    Start,
    /// It is known by another name.
    Rename,
    /// The name means another image.
    Retag,
    /// Its settings change.
    Update,
    /// It is new.
    Create,
}

impl ChangeKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [ChangeKind; 10] = [
        ChangeKind::Replace,
        ChangeKind::Delete,
        ChangeKind::Stop,
        ChangeKind::Restart,
        ChangeKind::Pause,
        ChangeKind::Start,
        ChangeKind::Rename,
        ChangeKind::Retag,
        ChangeKind::Update,
        ChangeKind::Create,
    ];

    /// For a person: `replaces`.
    pub fn verb(self) -> &'static str {
        match self {
            ChangeKind::Replace => "replaces",
            ChangeKind::Delete => "deletes",
            ChangeKind::Stop => "stops",
            ChangeKind::Restart => "restarts",
            ChangeKind::Pause => "pauses",
            ChangeKind::Start => "starts",
            ChangeKind::Rename => "renames",
            ChangeKind::Retag => "moves",
            ChangeKind::Update => "updates",
            ChangeKind::Create => "creates",
        }
    }
}

/// What nobody reaches while a container is down. It is down from its stop until it, or the container that replaces it, runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Downtime {
    /// The ports at which the host serves it, in order: `80`, `127.0.0.1:5432`, `53/udp`.
    pub ports: Vec<String>,
    /// Seconds that its healthcheck gives it to start. None where it gives none: how long a start takes is not known then.
    pub start_seconds: Option<u64>,
}

impl Downtime {
    /// In one sentence: `ports 80, 443 are unreachable until it runs again`. None for a change by which nothing is down.
    pub fn sentence(&self, change: ChangeKind) -> Option<String> {
        let until = match change {
            ChangeKind::Stop => "until it is started again",
            ChangeKind::Restart => "until it runs again",
            ChangeKind::Replace => "until the new one runs",
            _ => return None,
        };
        let what = match self.ports.as_slice() {
            [] => "down".to_owned(),
            [port] => format!("port {port} is unreachable"),
            ports => format!("ports {} are unreachable", named(ports)),
        };
        let starts = match self.start_seconds {
            Some(seconds) => format!(" (its healthcheck allows {seconds} s for the start)"),
            None => String::new(),
        };
        Some(format!("{what} {until}{starts}"))
    }
}

/// One object that is not afterwards what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ObjectKind,
    /// Its id; empty for what does not exist yet and for what is known by its name alone.
    pub id: String,
    /// Its name for a person.
    pub name: String,
    /// What happens to it.
    pub change: ChangeKind,
    /// Why, or into what: `its configuration changed`, `to web-old`. Empty where the command says it.
    pub reason: String,
    /// Of a container: since when it runs, in seconds since 1970. None where it does not run.
    pub since: Option<i64>,
    /// Of a container that goes or is replaced: bytes in its own layer. None where the engine did not say it.
    pub layer_bytes: Option<i64>,
    /// Of a running container that is stopped, restarted or replaced. None for others, and where the engine was not asked.
    pub downtime: Option<Downtime>,
    /// How what goes with the change can be had again. None where nothing goes.
    pub recoverable: Option<Recoverable>,
    /// Whether it is certain. A new image, for example, replaces a container only if it differs from the old one.
    pub certain: bool,
    /// The object stays, and what it consists of goes, or its protection: the tasks of a service.
    #[serde(skip)]
    pub takes: bool,
    /// Why the object is protected, where it goes or loses its name.
    #[serde(skip)]
    pub protected: Option<String>,
}

impl Change {
    /// A change by which nothing goes.
    pub fn new(kind: ObjectKind, id: &str, name: &str, change: ChangeKind) -> Change {
        Change {
            kind,
            id: id.to_owned(),
            name: name.to_owned(),
            change,
            reason: String::new(),
            since: None,
            layer_bytes: None,
            downtime: None,
            recoverable: None,
            certain: true,
            takes: false,
            protected: None,
        }
    }

    /// The same with a reason.
    pub fn because(mut self, reason: impl Into<String>) -> Change {
        self.reason = reason.into();
        self
    }

    /// The same of a container.
    pub(super) fn of_container(container: &Container, change: ChangeKind) -> Change {
        Change::new(ObjectKind::Container, &container.id, container.name(), change)
    }
}

/// A change by which an object goes that cannot be had again.
pub(super) fn lost(kind: ObjectKind, id: &str, name: &str) -> Change {
    Change { recoverable: Some(Recoverable::No), ..Change::new(kind, id, name, ChangeKind::Delete) }
}

/// The same of a container.
pub(super) fn lost_container(container: &Container, reason: &str) -> Change {
    lost(ObjectKind::Container, &container.id, container.name()).because(reason)
}

impl From<&Item> for Change {
    fn from(item: &Item) -> Change {
        let (change, certain) = match item.change {
            ItemChange::Removed => (ChangeKind::Delete, true),
            ItemChange::Replaced => (ChangeKind::Replace, true),
            ItemChange::MaybeReplaced => (ChangeKind::Replace, false),
        };
        Change {
            since: item.since,
            downtime: item.downtime.clone(),
            layer_bytes: item.size.filter(|_| item.kind == ObjectKind::Container),
            recoverable: Some(item.recoverable),
            certain,
            ..Change::new(item.kind, &item.id, &item.name, change).because(&item.reason)
        }
    }
}

impl Plan {
    /// Everything that changes: what goes, and [`Plan::changes`].
    pub fn all_changes(&self) -> Vec<Change> {
        self.deletes.iter().map(Change::from).chain(self.changes.iter().cloned()).collect()
    }

    /// Adds what else changes. What is made again is in the plan already, as something that is replaced.
    pub fn add_changes(&mut self, changes: Vec<Change>) {
        let is_replaced = |change: &Change| {
            let same = |item: &Item| item.kind == change.kind && item.name == change.name;
            change.change == ChangeKind::Create && self.replaced().any(same)
        };
        let others: Vec<Change> = changes.into_iter().filter(|change| !is_replaced(change)).collect();
        self.changes.extend(others);
    }

    /// What is replaced, or may be: it goes, and something new gets its name.
    pub fn replaced(&self) -> impl Iterator<Item = &Item> {
        self.deletes.iter().filter(|item| item.change != ItemChange::Removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_down_is_one_sentence() {
        let down = |ports: &[&str], start_seconds: Option<u64>| Downtime {
            ports: ports.iter().map(|port| (*port).to_owned()).collect(),
            start_seconds,
        };
        for (downtime, change, expected) in [
            (down(&[], None), ChangeKind::Stop, Some("down until it is started again")),
            (down(&["80"], None), ChangeKind::Stop, Some("port 80 is unreachable until it is started again")),
            (
                down(&["80", "127.0.0.1:443"], Some(30)),
                ChangeKind::Restart,
                Some(
                    "ports 80, 127.0.0.1:443 are unreachable until it runs again \
                     (its healthcheck allows 30 s for the start)",
                ),
            ),
            (down(&["53/udp"], None), ChangeKind::Replace, Some("port 53/udp is unreachable until the new one runs")),
            (down(&["80"], None), ChangeKind::Rename, None),
            (down(&["80"], None), ChangeKind::Delete, None),
        ] {
            assert_eq!(downtime.sentence(change).as_deref(), expected);
        }
    }
}
