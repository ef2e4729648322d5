//! A volume while it is kept or restored: held by a helper, and read or filled where it lies or by the engine.

use std::fs::File;
use std::os::fd::OwnedFd;

use serde_json::{Value, json};

use super::helper::{self, Helpers};
use super::settings::volume_data;
use super::store::Kept;
use super::{archive, direct, tree_read, tree_write};
use crate::engine::answers::{VolumePlace, read};
use crate::environment::folder::Folder;
use crate::ui::progress::Bar;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::VolumeData;

/// Where a helper has the volume that is read or filled, and the name of its root in archives.
pub const AT: &str = "v";
/// A volume in which a file became shorter while it was read is read again, so often in all.
const ATTEMPTS: u32 = 3;
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
        // With options something is mounted at the folder, or its files lie elsewhere.
        let is_plain = volume_data(inspect) == VolumeData::WithVolume
            && inspect.get("Options").is_none_or(|options| options.is_null() || *options == json!({}));
        let place = read::<VolumePlace>(inspect).ok().filter(|place| is_plain && place.name == name);
        let folder = match (place, helpers.volumes().await) {
            (Some(place), Some(volumes)) => volumes.of(&place),
            _ => None,
        };
        Ok(HeldVolume { container, folder })
    }

    /// Removes the helper.
    pub async fn release(self, helpers: &Helpers) {
        helper::remove_container(helpers.client(), &self.container).await;
    }

    /// Keeps the volume's files as one file of the entry. None where the folder is not at hand or something in it cannot be read this way: then the
    /// engine has to send them.
    pub async fn keep(&self, folder: &Folder, name: &str, bar: &Bar) -> Option<Kept> {
        for _ in 0..ATTEMPTS {
            let from = self.folder.as_ref()?.try_clone().ok()?;
            let read = move |out: archive::ArchiveSink| tree_read::archive_tree(&from, AT, out);
            match archive::keep_tree(read, folder, name, bar).await {
                Err(error) if error.kind() == tree_read::SHORTER => {}
                outcome => return outcome.ok(),
            }
        }
        None
    }

    /// Fills the volume from such a file. None as for [`HeldVolume::keep`]: then the engine has to unpack it, over what is there.
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
