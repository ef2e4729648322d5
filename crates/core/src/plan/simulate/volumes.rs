//! Volumes.

use std::collections::BTreeSet;

use super::Simulation;
use crate::api::Version;
use crate::plan::compose::PROJECT;
use crate::plan::filters::Filters;
use crate::plan::inventory::{ANONYMOUS, Container, VolumeData, seconds};
use crate::plan::{Item, ObjectKind, Recoverable};

/// What `prune` of volumes asks for by itself since this version: only those without a name.
const ASKS_FOR_NAMED: Version = (1, 42);

impl<'a> Simulation<'a> {
    pub(super) fn prune_volumes(&mut self, filters: &Filters) {
        let newer = self.inventory.api >= ASKS_FOR_NAMED;
        let known: &[&str] = if newer { &["label", "label!", "all"] } else { &["label", "label!"] };
        let Some(_) = self.accepted(filters, known) else { return };
        let named_too = !newer || filters.is_on("all", false);
        let used: BTreeSet<&str> = self.there().flat_map(Container::volumes).collect();
        for (at, volume) in self.inventory.volumes.iter().enumerate() {
            let anonymous = volume.labels.contains_key(ANONYMOUS);
            let fits = volume.driver == "local"
                && volume.options.is_empty()
                && (named_too || anonymous)
                && filters.fit(&volume.labels)
                && !used.contains(volume.name.as_str());
            if !fits || self.volumes.contains(&at) {
                continue;
            }
            match self.protections.volume(volume) {
                Some(protected) => self.skip(ObjectKind::Volume, &volume.name, protected.why, true, false),
                None => self.take_volume(at, "no container uses it"),
            }
        }
    }

    pub(super) fn remove_volume(&mut self, name: &str, force: bool) {
        let Some(at) = self.volume_at.get(name).copied() else {
            if !force {
                self.skip(ObjectKind::Volume, name, "no such volume", false, true);
            }
            return;
        };
        if self.volumes.contains(&at) {
            return;
        }
        let protected = self.protections.volume(self.inventory.volume(at)).map(|it| it.why);
        let held = self.held_volumes.get(name).cloned();
        if let Some(why) = protected.or(held) {
            self.skip(ObjectKind::Volume, name, why, true, true);
        } else if let Some(user) = self.user_of(name) {
            let reason = format!("the container {user} uses it");
            self.skip(ObjectKind::Volume, name, reason, false, true);
        } else {
            self.take_volume(at, "named in the command");
        }
    }

    pub(super) fn user_of(&self, volume: &str) -> Option<&'a str> {
        let users = self.volume_users.get(volume)?;
        users.iter().find(|at| !self.containers.contains(at)).map(|at| self.inventory.container(*at).name())
    }

    pub(super) fn take_volume(&mut self, at: usize, reason: &str) {
        let volume = self.inventory.volume(at);
        let mut about = Vec::new();
        let users = self.volume_users.get(volume.name.as_str()).into_iter().flatten();
        let had: Vec<&str> = users.map(|at| self.inventory.container(*at).name()).collect();
        about.push(if volume.is_anonymous() { "anonymous".to_owned() } else { "named".to_owned() });
        if !had.is_empty() {
            about.push(format!("of {}", crate::text::named(&had)));
        } else if let Some(project) = volume.labels.get(PROJECT) {
            about.push(format!("of the project {project}"));
        }
        let data = volume.data();
        match &data {
            VolumeData::Stays(device) => about.push(format!("its data in {device} are not deleted")),
            VolumeData::InMemory => about.push("its data are only in memory".to_owned()),
            VolumeData::WithVolume | VolumeData::Driver(_) => {}
        }
        let item = Item {
            size: volume.size(),
            recoverable: Recoverable::Trash,
            about,
            created: seconds(&volume.created_at).map(|time| time as i64),
            mark: volume.created_at.clone(),
            ..self.item(ObjectKind::Volume, &volume.name, &volume.name, reason)
        };
        let item = match data {
            VolumeData::WithVolume => item,
            // Nothing has to be copied: with its settings the volume is complete.
            VolumeData::Stays(_) | VolumeData::InMemory => Item { size: Some(0), ..item },
            VolumeData::Driver(driver) => Item {
                recoverable: Recoverable::No,
                not_kept: Some(format!("its data are stored by its driver {driver}")),
                ..item
            },
        };
        self.plan.deletes.push(item);
        self.volumes.insert(at);
    }
}
