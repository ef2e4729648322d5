//! Containers: pruned, or removed by name together with their anonymous volumes.

use super::Simulation;
use crate::plan::filters::Filters;
use crate::plan::inventory::{Container, find_container};
use crate::plan::{Item, ObjectKind, Recoverable};

impl<'a> Simulation<'a> {
    pub(super) fn prune_containers(&mut self, filters: &Filters) {
        let Some(until) = self.accepted(filters, &["label", "label!", "until"]) else { return };
        for (at, container) in self.inventory.containers.iter().enumerate() {
            let fits = !container.is_running()
                && until.is_none_or(|until| container.created as f64 <= until)
                && filters.fit(&container.labels);
            if fits && !self.containers.contains(&at) {
                match self.protections.container(container) {
                    Some(protected) => {
                        self.skip(ObjectKind::Container, container.name(), protected.why, true, false);
                    }
                    None => self.take_container(at, "it is not running", false, false),
                }
            }
        }
    }

    /// The time of the `until` filter. None, with a warning in the plan, if the engine refuses the filters.
    pub(super) fn accepted(&mut self, filters: &Filters, known: &[&str]) -> Option<Option<f64>> {
        let outcome = match filters.unknown(known) {
            Some(name) => Err(format!("invalid filter '{name}'")),
            None => filters.until(self.inventory.now),
        };
        outcome.map_err(|why| self.plan.unclear.push(format!("the engine will refuse this: {why}"))).ok()
    }

    pub(super) fn remove_container(&mut self, name: &str, force: bool, volumes: bool) {
        let found = find_container(&self.inventory.containers, name);
        let position = found.and_then(|it| self.inventory.containers.iter().position(|other| other.id == it.id));
        let (Some(found), Some(at)) = (found, position) else {
            self.skip(ObjectKind::Container, name, "no such container", false, true);
            return;
        };
        if self.containers.contains(&at) {
            return;
        }
        if let Some(protected) = self.protections.container(found) {
            self.skip(ObjectKind::Container, found.name(), protected.why, true, true);
        } else if found.is_running() && !force {
            let reason = format!("it is {}: docker removes only stopped ones without --force", found.state);
            self.skip(ObjectKind::Container, found.name(), reason, false, true);
        } else {
            let reason = if found.is_running() { "named in the command, and running" } else { "named in the command" };
            self.take_container(at, reason, force, volumes);
        }
    }

    pub(super) fn take_container(&mut self, at: usize, reason: &str, force: bool, volumes: bool) {
        let container = self.inventory.container(at);
        if volumes {
            for name in self.anonymous(container) {
                let protected = self.volume_at.get(name.as_str()).map(|at| self.inventory.volume(*at));
                if let Some(protected) = protected.and_then(|it| self.protections.volume(it)) {
                    self.skip(ObjectKind::Volume, &name, protected.why, true, true);
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
            ..self.item(ObjectKind::Container, &container.id, container.name(), reason)
        };
        self.plan.deletes.push(item);
        self.containers.insert(at);
        if !volumes {
            return;
        }
        // Without a name, and nobody else has it: it goes with the container.
        for name in self.anonymous(container) {
            let shared = self.user_of(&name).is_some();
            let Some(at) = self.volume_at.get(name.as_str()).copied() else { continue };
            if !shared && self.protections.volume(self.inventory.volume(at)).is_none() {
                self.take_volume(at, &format!("anonymous volume of the container {}", container.name()));
            }
        }
    }

    /// The volumes that go with their container: those that it was not given by name.
    pub(super) fn anonymous(&self, container: &Container) -> Vec<String> {
        // One with a name of its own was given by it, be it to another container from which this one has it.
        let has_name =
            |name: &str| self.volume_at.get(name).is_some_and(|at| !self.inventory.volume(*at).is_anonymous());
        let given = |name: &str| container.named_volumes.iter().flatten().any(|known| known == name);
        let named = |name: &str| has_name(name) || given(name);
        container.volumes().filter(|name| !named(name)).map(str::to_owned).collect()
    }

    pub(super) fn there(&self) -> impl Iterator<Item = &'a Container> {
        let inventory = self.inventory;
        inventory.containers.iter().enumerate().filter(|(at, _)| !self.containers.contains(at)).map(|(_, it)| it)
    }
}
