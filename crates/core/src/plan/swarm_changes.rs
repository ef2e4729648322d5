//! What a command changes in a swarm: services with their tasks, a node that is drained or leaves.

use super::change::{Change, ChangeKind, lost, lost_container};
use super::inventory::{Container, Inventory};
use super::protect::LABEL;
use super::swarm::{Service, SwarmNode, Task};
use super::{ObjectKind, Recoverable};
use crate::lower::Request;
use crate::order::PutInOrder as _;
use crate::text::{count, named};
use bollard_stubs::models::ServiceSpec;

/// The label of a task's container with the name of its service: moby `daemon/cluster/executor/container/container.go`.
pub const SERVICE: &str = "com.docker.swarm.service.name";
/// The label of everything that belongs to a stack.
pub(super) const STACK: &str = "com.docker.stack.namespace";

/// Why the tasks of a service go.
pub(super) const TO_ZERO: &str = "it is scaled to zero";
/// Why a service is not protected any more.
const UNLABELLED: &str = "it has no label fender.protect any more";

/// Why `service update` or `service rollback` takes the service's tasks or its protection; None where it is no more than a deployment.
pub(super) fn taken_by_updating(request: &Request) -> Option<&'static str> {
    let is_part = |name: &str| request.parts.get(name).is_some();
    let reasons = [
        (request.value("rollback").is_some(), "a rollback replaces its tasks"),
        (is_part("ForceUpdate"), "--force replaces its tasks"),
        (is_part("Labels"), UNLABELLED),
    ];
    reasons.into_iter().find_map(|(is_so, why)| is_so.then_some(why))
}

/// Whether this is a node's update that stops all of its tasks.
pub fn drains(request: &Request) -> bool {
    request.is("POST", "/nodes/*/update") && request.body_json().get("Availability").is_some_and(|it| it == "drain")
}

/// Why a deployment takes the tasks of the service that is there, or its protection: the new settings take the place of all old ones.
pub(super) fn taken_by_deploying(body: &ServiceSpec) -> Option<&'static str> {
    let containers = body.task_template.as_ref().and_then(|it| it.container_spec.as_ref());
    let labels = [body.labels.as_ref(), containers.and_then(|it| it.labels.as_ref())];
    let replicas = body.mode.as_ref().and_then(|it| it.replicated.as_ref()).and_then(|it| it.replicas);
    if replicas == Some(0) {
        return Some(TO_ZERO);
    }
    (!labels.into_iter().flatten().any(|it| it.contains_key(LABEL))).then_some(UNLABELLED)
}

/// The service that a name, an id or a beginning of an id means.
pub fn service<'a>(inventory: &'a Inventory, typed: &str) -> Option<&'a Service> {
    let by_name = inventory.services.iter().find(|it| it.id == typed || it.spec.name == typed);
    by_name.or_else(|| inventory.services.iter().find(|it| it.id.starts_with(typed)))
}

/// The containers on this node that a service runs.
pub(super) fn tasks<'a>(service: &Service, inventory: &'a Inventory) -> impl Iterator<Item = &'a Container> {
    let name = service.spec.name.clone();
    inventory.containers.iter().filter(move |it| it.label(SERVICE) == Some(name.as_str()))
}

/// Which of its tasks are replaced or stopped, the swarm decides.
pub(super) fn updated_service(service: &Service, takes: Option<&str>, inventory: &Inventory) -> Vec<Change> {
    // A deployment without the label is one like any other where the service has none.
    let takes = takes.filter(|why| *why != UNLABELLED || service.label(LABEL).is_some());
    let update = Change {
        takes: takes.is_some(),
        ..Change::new(ObjectKind::Service, &service.id, &service.spec.name, ChangeKind::Update)
    };
    let update = update.because(takes.unwrap_or_default());
    let replaced = tasks(service, inventory).filter(|it| it.is_running()).map(|it| Change {
        certain: false,
        recoverable: Some(Recoverable::No),
        ..Change::of_container(it, ChangeKind::Replace).because("if the service's settings for it change")
    });
    std::iter::once(update).chain(replaced).collect()
}

/// The tasks that stop on a node that is drained. A node is named by its id, a beginning of it, or its machine's name.
pub(super) fn drained(name: &str, inventory: &Inventory) -> Vec<Change> {
    let nodes = inventory.nodes.iter();
    let is_meant = |it: &&SwarmNode| it.id == name || it.description.hostname == name;
    let node = nodes.clone().find(is_meant).or_else(|| nodes.clone().find(|it| it.id.starts_with(name)));
    let Some(node) = node else { return Vec::new() };
    let stopped = inventory.tasks.iter().filter(|it| it.node == node.id && it.desired_state == "running");
    let mut out: Vec<Change> = stopped.map(|it| drained_task(it, inventory)).collect();
    out.put_in_order_by_key(|change| change.name.clone());
    out
}

fn drained_task(task: &Task, inventory: &Inventory) -> Change {
    let service = inventory.services.iter().find(|it| it.id == task.service);
    let name = service.map_or(task.service.as_str(), |it| it.spec.name.as_str());
    let (name, reason) = match task.slot {
        0 => {
            (format!("{name}.{}.{}", task.node, task.id), "the node is drained; the service has one task on each node")
        }
        slot => {
            (format!("{name}.{slot}.{}", task.id), "the node is drained; the swarm starts it on another one that fits")
        }
    };
    let id = task.status.container_status.as_ref().map_or("", |it| it.id.as_str());
    Change { takes: true, ..Change::new(ObjectKind::Container, id, &name, ChangeKind::Stop).because(reason) }
}

/// What goes with a node that leaves: its tasks and the swarm's networks on it, and with the last manager everything that the swarm knows.
pub(super) fn left_swarm(force: bool, inventory: &Inventory) -> Vec<Change> {
    let Some(managers) = inventory.managers else { return Vec::new() };
    // Docker refuses to let a manager go without --force.
    if managers > 0 && !force {
        return Vec::new();
    }
    let mut out = Vec::new();
    if managers == 1 {
        let sum = [
            count(inventory.services.len(), "service"),
            count(inventory.secrets.len(), "secret"),
            count(inventory.configs.len(), "config"),
        ];
        let reason = format!("this is the last manager: {}", named(&sum));
        out.extend(
            inventory.services.iter().map(|it| lost(ObjectKind::Service, &it.id, &it.spec.name).because(&reason)),
        );
        out.extend(inventory.secrets.iter().map(|it| lost(ObjectKind::Secret, &it.id, &it.spec.name).because(&reason)));
        out.extend(inventory.configs.iter().map(|it| lost(ObjectKind::Config, &it.id, &it.spec.name).because(&reason)));
    }
    let tasks = inventory.containers.iter().filter(|it| it.label(SERVICE).is_some());
    out.extend(tasks.map(|it| lost_container(it, "a task of the swarm")));
    let networks = inventory.networks.iter().filter(|it| it.scope == "swarm");
    out.extend(networks.map(|it| lost(ObjectKind::Network, &it.id, &it.name).because("a network of the swarm")));
    out
}
