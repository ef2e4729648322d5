//! What a command changes of what an engine holds: created, replaced, started, stopped, renamed, deleted. The deletions are planned by
//! themselves ([`super::Plan::deletes`]); the other changes are worked out here, from steps as requests and compose's dry run show them.

use std::rc::Rc;

use super::Needs;
use super::change::{Change, ChangeKind};
use super::compose::{Project, is_one_off};
use super::inventory::{Container, Inventory, find_container};
use super::preview::{Preview, PreviewedAction, Resource};
use super::request_changes::{self, RequestChange, unpaused};
use super::services::containers_of_services;
use super::signal::{A_SIGNAL_WAKES, ITS_PROGRAM_DECIDES, Kill, kill};
use super::{ObjectKind, Protections};
use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::lower::workload::MountKind;
use crate::lower::{Effect, Lowered, Request, Workload};

/// Compose's commands that change containers, networks or volumes, and whose dry run shows it. That of `start` ends with an error: what it
/// starts is worked out from the project's containers.
const CHANGES: [&str; 12] =
    ["up", "create", "run", "scale", "alpha scale", "down", "rm", "stop", "restart", "kill", "pause", "unpause"];

/// Why it is not certain that a container is started.
const NOT_SHOWN: &str = "compose does not say whether it starts it";

/// One change that a command asks for, besides deletions.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeStep {
    /// `POST /containers/create`.
    Create {
        /// The name that was chosen; empty where the engine makes one up.
        name: String,
        /// The named volumes that it mounts: the engine makes those that it does not have.
        volumes: Vec<String>,
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
        /// What the signal does that it shows as a kill.
        signal: Kill,
        /// The services of which more may be started than it shows.
        starts_more: Option<(Project, Vec<String>)>,
    },
    /// What compose does to the containers of services, where its dry run does not show it.
    Services {
        /// The project.
        project: Project,
        /// The services that are named; none for all.
        named: Vec<String>,
        /// What happens to their containers.
        change: ChangeKind,
        /// Why that is not certain.
        perhaps: Option<String>,
    },
}

impl ChangeStep {
    /// Whether services of the swarm may go by it, or their tasks.
    pub fn is_about_services(&self) -> bool {
        matches!(
            self,
            ChangeStep::Request(
                RequestChange::MakesService { .. }
                    | RequestChange::UpdatesService { .. }
                    | RequestChange::PrunesStack { .. }
                    | RequestChange::LeavesSwarm { .. }
            )
        )
    }
}

/// The changes in a lowered command besides deletions, in docker's order. For a command of compose alone `preview` is asked for what its
/// dry run says, and `project` for its reading of its files where there is no dry run.
pub fn change_steps(
    invocation: &Invocation,
    lowered: &Lowered,
    project: &dyn Fn() -> Lookup<Project>,
    preview: &dyn Fn() -> Lookup<Rc<Preview>>,
) -> Vec<ChangeStep> {
    match invocation.canonical().strip_prefix("compose ") {
        Some("start") if lowered.refusal.is_none() && !is_dry(invocation) => {
            return services(invocation, ChangeKind::Start, project, None);
        }
        Some(command) if CHANGES.contains(&command) => {
            return compose_steps(command, invocation, lowered, project, preview);
        }
        _ => {}
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

/// Why it is not known what a command of compose changes; None where it is, or where it changes nothing.
pub fn unknown_changes(invocation: &Invocation, preview: &dyn Fn() -> Lookup<Rc<Preview>>) -> Option<String> {
    let command = invocation.canonical().strip_prefix("compose ")?;
    if !CHANGES.contains(&command) || is_dry(invocation) {
        return None;
    }
    let why = match preview() {
        Lookup::Found(preview) => preview.failed.clone()?,
        Lookup::NoEngine => return None,
        Lookup::Missing => "its dry run failed".to_owned(),
        Lookup::Unknown(why) => why,
    };
    Some(format!("compose does not say what it does: {why}"))
}

fn is_dry(invocation: &Invocation) -> bool {
    invocation.on_above("dry-run") || invocation.on("dry-run")
}

fn compose_steps(
    command: &str,
    invocation: &Invocation,
    lowered: &Lowered,
    project: &dyn Fn() -> Lookup<Project>,
    preview: &dyn Fn() -> Lookup<Rc<Preview>>,
) -> Vec<ChangeStep> {
    // Its dry run says of images only that they are built or pulled.
    let tags = request_changes::of_effects(&lowered.effects);
    let tags = tags.into_iter().filter(|it| matches!(it, RequestChange::Tags { .. })).map(ChangeStep::Request);
    // It shows every signal as a kill.
    let signal = if command == "kill" { kill(invocation.text("signal")) } else { Kill::Ends };
    let why = match preview() {
        Lookup::Found(preview) if preview.failed.is_none() || !preview.events.is_empty() => {
            let preview = Box::new((*preview).clone());
            let starts = matches!(command, "up" | "run" | "scale" | "alpha scale") && !invocation.on("no-start");
            let more = (preview.ended_in_start && starts).then(|| (invocation.operand_texts(), project()));
            let starts_more = match more {
                Some((named, Lookup::Found(project))) => Some((project, named)),
                _ => None,
            };
            let compose = ChangeStep::Compose { preview, starts, signal, starts_more };
            return std::iter::once(compose).chain(tags).collect();
        }
        // There is nothing that it could change.
        Lookup::NoEngine => return Vec::new(),
        Lookup::Found(preview) => preview.failed.clone().unwrap_or_default(),
        Lookup::Missing => "its dry run failed".to_owned(),
        Lookup::Unknown(why) => why,
    };
    // What is removed or replaced is in the plan of deletions, also where compose does not say it.
    let change = match command {
        "stop" => ChangeKind::Stop,
        "kill" if signal != Kill::Stays => ChangeKind::Stop,
        "restart" => ChangeKind::Restart,
        "pause" => ChangeKind::Pause,
        "unpause" => ChangeKind::Start,
        _ => return tags.collect(),
    };
    services(invocation, change, project, Some(format!("compose does not say what it does: {why}")))
}

/// What happens to the containers of the services that are named, or of all.
fn services(
    invocation: &Invocation,
    change: ChangeKind,
    project: &dyn Fn() -> Lookup<Project>,
    perhaps: Option<String>,
) -> Vec<ChangeStep> {
    // Compose, too, needs its files or a name.
    let Lookup::Found(project) = project() else { return Vec::new() };
    vec![ChangeStep::Services { project, named: invocation.operand_texts(), change, perhaps }]
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
        let mounts = Workload::of(request).map(|workload| workload.mounts).unwrap_or_default();
        let named = mounts.into_iter().filter(|mount| mount.kind == MountKind::Volume && !mount.source.is_empty());
        let name = request.value("name").unwrap_or_default().to_owned();
        return Some(ChangeStep::Create { name, volumes: named.map(|mount| mount.source).collect() });
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
            ChangeStep::Create { volumes, .. } => needs.volumes |= !volumes.is_empty(),
            ChangeStep::Container { .. } | ChangeStep::Services { .. } => {}
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
    if !takes.contains(&change.change) && !change.takes {
        return None;
    }
    let protected = match change.kind {
        ObjectKind::Container => {
            let container = inventory.containers.iter().find(|it| it.id == change.id);
            container
                .and_then(|it| protections.container(it))
                .or_else(|| task_protection(change, inventory, protections))
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
        ObjectKind::Service => {
            inventory.services.iter().find(|it| it.id == change.id).and_then(|it| protections.service(it))
        }
        ObjectKind::BuildCache | ObjectKind::Secret | ObjectKind::Config => None,
    };
    protected.map(|it| it.why)
}

/// Why the service is protected whose task this is.
fn task_protection(
    change: &Change,
    inventory: &Inventory,
    protections: &Protections,
) -> Option<super::protect::Protected> {
    let task = inventory.tasks.iter().find(|it| change.name.ends_with(&it.id))?;
    protections.service(inventory.services.iter().find(|it| it.id == task.service)?)
}

fn unprotected_changes(steps: &[ChangeStep], inventory: &Inventory) -> Vec<Change> {
    let mut out: Vec<Change> = Vec::new();
    for step in steps {
        match step {
            ChangeStep::Create { name, volumes } => {
                if find_container(&inventory.containers, name).is_none() || name.is_empty() {
                    out.push(Change::new(ObjectKind::Container, "", name, ChangeKind::Create));
                    let is_new = |name: &&String| !inventory.volumes.iter().any(|it| it.name == **name);
                    let new = volumes.iter().filter(is_new);
                    out.extend(new.map(|name| Change::new(ObjectKind::Volume, "", name, ChangeKind::Create)));
                }
            }
            ChangeStep::Container { name, change } => {
                // One that the same command has just created is new, and that it starts goes without saying.
                let found = find_container(&inventory.containers, name);
                out.extend(found.and_then(|it| Some(Change::of_container(it, in_its_state(it, *change)?))));
            }
            ChangeStep::Request(request) => out.extend(request.on(inventory)),
            ChangeStep::Compose { preview, starts, signal, starts_more } => {
                let shown = of_compose(preview, *starts, *signal, inventory);
                let more =
                    starts_more.iter().flat_map(|(project, named)| unshown_starts(project, named, preview, inventory));
                let is_shown = |it: &Change| shown.iter().any(|known| (known.kind, &known.id) == (it.kind, &it.id));
                let more: Vec<Change> = more.filter(|it| !is_shown(it)).collect();
                out.extend(shown.into_iter().chain(more));
            }
            ChangeStep::Services { project, named, change, perhaps } => {
                let containers = containers_of_services(project, named, *change == ChangeKind::Start, inventory);
                out.extend(containers.into_iter().filter_map(|it| {
                    let change = Change::of_container(it, in_its_state(it, *change)?);
                    Some(Change { certain: perhaps.is_none(), ..change.because(perhaps.clone().unwrap_or_default()) })
                }));
            }
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
fn of_compose(preview: &Preview, starts: bool, signal: Kill, inventory: &Inventory) -> Vec<Change> {
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
                let Some(container) = find_container(&inventory.containers, name).filter(|_| !preview.takes(name))
                else {
                    continue;
                };
                // The dry run names what `run` has left behind as well. Compose starts only containers of services.
                if doing == PreviewedAction::Starts && is_one_off(container) {
                    continue;
                }
                if doing == PreviewedAction::Kills && signal != Kill::Ends {
                    out.extend(signalled(container, signal));
                    continue;
                }
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

/// Containers that compose may start besides those that its dry run shows.
fn unshown_starts(project: &Project, named: &[String], preview: &Preview, inventory: &Inventory) -> Vec<Change> {
    let containers = containers_of_services(project, named, true, inventory).into_iter();
    let stays = containers.filter(|it| !it.is_running() && !preview.takes(it.name()));
    let start =
        |it: &Container| Change { certain: false, ..Change::of_container(it, ChangeKind::Start).because(NOT_SHOWN) };
    stays.map(start).collect()
}

/// What another signal than a kill may do to a container.
fn signalled(container: &Container, signal: Kill) -> Vec<Change> {
    let ends = (signal == Kill::May && container.is_running()).then(|| Change {
        certain: false,
        ..Change::of_container(container, ChangeKind::Stop).because(ITS_PROGRAM_DECIDES)
    });
    let goes_on = (container.state == "paused").then(|| unpaused(container, Some(A_SIGNAL_WAKES)));
    ends.into_iter().chain(goes_on).collect()
}

fn is_network(inventory: &Inventory, name: &str) -> bool {
    inventory.networks.iter().any(|network| network.name == name)
}
