//! What a command changes of what an engine holds: created, replaced, started, stopped, renamed, deleted. The deletions are planned by
//! themselves ([`super::Plan::deletes`]); the other changes are worked out here, from steps as requests and compose's dry run show them.

use std::rc::Rc;

use serde::Serialize;

use super::inventory::{Container, Inventory, Needs, find_container};
use super::preview::{Preview, PreviewedAction, Resource};
use super::{Item, ItemChange, ObjectKind, Plan, Recoverable};
use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::lower::{Effect, Lowered, Request};

/// Compose's commands that change containers, networks or volumes, and whose dry run shows it. That of `start` ends with an error.
const CHANGES: [&str; 12] =
    ["up", "create", "run", "scale", "alpha scale", "down", "rm", "stop", "restart", "kill", "pause", "unpause"];

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
    /// How what goes with the change can be had again. None where nothing goes.
    pub recoverable: Option<Recoverable>,
    /// Whether it is certain. A new image, for example, replaces a container only if it differs from the old one.
    pub certain: bool,
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
            recoverable: None,
            certain: true,
        }
    }

    /// The same with a reason.
    pub fn because(mut self, reason: impl Into<String>) -> Change {
        self.reason = reason.into();
        self
    }

    fn of_container(container: &Container, change: ChangeKind) -> Change {
        Change::new(ObjectKind::Container, &container.id, container.name(), change)
    }
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

/// One change that a command asks for, besides deletions.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeStep {
    /// `POST /containers/create`.
    Create {
        /// The name that was chosen; empty where the engine makes one up.
        name: String,
    },
    /// `POST /containers/{id}/start` and the like.
    Container {
        /// The name or id that was typed.
        name: String,
        /// What happens to it.
        change: ChangeKind,
    },
    /// What compose's dry run shows.
    Compose {
        /// The dry run.
        preview: Box<Preview>,
        /// The command leaves the project running, as `up` does: what it stops on the way it starts again.
        starts: bool,
    },
}

/// The changes in a lowered command besides deletions, in docker's order. `preview` is asked for what compose's dry run says, for a command
/// of compose alone.
pub fn change_steps(
    invocation: &Invocation,
    lowered: &Lowered,
    preview: &dyn Fn() -> Lookup<Rc<Preview>>,
) -> Vec<ChangeStep> {
    if let Some(command) = invocation.canonical().strip_prefix("compose ") {
        if !CHANGES.contains(&command) {
            return Vec::new();
        }
        let Lookup::Found(preview) = preview() else { return Vec::new() };
        let starts = matches!(command, "up" | "run" | "scale" | "alpha scale") && !invocation.on("no-start");
        return vec![ChangeStep::Compose { preview: Box::new((*preview).clone()), starts }];
    }
    let requests = lowered.effects.iter().filter_map(|effect| match effect {
        Effect::Request(request) => step(request),
        _ => None,
    });
    requests.collect()
}

fn step(request: &Request) -> Option<ChangeStep> {
    if request.is("POST", "/containers/create") {
        return Some(ChangeStep::Create { name: request.value("name").unwrap_or_default().to_owned() });
    }
    let ends = [
        ("/start", ChangeKind::Start),
        ("/unpause", ChangeKind::Start),
        ("/stop", ChangeKind::Stop),
        ("/restart", ChangeKind::Restart),
        ("/pause", ChangeKind::Pause),
    ];
    let change = ends.iter().find_map(|(end, change)| Some((request.object("/containers/", end)?, *change)));
    let (name, change) = change.filter(|_| request.method == "POST")?;
    Some(ChangeStep::Container { name: name.to_owned(), change })
}

/// What has to be read of the engine for these steps, besides its containers.
pub fn change_needs(steps: &[ChangeStep]) -> Needs {
    let mut needs = Needs::default();
    for step in steps {
        match step {
            ChangeStep::Create { .. } | ChangeStep::Container { .. } => {}
            ChangeStep::Compose { preview, .. } => {
                needs.networks |= preview.events.iter().any(|event| event.resource == Resource::Network);
            }
        }
    }
    needs
}

/// What these steps change on this engine. What is not there, or already as it is wanted, is not among it.
pub fn changes(steps: &[ChangeStep], inventory: &Inventory) -> Vec<Change> {
    let mut out: Vec<Change> = Vec::new();
    for step in steps {
        match step {
            ChangeStep::Create { name } => {
                if find_container(&inventory.containers, name).is_none() || name.is_empty() {
                    out.push(Change::new(ObjectKind::Container, "", name, ChangeKind::Create));
                }
            }
            ChangeStep::Container { name, change } => {
                // One that the same command has just created is new, and that it starts goes without saying.
                let found = find_container(&inventory.containers, name);
                out.extend(found.and_then(|it| Some(Change::of_container(it, in_its_state(it, *change)?))));
            }
            ChangeStep::Compose { preview, starts } => out.extend(of_compose(preview, *starts, inventory)),
        }
    }
    out
}

/// What this is for a container in its state: to restart one that does not run is to start it. None where nothing changes.
fn in_its_state(container: &Container, change: ChangeKind) -> Option<ChangeKind> {
    match change {
        ChangeKind::Start => (container.state != "running").then_some(change),
        ChangeKind::Stop | ChangeKind::Pause => container.is_running().then_some(change),
        ChangeKind::Restart if !container.is_running() => Some(ChangeKind::Start),
        _ => Some(change),
    }
}

/// What compose creates, starts, stops and restarts. What it replaces and removes is in the plan of deletions.
fn of_compose(preview: &Preview, starts: bool, inventory: &Inventory) -> Vec<Change> {
    let goes = |name: &str| {
        let takes = |doing: PreviewedAction| preview.names(Resource::Container, doing).any(|known| known == name);
        takes(PreviewedAction::Replaces) || takes(PreviewedAction::Removes)
    };
    let mut out: Vec<Change> = Vec::new();
    for event in &preview.events {
        let name = event.name.as_str();
        let change = match (event.resource, event.doing) {
            (Resource::Container, PreviewedAction::Creates) => {
                Change::new(ObjectKind::Container, "", name, ChangeKind::Create)
            }
            (Resource::Network, PreviewedAction::Creates) if !is_network(inventory, name) => {
                Change::new(ObjectKind::Network, "", name, ChangeKind::Create)
            }
            (Resource::Volume, PreviewedAction::Creates) => {
                Change::new(ObjectKind::Volume, "", name, ChangeKind::Create)
            }
            (Resource::Container, doing) => {
                let Some(container) = find_container(&inventory.containers, name).filter(|_| !goes(name)) else {
                    continue;
                };
                let change = match doing {
                    // Compose stops what shares something with a container that it replaces, and starts it again.
                    PreviewedAction::Stops if starts => ChangeKind::Restart,
                    PreviewedAction::Stops | PreviewedAction::Kills => ChangeKind::Stop,
                    PreviewedAction::Restarts => ChangeKind::Restart,
                    PreviewedAction::Pauses => ChangeKind::Pause,
                    PreviewedAction::Starts | PreviewedAction::Unpauses => ChangeKind::Start,
                    _ => continue,
                };
                let Some(change) = in_its_state(container, change) else { continue };
                Change::of_container(container, change)
            }
            _ => continue,
        };
        if !out.iter().any(|known| (known.kind, &known.name) == (change.kind, &change.name)) {
            out.push(change);
        }
    }
    out
}

fn is_network(inventory: &Inventory, name: &str) -> bool {
    inventory.networks.iter().any(|network| network.name == name)
}
