//! Which objects are protected: by a label on the object, by a pattern of the policy, or by a lock.

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::ObjectKind;
use super::inventory::{Container, Image, Network, ObjectLabels, Volume};
use super::swarm::Service;

/// The label; its value is the reason.
pub const LABEL: &str = crate::lower::PROTECTION_LABEL;

/// Why something is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// For a person: `"customer data", by the label fender.protect`.
    pub why: String,
}

/// A lock that somebody put on an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectLock {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ObjectKind,
    /// Its name when it was locked.
    pub name: String,
    /// Of an image, a container or a network: its id when it was locked.
    #[serde(default)]
    pub id: String,
    /// Why, in the words of whoever locked it.
    #[serde(default)]
    pub reason: String,
    /// In the system's state rather than the user's.
    #[serde(skip)]
    pub by_system: bool,
}

/// One pattern of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectPattern {
    /// What it is about.
    pub kind: ObjectKind,
    /// Names: `*` and `?` stand for anything.
    pub glob: String,
    /// The file and line.
    pub source: String,
}

/// Everything that protects, for one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protections {
    /// Locks of `fender protect`.
    pub locks: Vec<ProtectLock>,
    /// `[protect]` of the policies.
    pub patterns: Vec<ProtectPattern>,
    /// Whether any object of the engine has the label.
    pub labelled: bool,
    /// Objects whose label the system has lifted.
    pub released: Vec<ProtectLock>,
}

impl Protections {
    /// Whether nothing can be protected: then no object has to be looked at.
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty() && self.patterns.is_empty() && !self.labelled
    }

    fn find(&self, kind: ObjectKind, id: &str, names: &[&str], labels: &ObjectLabels) -> Option<Protected> {
        let lifted = |it: &ProtectLock| {
            it.kind == kind && (!it.id.is_empty() && it.id == id || names.contains(&it.name.as_str()))
        };
        if let Some(reason) = labels.get(LABEL)
            && !self.released.iter().any(lifted)
        {
            return Some(because(reason, &format!("by the label {LABEL}")));
        }
        for lock in &self.locks {
            if lock.kind == kind && (names.contains(&lock.name.as_str()) || !lock.id.is_empty() && lock.id == id) {
                let whose = if lock.by_system { "by a lock of the system" } else { "by a lock" };
                return Some(because(&lock.reason, whose));
            }
        }
        let pattern = self.patterns.iter().filter(|pattern| pattern.kind == kind).find(|pattern| {
            let glob = WildMatch::new(&pattern.glob);
            names.iter().any(|name| glob.matches(name))
        })?;
        Some(because("", &format!("by {:?} of the policy, {}", pattern.glob, pattern.source)))
    }

    /// Why a container is protected, if it is.
    pub fn container(&self, it: &Container) -> Option<Protected> {
        self.find(ObjectKind::Container, &it.id, &[it.name()], &it.labels)
    }

    /// Why a volume is protected, if it is.
    pub fn volume(&self, it: &Volume) -> Option<Protected> {
        self.find(ObjectKind::Volume, "", &[&it.name], &it.labels)
    }

    /// Why a network is protected, if it is.
    pub fn network(&self, it: &Network) -> Option<Protected> {
        self.find(ObjectKind::Network, &it.id, &[&it.name], &it.labels)
    }

    /// Why a service is protected, if it is: by a label of its own, or by one that the containers of its tasks get.
    pub fn service(&self, it: &Service) -> Option<Protected> {
        let find = |labels: &ObjectLabels| self.find(ObjectKind::Service, &it.id, &[&it.spec.name], labels);
        find(&it.spec.labels).or_else(|| find(&it.spec.task_template.container_spec.labels))
    }

    /// Why an image is protected, if it is.
    pub fn image(&self, it: &Image) -> Option<Protected> {
        let mut names: Vec<&str> = it.tags().collect();
        // A repository without its tag names all of them.
        names.extend(it.tags().filter_map(|tag| tag.rsplit_once(':').map(|(name, _)| name)));
        self.find(ObjectKind::Image, &it.id, &names, &it.labels)
    }
}

fn because(reason: &str, how: &str) -> Protected {
    let reason = reason.trim();
    // `fender.protect=true` gives no reason.
    let bare = reason.is_empty() || matches!(reason, "1" | "true" | "yes");
    Protected { why: if bare { how.to_owned() } else { format!("{reason:?}, {how}") } }
}
