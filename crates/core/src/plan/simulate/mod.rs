//! Simulates the steps of a command on the inventory, in docker's order: a step does not see what an earlier step
//! deleted.

mod cache;
mod containers;
mod images;
mod networks;
mod project;
mod swarm;
mod volumes;

use std::collections::{BTreeSet, HashMap};

use super::images::ImageStore;
use super::inventory::Inventory;
use super::{Item, ItemChange, ObjectKind, Plan, Protections, Recoverable, Skipped, Step, freed};

const SWARM_IS_NOT_KEPT: &str = "what belongs to a swarm is not kept";

struct Simulation<'a> {
    inventory: &'a Inventory,
    protections: &'a Protections,
    images: ImageStore,
    containers: BTreeSet<usize>,
    volumes: BTreeSet<usize>,
    networks: BTreeSet<usize>,
    cache: BTreeSet<usize>,
    /// Where each volume is, and which containers have it.
    volume_at: HashMap<&'a str, usize>,
    volume_users: HashMap<&'a str, Vec<usize>>,
    image_users: HashMap<&'a str, Vec<usize>>,
    /// Volumes and networks that protected containers need.
    held_volumes: HashMap<&'a str, String>,
    held_networks: HashMap<&'a str, String>,
    plan: Plan,
    /// The step that is being played.
    step: usize,
}

/// What these steps would delete.
pub fn plan(steps: &[Step], inventory: &Inventory, protections: &Protections) -> Plan {
    let mut simulation = Simulation::new(inventory, protections);
    simulation.plan.steps = steps.to_vec();
    for (at, step) in steps.iter().enumerate() {
        simulation.step = at;
        simulation.play(step);
    }
    simulation.finish()
}

impl<'a> Simulation<'a> {
    fn new(inventory: &'a Inventory, protections: &'a Protections) -> Simulation<'a> {
        let mut images = ImageStore::new(inventory);
        let mut held_volumes = HashMap::new();
        let mut held_networks = HashMap::new();
        if !protections.is_empty() {
            for (at, image) in inventory.images.iter().enumerate() {
                if protections.image(image).is_some() {
                    images.protected.insert(at);
                }
            }
            for container in inventory.containers.iter().filter(|it| protections.container(it).is_some()) {
                let needs = format!("the protected container {} needs it", container.name());
                held_volumes.extend(container.volumes().map(|name| (name, needs.clone())));
                held_networks.extend(container.networks().map(|(_, id)| (id, needs.clone())));
                images.protected.extend(inventory.images.iter().position(|image| image.id == container.image_id));
            }
        }
        let mut volume_users: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut image_users: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, container) in inventory.containers.iter().enumerate() {
            for name in container.volumes() {
                volume_users.entry(name).or_default().push(at);
            }
            image_users.entry(&container.image_id).or_default().push(at);
        }
        Simulation {
            inventory,
            protections,
            volume_at: inventory.volumes.iter().enumerate().map(|(at, it)| (it.name.as_str(), at)).collect(),
            volume_users,
            image_users,
            images,
            containers: BTreeSet::new(),
            volumes: BTreeSet::new(),
            networks: BTreeSet::new(),
            cache: BTreeSet::new(),
            held_volumes,
            held_networks,
            plan: Plan { engine: inventory.engine.clone(), engine_name: inventory.name.clone(), ..Plan::default() },
            step: 0,
        }
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::PruneContainers(filters) => self.prune_containers(filters),
            Step::PruneNetworks(filters) => self.prune_networks(filters),
            Step::PruneVolumes(filters) => self.prune_volumes(filters),
            Step::PruneImages(filters) => self.prune_images(filters),
            Step::PruneCache { all, filters, keep } => self.prune_cache(*all, filters, *keep),
            Step::Container { name, force, volumes } => self.remove_container(name, *force, *volumes),
            Step::Volume { name, force } => self.remove_volume(name, *force),
            Step::Network { name } => self.remove_network(name),
            Step::Image { name, force, prune } => self.remove_image(name, *force, *prune),
            Step::Service { name } => self.remove_service(name),
            Step::Secret { name } => self.remove_swarm_object(ObjectKind::Secret, name),
            Step::Config { name } => self.remove_swarm_object(ObjectKind::Config, name),
            Step::Stack { name } => self.remove_stack(name),
            Step::Compose(change) => self.change_project(change),
            Step::OtherCache { builder } => self.plan.unclear.push(format!(
                "the builder {builder} has a build cache of its own; docker buildx du --builder {builder} lists it"
            )),
            Step::ConfiguredLabels => self.plan.unclear.push(
                "config.json has label filters in pruneFilters: docker 28 ignores them, docker 29 deletes less than is listed here"
                    .to_owned(),
            ),
        }
    }

    fn item(&self, kind: ObjectKind, id: &str, name: &str, reason: &str) -> Item {
        Item {
            kind,
            id: id.to_owned(),
            name: name.to_owned(),
            tags: Vec::new(),
            size: None,
            reason: reason.to_owned(),
            recoverable: Recoverable::No,
            not_kept: None,
            about: Vec::new(),
            created: None,
            used: None,
            mark: String::new(),
            force: false,
            volumes: false,
            frees: 0,
            users: Vec::new(),
            step: self.step,
            change: ItemChange::Removed,
            since: None,
            downtime: None,
        }
    }

    fn skip(&mut self, kind: ObjectKind, name: &str, reason: impl Into<String>, protected: bool, named: bool) {
        let skipped = Skipped { kind, name: name.to_owned(), reason: reason.into(), protected, named, step: self.step };
        if !self
            .plan
            .skipped
            .iter()
            .any(|other| other.kind == kind && other.name == name && other.protected == protected)
        {
            self.plan.skipped.push(skipped);
        }
    }

    fn finish(mut self) -> Plan {
        self.warn_of_networks();
        let kept = self.images_in_use();
        self.plan.frees = freed::reckon(&mut self.plan.deletes, self.inventory, &kept, &self.cache);
        self.plan
    }

    /// Images whose layers are still needed: those that stay, and those under containers that stay.
    fn images_in_use(&self) -> BTreeSet<usize> {
        let used: BTreeSet<&str> = self.there().map(|it| it.image_id.as_str()).collect();
        (0..self.inventory.images.len())
            .filter(|at| !self.images.is_gone(*at) || used.contains(self.inventory.image(*at).id.as_str()))
            .collect()
    }
}
