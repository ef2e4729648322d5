//! The layers of images with their bytes, for the images of which a plan has to know them.

use fender_core::order::PutInOrder as _;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::answers::{History, HistoryStep, LayeredImage};
use super::connection::Client;
use super::many::{about, many};
use super::paths;
use fender_core::api::EngineProblem;
use fender_core::plan::freed::total;
use fender_core::plan::inventory::{Image, ImageLayer, Inventory};
use fender_core::plan::{ObjectKind, Plan};

/// The images whose layers decide what is freed; none where no image that goes shares any, and none where only one goes: what it has alone is
/// all but the bytes that the engine says it shares.
pub fn layers_to_know<'a>(inventory: &'a Inventory, plan: &Plan) -> Vec<&'a Image> {
    let gone: HashSet<&str> = plan.of(ObjectKind::Image).map(|item| item.id.as_str()).collect();
    // Old engines do not say it of images in between.
    let sharing = |image: &Image| image.shared_size != 0;
    let with_cache = inventory.cache.iter().any(|record| record.shared);
    let asked = inventory.images.iter().any(|image| gone.contains(image.id.as_str()) && (sharing(image) || with_cache));
    let mut going = inventory.images.iter().filter(|image| gone.contains(image.id.as_str()));
    let alone = going.next().is_some_and(|image| image.shared_size >= 0) && going.next().is_none();
    if !asked || alone && !inventory.containerd && !with_cache {
        return Vec::new();
    }
    let wanted = inventory.images.iter().filter(|image| sharing(image) || gone.contains(image.id.as_str()));
    wanted.collect()
}

/// The layers of these images with their sizes. The chain is the image's own; the sizes are in its history, which is asked of every image
/// only where `each` says so. Otherwise it is asked of as few images as have all layers that several share: the layers that an image has
/// alone are the rest of its size. An image that is gone by now has none.
pub async fn layers(
    client: &Arc<Client>,
    images: &[&Image],
    each: bool,
) -> Result<HashMap<String, Vec<ImageLayer>>, EngineProblem> {
    let inspected = many(client, images.iter().map(|image| paths::image(&image.id)).collect()).await;
    let mut found: Vec<(&Image, LayeredImage)> = Vec::new();
    for (image, answer) in images.iter().zip(inspected) {
        found.extend(about::<LayeredImage>(answer)?.map(|layered| (*image, layered)));
    }
    let chains: Vec<Vec<String>> = found.iter().map(|(_, layered)| chain_ids(layered)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for id in chains.iter().flatten() {
        *counts.entry(id).or_default() += 1;
    }
    let is_shared = |id: &&String| counts.get(id.as_str()).is_some_and(|count| *count > 1);
    // The longest chains first: they have most of the others in them.
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.put_in_order_by_key(|at| std::cmp::Reverse(chains[*at].iter().filter(is_shared).count()));
    let mut covered: HashSet<&str> = HashSet::new();
    order.retain(|at| {
        let new = chains[*at].iter().filter(is_shared).filter(|id| covered.insert(id)).count();
        each || new > 0
    });
    let answers = many(client, order.iter().map(|at| paths::history(&found[*at].0.id)).collect()).await;
    let (mut out, mut sizes) = (HashMap::new(), HashMap::new());
    for (at, answer) in order.into_iter().zip(answers) {
        let (image, layered) = &found[at];
        let Some(history) = about(answer)? else { continue };
        let layers = chain(layered, &history);
        sizes.extend(layers.iter().map(|layer| (layer.chain.clone(), layer.clone())));
        out.insert(image.id.clone(), layers);
    }
    for ((image, _), ids) in found.iter().zip(chains) {
        if out.contains_key(&image.id) {
            continue;
        }
        let shared = |id: &String| sizes.get(id).cloned();
        let mut rest = Some(image.size.saturating_sub(total(ids.iter().filter_map(shared).map(|it| it.size))).max(0));
        let own = |chain: String, size: i64| ImageLayer { chain, size, files: size, made_by: String::new() };
        let layers = ids.into_iter().map(|id| shared(&id).unwrap_or_else(|| own(id, rest.take().unwrap_or(0))));
        out.insert(image.id.clone(), layers.collect());
    }
    Ok(out)
}

/// Each layer with those below it.
fn chain_ids(image: &LayeredImage) -> Vec<String> {
    let mut chain = String::new();
    image
        .layers()
        .map(|digest| {
            chain.push_str(digest);
            chain.clone()
        })
        .collect()
}

/// containerd's store keeps the compressed blobs beside the unpacked layers, and says the sum of both for whole images
/// only. Where one image is the beginning of another, the difference is the rest's; in between it is shared out.
pub fn with_blobs(images: &mut [Image]) {
    let whole: HashMap<String, i64> =
        images.iter().filter_map(|image| Some((image.layers.as_ref()?.last()?.chain.clone(), image.size))).collect();
    for layers in images.iter_mut().filter_map(|image| image.layers.as_mut()) {
        let (mut start, mut below) = (0, 0);
        for end in 0..layers.len() {
            let Some(size) = whole.get(&layers[end].chain) else { continue };
            let part = &mut layers[start..=end];
            let (plain, real) = (total(part.iter().map(|layer| layer.size)), size.saturating_sub(below).max(0));
            for (at, layer) in part.iter_mut().enumerate() {
                layer.size = match plain {
                    0 if at == end - start => real,
                    0 => 0,
                    plain => (layer.size as f64 / plain as f64 * real as f64) as i64,
                };
            }
            (start, below) = (end + 1, *size);
        }
    }
}

fn chain(image: &LayeredImage, history: &History) -> Vec<ImageLayer> {
    let digests = image.layers().count();
    // A step without a layer has no bytes; so may one with a layer have none.
    let mut steps: Vec<HistoryStep> = history.0.iter().rev().cloned().collect();
    while steps.len() > digests
        && let Some(empty) = steps.iter().position(|step| step.size == 0)
    {
        steps.remove(empty);
    }
    steps.resize(digests, HistoryStep::default());
    let ids = chain_ids(image);
    let layer =
        |(chain, HistoryStep { size, created_by })| ImageLayer { chain, size, files: size, made_by: created_by };
    ids.into_iter().zip(steps).map(layer).collect()
}
