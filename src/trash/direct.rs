//! Volumes that lie on this machine are read and filled where they lie: the engine's archives give some 2,000 small files a second. So is a
//! container's own layer, which the engine would have to commit, save and send.
//!
//! A path that an engine names means something in the engine's own file system, which need not be this one: its socket may be
//! forwarded from another machine, or it may run in a container or as another user. So the folder has to prove itself: the engine is asked for a
//! new volume with a random name. Only if a folder of that name has appeared, in a path that only root can write, is this the engine's own
//! folder. In any doubt the engine's archives are used.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::engine::answers::VolumePlace;
use crate::engine::connection::Client;
use crate::environment::folder::Folder;
use crate::environment::host::sees_the_same_files;
use crate::environment::owned::{Owners, is_root_of_the_machine};

/// The folder with a volume's files, in the volume's own folder.
const DATA: &str = "_data";

/// Whether the volumes of an engine may be at hand: this is root, and the engine's socket was opened by a process that sees the same files.
pub async fn may_be_here(client: &Client) -> bool {
    is_root_of_the_machine() && client.peer().await.is_some_and(sees_the_same_files)
}

/// The folder of all volumes, from the path of one: `ROOT/NAME/_data`.
fn root_of(volume: &VolumePlace) -> Option<&Path> {
    let path = Path::new(&volume.mountpoint);
    let own = path.parent()?;
    let is_usual = path.is_absolute() && path.file_name()? == DATA && own.file_name()? == volume.name.as_str();
    own.parent().filter(|_| is_usual)
}

/// Whether a folder is empty.
pub fn has_nothing(folder: &OwnedFd) -> io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Beside the folder of all volumes: the layers of the graph driver of this name, each at `ID/diff`.
const OVERLAY: &str = "overlay2";
const DIFF: &str = "diff";

/// Whether an open folder has been removed since it was opened.
pub fn is_removed(folder: &OwnedFd) -> bool {
    rustix::fs::fstat(folder).is_ok_and(|stat| stat.st_nlink == 0)
}

/// The folder of an engine's volumes, held open.
pub struct VolumesFolder {
    root: Folder,
    /// As the engine names it.
    path: PathBuf,
}

impl VolumesFolder {
    /// The folder in which the volume that was just made lies: empty, and root's as the engine makes them. With user namespaces the engine gives
    /// it to another user, and then owners mean something else in its archives.
    pub fn proven(proof: &VolumePlace) -> io::Result<Option<VolumesFolder>> {
        let Some(path) = root_of(proof) else { return Ok(None) };
        let Some(root) = Folder::open(path, Owners::System)? else { return Ok(None) };
        let new = root.beneath(&[&proof.name, DATA])?;
        let stat = rustix::fs::fstat(&new)?;
        let is_new = stat.st_uid == 0 && stat.st_gid == 0 && has_nothing(&new)?;
        Ok(is_new.then(|| VolumesFolder { root, path: path.to_path_buf() }))
    }

    /// The files of a volume.
    pub fn of(&self, volume: &VolumePlace) -> Option<OwnedFd> {
        let lies_here = volume.driver == "local" && root_of(volume) == Some(&self.path);
        lies_here.then(|| self.root.beneath(&[&volume.name, DATA]).ok()).flatten()
    }

    /// What a container wrote, or the topmost layer of an image, from what the engine says of it; None where it is not kept in folders.
    pub fn layer_of(&self, answer: &Value) -> Option<OwnedFd> {
        let driver = answer.get("GraphDriver")?;
        let upper = Path::new(driver.get("Data")?.get("UpperDir")?.as_str()?);
        let id = upper.parent()?.file_name()?.to_str()?;
        let layers = self.path.parent()?.join(OVERLAY);
        if driver.get("Name")?.as_str()? != OVERLAY || upper != layers.join(id).join(DIFF) {
            return None;
        }
        Folder::open(&layers, Owners::System).ok()??.beneath(&[id, DIFF]).ok()
    }
}
