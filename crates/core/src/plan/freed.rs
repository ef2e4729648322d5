//! How many bytes a deletion frees, with layers that several images share counted once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::inventory::{Image, ImageLayer, Inventory};
use super::{Item, ItemChange, ObjectKind, Plan};

/// Said of volumes whose size is not known when the question is asked.
const UNMEASURED: &str = "the engine has not said yet how large the volumes are; they are measured before anything is deleted, and if one is \
                          too large to be kept, fender asks again";

/// Said where many containers go and their settings are not read before the question.
const UNREAD: &str = "what the containers share with others is read before anything is deleted; if one of them cannot be restored because of it, fender \
                      asks again";

/// Images whose layers were not asked, so that it is not known what their going frees together.
#[derive(Clone, Debug, Default)]
pub struct Unreckoned {
    /// Those whose layers decide it, in the engine's order.
    pub images: Vec<Image>,
    /// Ids of those whose layers stay.
    pub kept: HashSet<String>,
}

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

    /// Leaves open what these images free together: at least what each has alone.
    pub fn left_unreckoned(&mut self, images: Vec<Image>, inventory: &Inventory) {
        let going = |kind: ObjectKind| -> HashSet<&str> { self.of(kind).map(|item| item.id.as_str()).collect() };
        let (containers, gone) = (going(ObjectKind::Container), going(ObjectKind::Image));
        let stays = inventory.containers.iter().filter(|it| !containers.contains(it.id.as_str()));
        let used: HashSet<&str> = stays.map(|it| it.image_id.as_str()).collect();
        let needed = |image: &&Image| !gone.contains(image.id.as_str()) || used.contains(image.id.as_str());
        let kept = inventory.images.iter().filter(needed).map(|image| image.id.clone()).collect();
        self.unreckoned = Some(Rc::new(Unreckoned { images, kept }));
    }

    /// Fills in what the images free, once their layers are known by their ids.
    pub fn reckon(&mut self, layers: &HashMap<String, Vec<ImageLayer>>) {
        let Some(unreckoned) = self.unreckoned.take() else { return };
        let Unreckoned { images, kept } = &*unreckoned;
        let images: Vec<Image> =
            images.iter().map(|image| Image { layers: layers.get(&image.id).cloned(), ..image.clone() }).collect();
        let going = self.deletes.iter_mut().filter(|item| item.kind == ObjectKind::Image);
        let mut going: HashMap<&str, &mut i64> = going.map(|item| (item.id.as_str(), &mut item.frees)).collect();
        reckon_images(&mut going, &images, &|image| kept.contains(&image.id), HashMap::new());
        self.frees = freed(&self.deletes);
    }

    /// Whether this is asked after the question, before anything is deleted.
    pub fn is_left_open(&self) -> bool {
        self.unmeasured || self.unread || self.unreckoned.is_some()
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
    let positions: HashSet<&str> = kept.iter().map(|at| inventory.image(*at).id.as_str()).collect();
    let is_kept = |image: &Image| positions.contains(image.id.as_str());
    reckon_images(&mut going, &inventory.images, &is_kept, layers_of_cache(inventory, cache));
    freed(deletes)
}

/// Fills in what each image frees that goes: a layer that stays elsewhere frees nothing, and one that several share belongs to the first. `held`
/// are sizes of layers that the build cache holds on to, and how many of each.
fn reckon_images(
    going: &mut HashMap<&str, &mut i64>,
    images: &[Image],
    is_kept: &dyn Fn(&Image) -> bool,
    mut held: HashMap<i64, usize>,
) {
    let needed: HashSet<&str> = images.iter().filter(|it| is_kept(it)).flat_map(layers).map(|(id, _)| id).collect();
    let mut seen: HashSet<&str> = HashSet::new();
    for image in images {
        let Some(frees) = going.get_mut(image.id.as_str()).filter(|_| !is_kept(image)) else { continue };
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
