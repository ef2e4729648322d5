//! What was read of an engine beside what goes: what keeping and restoring need to know of other objects.

use std::collections::HashMap;

use super::Inventory;

/// Containers and images of the engine, as the plan's lists said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanNeighbours {
    /// Every container.
    pub containers: Vec<NeighbourContainer>,
    /// Bytes by the image's id; None where images were not listed.
    pub image_sizes: Option<HashMap<String, u64>>,
}

/// A container by what others may name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeighbourContainer {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The id of its image.
    pub image_id: String,
    /// Its names, with slashes in front.
    pub names: Vec<String>,
}

impl PlanNeighbours {
    /// From the lists of an engine; `images` says whether images were listed.
    pub fn of(inventory: &Inventory, images: bool) -> PlanNeighbours {
        let containers = inventory.containers.iter().map(|it| NeighbourContainer {
            id: it.id.clone(),
            image_id: it.image_id.clone(),
            names: it.names.clone(),
        });
        let sizes = || inventory.images.iter().map(|it| (it.id.clone(), u64::try_from(it.size).unwrap_or(0))).collect();
        PlanNeighbours { containers: containers.collect(), image_sizes: images.then(sizes) }
    }
}
