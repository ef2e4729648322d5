//! How many bytes a deletion frees, with layers that several images share counted once.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::inventory::{Image, Inventory};
use super::{Item, Kind};

/// `kept` are the images whose layers are still needed, `cache` the records that go.
pub fn bytes(deletes: &[Item], stock: &Inventory, kept: &BTreeSet<usize>, cache: &BTreeSet<usize>) -> i64 {
    let own: i64 = deletes
        .iter()
        .filter(|item| matches!(item.kind, Kind::Container | Kind::Volume))
        .filter_map(|item| item.size)
        .sum();
    let shared_with_cache = layers_of_cache(stock, cache);
    let cached: i64 =
        cache.iter().map(|at| &stock.cache[*at]).filter(|record| !record.shared).map(|record| record.size).sum();
    own + images(deletes, stock, kept, &shared_with_cache) + cached
}

fn images(deletes: &[Item], stock: &Inventory, kept: &BTreeSet<usize>, cached: &HashMap<i64, usize>) -> i64 {
    let going: HashSet<&str> =
        deletes.iter().filter(|item| item.kind == Kind::Image).map(|item| item.id.as_str()).collect();
    let needed: HashSet<&str> = kept.iter().flat_map(|at| layers(&stock.images[*at])).map(|(id, _)| id).collect();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut held = cached.clone();
    let mut sum = 0;
    for (at, image) in stock.images.iter().enumerate() {
        if !going.contains(image.id.as_str()) || kept.contains(&at) {
            continue;
        }
        if image.layers.is_none() {
            // Nothing was said of its layers: then none is shared, or the engine's own reckoning has to do.
            sum += image.size - image.shared_size.max(0);
            continue;
        }
        let mut layered = 0;
        for (id, size) in layers(image) {
            layered += size;
            if !needed.contains(id) && seen.insert(id) {
                // The build cache holds on to a layer of its own.
                match held.get_mut(&size) {
                    Some(count) if *count > 0 => *count -= 1,
                    _ => sum += size,
                }
            }
        }
        // What is not in layers (containerd's compressed copies, manifests) goes with its image.
        sum += (image.size - layered).max(0);
    }
    sum
}

fn layers(image: &Image) -> impl Iterator<Item = (&str, i64)> {
    image.layers.iter().flatten().map(|(id, size)| (id.as_str(), *size))
}

/// Sizes of the layers that cache records which stay share with images, and how many of each.
fn layers_of_cache(stock: &Inventory, going: &BTreeSet<usize>) -> HashMap<i64, usize> {
    let mut sizes = HashMap::new();
    for (_, record) in stock.cache.iter().enumerate().filter(|(at, it)| it.shared && it.size > 0 && !going.contains(at)) {
        *sizes.entry(record.size).or_default() += 1;
    }
    sizes
}
