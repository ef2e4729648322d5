//! What compose deletes of a project.

use super::Simulation;
use crate::plan::ObjectKind;
use crate::plan::compose::{self, ProjectChange};

impl Simulation<'_> {
    pub(super) fn change_project(&mut self, change: &ProjectChange) {
        if change.unknown {
            self.plan.unknown = true;
            self.plan
                .unclear
                .push("compose could not read its project here, so it is not known what it deletes".to_owned());
            return;
        }
        if change.project.model.iter().flat_map(|model| &model.services).any(|it| it.needs_compose) {
            self.plan.by_docker = Some("a service has a hook or a provider that only compose can run".to_owned());
        }
        let taken = compose::taken(change, self.inventory);
        let reason = format!("it belongs to the project {}", change.project.name);
        for (at, volumes) in taken.containers {
            let container = self.inventory.container(at);
            match self.protections.container(container) {
                Some(protected) => self.skip(ObjectKind::Container, container.name(), protected.why, true, true),
                None => self.take_container(at, &reason, true, volumes),
            }
        }
        for at in taken.networks {
            let network = self.inventory.network(at);
            match self.kept_network(network) {
                Some(why) => self.skip(ObjectKind::Network, &network.name, why, true, true),
                None if self.attached(network) => {
                    self.skip(ObjectKind::Network, &network.name, "another container is attached to it", false, false);
                }
                None => self.take_network(at, &reason),
            }
        }
        for name in taken.images {
            if self.images.resolve(self.inventory, &name).is_some() {
                self.remove_image(&name, false, true);
            }
        }
        for at in taken.volumes {
            if !self.volumes.contains(&at) {
                self.remove_volume(&self.inventory.volume(at).name, true);
            }
        }
        if !taken.orphaned.is_empty() {
            self.plan.warnings.push(format!(
                "new containers get new, empty anonymous volumes; {} old ones are left without a container",
                taken.orphaned.len()
            ));
        }
    }
}
