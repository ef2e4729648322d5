//! Fills a folder from an archive. What the archive says is not followed anywhere: each path is opened from the folder without links, `..` or
//! another file system on the way, and what already has a name there is replaced.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::tree_entry::{EntryKind, FileTime, TreeEntry, about, own_path};
use super::tree_parse::TreeReader;

/// Bytes that are written at once.
const PIECE: usize = 256 << 10;

/// One folder that is being filled.
struct TreeFiller<'a> {
    root: &'a OwnedFd,
    /// The folder of the last entry: most entries lie in the same one.
    last: Option<(Vec<u8>, OwnedFd)>,
    /// Folders get their attributes last: what is made in them would change their times, and inherit their access lists.
    folders: BTreeMap<Vec<u8>, TreeEntry>,
}

/// A path of the archive below its root, which is called `root`; empty for the root itself.
fn below(path: &[u8], root: &str) -> io::Result<Vec<u8>> {
    let refused =
        || io::Error::other(format!("the kept archive has a path outside of it: {}", String::from_utf8_lossy(path)));
    let mut parts = path.split(|byte| *byte == b'/');
    if parts.next() != Some(root.as_bytes()) {
        return Err(refused());
    }
    let parts: Vec<&[u8]> = parts.collect();
    if parts.iter().any(|part| matches!(*part, b"" | b"." | b"..") || part.contains(&0)) {
        return Err(refused());
    }
    Ok(parts.join(&b'/'))
}

/// The folder of a path, and its last name.
fn split(path: &[u8]) -> (&[u8], &OsStr) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), OsStr::from_bytes(path.get(at + 1..).unwrap_or_default())),
        None => (b"", OsStr::from_bytes(path)),
    }
}

fn timespec(time: FileTime) -> Timespec {
    Timespec { tv_sec: time.seconds, tv_nsec: time.nanos.into() }
}

fn times(entry: &TreeEntry) -> Timestamps {
    // As the engine does where the archive does not say when a file was read last.
    let accessed = entry.accessed.unwrap_or(entry.modified);
    Timestamps { last_access: timespec(accessed), last_modification: timespec(entry.modified) }
}

/// Fills an open folder. `done` is told of bytes as they are written.
pub fn fill_tree(root: &OwnedFd, name: &str, from: impl Read, done: &dyn Fn(u64)) -> io::Result<()> {
    let mut filler = TreeFiller { root, last: None, folders: BTreeMap::new() };
    let mut reader = TreeReader::new(from);
    while let Some(mut entry) = reader.next()? {
        entry.path = below(&entry.path, name)?;
        if let EntryKind::HardLink(target) = &mut entry.kind {
            *target = below(target, name)?;
        }
        let path = entry.path.clone();
        filler.one(entry, &mut reader, done).map_err(|error| about(&path, error))?;
    }
    filler.finish()
}

impl TreeFiller<'_> {
    /// Opens a folder below the root, to be used and not read.
    fn folder(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let path: &[u8] = if path.is_empty() { b"." } else { path };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        Ok(rustix::fs::openat2(self.root, path, flags, Mode::empty(), resolve)?)
    }

    fn one(&mut self, entry: TreeEntry, reader: &mut TreeReader<impl Read>, done: &dyn Fn(u64)) -> io::Result<()> {
        if entry.path.is_empty() {
            if entry.kind != EntryKind::Folder {
                return Err(io::Error::other("the root of the kept archive is not a folder"));
            }
            self.folders.insert(Vec::new(), entry);
            return Ok(());
        }
        let (above, name) = split(&entry.path);
        let parent = match self.last.take() {
            Some((known, parent)) if known == above => parent,
            _ => self.folder(above)?,
        };
        let outcome = match &entry.kind {
            EntryKind::Folder => make_folder(&parent, name),
            EntryKind::HardLink(target) => self.link(target, &parent, name),
            EntryKind::SymbolicLink(target) => {
                made(&parent, name, || rustix::fs::symlinkat(OsStr::from_bytes(target), &parent, name))
                    .and_then(|()| link_settings(&parent, name, &entry))
            }
            EntryKind::File => write_file(&parent, name, &entry, reader, done),
            EntryKind::CharacterDevice(..) | EntryKind::BlockDevice(..) | EntryKind::Fifo => {
                made(&parent, name, || make_node(&parent, name, &entry.kind)).and_then(|()| {
                    let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    settings(&rustix::fs::openat(&parent, name, look, Mode::empty())?, &entry)
                })
            }
        };
        outcome?;
        self.last = Some((above.to_vec(), parent));
        if entry.kind == EntryKind::Folder {
            self.folders.insert(entry.path.clone(), entry);
        }
        Ok(())
    }

    fn link(&self, target: &[u8], parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
        let (above, first) = split(target);
        let from = self.folder(above)?;
        made(parent, name, || rustix::fs::linkat(&from, first, parent, name, AtFlags::empty()))
    }

    fn finish(self) -> io::Result<()> {
        // The longest paths first: a folder's own times stay when something in it gets attributes.
        for (path, entry) in self.folders.iter().rev() {
            let held = self.folder(path).map_err(|error| about(path, error))?;
            settings(&held, entry).map_err(|error| about(path, error))?;
        }
        Ok(())
    }
}

/// Makes something under a name, in place of what has the name.
fn made(parent: &OwnedFd, name: &OsStr, make: impl Fn() -> rustix::io::Result<()>) -> io::Result<()> {
    match make() {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
            Ok(make()?)
        }
        outcome => Ok(outcome?),
    }
}

fn make_folder(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let make = || rustix::fs::mkdirat(parent, name, Mode::RWXU);
    match make() {
        Err(Errno::EXIST) => {
            let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
                make()?;
            }
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}

fn make_node(parent: &OwnedFd, name: &OsStr, kind: &EntryKind) -> rustix::io::Result<()> {
    let (file_type, device) = match kind {
        EntryKind::CharacterDevice(major, minor) => (FileType::CharacterDevice, rustix::fs::makedev(*major, *minor)),
        EntryKind::BlockDevice(major, minor) => (FileType::BlockDevice, rustix::fs::makedev(*major, *minor)),
        _ => (FileType::Fifo, 0),
    };
    rustix::fs::mknodat(parent, name, file_type, Mode::empty(), device)
}

fn write_file(
    parent: &OwnedFd,
    name: &OsStr,
    entry: &TreeEntry,
    reader: &mut TreeReader<impl Read>,
    done: &dyn Fn(u64),
) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR);
    let file = match open() {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
            open()?
        }
        outcome => outcome?,
    };
    let mut buffer = vec![0; usize::try_from(entry.stored()).unwrap_or(PIECE).clamp(1, PIECE)];
    for (start, bytes) in entry.extents.clone().unwrap_or_else(|| vec![(0, entry.size)]) {
        let (mut at, end) = (start, start + bytes);
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(PIECE).min(buffer.len());
            let count = reader.content(buffer.get_mut(..most).unwrap_or_default())?;
            let mut rest = buffer.get(..count).unwrap_or_default();
            while !rest.is_empty() {
                let written = rustix::io::pwrite(&file, rest, at)?;
                rest = rest.get(written..).unwrap_or_default();
                at += written as u64;
            }
            done(count as u64);
        }
    }
    if entry.extents.is_some() {
        rustix::fs::ftruncate(&file, entry.size)?;
    }
    settings(&file, entry)
}

fn owner(entry: &TreeEntry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

/// Owner, mode, attributes and times of what is held, in the order in which none takes another one away.
fn settings(held: &OwnedFd, entry: &TreeEntry) -> io::Result<()> {
    let path = own_path(held);
    let (uid, gid) = owner(entry);
    rustix::fs::chownat(CWD, &path, uid, gid, AtFlags::empty())?;
    rustix::fs::chmodat(CWD, &path, Mode::from_raw_mode(entry.mode), AtFlags::empty())?;
    for (name, value) in &entry.attributes {
        rustix::fs::setxattr(&path, OsStr::from_bytes(name), value, XattrFlags::empty())?;
    }
    Ok(rustix::fs::utimensat(CWD, &path, &times(entry), AtFlags::empty())?)
}

/// The same for a symbolic link, which has no mode.
fn link_settings(parent: &OwnedFd, name: &OsStr, entry: &TreeEntry) -> io::Result<()> {
    let (uid, gid) = owner(entry);
    rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    if !entry.attributes.is_empty() {
        let path = Path::new(&own_path(parent)).join(name);
        for (attribute, value) in &entry.attributes {
            rustix::fs::lsetxattr(&path, OsStr::from_bytes(attribute), value, XattrFlags::empty())?;
        }
    }
    Ok(rustix::fs::utimensat(parent, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::super::tree_entry::BLOCK;
    use super::super::tree_read::{DEEPEST, archive_tree};
    use super::*;

    fn opened(path: &Path) -> OwnedFd {
        fs::File::open(path).unwrap().into()
    }

    fn archived(path: &Path) -> Vec<u8> {
        let mut all = Vec::new();
        archive_tree(&opened(path), "v", &mut |piece| {
            all.extend_from_slice(&piece);
            Ok(())
        })
        .unwrap();
        all
    }

    fn filled(text: &[u8], into: &Path) -> io::Result<()> {
        fill_tree(&opened(into), "v", text, &|_| {})
    }

    /// Everything below a folder, with kind, mode, size, times and content.
    fn look(root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let own = fs::metadata(root.join(&folder)).unwrap();
            found.push(format!("{folder:?} {:o} {}.{}", own.mode(), own.mtime(), own.mtime_nsec()));
            for entry in fs::read_dir(root.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let path = folder.join(entry.file_name());
                let meta = entry.metadata().unwrap();
                if meta.is_dir() {
                    folders.push(path);
                    continue;
                }
                let content = if meta.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
                let target = fs::read_link(entry.path()).unwrap_or_default();
                found.push(format!(
                    "{path:?} {:o} {} {} {}.{} {} {target:?} {:?}",
                    meta.mode(),
                    meta.nlink(),
                    meta.size(),
                    meta.mtime(),
                    meta.mtime_nsec(),
                    meta.blocks(),
                    content
                ));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_folder_that_is_read_and_filled_is_the_same() {
        let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| from.path().join(name);
        fs::create_dir_all(at("a/b/c")).unwrap();
        fs::write(at("a/b/c/deep"), "deep").unwrap();
        for size in [0, 1, 511, 512, 513, PIECE - 512, PIECE, PIECE + 1, 3 * PIECE + 5] {
            fs::write(at(&format!("size {size}")), vec![7; size]).unwrap();
        }
        let odd = from.path().join(OsStr::from_bytes(b"odd\xff\nname"));
        fs::write(&odd, "odd").unwrap();
        fs::write(at(&"n".repeat(255)), "long").unwrap();
        fs::hard_link(at("size 513"), at("a/hard")).unwrap();
        symlink("../nowhere", at("a/link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        let sparse = fs::File::create(at("sparse")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 1 << 20).unwrap();
        sparse.set_len(3 << 20).unwrap();
        fs::File::create(at("hole")).unwrap().set_len(1 << 20).unwrap();
        fs::set_permissions(at("a/b"), fs::Permissions::from_mode(0o1711)).unwrap();
        let text = archived(from.path());
        filled(&text, into.path()).unwrap();
        assert_eq!(look(into.path()), look(from.path()));
        // What is there already, half or other, is replaced.
        fs::remove_file(into.path().join("pipe")).unwrap();
        fs::write(into.path().join("pipe"), "x").unwrap();
        fs::write(into.path().join("size 512"), "half").unwrap();
        fs::remove_file(into.path().join("a/link")).unwrap();
        symlink("/", into.path().join("a/link")).unwrap();
        filled(&text, into.path()).unwrap();
        assert_eq!(look(into.path()), look(from.path()));
    }

    #[test]
    fn folders_that_are_nested_without_end_are_left_to_the_engine() {
        for (depth, is_read) in [(DEEPEST, true), (DEEPEST + 1, false), (2000, false)] {
            let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let mut innermost = opened(from.path());
            for _ in 0..depth {
                rustix::fs::mkdirat(&innermost, "d", Mode::RWXU).unwrap();
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                innermost = rustix::fs::openat(&innermost, "d", flags, Mode::empty()).unwrap();
            }
            let mut text = Vec::new();
            let read = archive_tree(&opened(from.path()), "v", &mut |piece| {
                text.extend_from_slice(&piece);
                Ok(())
            });
            assert_eq!(read.is_ok(), is_read, "{depth}: {read:?}");
            if is_read {
                filled(&text, into.path()).unwrap();
                assert_eq!(look(into.path()), look(from.path()));
            }
        }
    }

    fn entry(path: &str, kind: EntryKind) -> Vec<u8> {
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let modified = FileTime::default();
        let (path, attributes) = (path.as_bytes().to_vec(), Vec::new());
        TreeEntry { path, kind, mode: 0o700, uid, gid, size: 0, modified, accessed: None, attributes, extents: None }
            .header()
    }

    #[test]
    fn no_archive_leads_out_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        let out = outside.path().to_str().unwrap();
        let link = |target: &str| EntryKind::SymbolicLink(target.as_bytes().to_vec());
        for entries in [
            vec![entry("v/../x", EntryKind::File)],
            vec![entry("/etc/x", EntryKind::File)],
            vec![entry("w/x", EntryKind::File)],
            vec![entry("v/a/./x", EntryKind::File)],
            vec![entry("v//x", EntryKind::File)],
            vec![entry("v/link", link(out)), entry("v/link/x", EntryKind::File)],
            vec![entry("v/link", link(out)), entry("v/x", EntryKind::HardLink(b"v/link/secret".to_vec()))],
            vec![entry("v/x", EntryKind::HardLink(b"v/../secret".to_vec()))],
            vec![entry("v", EntryKind::File)],
        ] {
            let into = tempfile::tempdir().unwrap();
            let mut text = entries.concat();
            text.extend_from_slice(&[0; 2 * BLOCK]);
            assert!(filled(&text, into.path()).is_err());
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        }
        // A link in the folder, put there before, is not written through.
        let into = tempfile::tempdir().unwrap();
        symlink(outside.path(), into.path().join("a")).unwrap();
        symlink(outside.path().join("secret"), into.path().join("b")).unwrap();
        let text = [entry("v/a", EntryKind::Folder), entry("v/b", EntryKind::File), vec![0; 2 * BLOCK]].concat();
        filled(&text, into.path()).unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
        assert!(into.path().join("a").symlink_metadata().unwrap().is_dir());
    }
}
