//! What a command changes of what an engine holds: created, replaced, started, stopped, renamed, deleted. The deletions are planned by
//! themselves ([`super::Plan::deletes`]); the other changes are worked out here, from steps as requests and compose's dry run show them.

use std::rc::Rc;

use super::change::{Change, ChangeKind};
use super::inventory::{Container, Inventory, Needs, find_container};
use super::preview::{Preview, PreviewedAction, Resource};
use super::request_changes::{self, RequestChange};
use super::{ObjectKind, Protections};
use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::lower::{Effect, Lowered, Request};

/// Compose's commands that change containers, networks or volumes, and whose dry run shows it. That of `start` ends with an error.
const CHANGES: [&str; 12] =
    ["up", "create", "run", "scale", "alpha scale", "down", "rm", "stop", "restart", "kill", "pause", "unpause"];

/// One change that a command asks for, besides deletions.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeStep {
    /// `POST /containers/create`.
    Create {
        /// The name that was chosen; empty where the engine makes one up.
        name: String,
    },
    /// `POST /containers/{id}/start` and `pause`.
    Container {
        /// The name or id that was typed.
        name: String,
        /// What happens to it.
        change: ChangeKind,
    },
    /// What another request changes.
    Request(RequestChange),
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
    let command = invocation.canonical().strip_prefix("compose ").filter(|command| CHANGES.contains(command));
    if let Some(command) = command {
        let Lookup::Found(preview) = preview() else { return Vec::new() };
        let starts = matches!(command, "up" | "run" | "scale" | "alpha scale") && !invocation.on("no-start");
        let compose = ChangeStep::Compose { preview: Box::new((*preview).clone()), starts };
        // Its dry run says of images only that they are built or pulled.
        let tags = request_changes::of_effects(&lowered.effects);
        let tags = tags.into_iter().filter(|it| matches!(it, RequestChange::Tags { .. })).map(ChangeStep::Request);
        return std::iter::once(compose).chain(tags).collect();
    }
    let mut steps = steps_of_effects(&lowered.effects);
    if matches!(invocation.canonical(), "container attach" | "attach")
        && (!invocation.changed("sig-proxy") || invocation.on("sig-proxy"))
    {
        let (name, perhaps) = (invocation.operand(0).to_owned(), Some("Ctrl-C stops it"));
        steps.push(ChangeStep::Request(RequestChange::Ends { name, perhaps }));
    }
    steps
}

/// The changes that effects show by themselves, without a command line.
pub fn steps_of_effects(effects: &[Effect]) -> Vec<ChangeStep> {
    let plain = effects.iter().filter_map(|effect| match effect {
        Effect::Request(request) => step(request),
        _ => None,
    });
    plain.chain(request_changes::of_effects(effects).into_iter().map(ChangeStep::Request)).collect()
}

fn step(request: &Request) -> Option<ChangeStep> {
    if request.is("POST", "/containers/create") {
        return Some(ChangeStep::Create { name: request.value("name").unwrap_or_default().to_owned() });
    }
    let ends = [("/start", ChangeKind::Start), ("/pause", ChangeKind::Pause)];
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
            ChangeStep::Request(request) => {
                let these = request.needs();
                needs.images |= these.images;
                needs.volumes |= these.volumes;
                needs.networks |= these.networks;
                needs.swarm |= these.swarm;
            }
            ChangeStep::Compose { preview, .. } => {
                needs.networks |= preview.events.iter().any(|event| event.resource == Resource::Network);
            }
        }
    }
    needs
}

/// What these steps change on this engine, and what of it is protected. What is not there, or already as it is wanted, is not among it.
pub fn changes(steps: &[ChangeStep], inventory: &Inventory, protections: &Protections) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    for mut change in unprotected_changes(steps, inventory) {
        if all.iter().any(|known| {
            (known.kind, &known.id, &known.name, known.change) == (change.kind, &change.id, &change.name, change.change)
        }) {
            continue;
        }
        change.protected = protection(&change, inventory, protections);
        all.push(change);
    }
    all
}

/// Why the object is protected that goes by a change, or loses the name by which people know it.
fn protection(change: &Change, inventory: &Inventory, protections: &Protections) -> Option<String> {
    let takes = [ChangeKind::Delete, ChangeKind::Replace, ChangeKind::Rename, ChangeKind::Retag];
    if !takes.contains(&change.change) {
        return None;
    }
    let protected = match change.kind {
        ObjectKind::Container => {
            inventory.containers.iter().find(|it| it.id == change.id).and_then(|it| protections.container(it))
        }
        ObjectKind::Tag | ObjectKind::Image => {
            inventory.images.iter().find(|it| it.id == change.id).and_then(|it| protections.image(it))
        }
        ObjectKind::Volume => {
            inventory.volumes.iter().find(|it| it.name == change.name).and_then(|it| protections.volume(it))
        }
        ObjectKind::Network => {
            inventory.networks.iter().find(|it| it.id == change.id).and_then(|it| protections.network(it))
        }
        ObjectKind::BuildCache | ObjectKind::Service | ObjectKind::Secret | ObjectKind::Config => None,
    };
    protected.map(|it| it.why)
}

fn unprotected_changes(steps: &[ChangeStep], inventory: &Inventory) -> Vec<Change> {
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
            ChangeStep::Request(request) => out.extend(request.on(inventory)),
            ChangeStep::Compose { preview, starts } => out.extend(of_compose(preview, *starts, inventory)),
        }
    }
    out
}

/// What this is for a container in its state: to restart one that does not run is to start it. None where nothing changes.
fn in_its_state(container: &Container, change: ChangeKind) -> Option<ChangeKind> {
    match change {
        ChangeKind::Start => (!container.is_running()).then_some(change),
        ChangeKind::Pause => (container.state == "running").then_some(change),
        ChangeKind::Stop => container.is_running().then_some(change),
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
