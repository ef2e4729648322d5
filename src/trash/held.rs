//! A volume while it is kept or restored: held by a helper, and read or filled where it lies or by the engine.

use std::fs::File;
use std::os::fd::OwnedFd;

use serde_json::{Value, json};

use super::archive::KeptPlace;
use super::helper::{self, Helpers};
use super::settings::volume_data;
use super::store::Kept;
use super::{archive, direct, tree_read, tree_write};
use crate::engine::answers::{VolumePlace, read};
use crate::ui::progress::Bar;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::VolumeData;

/// Where a helper has the volume that is read or filled, and the name of its root in archives.
pub const AT: &str = "v";
/// A volume in which a file became shorter while it was read is read again, so often in all.
const ATTEMPTS: u32 = 3;
/// The folder of a volume on this machine, where it is certain; `inspect` is what the engine says of the volume.
pub async fn volume_here(helpers: &Helpers, inspect: &Value, name: &str) -> Option<OwnedFd> {
    // With options something is mounted at the folder, or its files lie elsewhere.
    let is_plain = volume_data(inspect) == VolumeData::WithVolume
        && inspect.get("Options").is_none_or(|options| options.is_null() || *options == json!({}));
    let place = read::<VolumePlace>(inspect).ok().filter(|place| is_plain && place.name == name)?;
    helpers.volumes().await?.of(&place)
}

/// Keeps the files of an open folder under a root of this name, those of a container's layer without one. None where something in it cannot be read this
/// way: then the engine has to send them.
pub async fn keep_here(from: &OwnedFd, root: &'static str, place: impl Fn() -> KeptPlace, bar: &Bar) -> Option<Kept> {
    for _ in 0..ATTEMPTS {
        let from = from.try_clone().ok()?;
        let read = move |out: archive::ArchiveSink| tree_read::archive_tree(&from, root, out);
        match archive::keep_tree(read, place(), bar).await {
            Err(error) if error.kind() == tree_read::SHORTER => {}
            outcome => return outcome.ok(),
        }
    }
    None
}

/// A volume that is held by a helper, so that nobody removes it meanwhile.
pub struct HeldVolume {
    /// The helper's id. It has the volume at `/v`.
    pub container: String,
    /// The volume's folder on this machine, where it is certain.
    folder: Option<OwnedFd>,
}

impl HeldVolume {
    /// A helper with the volume of this name; `inspect` is what the engine says of the volume.
    pub async fn new(
        helpers: &Helpers,
        inspect: &Value,
        name: &str,
        read_only: bool,
    ) -> Result<HeldVolume, EngineProblem> {
        let container = helpers.container(name, read_only).await?;
        Ok(HeldVolume { container, folder: volume_here(helpers, inspect, name).await })
    }

    /// Removes the helper.
    pub async fn release(self, helpers: &Helpers) {
        helper::remove_container(helpers.client(), &self.container).await;
    }

    /// Fills the volume from a kept file. None as for [`keep_here`]: then the engine has to unpack it, over what is there.
    pub async fn fill(&self, file: File, bar: &Bar) -> Option<()> {
        let into = self.folder.as_ref()?.try_clone().ok()?;
        let bar = bar.clone();
        archive::unpacked(file, move |from| tree_write::fill_tree(&into, AT, from, &|bytes| bar.inc(bytes))).await.ok()
    }

    /// Whether it has no files; None where the engine has to be asked.
    pub fn is_empty(&self) -> Option<bool> {
        direct::has_nothing(self.folder.as_ref()?).ok()
    }
}
