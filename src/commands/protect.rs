//! `fender protect` and `fender unprotect`: locks on objects that must not be deleted.

use std::io::{Write, stdout};

use clap::{Args, ValueEnum};

use crate::environment::policy::read_layers;
use crate::environment::state::{self, Locks};
use crate::exit::DONE;
use crate::failure::Failure;
use crate::session;
use crate::ui::screen::shown;
use fender_core::plan::images::ImageStore;
use fender_core::plan::inventory::{Inventory, find_container, find_network};
use fender_core::plan::protect::{LABEL, ProtectLock};
use fender_core::plan::swarm_changes::service;
use fender_core::plan::{Needs, ObjectKind};
use fender_core::policy::Policy;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtectedKind {
    Container,
    Image,
    Volume,
    Network,
    Service,
}

impl ProtectedKind {
    fn kind(self) -> ObjectKind {
        match self {
            ProtectedKind::Container => ObjectKind::Container,
            ProtectedKind::Image => ObjectKind::Image,
            ProtectedKind::Volume => ObjectKind::Volume,
            ProtectedKind::Network => ObjectKind::Network,
            ProtectedKind::Service => ObjectKind::Service,
        }
    }
}

#[derive(Args, Debug)]
pub struct Protect {
    /// The type of the object; without it, list everything that is protected on this engine
    #[arg(value_enum, requires = "name")]
    what: Option<ProtectedKind>,
    /// Its name or id
    name: Option<String>,
    /// Why it must not be deleted
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Protect it for every user of this machine; needs root
    #[arg(long)]
    system: bool,
}

#[derive(Args, Debug)]
pub struct Unprotect {
    /// The type of the object
    #[arg(value_enum)]
    what: ProtectedKind,
    /// Its name or id
    name: String,
}

impl Protect {
    pub fn run(self) -> Result<u8, Failure> {
        match (self.what, &self.name) {
            (Some(what), Some(name)) => self.lock(what.kind(), name),
            _ => list(),
        }
    }

    fn lock(&self, kind: ObjectKind, name: &str) -> Result<u8, Failure> {
        if self.system {
            needs_root("a lock of the system")?;
        }
        let (inventory, _) = look(Some(kind))?;
        let found = find(&inventory, kind, name)?;
        let lock = ProtectLock { reason: self.reason.clone(), ..found };
        let text = format!("{} {}", kind.name(), shown(&lock.name));
        state::change(&inventory.engine, self.system, |locks| {
            locks.locked.retain(|other| !same(other, &lock));
            locks.locked.push(lock.clone());
            locks.released.retain(|other| !same(other, &lock));
        })?;
        let _ = writeln!(stdout(), "protected: {text} on {}", shown(&inventory.name));
        Ok(DONE)
    }
}

impl Unprotect {
    pub fn run(self) -> Result<u8, Failure> {
        let kind = self.what.kind();
        let (inventory, policy) = look(Some(kind))?;
        let locks = state::locks(&inventory.engine)?;
        // What is gone from the engine can still be unlocked.
        let typed =
            ProtectLock { kind, name: self.name.clone(), id: String::new(), reason: String::new(), by_system: false };
        let found = find(&inventory, kind, &self.name).unwrap_or(typed);
        let mine: Vec<&ProtectLock> = locks.locked.iter().filter(|lock| same(lock, &found)).collect();
        let labelled = label(&inventory, kind, &found).is_some() && !locks.released.iter().any(|it| same(it, &found));
        let what = format!("{} {}", kind.name(), shown(&found.name));
        if mine.is_empty() && !labelled {
            let patterns = policy.protected();
            let by_policy = patterns
                .iter()
                .find(|pattern| pattern.kind == kind && wildmatch::WildMatch::new(&pattern.glob).matches(&found.name));
            return Err(Failure::internal(match by_policy {
                Some(pattern) => format!("{what} is protected by {:?} of the policy: {}", pattern.glob, pattern.source),
                None => format!("{what} is not protected"),
            }));
        }
        if mine.iter().any(|lock| lock.by_system) {
            needs_root(&format!("the lock on {what} is the system's, and"))?;
        }
        if labelled {
            needs_root(&format!("{what} has the label {LABEL}, and lifting that"))?;
        }
        for by_system in [true, false] {
            if mine.iter().any(|lock| lock.by_system == by_system) {
                state::change(&inventory.engine, by_system, |locks| locks.locked.retain(|lock| !same(lock, &found)))?;
            }
        }
        if labelled {
            state::change(&inventory.engine, true, |locks| locks.released.push(found.clone()))?;
        }
        let _ = writeln!(stdout(), "no longer protected: {what} on {}", shown(&inventory.name));
        Ok(DONE)
    }
}

fn needs_root(what: &str) -> Result<(), Failure> {
    if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(Failure::internal(format!("{what} needs root")).hint("sudo fender …"))
    }
}

fn same(one: &ProtectLock, other: &ProtectLock) -> bool {
    one.kind == other.kind && (one.name == other.name || !one.id.is_empty() && one.id == other.id)
}

/// What the engine here holds of a kind, or of all of them, and the policy.
fn look(kind: Option<ObjectKind>) -> Result<(Inventory, Policy), Failure> {
    let policy = Policy { layers: read_layers()? };
    let wants = |wanted: ObjectKind| kind.is_none_or(|kind| kind == wanted);
    let needs = Needs {
        images: wants(ObjectKind::Image),
        volumes: wants(ObjectKind::Volume),
        networks: wants(ObjectKind::Network),
        swarm: wants(ObjectKind::Service),
        ..Needs::default()
    };
    let inventory = session::engine_here(&policy).inventory(&needs);
    Ok((inventory?, policy))
}

/// The object that a name means, as a lock on it.
fn find(inventory: &Inventory, kind: ObjectKind, name: &str) -> Result<ProtectLock, Failure> {
    let lock = |name: &str, id: &str| ProtectLock {
        kind,
        name: name.to_owned(),
        id: id.to_owned(),
        reason: String::new(),
        by_system: false,
    };
    let found = match kind {
        ObjectKind::Container => find_container(&inventory.containers, name).map(|it| lock(it.name(), &it.id)),
        ObjectKind::Network => find_network(&inventory.networks, name).map(|it| lock(&it.name, &it.id)),
        ObjectKind::Volume => inventory.volumes.iter().find(|it| it.name == name).map(|it| lock(&it.name, "")),
        ObjectKind::Service => service(inventory, name).map(|it| lock(&it.spec.name, &it.id)),
        _ => ImageStore::new(inventory).resolve(inventory, name).map(|(at, _)| lock(name, &inventory.images[at].id)),
    };
    found.ok_or_else(|| Failure::internal(format!("there is no {} {name:?} on {}", kind.name(), inventory.name)))
}

fn label<'a>(inventory: &'a Inventory, kind: ObjectKind, lock: &ProtectLock) -> Option<&'a String> {
    let labels = match kind {
        ObjectKind::Container => inventory.containers.iter().find(|it| it.id == lock.id).map(|it| &it.labels),
        ObjectKind::Network => inventory.networks.iter().find(|it| it.id == lock.id).map(|it| &it.labels),
        ObjectKind::Volume => inventory.volumes.iter().find(|it| it.name == lock.name).map(|it| &it.labels),
        ObjectKind::Service => {
            let service = inventory.services.iter().find(|it| it.id == lock.id)?;
            return service.label(LABEL);
        }
        _ => inventory.images.iter().find(|it| it.id == lock.id).map(|it| &it.labels),
    };
    labels?.get(LABEL)
}

/// All that is protected on this engine.
fn list() -> Result<u8, Failure> {
    let (inventory, policy) = look(None)?;
    let Locks { locked, released } = state::locks(&inventory.engine)?;
    let all = fender_core::plan::Protections { locks: locked, patterns: policy.protected(), labelled: true, released };
    let mut lines = Vec::new();
    let mut add = |kind: ObjectKind, name: &str, why: Option<fender_core::plan::Protected>| {
        lines.extend(why.map(|it| format!("{:<9}  {}  {}", kind.name(), shown(name), shown(&it.why))));
    };
    for it in &inventory.containers {
        add(ObjectKind::Container, it.name(), all.container(it));
    }
    for it in &inventory.volumes {
        add(ObjectKind::Volume, &it.name, all.volume(it));
    }
    for it in &inventory.images {
        add(ObjectKind::Image, &it.name(), all.image(it));
    }
    for it in &inventory.networks {
        add(ObjectKind::Network, &it.name, all.network(it));
    }
    for it in &inventory.services {
        add(ObjectKind::Service, &it.spec.name, all.service(it));
    }
    if lines.is_empty() {
        lines.push(format!("nothing is protected on {}", shown(&inventory.name)));
    }
    let _ = writeln!(stdout(), "{}", lines.join("\n"));
    Ok(DONE)
}
