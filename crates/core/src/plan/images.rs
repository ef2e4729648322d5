//! How images and their names are deleted, in both of the engine's stores: moby `daemon/images/image_delete.go` and
//! `image_prune.go` for the classic one, `daemon/containerd/image_delete.go` and `image_prune.go` for containerd's.

use crate::order::PutInOrder as _;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::filters::Filters;
use super::inventory::Inventory;
use crate::grammar::values;

/// What is still there of each image. A copy costs little: what is the same in both is shared.
#[derive(Clone, Debug, Default)]
pub struct ImageStore {
    /// Names with their default domain and tag filled in, sorted as the engine sorts them; then digests.
    refs: Vec<Rc<Vec<Ref>>>,
    gone: BTreeSet<usize>,
    children: Rc<HashMap<String, Vec<usize>>>,
    by_id: Rc<HashMap<String, usize>>,
    /// Names and digests in full, as they were at the beginning.
    by_name: Rc<HashMap<String, usize>>,
    containerd: bool,
    /// Images that are protected or that protected containers use: nothing of them is deleted.
    pub protected: BTreeSet<usize>,
}

/// One name of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    full: String,
    repository: String,
    is_digest: bool,
    /// As the engine lists it.
    pub shown: String,
}

impl Ref {
    fn tag(shown: &str) -> Ref {
        let (repository, full) = match values::reference(shown) {
            Ok(reference) => {
                let tag = reference.tag_or_latest().unwrap_or("latest").to_owned();
                (reference.name(), format!("{}:{tag}", reference.name()))
            }
            Err(_) => (shown.to_owned(), shown.to_owned()),
        };
        Ref { full, repository, is_digest: false, shown: shown.to_owned() }
    }

    fn digest(shown: &str) -> Ref {
        let (name, digest) = shown.split_once('@').unwrap_or((shown, ""));
        let repository = values::reference(name).map_or_else(|_| name.to_owned(), |reference| reference.name());
        Ref { full: format!("{repository}@{digest}"), repository, is_digest: true, shown: shown.to_owned() }
    }
}

/// Why an image or a name is not deleted, in docker's words.
pub type Conflict = String;

/// What a container needs to be judged as a user of images.
pub struct User<'a> {
    /// The image as the container names it.
    pub image: &'a str,
    /// The image's id.
    pub image_id: &'a str,
    /// Whether the container runs.
    pub running: bool,
    /// The container's name.
    pub name: &'a str,
}

/// The users of each image.
pub struct Users<'a>(HashMap<&'a str, Vec<User<'a>>>);

impl<'a> Users<'a> {
    fn of(&self, id: &str) -> &[User<'a>] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }

    fn all(&self) -> impl Iterator<Item = &User<'a>> {
        self.0.values().flatten()
    }
}

impl ImageStore {
    /// The images of an inventory as the engine's store has them.
    pub fn new(inventory: &Inventory) -> ImageStore {
        let mut store = ImageStore { containerd: inventory.containerd, ..ImageStore::default() };
        let (mut children, mut by_id, mut by_name) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (at, image) in inventory.images.iter().enumerate() {
            by_id.insert(image.id.clone(), at);
            if !image.parent_id.is_empty() {
                children.entry(image.parent_id.clone()).or_insert_with(Vec::new).push(at);
            }
            let mut refs: Vec<Ref> = image.tags().map(Ref::tag).collect();
            let digests: Vec<Ref> = image.digests().map(Ref::digest).collect();
            by_name.extend(refs.iter().chain(&digests).map(|name| (name.full.clone(), at)));
            let digests = digests.into_iter();
            if inventory.containerd {
                // This store makes up a digest for every tag: only a repository without a tag has a name of its own there.
                let tagged: Vec<String> = refs.iter().map(|name| name.repository.clone()).collect();
                refs.extend(digests.filter(|digest| !tagged.contains(&digest.repository)));
            } else {
                refs.extend(digests);
            }
            refs.put_in_order();
            store.refs.push(Rc::new(refs));
        }
        (store.children, store.by_id, store.by_name) = (Rc::new(children), Rc::new(by_id), Rc::new(by_name));
        store
    }

    /// Whether the image at this position is deleted by now.
    pub fn is_gone(&self, image: usize) -> bool {
        self.gone.contains(&image)
    }

    /// Positions of the images that are deleted by now.
    pub fn gone(&self) -> impl Iterator<Item = usize> {
        self.gone.iter().copied()
    }

    /// The names that the image at this position still has.
    #[expect(
        clippy::indexing_slicing,
        reason = "there are names for each image of the inventory that the positions are of"
    )]
    fn names(&self, image: usize) -> &Rc<Vec<Ref>> {
        &self.refs[image]
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "there are names for each image of the inventory that the positions are of"
    )]
    fn names_mut(&mut self, image: usize) -> &mut Vec<Ref> {
        Rc::make_mut(&mut self.refs[image])
    }

    /// The tags that an image still has, as listed.
    pub fn tags(&self, image: usize) -> impl Iterator<Item = &str> {
        self.names(image).iter().filter(|name| !name.is_digest).map(|name| name.shown.as_str())
    }

    fn children(&self, inventory: &Inventory, image: usize) -> bool {
        let children = self.children.get(&inventory.image(image).id);
        children.is_some_and(|children| children.iter().any(|child| !self.gone.contains(child)))
    }

    /// The image that a name or the beginning of an id stands for, and whether it was the id.
    pub fn resolve(&self, inventory: &Inventory, typed: &str) -> Option<(usize, bool)> {
        let there = |at: &usize| !self.gone.contains(at);
        let digits = typed.strip_prefix("sha256:").unwrap_or(typed);
        let is_id = |at: &usize| {
            let id = inventory.image(*at).id.as_str();
            id == typed || id.strip_prefix("sha256:").is_some_and(|id| id.starts_with(digits))
        };
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let found = (0..inventory.images.len()).filter(there).find(is_id)?;
            return Some((found, true));
        }
        if let Ok(reference) = values::reference(typed) {
            let full = match &reference.digest {
                Some(digest) => format!("{}@{digest}", reference.name()),
                None => format!("{}:{}", reference.name(), reference.tag_or_latest().unwrap_or("latest")),
            };
            let found = self.by_name.get(&full).copied().filter(there);
            let still = |at: &usize| reference.digest.is_some() || self.names(*at).iter().any(|name| name.full == full);
            if let Some(found) = found.filter(still) {
                return Some((found, is_id(&found)));
            }
        }
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut found = (0..inventory.images.len()).filter(there).filter(is_id);
        let first = found.next()?;
        found.next().is_none().then_some((first, true))
    }

    /// `DELETE /images/{typed}`.
    pub fn delete(
        &mut self,
        inventory: &Inventory,
        users: &Users,
        typed: &str,
        force: bool,
        prune: bool,
    ) -> Result<(), Conflict> {
        let (image, by_id) = self.resolve(inventory, typed).ok_or_else(|| format!("No such image: {typed}"))?;
        self.delete_one(inventory, users, image, typed, by_id, force, prune)
    }

    #[allow(clippy::too_many_arguments)] // The request's own parts.
    fn delete_one(
        &mut self,
        inventory: &Inventory,
        users: &Users,
        image: usize,
        typed: &str,
        by_id: bool,
        force: bool,
        prune: bool,
    ) -> Result<(), Conflict> {
        if self.protected.contains(&image) {
            return Err("it is protected".to_owned());
        }
        if self.containerd {
            return self.delete_in_containerd(inventory, users, image, typed, by_id, force, prune);
        }
        let id = &inventory.image(image).id;
        let mut quiet = false;
        if by_id {
            if single(self.names(image)) {
                self.conflict(inventory, users, image, !force, false).map_err(|(why, _)| why)?;
                self.names_mut(image).clear();
            }
        } else {
            if !force
                && single(self.names(image))
                && let Some(user) = users.of(id).first()
            {
                return Err(format!("container {} is using it", user.name));
            }
            let Some(removed) = self.named(image, typed) else { return Err(format!("No such image: {typed}")) };
            let removed = self.names_mut(image).remove(removed);
            if !removed.is_digest
                && !self.names(image).iter().any(|name| !name.is_digest && name.repository == removed.repository)
            {
                self.names_mut(image).retain(|name| name.repository != removed.repository);
            }
            if !self.names(image).is_empty() {
                return Ok(());
            }
            quiet = true;
        }
        self.remove(inventory, users, image, force, prune, quiet)
    }

    fn named(&self, image: usize, typed: &str) -> Option<usize> {
        let reference = values::reference(typed).ok()?;
        let full = match &reference.digest {
            Some(digest) => format!("{}@{digest}", reference.name()),
            None => format!("{}:{}", reference.name(), reference.tag_or_latest()?),
        };
        self.names(image).iter().position(|name| name.full == full)
    }

    /// Whether something keeps the image, and whether that is a container.
    fn conflict(
        &self,
        inventory: &Inventory,
        users: &Users,
        image: usize,
        stopped_count: bool,
        names_count: bool,
    ) -> Result<(), (Conflict, bool)> {
        let id = &inventory.image(image).id;
        if self.children(inventory, image) {
            return Err(("it has dependent child images".to_owned(), false));
        }
        let user = |running: bool| users.of(id).iter().find(|user| user.running == running);
        if let Some(user) = user(true) {
            return Err((format!("the running container {} uses it", user.name), true));
        }
        if names_count && !self.names(image).is_empty() {
            return Err(("it has other names".to_owned(), false));
        }
        if stopped_count && let Some(user) = user(false) {
            return Err((format!("the stopped container {} uses it", user.name), true));
        }
        Ok(())
    }

    fn remove(
        &mut self,
        inventory: &Inventory,
        users: &Users,
        image: usize,
        force: bool,
        prune: bool,
        quiet: bool,
    ) -> Result<(), Conflict> {
        if self.protected.contains(&image) {
            return if quiet { Ok(()) } else { Err("it is protected".to_owned()) };
        }
        if let Err((why, used)) = self.conflict(inventory, users, image, !force, !force) {
            let dangling = self.names(image).is_empty() && !self.children(inventory, image);
            return if quiet && (!dangling || used) { Ok(()) } else { Err(why) };
        }
        self.names_mut(image).clear();
        self.gone.insert(image);
        let parent = self.by_id.get(&inventory.image(image).parent_id).copied();
        match parent.filter(|parent| prune && !self.gone.contains(parent)) {
            Some(parent) => self.remove(inventory, users, parent, false, true, true),
            None => Ok(()),
        }
    }

    #[allow(clippy::too_many_arguments)] // The request's own parts.
    fn delete_in_containerd(
        &mut self,
        inventory: &Inventory,
        users: &Users,
        image: usize,
        typed: &str,
        by_id: bool,
        force: bool,
        prune: bool,
    ) -> Result<(), Conflict> {
        let id = inventory.image(image).id.clone();
        let all = self.names(image).len().max(1);
        let mut names_count = !force;
        if !by_id {
            let same = self.same_names(image, typed);
            if same.is_empty() {
                return Err(format!("No such image: {typed}"));
            }
            if same.len() != self.names(image).len() {
                self.names_mut(image).retain(|name| !same.contains(name));
                return Ok(());
            }
            if all > 1 && !force {
                names_count = false;
            }
            if let Some(user) = users.of(&id).first() {
                if !force {
                    return Err(format!("container {} is using it", user.name));
                }
                // The name goes; a untagged record keeps the image for its container.
                if let Some(at) = self.named(image, typed) {
                    self.names_mut(image).remove(at);
                }
                return Ok(());
            }
        } else if self.same_names_of_first(image).len() == self.names(image).len() && !force {
            names_count = false;
        }
        let uses = |running: bool| users.of(&id).iter().find(|user| user.running == running);
        if let Some(user) = uses(true) {
            return Err(format!("the running container {} uses it", user.name));
        }
        if !force && let Some(user) = uses(false) {
            return Err(format!("the stopped container {} uses it", user.name));
        }
        if names_count && all > 1 {
            return Err("it is referenced in multiple repositories".to_owned());
        }
        if all == 1 && names_count && !self.names(image).is_empty() && self.children(inventory, image) {
            self.names_mut(image).clear();
            return Ok(());
        }
        let parents = if prune && all == 1 { self.parents_in_containerd(inventory, image) } else { Vec::new() };
        self.names_mut(image).clear();
        self.gone.insert(image);
        for at in parents {
            let used = !users.of(&inventory.image(at).id).is_empty();
            if !self.names(at).is_empty() || used || self.protected.contains(&at) {
                break;
            }
            self.gone.insert(at);
        }
        Ok(())
    }

    /// The images that an image was built from, the nearest first; none where one of them is gone: moby's `parents`
    /// (daemon/containerd/image_children.go) then gives an error, and the deletion goes on without them. Where the image had several
    /// names, moby takes each parent for one that has them, too, and keeps it.
    fn parents_in_containerd(&self, inventory: &Inventory, image: usize) -> Vec<usize> {
        let mut parents = Vec::new();
        let mut id = &inventory.image(image).parent_id;
        while !id.is_empty() {
            let Some(at) = self.by_id.get(id).copied().filter(|at| !self.gone.contains(at) && !parents.contains(at))
            else {
                return Vec::new();
            };
            parents.push(at);
            id = &inventory.image(at).parent_id;
        }
        parents
    }

    /// containerd `getSameReferences`: the name itself, and the digests of its repository where no other tag is there.
    fn same_names(&self, image: usize, typed: &str) -> Vec<Ref> {
        let Ok(reference) = values::reference(typed) else { return Vec::new() };
        let repository = reference.name();
        let of_repository = self.names(image).iter().filter(|name| name.repository == repository);
        if reference.digest.is_some() {
            return of_repository.cloned().collect();
        }
        let full = format!("{repository}:{}", reference.tag_or_latest().unwrap_or("latest"));
        let others = of_repository.clone().any(|name| !name.is_digest && name.full != full);
        of_repository.filter(|name| name.full == full || name.is_digest && !others).cloned().collect()
    }

    fn same_names_of_first(&self, image: usize) -> Vec<Ref> {
        match self.names(image).first() {
            Some(first) => self.same_names(image, &first.shown),
            None => Vec::new(),
        }
    }

    /// `POST /images/prune`.
    pub fn prune(&mut self, inventory: &Inventory, users: &Users, filters: &Filters) -> Result<(), String> {
        if let Some(name) = filters.unknown(&["dangling", "label", "label!", "until"]) {
            return Err(format!("invalid filter '{name}'"));
        }
        let dangling_only = filters.is_on("dangling", true);
        let until = filters.until(inventory.now)?;
        if self.containerd {
            self.prune_containerd(inventory, users, filters, until, dangling_only);
            return Ok(());
        }
        let candidates: Vec<usize> = (0..inventory.images.len())
            .filter(|at| !self.gone.contains(at))
            .filter(|at| {
                let image = inventory.image(*at);
                // Dangling only: the ends of each line of images; else those that are not in between.
                let between = self.children(inventory, *at) && (dangling_only || self.names(*at).is_empty());
                !between && until.is_none_or(|until| image.created as f64 <= until) && filters.fit(&image.labels)
            })
            .collect();
        for image in candidates {
            if self.gone.contains(&image) || self.protected.contains(&image) {
                continue;
            }
            let names = self.names(image).clone();
            if names.is_empty() {
                let _ = self.delete_one(inventory, users, image, "", true, false, true);
            } else if !dangling_only || names.iter().all(|name| name.is_digest) {
                for name in names.iter().cloned() {
                    if self.names(image).contains(&name) {
                        let _ = self.delete_one(inventory, users, image, &name.full, false, false, true);
                    }
                }
            }
        }
        Ok(())
    }

    fn prune_containerd(
        &mut self,
        inventory: &Inventory,
        users: &Users,
        filters: &Filters,
        until: Option<f64>,
        dangling_only: bool,
    ) {
        // One record for each name, and one for an image without any.
        let mut records: Vec<(String, usize, Option<Ref>)> = Vec::new();
        for (at, image) in inventory.images.iter().enumerate().filter(|(at, _)| !self.gone.contains(at)) {
            let untagged = self.names(at).is_empty();
            let stored = image.stored.unwrap_or(image.created) as f64;
            let fits = until.is_none_or(|until| stored < until) && filters.fit_in_containerd(&image.labels);
            if !fits || dangling_only && !untagged || self.protected.contains(&at) {
                continue;
            }
            if untagged {
                records.push((format!("moby-dangling@{}", image.id), at, None));
            }
            records.extend(self.names(at).iter().map(|name| (name.full.clone(), at, Some(name.clone()))));
        }
        let mut held: BTreeSet<&str> = BTreeSet::new();
        for user in users.all() {
            records.retain(|(_, at, name)| name.is_some() || inventory.image(*at).id != user.image_id);
            let typed = format!("sha256:{}", user.image.trim_start_matches("sha256:"));
            if user.image_id.starts_with(&typed) || user.image.ends_with(&format!("@{}", user.image_id)) {
                held.insert(user.image_id);
            }
            if let Ok(reference) = values::reference(user.image) {
                let mut keeps = Vec::new();
                match &reference.digest {
                    None => {
                        keeps.push(format!("{}:{}", reference.name(), reference.tag_or_latest().unwrap_or("latest")))
                    }
                    Some(digest) => {
                        keeps.push(format!("{}@{digest}", reference.name()));
                        keeps.extend(reference.tag.iter().map(|tag| format!("{}:{tag}", reference.name())));
                    }
                }
                records.retain(|(full, _, _)| !keeps.contains(full));
            }
        }
        records.put_in_order();
        let mut left: HashMap<usize, usize> =
            (0..inventory.images.len()).map(|at| (at, self.names(at).len().max(1))).collect();
        let mut goes = Vec::new();
        for (full, at, name) in records {
            let count = left.entry(at).or_insert(1);
            if *count > 1 {
                *count -= 1;
            } else if held.contains(inventory.image(at).id.as_str()) {
                continue;
            }
            goes.push((full, at, name));
        }
        for (_, at, name) in goes {
            match name {
                Some(name) => {
                    self.names_mut(at).retain(|other| *other != name);
                    if self.names(at).is_empty() {
                        self.gone.insert(at);
                    }
                }
                None => {
                    self.gone.insert(at);
                }
            }
        }
    }
}

/// moby `isSingleReference`.
fn single(refs: &[Ref]) -> bool {
    let Some((first, others)) = refs.split_first() else { return false };
    if others.is_empty() {
        return true;
    }
    let tags: Vec<&Ref> = refs.iter().filter(|name| !name.is_digest).collect();
    if tags.len() > 1 {
        return false;
    }
    let digests: BTreeSet<&str> =
        refs.iter().filter(|name| name.is_digest).map(|name| name.repository.as_str()).collect();
    let one = tags.first().map_or(first.repository.as_str(), |tag| tag.repository.as_str());
    digests.len() == 1 && digests.contains(one)
}

/// The users of images among the containers that are there.
pub fn users<'a>(inventory: &'a Inventory, gone: &BTreeSet<usize>) -> Users<'a> {
    let mut users: HashMap<&str, Vec<User>> = HashMap::new();
    for (_, container) in inventory.containers.iter().enumerate().filter(|(at, _)| !gone.contains(at)) {
        users.entry(&container.image_id).or_default().push(User {
            image: &container.image,
            image_id: &container.image_id,
            running: container.is_running(),
            name: container.name(),
        });
    }
    Users(users)
}
