//! What compose deletes of a project.

use super::Simulation;
use crate::plan::compose::{self, Makes, ProjectChange};
use crate::plan::inventory::short;
use crate::plan::{ItemChange, ObjectKind};
use crate::text::{bytes, named};

/// Why compose makes a network or a volume again.
const DIFFERS: &str = "it is not as the files say";
/// Why it may.
const UNSAID: &str = "compose does not say what it does";

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
        if change.makes.is_some() {
            self.plan.by_docker = Some("compose also creates and starts what the project needs".to_owned());
        }
        let taken = compose::taken(change, self.inventory);
        if let Some(Makes { unclear: Some(why), .. }) = &change.makes {
            self.plan.unclear.push(format!("compose does not say what it does: {why}"));
        }
        for name in &taken.unknown {
            self.plan.unknown = true;
            self.plan.unclear.push(format!("compose replaces or removes {name}, which the engine does not list"));
        }
        let reason = format!("it belongs to the project {}", change.project.name);
        let mut leaves: Vec<usize> = Vec::new();
        for it in taken.containers {
            if !it.volumes && it.change == ItemChange::Removed {
                leaves.push(it.at);
            }
            let container = self.inventory.container(it.at);
            match self.protections.container(container) {
                Some(protected) => self.skip(ObjectKind::Container, container.name(), protected.why, true, true),
                None => {
                    let reason = if it.reason.is_empty() { &reason } else { &it.reason };
                    self.take_container(it.at, reason, true, it.volumes);
                    self.changed_to(it.change, reason);
                }
            }
        }
        for (at, change) in taken.replaced_volumes {
            let before = self.plan.deletes.len();
            self.remove_volume(&self.inventory.volume(at).name, true);
            if self.plan.deletes.len() > before {
                self.changed_to(change, DIFFERS);
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
        // Compose detaches its own containers first, and a container that needs it gets one like it again.
        for (at, becomes) in taken.replaced_networks {
            let network = self.inventory.network(at);
            match self.protections.network(network) {
                Some(protected) => self.skip(ObjectKind::Network, &network.name, protected.why, true, true),
                None => {
                    self.take_network(at, &reason);
                    self.changed_to(becomes, if becomes == ItemChange::Replaced { DIFFERS } else { UNSAID });
                }
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
        self.warn_of_left_volumes(&leaves);
        if !taken.orphaned.is_empty() {
            self.plan.warnings.push(format!(
                "the new containers get new, empty anonymous volumes; {} without a container: {}",
                match taken.orphaned.len() {
                    1 => "1 old one is left".to_owned(),
                    several => format!("{several} old ones are left"),
                },
                named(&taken.orphaned.iter().map(|name| self.volume_with_size(name)).collect::<Vec<_>>())
            ));
        }
    }

    /// Anonymous volumes of these containers that nobody uses any more and that stay: compose finds them through their containers alone.
    fn warn_of_left_volumes(&mut self, containers: &[usize]) {
        let mut left: Vec<String> = Vec::new();
        for at in containers.iter().filter(|at| self.containers.contains(at)) {
            for name in self.anonymous(self.inventory.container(*at)) {
                let stays = self.volume_at.get(name.as_str()).is_some_and(|at| !self.volumes.contains(at));
                if stays && self.user_of(&name).is_none() && !left.contains(&name) {
                    left.push(name);
                }
            }
        }
        if !left.is_empty() {
            let named = named(&left.iter().map(|name| self.volume_with_size(name)).collect::<Vec<_>>());
            let what = match left.len() {
                1 => "1 anonymous volume is".to_owned(),
                several => format!("{several} anonymous volumes are"),
            };
            self.plan
                .warnings
                .push(format!("{what} left behind, which the next docker compose up does not use: {named}"));
        }
    }

    /// What becomes of the object that was just taken.
    fn changed_to(&mut self, change: ItemChange, reason: &str) {
        if let Some(item) = self.plan.deletes.last_mut() {
            item.change = change;
            reason.clone_into(&mut item.reason);
        }
    }

    /// `4f1d2c3b4a5e (31 MB)`.
    fn volume_with_size(&self, name: &str) -> String {
        let size = self.volume_at.get(name).and_then(|at| self.inventory.volume(*at).size());
        match size {
            Some(size) => format!("{} ({})", short(name), bytes(size)),
            None => short(name).to_owned(),
        }
    }
}
