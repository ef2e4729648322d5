//! How many bytes a deletion frees, with layers that several images share counted once.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::inventory::{Image, Inventory};
use super::{Item, ItemChange, ObjectKind, Plan};

/// Said of volumes whose size is not known when the question is asked.
const UNMEASURED: &str = "the engine has not said yet how large the volumes are; they are measured before anything is deleted, and if one is \
                          too large to be kept, fender asks again";

/// Said where many containers go and their settings are not read before the question.
const UNREAD: &str = "what the containers share with others is read before anything is deleted; if one of them cannot be restored because of it, fender \
                      asks again";

/// containerd's store makes a snapshot of its own for each container's `/dev`, `/etc/hosts` and the like, which it does not
/// count as the container's: bytes, as measured.
const OWN_SNAPSHOT: i64 = 12_288;

impl Plan {
    /// Fills in how large volumes are, by their names, where that was not known in time.
    pub fn measure(&mut self, sizes: &HashMap<String, i64>) {
        for item in self.deletes.iter_mut().filter(|item| item.kind == ObjectKind::Volume && item.size.is_none()) {
            item.size = sizes.get(&item.name).copied();
            item.frees = item.size.unwrap_or(0);
        }
        self.frees = freed(&self.deletes);
        self.unmeasured = false;
        self.warnings.retain(|warning| warning != UNMEASURED);
    }

    /// Says that what the containers share is read after the answer.
    pub fn left_unread(&mut self) {
        self.unread = true;
        self.warnings.push(UNREAD.to_owned());
    }

    /// Whether a person who saw this plan saw all that `now` says of it: what is kept, and the warnings.
    pub fn says_all_of(&self, now: &Plan) -> bool {
        let kept = |plan: &Plan| plan.deletes.iter().map(|item| item.recoverable).collect::<Vec<_>>();
        kept(self) == kept(now) && now.warnings.iter().all(|warning| self.warnings.contains(warning))
    }

    /// Says that the volumes that go are measured after the answer.
    pub fn left_unmeasured(&mut self) {
        self.unmeasured = true;
        self.warnings.push(UNMEASURED.to_owned());
    }
}

/// Fills in what each object frees, and sums it up. `kept` are the images whose layers are still needed, `cache` the
/// records that go.
pub fn reckon(deletes: &mut [Item], inventory: &Inventory, kept: &BTreeSet<usize>, cache: &BTreeSet<usize>) -> i64 {
    let shared: HashSet<&str> =
        cache.iter().map(|at| inventory.record(*at)).filter(|record| record.shared).map(|it| it.id.as_str()).collect();
    for item in deletes.iter_mut() {
        item.frees = match item.kind {
            ObjectKind::Container => {
                item.size.unwrap_or(0).saturating_add(if inventory.containerd { OWN_SNAPSHOT } else { 0 })
            }
            ObjectKind::Volume => item.size.unwrap_or(0),
            ObjectKind::BuildCache if !shared.contains(item.id.as_str()) => item.size.unwrap_or(0),
            _ => 0,
        };
    }
    let images = deletes.iter_mut().filter(|item| item.kind == ObjectKind::Image);
    let mut going: HashMap<&str, &mut i64> = images.map(|item| (item.id.as_str(), &mut item.frees)).collect();
    let needed: HashSet<&str> = kept.iter().flat_map(|at| layers(inventory.image(*at))).map(|(id, _)| id).collect();
    let mut held = layers_of_cache(inventory, cache);
    let mut seen: HashSet<&str> = HashSet::new();
    for (at, image) in inventory.images.iter().enumerate() {
        let Some(frees) = going.get_mut(image.id.as_str()).filter(|_| !kept.contains(&at)) else { continue };
        let mut sum = 0_i64;
        if image.layers.is_none() {
            // Nothing was said of its layers: then none is shared, or the engine's own reckoning has to do.
            sum = image.size.saturating_sub(image.shared_size.max(0));
        } else {
            let mut layered = 0_i64;
            for (id, size) in layers(image) {
                layered = layered.saturating_add(size);
                if !needed.contains(id) && seen.insert(id) {
                    // The build cache holds on to a layer of its own.
                    match held.get_mut(&size) {
                        Some(count) if *count > 0 => *count -= 1,
                        _ => sum = sum.saturating_add(size),
                    }
                }
            }
            // What is not in layers, such as manifests, goes with its image.
            sum = sum.saturating_add(image.size.saturating_sub(layered).max(0));
        }
        **frees = sum;
    }
    freed(deletes)
}

/// What the deletions free together. What takes the place of something else may be as large.
pub fn freed(deletes: &[Item]) -> i64 {
    total(deletes.iter().filter(|item| item.change == ItemChange::Removed).map(|item| item.frees))
}

/// The sum of these bytes. What an engine says of sizes is not to be trusted: it ends at the largest number, and does not overflow.
pub fn total(sizes: impl Iterator<Item = i64>) -> i64 {
    sizes.fold(0, i64::saturating_add)
}

fn layers(image: &Image) -> impl Iterator<Item = (&str, i64)> {
    image.layers.iter().flatten().map(|layer| (layer.chain.as_str(), layer.size))
}

/// Sizes of the layers that cache records which stay share with images, and how many of each.
fn layers_of_cache(inventory: &Inventory, going: &BTreeSet<usize>) -> HashMap<i64, usize> {
    let mut sizes = HashMap::new();
    for (_, record) in
        inventory.cache.iter().enumerate().filter(|(at, it)| it.shared && it.size > 0 && !going.contains(at))
    {
        *sizes.entry(record.size).or_default() += 1;
    }
    sizes
}
