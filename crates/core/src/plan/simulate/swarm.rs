//! Services, stacks, secrets and configs.

use super::{SWARM_IS_NOT_KEPT, Simulation};
use crate::plan::inventory::ObjectLabels;
use crate::plan::swarm::Service;
use crate::plan::swarm_changes::SERVICE;
use crate::plan::{Item, ObjectKind};

impl Simulation<'_> {
    pub(super) fn remove_service(&mut self, name: &str) {
        let found = self.inventory.services.iter().find(|it| it.id == name || it.spec.name == name);
        let Some(service) = found.or_else(|| self.inventory.services.iter().find(|it| it.id.starts_with(name))) else {
            self.skip(ObjectKind::Service, name, "no such service", false, true);
            return;
        };
        let name = service.spec.name.clone();
        self.take_service(service, "named in the command");
        self.skip_protected_tasks(|labels| labels.get(SERVICE).is_some_and(|service| *service == name));
    }

    /// A task's container goes with its service, and what it wrote with it.
    fn skip_protected_tasks(&mut self, goes: impl Fn(&ObjectLabels) -> bool) {
        let inventory = self.inventory;
        for container in inventory.containers.iter().filter(|it| goes(&it.labels)) {
            if let Some(protected) = self.protections.container(container) {
                self.skip(ObjectKind::Container, container.name(), protected.why, true, true);
            }
        }
    }

    fn take_service(&mut self, service: &Service, reason: &str) {
        match self.protections.service(service) {
            Some(protected) => self.skip(ObjectKind::Service, &service.spec.name, protected.why, true, true),
            None => self.take_swarm(ObjectKind::Service, &service.id, &service.spec.name, reason),
        }
    }

    pub(super) fn take_swarm(&mut self, kind: ObjectKind, id: &str, name: &str, reason: &str) {
        let item = Item { not_kept: Some(SWARM_IS_NOT_KEPT.to_owned()), ..self.item(kind, id, name, reason) };
        self.plan.deletes.push(item);
    }

    pub(super) fn remove_swarm_object(&mut self, kind: ObjectKind, name: &str) {
        let all = if kind == ObjectKind::Secret { &self.inventory.secrets } else { &self.inventory.configs };
        match all.iter().find(|it| it.id == name || it.spec.name == name) {
            Some(it) => self.take_swarm(kind, &it.id.clone(), &it.spec.name.clone(), "named in the command"),
            None => self.skip(kind, name, format!("no such {}", kind.name()), false, true),
        }
    }

    /// docker/cli `cli/command/stack/remove.go`: by the label of the namespace.
    pub(super) fn remove_stack(&mut self, name: &str) {
        const STACK: &str = "com.docker.stack.namespace";
        let of_stack = |labels: &ObjectLabels| labels.get(STACK).is_some_and(|stack| stack == name);
        let reason = format!("it belongs to the stack {name}");
        let inventory = self.inventory;
        let before = self.plan.deletes.len() + self.plan.skipped.len();
        for service in inventory.services.iter().filter(|it| of_stack(&it.spec.labels)) {
            self.take_service(service, &reason);
        }
        for (kind, all) in [(ObjectKind::Secret, &inventory.secrets), (ObjectKind::Config, &inventory.configs)] {
            for it in all.iter().filter(|it| of_stack(&it.spec.labels)) {
                self.take_swarm(kind, &it.id, &it.spec.name, &reason);
            }
        }
        for (at, network) in inventory.networks.iter().enumerate().filter(|(_, it)| of_stack(&it.labels)) {
            match self.kept_network(network) {
                Some(why) => self.skip(ObjectKind::Network, &network.name, why, true, true),
                None => self.take_network(at, &reason),
            }
        }
        self.skip_protected_tasks(of_stack);
        if self.plan.deletes.len() + self.plan.skipped.len() == before {
            self.skip(ObjectKind::Service, name, "nothing found in this stack", false, true);
        }
    }
}
