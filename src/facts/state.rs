//! What fender keeps between two commands: locks here, the trash in its own module. In the user's state folder, or the
//! system's, which only root writes.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::protect::Lock;

/// The system's state.
pub const SYSTEM: &str = "/var/lib/fender";
const LOCKS: &str = "locks.json";

/// The user's state folder, after `XDG_STATE_HOME` and `HOME`; the system's where there is neither.
pub fn folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| Some(set("HOME").filter(|path| path.is_absolute())?.join(".local/state")));
    base.map_or_else(|| PathBuf::from(SYSTEM), |base| base.join("fender"))
}

/// Makes a folder, and what is missing above it, that only this user can read.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A new file that only this user can read.
pub fn create(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Writes a file whole or not at all: beside it, to the disk, then in its place.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let outcome = create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if outcome.is_err() {
        let _ = fs::remove_file(&beside);
        return outcome;
    }
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The locks on one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Locks {
    pub locked: Vec<Lock>,
    /// Objects whose label does not count any more; the system's word alone.
    pub released: Vec<Lock>,
}

type Book = BTreeMap<String, Locks>;

fn read_book(folder: &Path) -> Result<Book, String> {
    let path = folder.join(LOCKS);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Book::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Whether there is any lock at all: if not, no engine has to be asked for its id.
pub fn any_locks() -> bool {
    [PathBuf::from(SYSTEM), folder()].iter().any(|folder| folder.join(LOCKS).exists())
}

/// The locks on the engine with this id: the system's, and the user's.
pub fn locks(engine: &str) -> Result<Locks, String> {
    let mut all = Locks::default();
    let (system, user) = (PathBuf::from(SYSTEM), folder());
    let mut folders = vec![(system.clone(), true)];
    if user != system {
        folders.push((user, false));
    }
    for (folder, by_system) in folders {
        let Some(found) = read_book(&folder)?.remove(engine) else { continue };
        all.locked.extend(found.locked.into_iter().map(|lock| Lock { by_system, ..lock }));
        if by_system {
            all.released.extend(found.released);
        }
    }
    Ok(all)
}

/// Changes the locks on an engine in one of the two places.
pub fn change(engine: &str, by_system: bool, change: impl FnOnce(&mut Locks)) -> Result<(), String> {
    let folder = if by_system { PathBuf::from(SYSTEM) } else { folder() };
    let failed = |error: io::Error| format!("{}: {error}", folder.display());
    make_folder(&folder).map_err(failed)?;
    if by_system {
        // Everybody is bound by these, so everybody may read them.
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    // One at a time: two terminals that lock at once both have their lock.
    let guard = create(&folder.join("locks.lock")).map_err(failed)?;
    guard.lock().map_err(failed)?;
    let mut book = read_book(&folder)?;
    let entry = book.entry(engine.to_owned()).or_default();
    change(entry);
    if *entry == Locks::default() {
        book.remove(engine);
    }
    let text = serde_json::to_vec_pretty(&book).map_err(|error| error.to_string())?;
    let path = folder.join(LOCKS);
    write_whole(&path, &text).map_err(failed)?;
    if by_system {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    Ok(())
}
