//! Volumes that lie on this machine are read and filled where they lie: the engine's archives give some 2,000 small files a second.
//!
//! A path that an engine names means something in the engine's own file system, which need not be this one: its socket may be
//! forwarded from another machine, or it may run in a container or as another user. So the folder has to prove itself. The helper that holds the volume gets a
//! second, anonymous volume, to which the engine gives a random name. Only where a folder of that name has appeared beside the
//! volume's own, in a path that only root can write, is this the engine's own folder. In any doubt the engine's archives are used.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use super::archive;
use super::helper::{self, Helpers};
use super::settings::volume_data;
use super::store::Kept;
use super::{tree_read, tree_write};
use crate::engine::answers::HelperMounts;
use crate::engine::paths;
use crate::environment::folder::Folder;
use crate::environment::owned::{Owners, caller};
use crate::ui::progress::Bar;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::VolumeData;

/// Where a helper has the volume that is read or filled, and the name of its root in archives.
pub const AT: &str = "v";
/// Where it has the volume that proves where volumes lie.
const PROOF: &str = "/proof";
/// A volume in which a file became shorter while it was read is read again, so often in all.
const ATTEMPTS: u32 = 3;
/// The folder with a volume's files, in the volume's own folder.
const DATA: &str = "_data";

/// A volume that is held by a helper, so that nobody removes it meanwhile.
pub struct HeldVolume {
    /// The helper's id. It has the volume at `/v`.
    pub container: String,
    /// The volume's folder on this machine, where it is certain.
    folder: Option<OwnedFd>,
}

/// Whether this process may read and write whatever an engine of this machine has: as root, outside of user namespaces.
fn may_be_direct() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    caller() == 0 && map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Whether a process sees the same files as this one: the same mounts, and the same root. One that cannot be looked at does not.
fn sees_the_same(process: i32) -> bool {
    let same = |what: &str| {
        let of = |who: &str| fs::metadata(format!("/proc/{who}/{what}")).map(|found| (found.dev(), found.ino()));
        matches!((of(&process.to_string()), of("self")), (Ok(one), Ok(other)) if one == other)
    };
    process > 0 && same("ns/mnt") && same("root/.")
}

/// The folder of all volumes, from the path of one: `ROOT/NAME/_data`.
fn root_of<'a>(mountpoint: &'a str, name: &str) -> Option<&'a Path> {
    let path = Path::new(mountpoint);
    let own = path.parent()?;
    let is_usual = path.file_name()? == DATA && own.file_name()? == name && path.is_absolute();
    own.parent().filter(|_| is_usual)
}

fn has_nothing(folder: &OwnedFd) -> io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a volume's folder, if the volume that was just made beside it is there as well: empty, and root's as the engine makes them.
/// With user namespaces the engine gives it to another user, and then owners mean something else in its archives.
fn proven(volume: (&str, &str), proof: (&str, &str)) -> io::Result<Option<OwnedFd>> {
    let (Some(root), Some(beside)) = (root_of(volume.1, volume.0), root_of(proof.1, proof.0)) else { return Ok(None) };
    if root != beside {
        return Ok(None);
    }
    let Some(root) = Folder::open(root, Owners::System)? else { return Ok(None) };
    let new = root.beneath(&[proof.0, DATA])?;
    let stat = rustix::fs::fstat(&new)?;
    if stat.st_uid != 0 || stat.st_gid != 0 || !has_nothing(&new)? {
        return Ok(None);
    }
    root.beneath(&[volume.0, DATA]).map(Some)
}

impl HeldVolume {
    /// A helper with the volume of this name; `inspect` is what the engine says of the volume.
    pub async fn new(
        helpers: &Helpers,
        inspect: &Value,
        name: &str,
        read_only: bool,
    ) -> Result<HeldVolume, EngineProblem> {
        let plain = volume_data(inspect) == VolumeData::WithVolume
            && inspect.get("Driver").and_then(Value::as_str) == Some("local")
            && inspect.get("Options").is_none_or(|options| options.is_null() || *options == json!({}));
        let process = if plain && may_be_direct() { helpers.client().peer().await } else { None };
        if !process.is_some_and(sees_the_same) {
            return Ok(HeldVolume { container: helpers.container(name, read_only, None).await?, folder: None });
        }
        let container = helpers.container(name, read_only, Some(PROOF)).await?;
        let folder = match helpers.client().get::<HelperMounts>(&paths::container(&container)).await {
            Ok(HelperMounts { mounts }) => {
                let at = |target: &str| {
                    let mount = mounts.iter().find(|mount| mount.destination == target && mount.driver == "local");
                    mount.map(|mount| (mount.name.as_str(), mount.source.as_str()))
                };
                let volume = at(&format!("/{AT}")).filter(|(known, _)| *known == name);
                volume.zip(at(PROOF)).and_then(|(volume, proof)| proven(volume, proof).ok().flatten())
            }
            Err(_) => None,
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
            let read = move |out: archive::Pieces| tree_read::archive_tree(&from, AT, out);
            match archive::keep_tree(read, folder, name, bar).await {
                Err(error) if error.kind() == tree_read::SHORTER => {}
                outcome => return outcome.ok(),
            }
        }
        None
    }

    /// Fills the volume from such a file. None as for [`HeldVolume::keep`]: then the engine has to unpack it, over what is there.
    pub async fn fill(&self, file: fs::File, bar: &Bar) -> Option<()> {
        let into = self.folder.as_ref()?.try_clone().ok()?;
        let bar = bar.clone();
        archive::unpacked(file, move |from| tree_write::fill_tree(&into, AT, from, &|bytes| bar.inc(bytes))).await.ok()
    }

    /// Whether it has no files; None where the engine has to be asked.
    pub fn is_empty(&self) -> Option<bool> {
        has_nothing(self.folder.as_ref()?).ok()
    }
}
