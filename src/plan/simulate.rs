//! The steps of a command, played through on the inventory in docker's order: what an earlier one takes, a later one
//! does not see any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::compose::{self, Change, PROJECT};
use super::filters::Filters;
use super::images::{Store, users};
use super::inventory::{CacheRecord, Container, Inventory, Network, find_container, find_network, seconds, short};
use super::{Item, Kind, Plan, Protections, Recoverable, Stays, Step, freed};
use crate::facts::wire::Version;
use crate::rules::count;

/// What `prune` of volumes asks for by itself since this version: only those without a name.
const ASKS_FOR_NAMED: Version = (1, 42);

const SWARM_IS_NOT_KEPT: &str = "what belongs to a swarm is not kept";

struct World<'a> {
    stock: &'a Inventory,
    protections: &'a Protections,
    images: Store,
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
pub fn plan(steps: &[Step], stock: &Inventory, protections: &Protections) -> Plan {
    let mut world = World::new(stock, protections);
    world.plan.steps = steps.to_vec();
    for (at, step) in steps.iter().enumerate() {
        world.step = at;
        world.play(step);
    }
    world.finish()
}

impl<'a> World<'a> {
    fn new(stock: &'a Inventory, protections: &'a Protections) -> World<'a> {
        let mut images = Store::new(stock);
        let mut held_volumes = HashMap::new();
        let mut held_networks = HashMap::new();
        if !protections.is_empty() {
            for (at, image) in stock.images.iter().enumerate() {
                if protections.image(image).is_some() {
                    images.spared.insert(at);
                }
            }
            for container in stock.containers.iter().filter(|it| protections.container(it).is_some()) {
                let needs = format!("the protected container {} needs it", container.name());
                held_volumes.extend(container.volumes().map(|name| (name, needs.clone())));
                held_networks.extend(container.networks().map(|(_, id)| (id, needs.clone())));
                images.spared.extend(stock.images.iter().position(|image| image.id == container.image_id));
            }
        }
        let mut volume_users: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut image_users: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, container) in stock.containers.iter().enumerate() {
            for name in container.volumes() {
                volume_users.entry(name).or_default().push(at);
            }
            image_users.entry(&container.image_id).or_default().push(at);
        }
        World {
            stock,
            protections,
            volume_at: stock.volumes.iter().enumerate().map(|(at, it)| (it.name.as_str(), at)).collect(),
            volume_users,
            image_users,
            images,
            containers: BTreeSet::new(),
            volumes: BTreeSet::new(),
            networks: BTreeSet::new(),
            cache: BTreeSet::new(),
            held_volumes,
            held_networks,
            plan: Plan { engine: stock.engine.clone(), engine_name: stock.name.clone(), ..Plan::default() },
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
            Step::Secret { name } => self.remove_swarm_object(Kind::Secret, name),
            Step::Config { name } => self.remove_swarm_object(Kind::Config, name),
            Step::Stack { name } => self.remove_stack(name),
            Step::Compose(change) => self.change_project(change),
        }
    }

    fn item(&self, kind: Kind, id: &str, name: &str, reason: &str) -> Item {
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
        }
    }

    fn stays(&mut self, kind: Kind, name: &str, reason: impl Into<String>, protected: bool, named: bool) {
        let stays = Stays { kind, name: name.to_owned(), reason: reason.into(), protected, named, step: self.step };
        if !self.plan.stays.iter().any(|other| other.kind == kind && other.name == name && other.protected == protected)
        {
            self.plan.stays.push(stays);
        }
    }

    // Containers.

    fn prune_containers(&mut self, filters: &Filters) {
        let Some(until) = self.accepted(filters, &["label", "label!", "until"]) else { return };
        for (at, container) in self.stock.containers.iter().enumerate() {
            let fits = !container.is_running()
                && until.is_none_or(|until| container.created as f64 <= until)
                && filters.fit(&container.labels);
            if fits && !self.containers.contains(&at) {
                match self.protections.container(container) {
                    Some(protected) => {
                        self.stays(Kind::Container, container.name(), protected.why, true, false);
                    }
                    None => self.take_container(at, "it does not run", false, false),
                }
            }
        }
    }

    /// The filters' moment; None, and a word about it, where the engine refuses them.
    fn accepted(&mut self, filters: &Filters, known: &[&str]) -> Option<Option<f64>> {
        let outcome = match filters.unknown(known) {
            Some(name) => Err(format!("invalid filter '{name}'")),
            None => filters.until(self.stock.now),
        };
        outcome.map_err(|why| self.plan.unclear.push(format!("the engine will refuse this: {why}"))).ok()
    }

    fn remove_container(&mut self, name: &str, force: bool, volumes: bool) {
        let Some(found) = find_container(&self.stock.containers, name) else {
            self.stays(Kind::Container, name, "no such container", false, true);
            return;
        };
        let at = self.position(found);
        if self.containers.contains(&at) {
            return;
        }
        if let Some(protected) = self.protections.container(found) {
            self.stays(Kind::Container, found.name(), protected.why, true, true);
        } else if found.is_running() && !force {
            let reason = format!("it is {}: docker removes only stopped ones without --force", found.state);
            self.stays(Kind::Container, found.name(), reason, false, true);
        } else {
            let reason = if found.is_running() { "named in the command, and running" } else { "named in the command" };
            self.take_container(at, reason, force, volumes);
        }
    }

    fn position(&self, container: &Container) -> usize {
        self.stock.containers.iter().position(|it| it.id == container.id).unwrap_or_default()
    }

    fn take_container(&mut self, at: usize, reason: &str, force: bool, volumes: bool) {
        let container = &self.stock.containers[at];
        if volumes {
            for name in self.nameless(container) {
                let protected = self.volume_at.get(name.as_str()).map(|at| &self.stock.volumes[*at]);
                if let Some(protected) = protected.and_then(|it| self.protections.volume(it)) {
                    self.stays(Kind::Volume, &name, protected.why, true, true);
                }
            }
        }
        let item = Item {
            size: container.size_rw,
            recoverable: Recoverable::Trash,
            about: vec![container.status.to_lowercase()].into_iter().filter(|text| !text.is_empty()).collect(),
            created: Some(container.created),
            mark: container.state.clone(),
            force,
            volumes,
            ..self.item(Kind::Container, &container.id, container.name(), reason)
        };
        self.plan.deletes.push(item);
        self.containers.insert(at);
        if !volumes {
            return;
        }
        // Without a name, and nobody else has it: it goes with the container.
        for name in self.nameless(container) {
            let shared = self.user_of(&name).is_some();
            let Some(at) = self.volume_at.get(name.as_str()).copied() else { continue };
            if !shared && self.protections.volume(&self.stock.volumes[at]).is_none() {
                self.take_volume(at, &format!("nameless, and its container {} goes", container.name()));
            }
        }
    }

    /// The volumes that go with their container: those that it was not given by name.
    fn nameless(&self, container: &Container) -> Vec<String> {
        // One with a name of its own was given by it, be it to another container from which this one has it.
        let has_name = |name: &str| self.volume_at.get(name).is_some_and(|at| !self.stock.volumes[*at].is_anonymous());
        let given = |name: &str| container.named_volumes.iter().flatten().any(|known| known == name);
        let named = |name: &str| has_name(name) || given(name);
        container.volumes().filter(|name| !named(name)).map(str::to_owned).collect()
    }

    fn there(&self) -> impl Iterator<Item = &'a Container> {
        let stock = self.stock;
        stock.containers.iter().enumerate().filter(|(at, _)| !self.containers.contains(at)).map(|(_, it)| it)
    }

    // Volumes.

    fn prune_volumes(&mut self, filters: &Filters) {
        let newer = self.stock.api >= ASKS_FOR_NAMED;
        let known: &[&str] = if newer { &["label", "label!", "all"] } else { &["label", "label!"] };
        let Some(_) = self.accepted(filters, known) else { return };
        let named_too = !newer || filters.is_on("all", false);
        let used: BTreeSet<&str> = self.there().flat_map(Container::volumes).collect();
        for (at, volume) in self.stock.volumes.iter().enumerate() {
            let nameless = volume.labels.contains_key(super::inventory::ANONYMOUS);
            let fits = volume.driver == "local"
                && volume.options.is_empty()
                && (named_too || nameless)
                && filters.fit(&volume.labels)
                && !used.contains(volume.name.as_str());
            if !fits || self.volumes.contains(&at) {
                continue;
            }
            match self.protections.volume(volume) {
                Some(protected) => self.stays(Kind::Volume, &volume.name, protected.why, true, false),
                None => self.take_volume(at, "no container uses it"),
            }
        }
    }

    fn remove_volume(&mut self, name: &str, force: bool) {
        let Some(at) = self.volume_at.get(name).copied() else {
            if !force {
                self.stays(Kind::Volume, name, "no such volume", false, true);
            }
            return;
        };
        if self.volumes.contains(&at) {
            return;
        }
        let protected = self.protections.volume(&self.stock.volumes[at]).map(|it| it.why);
        let held = self.held_volumes.get(name).cloned();
        if let Some(why) = protected.or(held) {
            self.stays(Kind::Volume, name, why, true, true);
        } else if let Some(user) = self.user_of(name) {
            let reason = format!("the container {user} has it");
            self.stays(Kind::Volume, name, reason, false, true);
        } else {
            self.take_volume(at, "named in the command");
        }
    }

    fn user_of(&self, volume: &str) -> Option<&'a str> {
        let users = self.volume_users.get(volume)?;
        users.iter().find(|at| !self.containers.contains(at)).map(|at| self.stock.containers[*at].name())
    }

    fn take_volume(&mut self, at: usize, reason: &str) {
        let volume = &self.stock.volumes[at];
        let mut about = Vec::new();
        let users = self.volume_users.get(volume.name.as_str()).into_iter().flatten();
        let had: Vec<&str> = users.map(|at| self.stock.containers[*at].name()).collect();
        about.push(if volume.is_anonymous() { "nameless".to_owned() } else { "named".to_owned() });
        if !had.is_empty() {
            about.push(format!("of {}", had.join(", ")));
        } else if let Some(project) = volume.labels.get(PROJECT) {
            about.push(format!("of the project {project}"));
        }
        let outside = volume.driver != "local" || !volume.options.is_empty();
        let item = Item {
            size: volume.size(),
            recoverable: Recoverable::Trash,
            about,
            created: seconds(&volume.created_at).map(|time| time as i64),
            mark: volume.created_at.clone(),
            ..self.item(Kind::Volume, &volume.name, &volume.name, reason)
        };
        let item = match outside {
            true => Item {
                recoverable: Recoverable::No,
                not_kept: Some(format!("its data is where its {} driver or options put it", volume.driver)),
                ..item
            },
            false => item,
        };
        self.plan.deletes.push(item);
        self.volumes.insert(at);
    }

    // Networks.

    fn attached(&self, network: &Network) -> bool {
        // Only what runs is attached; what stays attached though a container goes is another's.
        let running = self
            .stock
            .containers
            .iter()
            .enumerate()
            .filter(|(_, it)| matches!(it.state.as_str(), "running" | "paused"))
            .filter(|(_, it)| it.networks().any(|(_, id)| id == network.id));
        let (going, staying): (Vec<_>, Vec<_>) = running.partition(|(at, _)| self.containers.contains(at));
        if !staying.is_empty() {
            return true;
        }
        !network.dangling && going.is_empty()
    }

    fn prune_networks(&mut self, filters: &Filters) {
        let Some(until) = self.accepted(filters, &["label", "label!", "until"]) else { return };
        for (at, network) in self.stock.networks.iter().enumerate() {
            let swarm = network.scope == "swarm";
            let served = self.stock.services.iter().any(|service| {
                service
                    .spec
                    .task_template
                    .networks
                    .iter()
                    .any(|it| it.target == network.id || it.target == network.name)
            });
            let made = seconds(&network.created).unwrap_or(0.0);
            let fits = !network.config_only
                && !network.ingress
                && !network.is_predefined()
                && until.is_none_or(|until| made <= until)
                && filters.fit(&network.labels)
                && if swarm { !served } else { !self.attached(network) };
            if !fits || self.networks.contains(&at) {
                continue;
            }
            match self.kept_network(network) {
                Some(why) => self.stays(Kind::Network, &network.name, why, true, false),
                None => self.take_network(at, "nothing that runs is attached to it"),
            }
        }
    }

    fn kept_network(&self, network: &Network) -> Option<String> {
        let own = self.protections.network(network).map(|it| it.why);
        own.or_else(|| self.held_networks.get(network.id.as_str()).cloned())
    }

    fn remove_network(&mut self, name: &str) {
        let Some(network) = find_network(&self.stock.networks, name) else {
            self.stays(Kind::Network, name, "no such network", false, true);
            return;
        };
        let Some(at) = self.stock.networks.iter().position(|it| it.id == network.id) else { return };
        if self.networks.contains(&at) {
            return;
        }
        if let Some(why) = self.kept_network(network) {
            self.stays(Kind::Network, &network.name, why, true, true);
        } else if network.is_predefined() {
            self.stays(Kind::Network, &network.name, "it is docker's own", false, true);
        } else if self.attached(network) {
            self.stays(Kind::Network, &network.name, "something is attached to it", false, true);
        } else {
            self.take_network(at, "named in the command");
        }
    }

    fn take_network(&mut self, at: usize, reason: &str) {
        let network = &self.stock.networks[at];
        let item = Item {
            size: Some(0),
            recoverable: if network.scope == "swarm" { Recoverable::No } else { Recoverable::Trash },
            not_kept: (network.scope == "swarm").then(|| SWARM_IS_NOT_KEPT.to_owned()),
            about: vec![network.driver.clone()],
            created: seconds(&network.created).map(|time| time as i64),
            ..self.item(Kind::Network, &network.id, &network.name, reason)
        };
        self.plan.deletes.push(item);
        self.networks.insert(at);
    }

    // Images.

    fn prune_images(&mut self, filters: &Filters) {
        let before = self.images.clone();
        let stock = self.stock;
        let users = users(stock, &self.containers);
        let dangling = filters.is_on("dangling", true);
        if let Err(why) = self.images.prune(stock, &users, filters) {
            self.plan.unclear.push(format!("the engine will refuse this: {why}"));
            return;
        }
        let reason = if dangling { "it has no name and no container uses it" } else { "no container uses it" };
        self.take_images(&before, reason);
        if self.images.spared.is_empty() {
            return;
        }
        // What a prune without protection would have taken.
        let mut bare = before.clone();
        bare.spared.clear();
        let _ = bare.prune(stock, &users, filters);
        for at in self.images.spared.clone() {
            let touched = bare.is_gone(at) && !before.is_gone(at) || bare.tags(at).count() < before.tags(at).count();
            if touched {
                self.stays(Kind::Image, &stock.images[at].name(), self.why_spared(at), true, false);
            }
        }
    }

    fn why_spared(&self, image: usize) -> String {
        let image = &self.stock.images[image];
        match self.protections.image(image) {
            Some(protected) => protected.why,
            None => "a protected container stands on it".to_owned(),
        }
    }

    fn remove_image(&mut self, name: &str, force: bool, prune: bool) {
        let before = self.images.clone();
        let stock = self.stock;
        let users = users(stock, &self.containers);
        if let Some((at, _)) = self.images.resolve(stock, name)
            && self.images.spared.contains(&at)
        {
            self.stays(Kind::Image, name, self.why_spared(at), true, true);
            return;
        }
        if let Err(why) = self.images.delete(stock, &users, name, force, prune) {
            self.stays(Kind::Image, name, why.to_lowercase(), false, true);
            return;
        }
        self.take_images(&before, "named in the command");
    }

    /// Makes the difference between two states of the store into entries.
    fn take_images(&mut self, before: &Store, reason: &str) {
        let stock = self.stock;
        let had_tags = self.plan.deletes.iter().any(|item| item.kind == Kind::Tag);
        for (at, image) in stock.images.iter().enumerate() {
            if before.is_gone(at) {
                continue;
            }
            if self.images.is_gone(at) {
                let tags: Vec<String> = image.tags().map(str::to_owned).collect();
                let pullable = match image.in_registry {
                    Some(known) => known,
                    None => !stock.containerd && image.digests().next().is_some(),
                };
                let recoverable = if pullable { Recoverable::Pull } else { Recoverable::Trash };
                let users = self.image_users.get(image.id.as_str()).into_iter().flatten();
                let users: Vec<&Container> = users.map(|at| &stock.containers[*at]).collect();
                let used: Vec<&str> = users.iter().map(|it| it.name()).collect();
                let mut about = vec![if pullable { "can be pulled again" } else { "exists only here" }.to_owned()];
                if !used.is_empty() {
                    about.push(format!("of {}", used.join(", ")));
                }
                // Tags that an earlier step took are this image's own now.
                if had_tags {
                    self.plan.deletes.retain(|item| !(item.kind == Kind::Tag && item.id == image.id));
                }
                let item = Item {
                    tags,
                    size: Some(image.size),
                    recoverable,
                    about,
                    created: Some(image.created),
                    users: users.iter().map(|it| it.id.clone()).collect(),
                    ..self.item(Kind::Image, &image.id, &image.name(), reason)
                };
                self.plan.deletes.push(item);
                continue;
            }
            let left: Vec<&str> = self.images.tags(at).collect();
            let lost: Vec<String> = before.tags(at).filter(|tag| !left.contains(tag)).map(str::to_owned).collect();
            for tag in lost {
                let mut about = vec![format!("its image {} stays", short(&image.id))];
                if let Some(other) = left.first() {
                    about.push(format!("as {other}"));
                }
                let item = Item {
                    size: Some(0),
                    recoverable: Recoverable::Trash,
                    about,
                    mark: image.id.clone(),
                    ..self.item(Kind::Tag, &image.id, &tag, reason)
                };
                self.plan.deletes.push(item);
            }
        }
    }

    // Build cache.

    fn prune_cache(&mut self, all: bool, filters: &Filters, keep: i64) {
        let until = match filters.until(self.stock.now) {
            Ok(until) => until,
            Err(why) => {
                self.plan.unclear.push(format!("the engine will refuse this: {why}"));
                return;
            }
        };
        let stock = self.stock;
        // Images that go first set free what only they shared.
        let freed_by_images = self.unshared();
        let mut gone: BTreeSet<&str> = BTreeSet::new();
        // How many records that are there stand on each.
        let mut children: HashMap<&str, usize> = HashMap::new();
        for parent in stock.cache.iter().flat_map(CacheRecord::parents) {
            *children.entry(parent).or_default() += 1;
        }
        let fits = |record: &CacheRecord| {
            let shared = record.shared && !freed_by_images.contains(record.id.as_str());
            let plain = all || !shared && !matches!(record.kind.as_str(), "internal" | "frontend");
            let used = record.last_used_at.as_deref().and_then(seconds);
            let old = until.is_none_or(|until| used.is_none_or(|used| used <= until));
            plain && old && !record.in_use && cache_filter(record, filters)
        };
        let total: i64 = stock.cache.iter().filter(|record| !record.shared).map(|record| record.size).sum();
        let mut left = total;
        loop {
            // Leaves first: a record with one that stands on it is in use.
            let mut ready: Vec<usize> = (0..stock.cache.len())
                .filter(|at| {
                    let record = &stock.cache[*at];
                    let id = record.id.as_str();
                    !gone.contains(id) && children.get(id).is_none_or(|count| *count == 0) && fits(record)
                })
                .collect();
            if ready.is_empty() || keep > 0 && left < keep {
                break;
            }
            if keep > 0 {
                // Down to what is to stay, the longest unused first.
                ready.sort_by(|one, other| {
                    let used = |at: &usize| stock.cache[*at].last_used_at.as_deref().and_then(seconds).unwrap_or(0.0);
                    used(one).total_cmp(&used(other))
                });
                ready.truncate(1);
            }
            for at in ready {
                gone.insert(stock.cache[at].id.as_str());
                for parent in stock.cache[at].parents() {
                    children.entry(parent).and_modify(|count| *count -= 1);
                }
                left -= stock.cache[at].size;
                self.cache.insert(at);
                let record = &stock.cache[at];
                let name = record.description.lines().next().unwrap_or_default();
                let item = Item {
                    size: Some(record.size),
                    created: seconds(&record.created_at).map(|time| time as i64),
                    used: record.last_used_at.as_deref().and_then(seconds).map(|time| time as i64),
                    ..self.item(Kind::BuildCache, &record.id, name, "no build uses it now")
                };
                self.plan.deletes.push(item);
            }
        }
    }

    /// Records that are shared with images that go, and with none that stays. The engine does not say which layer a
    /// record is; its size and its step's words are the same as the layer's.
    fn unshared(&self) -> BTreeSet<&'a str> {
        let stock = self.stock;
        let sizes = |gone: bool| -> BTreeSet<i64> {
            let images = stock.images.iter().enumerate().filter(|(at, _)| self.images.is_gone(*at) == gone);
            images.flat_map(|(_, image)| image.layers.iter().flatten()).map(|(_, size)| *size).collect()
        };
        let (going, staying) = (sizes(true), sizes(false));
        let free = stock
            .cache
            .iter()
            .filter(|record| record.shared && going.contains(&record.size) && !staying.contains(&record.size));
        free.map(|record| record.id.as_str()).collect()
    }

    // Swarm.

    fn remove_service(&mut self, name: &str) {
        let found = self.stock.services.iter().find(|it| it.id == name || it.spec.name == name);
        let Some(service) = found.or_else(|| self.stock.services.iter().find(|it| it.id.starts_with(name))) else {
            self.stays(Kind::Service, name, "no such service", false, true);
            return;
        };
        let (id, name) = (service.id.clone(), service.spec.name.clone());
        self.take_swarm(Kind::Service, &id, &name, "named in the command");
    }

    fn take_swarm(&mut self, kind: Kind, id: &str, name: &str, reason: &str) {
        let item = Item { not_kept: Some(SWARM_IS_NOT_KEPT.to_owned()), ..self.item(kind, id, name, reason) };
        self.plan.deletes.push(item);
    }

    fn remove_swarm_object(&mut self, kind: Kind, name: &str) {
        let all = if kind == Kind::Secret { &self.stock.secrets } else { &self.stock.configs };
        match all.iter().find(|it| it.id == name || it.spec.name == name) {
            Some(it) => self.take_swarm(kind, &it.id.clone(), &it.spec.name.clone(), "named in the command"),
            None => self.stays(kind, name, format!("no such {}", kind.name()), false, true),
        }
    }

    /// docker/cli `cli/command/stack/remove.go`: by the label of the namespace.
    fn remove_stack(&mut self, name: &str) {
        const STACK: &str = "com.docker.stack.namespace";
        let of_stack = |labels: &super::inventory::Labels| labels.get(STACK).is_some_and(|stack| stack == name);
        let reason = format!("it belongs to the stack {name}");
        let stock = self.stock;
        let before = self.plan.deletes.len();
        for service in stock.services.iter().filter(|it| of_stack(&it.spec.labels)) {
            self.take_swarm(Kind::Service, &service.id, &service.spec.name, &reason);
        }
        for (kind, all) in [(Kind::Secret, &stock.secrets), (Kind::Config, &stock.configs)] {
            for it in all.iter().filter(|it| of_stack(&it.spec.labels)) {
                self.take_swarm(kind, &it.id, &it.spec.name, &reason);
            }
        }
        for (at, network) in stock.networks.iter().enumerate().filter(|(_, it)| of_stack(&it.labels)) {
            match self.kept_network(network) {
                Some(why) => self.stays(Kind::Network, &network.name, why, true, true),
                None => self.take_network(at, &reason),
            }
        }
        // A task's container goes with its service, and what it wrote with it.
        for container in stock.containers.iter().filter(|it| of_stack(&it.labels)) {
            if let Some(protected) = self.protections.container(container) {
                self.stays(Kind::Container, container.name(), protected.why, true, true);
            }
        }
        if self.plan.deletes.len() == before {
            self.stays(Kind::Service, name, "nothing found in this stack", false, true);
        }
    }

    // Compose.

    fn change_project(&mut self, change: &Change) {
        if change.unknown {
            self.plan.unclear.push("compose could not read its project here, so what it takes is not known".to_owned());
            return;
        }
        if change.project.model.iter().flat_map(|model| &model.services).any(|it| it.needs_compose) {
            self.plan.by_docker = Some("a service has a hook or a provider that only compose can run".to_owned());
        }
        let taken = compose::taken(change, self.stock);
        let reason = format!("it belongs to the project {}", change.project.name);
        for (at, volumes) in taken.containers {
            let container = &self.stock.containers[at];
            match self.protections.container(container) {
                Some(protected) => self.stays(Kind::Container, container.name(), protected.why, true, true),
                None => self.take_container(at, &reason, true, volumes),
            }
        }
        for at in taken.networks {
            let network = &self.stock.networks[at];
            match self.kept_network(network) {
                Some(why) => self.stays(Kind::Network, &network.name, why, true, true),
                None if self.attached(network) => {
                    self.stays(Kind::Network, &network.name, "something else is attached to it", false, false);
                }
                None => self.take_network(at, &reason),
            }
        }
        for name in taken.images {
            if self.images.resolve(self.stock, &name).is_some() {
                self.remove_image(&name, false, true);
            }
        }
        for at in taken.volumes {
            if !self.volumes.contains(&at) {
                self.remove_volume(&self.stock.volumes[at].name, true);
            }
        }
        if !taken.orphaned.is_empty() {
            self.plan.warnings.push(format!(
                "new containers get new, empty nameless volumes; {} of the old ones stay behind, without a container",
                taken.orphaned.len()
            ));
        }
    }

    // The whole.

    fn finish(mut self) -> Plan {
        self.warn_of_networks();
        let kept = self.images_in_use();
        self.plan.frees = freed::reckon(&mut self.plan.deletes, self.stock, &kept, &self.cache);
        self.plan
    }

    /// A container that stays needs its network to start.
    fn warn_of_networks(&mut self) {
        let mut needed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let services: BTreeSet<&str> = self.plan.of(Kind::Service).map(|item| item.id.as_str()).collect();
        // A task goes with its service, a moment later.
        let is_task = |it: &Container| it.label("com.docker.swarm.service.id").is_some_and(|id| services.contains(id));
        for at in &self.networks {
            let network = &self.stock.networks[*at];
            for container in self
                .there()
                .filter(|it| !is_task(it))
                .filter(|it| it.networks().any(|(name, id)| id == network.id || id.is_empty() && name == network.name))
            {
                needed.entry(network.name.clone()).or_default().push(container.name().to_owned());
            }
        }
        for (network, containers) in needed {
            let who = match containers.as_slice() {
                [one] => format!("{one} stays, and"),
                several => format!("{} stay, and", count(several.len(), "container")),
            };
            let which = if containers.len() > 1 { format!(": {}", containers.join(", ")) } else { String::new() };
            self.plan.warnings.push(format!("{who} cannot start without the network {network}{which}"));
        }
    }

    /// Images whose layers are still needed: those that stay, and those under containers that stay.
    fn images_in_use(&self) -> BTreeSet<usize> {
        let used: BTreeSet<&str> = self.there().map(|it| it.image_id.as_str()).collect();
        (0..self.stock.images.len())
            .filter(|at| !self.images.is_gone(*at) || used.contains(self.stock.images[*at].id.as_str()))
            .collect()
    }
}

/// moby `builder/builder-next/builder.go`, `cacheFields`.
fn cache_filter(record: &CacheRecord, filters: &Filters) -> bool {
    let equals = |name: &str, text: &str| filters.all(name).all(|value| value == text);
    let id = filters.all("id").all(|value| record.id.contains(value));
    let parent = filters.all("parent").all(|value| record.parents().any(|parent| parent == value));
    let flag = |name: &str, is: bool| {
        filters.all(name).all(|value| crate::grammar::values::bool(value).unwrap_or(value.is_empty()) == is)
    };
    id && parent
        && equals("type", &record.kind)
        && equals("description", &record.description)
        && flag("inuse", record.in_use)
        && flag("shared", record.shared)
        && flag("private", !record.shared)
}
