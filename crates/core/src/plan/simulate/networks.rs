//! Networks: what is attached to them, and who cannot start without them.

use std::collections::{BTreeMap, BTreeSet};

use super::{SWARM_IS_NOT_KEPT, Simulation};
use crate::plan::filters::Filters;
use crate::plan::inventory::{Container, Network, find_network, seconds};
use crate::plan::{Item, ObjectKind, Recoverable};
use crate::text::count;

impl Simulation<'_> {
    pub(super) fn attached(&self, network: &Network) -> bool {
        // Only what runs is attached; what stays attached though a container goes is another's.
        let running = self
            .inventory
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

    pub(super) fn prune_networks(&mut self, filters: &Filters) {
        let Some(until) = self.accepted(filters, &["label", "label!", "until"]) else { return };
        for (at, network) in self.inventory.networks.iter().enumerate() {
            let swarm = network.scope == "swarm";
            let served = self.inventory.services.iter().any(|service| {
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
                Some(why) => self.skip(ObjectKind::Network, &network.name, why, true, false),
                None => self.take_network(at, "no running container is attached to it"),
            }
        }
    }

    pub(super) fn kept_network(&self, network: &Network) -> Option<String> {
        let own = self.protections.network(network).map(|it| it.why);
        own.or_else(|| self.held_networks.get(network.id.as_str()).cloned())
    }

    pub(super) fn remove_network(&mut self, name: &str) {
        let Some(network) = find_network(&self.inventory.networks, name) else {
            self.skip(ObjectKind::Network, name, "no such network", false, true);
            return;
        };
        let Some(at) = self.inventory.networks.iter().position(|it| it.id == network.id) else { return };
        if self.networks.contains(&at) {
            return;
        }
        if let Some(why) = self.kept_network(network) {
            self.skip(ObjectKind::Network, &network.name, why, true, true);
        } else if network.is_predefined() {
            self.skip(ObjectKind::Network, &network.name, "it is one of docker's predefined networks", false, true);
        } else if self.attached(network) {
            self.skip(ObjectKind::Network, &network.name, "a container is attached to it", false, true);
        } else {
            self.take_network(at, "named in the command");
        }
    }

    pub(super) fn take_network(&mut self, at: usize, reason: &str) {
        let network = self.inventory.network(at);
        let item = Item {
            size: Some(0),
            recoverable: if network.scope == "swarm" { Recoverable::No } else { Recoverable::Trash },
            not_kept: (network.scope == "swarm").then(|| SWARM_IS_NOT_KEPT.to_owned()),
            about: vec![network.driver.clone()],
            created: seconds(&network.created).map(|time| time as i64),
            ..self.item(ObjectKind::Network, &network.id, &network.name, reason)
        };
        self.plan.deletes.push(item);
        self.networks.insert(at);
    }

    /// A container that is not deleted needs its network to start.
    pub(super) fn warn_of_networks(&mut self) {
        let mut needed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let services: BTreeSet<&str> = self.plan.of(ObjectKind::Service).map(|item| item.id.as_str()).collect();
        // A task goes with its service, a moment later.
        let is_task = |it: &Container| it.label("com.docker.swarm.service.id").is_some_and(|id| services.contains(id));
        // One that is made again gets its containers back.
        let remade: BTreeSet<String> = self.plan.replaced().map(|item| item.id.clone()).collect();
        for at in &self.networks {
            let network = self.inventory.network(*at);
            if remade.contains(&network.id) {
                continue;
            }
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
                [one] => format!("{one} is not deleted, and"),
                several => format!("{} are not deleted, and", count(several.len(), "container")),
            };
            let which =
                if containers.len() > 1 { format!(": {}", crate::text::named(&containers)) } else { String::new() };
            self.plan.warnings.push(format!("{who} cannot start without the network {network}{which}"));
        }
    }
}
