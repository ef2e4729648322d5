//! Images and their names: the difference between the image store before and after, as objects of the plan.

use super::Simulation;
use crate::plan::filters::Filters;
use crate::plan::images::{ImageStore, users};
use crate::plan::inventory::{Container, short};
use crate::plan::{Item, ObjectKind, Recoverable};

impl Simulation<'_> {
    pub(super) fn prune_images(&mut self, filters: &Filters) {
        let before = self.images.clone();
        let inventory = self.inventory;
        let users = users(inventory, &self.containers);
        let dangling = filters.is_on("dangling", true);
        if let Err(why) = self.images.prune(inventory, &users, filters) {
            self.plan.unclear.push(format!("the engine will refuse this: {why}"));
            return;
        }
        let reason = if dangling { "it has no name and no container uses it" } else { "no container uses it" };
        self.take_images(&before, reason);
        if self.images.protected.is_empty() {
            return;
        }
        // What a prune without protection would have taken.
        let mut bare = before.clone();
        bare.protected.clear();
        let _ = bare.prune(inventory, &users, filters);
        for at in self.images.protected.clone() {
            let touched = bare.is_gone(at) && !before.is_gone(at) || bare.tags(at).count() < before.tags(at).count();
            if touched {
                self.skip(ObjectKind::Image, &inventory.image(at).name(), self.why_protected(at), true, false);
            }
        }
    }

    fn why_protected(&self, image: usize) -> String {
        let image = self.inventory.image(image);
        match self.protections.image(image) {
            Some(protected) => protected.why,
            None => "a protected container uses it".to_owned(),
        }
    }

    pub(super) fn remove_image(&mut self, name: &str, force: bool, prune: bool) {
        let before = self.images.clone();
        let inventory = self.inventory;
        let users = users(inventory, &self.containers);
        if let Some((at, _)) = self.images.resolve(inventory, name)
            && self.images.protected.contains(&at)
        {
            self.skip(ObjectKind::Image, name, self.why_protected(at), true, true);
            return;
        }
        if let Err(why) = self.images.delete(inventory, &users, name, force, prune) {
            self.skip(ObjectKind::Image, name, why.to_lowercase(), false, true);
            return;
        }
        self.take_images(&before, "named in the command");
    }

    /// Makes the difference between two states of the store into entries.
    pub(super) fn take_images(&mut self, before: &ImageStore, reason: &str) {
        let inventory = self.inventory;
        let had_tags = self.plan.deletes.iter().any(|item| item.kind == ObjectKind::Tag);
        for (at, image) in inventory.images.iter().enumerate() {
            if before.is_gone(at) {
                continue;
            }
            if self.images.is_gone(at) {
                let tags: Vec<String> = image.tags().map(str::to_owned).collect();
                let pullable = match image.in_registry {
                    Some(known) => known,
                    None => !inventory.containerd && image.digests().next().is_some(),
                };
                let recoverable = if pullable { Recoverable::Pull } else { Recoverable::Trash };
                let users = self.image_users.get(image.id.as_str()).into_iter().flatten();
                let users: Vec<&Container> = users.map(|at| inventory.container(*at)).collect();
                let used: Vec<&str> = users.iter().map(|it| it.name()).collect();
                let mut about = vec![if pullable { "can be pulled again" } else { "exists only here" }.to_owned()];
                if !used.is_empty() {
                    about.push(format!("of {}", crate::text::named(&used)));
                }
                // Tags that an earlier step took are this image's own now.
                if had_tags {
                    self.plan.deletes.retain(|item| !(item.kind == ObjectKind::Tag && item.id == image.id));
                }
                let item = Item {
                    tags,
                    size: Some(image.size),
                    recoverable,
                    about,
                    created: Some(image.created),
                    users: users.iter().map(|it| it.id.clone()).collect(),
                    ..self.item(ObjectKind::Image, &image.id, &image.name(), reason)
                };
                self.plan.deletes.push(item);
                continue;
            }
            let left: Vec<&str> = self.images.tags(at).collect();
            let lost: Vec<String> = before.tags(at).filter(|tag| !left.contains(tag)).map(str::to_owned).collect();
            for tag in lost {
                let mut about = vec![format!("its image {} is not deleted", short(&image.id))];
                if let Some(other) = left.first() {
                    about.push(format!("as {other}"));
                }
                let item = Item {
                    size: Some(0),
                    recoverable: Recoverable::Trash,
                    about,
                    mark: image.id.clone(),
                    ..self.item(ObjectKind::Tag, &image.id, &tag, reason)
                };
                self.plan.deletes.push(item);
            }
        }
    }
}
