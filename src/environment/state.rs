//! What fender keeps between two commands, and where: locks here, the trash in its own module. In the user's state folder,
//! or the system's, which only root writes. Files are opened by [`owned`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::owned::{self, Distrust, Owners, caller};
use fender_core::plan::protect::ProtectLock;

/// The system's state.
pub const SYSTEM: &str = owned::SYSTEM_STATE;
const LOCKS: &str = "locks.json";
/// Locks are a line each.
const MOST_LOCKS: u64 = 16 << 20;

/// A folder of the user's after a variable of the XDG directories, else below the home; None for a user without a home.
/// Where `HOME` is not set, the home of the user database counts.
pub fn users_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set(variable).or_else(|| {
        let home = set("HOME").or_else(|| owned::home_of(caller()))?;
        // `/nonexistent` and `/dev/null` say that there is none.
        home.is_dir().then(|| home.join(below_home))
    })
}

/// Where the state is.
struct StatePlace {
    path: PathBuf,
    /// The state of the user whose `HOME` root has, which binds root too but is not root's to use.
    others: Option<(PathBuf, u32)>,
}

fn place() -> StatePlace {
    let system = PathBuf::from(SYSTEM);
    let Some(base) = users_folder("XDG_STATE_HOME", ".local/state") else {
        return StatePlace { path: without_home(system), others: None };
    };
    let users = base.join("fender");
    match owned::standing(&users) {
        Ok(Some(Distrust::Belongs { uid, .. })) if caller() == 0 => {
            StatePlace { path: system, others: Some((users, uid)) }
        }
        Ok(Some(Distrust::Belongs { .. })) => StatePlace { path: without_home(system), others: None },
        _ if caller() != 0 && !users.exists() && !can_be_written(&users) => {
            StatePlace { path: without_home(system), others: None }
        }
        // What is wrong with it is said by whoever opens it.
        _ => StatePlace { path: users, others: None },
    }
}

/// In the system's state; there is a folder for each user but root, who alone can make it.
fn without_home(system: PathBuf) -> PathBuf {
    if caller() == 0 { system } else { system.join("users").join(caller().to_string()) }
}

/// Whether the caller may write a folder, or the nearest one above it that is there.
fn can_be_written(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let nearest = path.ancestors().find(|path| path.exists());
    nearest.is_some_and(|nearest| accessat(CWD, nearest, Access::WRITE_OK, AtFlags::EACCESS).is_ok())
}

/// Why nothing can be kept in a folder, if nothing can.
pub fn usable(path: &Path) -> anyhow::Result<()> {
    match owned::standing(path) {
        Ok(None) if can_be_written(path) => Ok(()),
        Ok(None) => bail!("{} cannot be written by {}", path.display(), owned::user_text(caller())),
        Ok(Some(distrust)) => bail!("{distrust}"),
        Err(error) => Err(error.into()),
    }
}

/// The state folder of this caller: the user's, after `XDG_STATE_HOME` and `HOME`; the system's for a user without a home
/// and for root with the home of somebody else.
pub fn folder() -> PathBuf {
    place().path
}

/// The folders whose locks count, the system's first, and whether it is the system's.
fn folders() -> Vec<(PathBuf, Owners)> {
    let mut folders = vec![(PathBuf::from(SYSTEM), Owners::System)];
    let StatePlace { path, others } = place();
    if path != Path::new(SYSTEM) {
        folders.push((path, Owners::Caller));
    }
    folders.extend(others.map(|(path, uid)| (path, Owners::User(uid))));
    folders
}

/// The locks on one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Locks {
    /// Objects that `fender protect` locked.
    pub locked: Vec<ProtectLock>,
    /// Objects whose label does not count any more; the system's word alone.
    pub released: Vec<ProtectLock>,
}

type Book = BTreeMap<String, Locks>;

fn read_book(folder: &Folder) -> anyhow::Result<Book> {
    match folder.read(LOCKS, MOST_LOCKS)? {
        Some(bytes) => serde_json::from_slice(&bytes).with_context(|| folder.path().join(LOCKS).display().to_string()),
        None => Ok(Book::new()),
    }
}

/// Whether there is any lock at all: if not, no engine has to be asked for its id. What cannot be read may have some.
pub fn any_locks() -> bool {
    folders().into_iter().any(|(path, owners)| match Folder::open(&path, owners) {
        Ok(Some(folder)) => folder.has(LOCKS).unwrap_or(true),
        Ok(None) => false,
        Err(_) => true,
    })
}

/// The locks on the engine with this id: the system's, and the user's.
///
/// # Errors
/// The file that cannot be read, or whose owner or mode makes it nobody's word.
pub fn locks(engine: &str) -> anyhow::Result<Locks> {
    let mut all = Locks::default();
    for (path, owners) in folders() {
        let Some(folder) = Folder::open(&path, owners)? else { continue };
        let Some(found) = read_book(&folder)?.remove(engine) else { continue };
        let by_system = owners == Owners::System;
        all.locked.extend(found.locked.into_iter().map(|lock| ProtectLock { by_system, ..lock }));
        if by_system {
            all.released.extend(found.released);
        }
    }
    Ok(all)
}

/// Changes the locks on an engine in one of the two places.
pub fn change(engine: &str, by_system: bool, change: impl FnOnce(&mut Locks)) -> anyhow::Result<()> {
    let path = if by_system { PathBuf::from(SYSTEM) } else { folder() };
    let folder = Folder::make(&path)?;
    // Everybody is bound by the system's, so everybody may read them.
    let for_all = path == Path::new(SYSTEM);
    if for_all {
        folder.set_mode(0o755)?;
    }
    // One at a time: two terminals that lock at once both have their lock.
    let _guard = folder.lock("locks.lock")?;
    let mut book = read_book(&folder)?;
    let entry = book.entry(engine.to_owned()).or_default();
    change(entry);
    if *entry == Locks::default() {
        book.remove(engine);
    }
    let text = serde_json::to_vec_pretty(&book)?;
    Ok(folder.write_whole(LOCKS, &text, if for_all { 0o644 } else { 0o600 })?)
}
