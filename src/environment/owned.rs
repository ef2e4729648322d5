//! fender's own files: the policies, the state, the trash. They are opened here and nowhere else.
//!
//! Whoever can write such a file decides what fender does with it: a policy names the program that runs, the trash is
//! written and emptied. So a file counts only if it belongs to the caller or to root and nobody else can write it, nor any
//! folder above it. Folders are held open and everything in them is reached by a single name from there, so that nothing
//! can be replaced between the check and the use.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// The system's state: everybody reads the locks in it.
pub const SYSTEM_STATE: &str = "/var/lib/fender";

/// Links that are followed on one path, as the kernel counts them.
const MOST_LINKS: usize = 40;

/// Whose files count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Root's alone: what binds everybody.
    System,
    /// The caller's and root's.
    Caller,
    /// Those of the user with this id, and root's: for what root reads of another user.
    User(u32),
}

impl Owners {
    /// Whether this owner may hold a folder on the way.
    pub(super) fn may_hold(self, uid: u32) -> bool {
        // Nobody in a user namespace can be an id that is not mapped there; the host's root is one of them.
        self.counts(uid) || Some(uid) == unmapped()
    }

    /// Whether this owner's file may be used.
    pub(super) fn counts(self, uid: u32) -> bool {
        uid == 0
            || match self {
                Owners::System => Some(uid) == unmapped(),
                Owners::Caller => uid == caller(),
                Owners::User(user) => uid == user,
            }
    }

    pub(super) fn text(self) -> String {
        match self {
            Owners::System => "root".to_owned(),
            Owners::Caller if caller() == 0 => "root".to_owned(),
            Owners::Caller => format!("{} or root", user_text(caller())),
            Owners::User(user) => format!("{} or root", user_text(user)),
        }
    }
}

/// The id as whom files are made.
pub fn caller() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Whether every id has its number here, as outside of any user namespace; None where that cannot be read.
fn has_every_id() -> Option<bool> {
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    Some(map.split_whitespace().eq(["0", "0", "4294967295"]))
}

/// Whether this process is root of the machine, and not of a user namespace alone.
pub fn is_root_of_the_machine() -> bool {
    caller() == 0 && has_every_id() == Some(true)
}

/// In a user namespace, the id that every owner without a number there is shown as.
pub(super) fn unmapped() -> Option<u32> {
    static ID: OnceLock<Option<u32>> = OnceLock::new();
    *ID.get_or_init(|| {
        if has_every_id()? {
            return None;
        }
        fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
    })
}

/// Why something on a path does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It belongs to another user.
    Belongs {
        /// What does not count: a file or a folder above it.
        path: PathBuf,
        /// The user's id.
        uid: u32,
        /// Whose files would count.
        owners: Owners,
    },
    /// Others than its owner can write it.
    Writable {
        /// What does not count: a file or a folder above it.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl fmt::Display for Distrust {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Distrust::Belongs { path, uid, owners } => {
                let (path, owner, wanted) = (path.display(), user_text(*uid), owners.text());
                write!(formatter, "{path} belongs to {owner}, not to {wanted}, so it is not used")
            }
            Distrust::Writable { path, mode } => {
                let path = path.display();
                write!(
                    formatter,
                    "others can write {path} (mode {mode:04o}), so it is not used; to correct it: chmod go-w {path}"
                )
            }
        }
    }
}

impl Distrust {
    pub(super) fn error(&self) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, self.to_string())
    }
}

/// A user for a message: the name, where there is one, and the id.
pub fn user_text(uid: u32) -> String {
    match name_of(uid) {
        Some(name) => format!("{name} (user id {uid})"),
        None => format!("the user with the id {uid}"),
    }
}

/// A line of `/etc/passwd` in its fields. The C library's own look-up is not used: in a static program it loads shared
/// libraries.
pub(super) fn passwd() -> Vec<Vec<String>> {
    let text = fs::read("/etc/passwd").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

pub(super) fn name_of(uid: u32) -> Option<String> {
    let uid = uid.to_string();
    passwd().into_iter().find(|fields| fields.get(2) == Some(&uid))?.into_iter().next()
}

/// The home of a user in the user database.
pub fn home_of(uid: u32) -> Option<PathBuf> {
    let text = uid.to_string();
    let local = passwd().into_iter().find(|fields| fields.get(2) == Some(&text));
    // Users of a directory service stand in no file.
    let fields = local.or_else(|| {
        let asked = std::process::Command::new("/usr/bin/getent").args(["passwd", &text]).output().ok()?;
        let line = String::from_utf8_lossy(&asked.stdout).into_owned();
        Some(line.trim().split(':').map(str::to_owned).collect())
    })?;
    fields.get(5).map(PathBuf::from).filter(|home| home.is_absolute())
}

/// Whether a group has its owner as its only member, as where each user has a group of the same name.
pub(super) fn is_private_group(object: BorrowedFd, stat: &Stat) -> bool {
    let (uid, gid) = (stat.st_uid.to_string(), stat.st_gid.to_string());
    let users = passwd();
    let Some(owner) = users.iter().find(|fields| fields.get(2) == Some(&uid)).and_then(|fields| fields.first()) else {
        return false;
    };
    let shared = users.iter().any(|fields| fields.get(3) == Some(&gid) && fields.get(2) != Some(&uid));
    let text = fs::read("/etc/group").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let group = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let alone = group.into_iter().any(|fields| match fields[..] {
        [name, _, id, members] => {
            id == gid && name == owner && members.split(',').all(|member| member.is_empty() || member == owner)
        }
        _ => false,
    });
    alone && !shared && !has_access_list(object)
}

/// Whether an access list names more users than the mode shows; unknown counts as yes.
pub(super) fn has_access_list(object: BorrowedFd) -> bool {
    let path = format!("/proc/self/fd/{}", object.as_raw_fd());
    let mut empty: [u8; 0] = [];
    let asked = rustix::fs::getxattr(path, "system.posix_acl_access", &mut empty[..]);
    !matches!(asked, Err(Errno::NODATA | Errno::NOTSUP))
}

/// What is wrong with the owner or the mode of an object on the way to a file, or of the file.
pub(super) fn distrust(object: BorrowedFd, stat: &Stat, path: &Path, owners: Owners, is_end: bool) -> Option<Distrust> {
    let counts = if is_end { owners.counts(stat.st_uid) } else { owners.may_hold(stat.st_uid) };
    if !counts {
        return Some(Distrust::Belongs { path: path.to_path_buf(), uid: stat.st_uid, owners });
    }
    let mode = stat.st_mode & 0o7777;
    let kind = FileType::from_raw_mode(stat.st_mode);
    // A link has no mode of its own.
    if kind == FileType::Symlink || mode & 0o022 == 0 {
        return None;
    }
    // In a folder with the sticky bit, such as /tmp, others can add names but not exchange them.
    let sticky = kind == FileType::Directory && mode & 0o1000 != 0 && Owners::System.counts(stat.st_uid);
    let private = mode & 0o002 == 0 && is_private_group(object, stat);
    (!sticky && !private).then(|| Distrust::Writable { path: path.to_path_buf(), mode })
}

/// What is at the end of a path.
pub(super) struct End {
    /// The folder that it is in.
    pub(super) parent: OwnedFd,
    pub(super) name: OsString,
    /// Opened to be looked at, not to be read.
    pub(super) held: OwnedFd,
    pub(super) stat: Stat,
    /// With links followed.
    pub(super) path: PathBuf,
}

/// What a walk along a path found.
pub(super) struct Walk {
    /// None where a name is missing.
    pub(super) end: Option<End>,
    /// Whether the folder that would hold the end is there.
    pub(super) has_parent: bool,
    /// The first thing on the way that does not count.
    pub(super) distrust: Option<Distrust>,
}

pub(super) struct Name {
    pub(super) name: OsString,
    /// Whether a link said it.
    pub(super) from_link: Option<PathBuf>,
}

pub(super) fn names(path: &Path, from_link: Option<&Path>) -> impl DoubleEndedIterator<Item = Name> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.map(move |name| Name { name, from_link: from_link.map(Path::to_path_buf) })
}

pub(super) fn look_flags() -> OFlags {
    OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// An error of the system with the path that it is about.
pub(super) fn at(path: &Path, error: impl Into<io::Error>) -> io::Error {
    let error = error.into();
    io::Error::new(error.kind(), format!("{}: {}", path.display(), plain_error(&error)))
}

/// `Permission denied`, without the number.
pub(super) fn plain_error(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Walks along an absolute path from the root, name by name, and looks at the owner and mode of everything on the way.
/// A link counts where its owner and its folder do, and leads on from there. With `make`, missing folders are made.
pub(super) fn walk(path: &Path, owners: Owners, make: bool) -> io::Result<Walk> {
    if !path.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not an absolute path", path.display())));
    }
    let root = rustix::fs::open("/", look_flags() | OFlags::DIRECTORY, Mode::empty())?;
    let stat = rustix::fs::fstat(&root)?;
    let mut first = distrust(root.as_fd(), &stat, Path::new("/"), owners, false);
    let mut above: Vec<(OwnedFd, PathBuf)> = vec![(root, PathBuf::from("/"))];
    let mut queue: VecDeque<Name> = names(path, None).collect();
    let mut links = 0;
    while let Some(Name { name, from_link }) = queue.pop_front() {
        if name == ".." {
            if above.len() > 1 {
                above.pop();
            }
            continue;
        }
        let Some((folder, so_far)) = above.last() else { break };
        let here = so_far.join(&name);
        let held = match rustix::fs::openat(folder, &name, look_flags(), Mode::empty()) {
            Ok(held) => held,
            Err(Errno::NOENT) => {
                if let Some(link) = from_link {
                    let text = format!("{} is a link to {}, which is not there", link.display(), here.display());
                    return Err(io::Error::other(text));
                }
                if make && first.is_none() {
                    // In the system's state are locks that bind everybody, and folders of users without a home.
                    let mode = if here == Path::new(SYSTEM_STATE) { 0o755 } else { 0o700 };
                    match rustix::fs::mkdirat(folder, &name, Mode::from_raw_mode(mode)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(at(&here, error)),
                    }
                    rustix::fs::openat(folder, &name, look_flags(), Mode::empty()).map_err(|error| at(&here, error))?
                } else {
                    return Ok(Walk { end: None, has_parent: queue.is_empty(), distrust: first });
                }
            }
            Err(error) => return Err(at(&here, error)),
        };
        let stat = rustix::fs::fstat(&held).map_err(|error| at(&here, error))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_end = queue.is_empty() && kind != FileType::Symlink;
        if first.is_none() {
            first = distrust(held.as_fd(), &stat, &here, owners, is_end);
        }
        match kind {
            FileType::Symlink => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(at(&here, Errno::LOOP));
                }
                let target = rustix::fs::readlinkat(&held, "", Vec::new()).map_err(|error| at(&here, error))?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    above.truncate(1);
                }
                for name in names(&target, Some(&here)).rev() {
                    queue.push_front(name);
                }
                if queue.is_empty() {
                    return Err(at(&here, Errno::ISDIR));
                }
            }
            _ if is_end => {
                let parent = rustix::fs::openat(folder, ".", look_flags(), Mode::empty())?;
                let end = End { parent, name, held, stat, path: here };
                return Ok(Walk { end: Some(end), has_parent: true, distrust: first });
            }
            FileType::Directory => above.push((held, here)),
            _ => return Err(at(&here, Errno::NOTDIR)),
        }
    }
    // A path that ends with a folder's name or `..`.
    let Some((held, here)) = above.pop() else { return Err(io::Error::from(Errno::NOENT)) };
    let stat = rustix::fs::fstat(&held)?;
    let parent = rustix::fs::openat(&held, ".", look_flags(), Mode::empty())?;
    let end = End { parent, name: OsString::from("."), held, stat, path: here };
    Ok(Walk { end: Some(end), has_parent: true, distrust: first })
}

/// Whether a path, as far as it exists, may hold the caller's files; None where it may.
pub fn standing(path: &Path) -> io::Result<Option<Distrust>> {
    walk(path, Owners::Caller, false).map(|walk| walk.distrust)
}

/// A whole file at an absolute path, at most `limit` bytes; None where there is none. Links are followed if they, and
/// everything that they lead through, count.
pub fn read(path: &Path, owners: Owners, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let walk = walk(path, owners, false)?;
    // First what it is: nobody should change the mode of a device that a link leads to.
    if let Some(end) = &walk.end {
        is_regular(&end.stat, &end.path)?;
    }
    match (walk.end, walk.distrust) {
        (Some(_), Some(distrust)) => Err(distrust.error()),
        (Some(end), None) => {
            // Whoever made the link cannot have what is readable to root alone read by root.
            if let Owners::User(user) = owners
                && end.stat.st_uid != user
                && end.stat.st_mode & 0o004 == 0
            {
                return Err(at(&end.path, Errno::ACCESS));
            }
            let file = open_regular(end.parent.as_fd(), &end.name, &end.path, OFlags::RDONLY)?;
            read_limited(file, &end.path, limit).map(Some)
        }
        // Who can write the folder can take the file out of it; of a folder that was never made nothing is missing.
        (None, Some(distrust)) if walk.has_parent || owners == Owners::System => Err(distrust.error()),
        (None, _) => Ok(None),
    }
}

pub(super) fn read_limited(file: File, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| at(path, error))?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{} is larger than {} KiB", path.display(), limit / 1024),
        ));
    }
    Ok(bytes)
}

pub(super) fn kind_text(kind: FileType) -> &'static str {
    match kind {
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "not a regular file",
    }
}

pub(super) fn is_regular(stat: &Stat, path: &Path) -> io::Result<()> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        kind => Err(io::Error::other(format!("{} is {}, not a regular file", path.display(), kind_text(kind)))),
    }
}

/// Opens a regular file that is there. What it is is looked at before, because opening a device can do something, and
/// after.
pub(super) fn open_regular(folder: BorrowedFd, name: &OsStr, path: &Path, flags: OFlags) -> io::Result<File> {
    let before = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| at(path, error))?;
    is_regular(&before, path)?;
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(|error| at(path, error))?;
    let after = rustix::fs::fstat(&file).map_err(|error| at(path, error))?;
    is_regular(&after, path)?;
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino) {
        return Err(io::Error::other(format!("{} was replaced while it was opened", path.display())));
    }
    Ok(File::from(file))
}
