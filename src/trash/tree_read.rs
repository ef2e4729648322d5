//! Reads a folder with everything in it as an archive, as the engine would, with what the engine leaves out: attributes of the kind `user.*`,
//! access lists, fractions of a second and holes in files. A container's own layer is read the same way where nothing of its image is taken away.
//!
//! Others may change the folder meanwhile, and choose what is in it: every name is opened from its folder without following a link, and is
//! looked at before it is opened to be read, so that no device and no FIFO is.

use fender_core::order::PutInOrder as _;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::fs::{Dir, FileType, Mode, OFlags, SeekFrom, Stat};
use rustix::io::Errno;
use rustix::path::DecInt;

use super::tree_entry::{BLOCK, EntryKind, Extent, FileTime, TreeEntry, about, own_path, padded};

/// Bytes that are handed on at once.
const PIECE: usize = 256 << 10;
/// Room for the names of attributes, and for the value of one: the kernel's own limits.
const MOST_ATTRIBUTES: usize = 64 << 10;

/// Each folder within another one takes a part of the stack and two open files: what is nested deeper is left to the engine.
pub const DEEPEST: usize = 200;

/// The kind of the error that a file became shorter while it was read: it may be whole at another attempt.
pub const SHORTER: io::ErrorKind = io::ErrorKind::ResourceBusy;

/// Attributes that belong to the file. Those of security modules belong to the machine, and the engine gives them anew.
fn is_kept(name: &[u8]) -> bool {
    name.starts_with(b"user.")
        || name.starts_with(b"trusted.")
        || matches!(name, b"security.capability" | b"system.posix_acl_access" | b"system.posix_acl_default")
}

/// Attributes in the upper folder of an overlay that say nothing about the files, where the layer takes nothing of its image away: the kernel calls
/// every new folder opaque (Linux `fs/overlayfs/dir.c`). With any other one, what the folder shows is not what lies in it.
const WITHOUT_MEANING: [&[u8]; 6] = [b"impure", b"origin", b"nlink", b"uuid", b"upper", b"opaque"];

/// A reader of one folder. `out` takes the archive piece by piece.
pub struct TreeWalk<'a> {
    out: &'a mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    piece: Vec<u8>,
    /// The path of the first name in the archive of files that have several.
    seen: HashMap<(u64, u64), Vec<u8>>,
    scratch: Vec<u8>,
    /// How many folders are open.
    depth: usize,
    /// The process's own list of open files, held: finding it anew takes longer than opening a file.
    own: OwnedFd,
    /// It is the upper folder of an overlay, and its root is no entry of its own.
    is_layer: bool,
}

fn stat_time(seconds: i64, nanos: u64) -> FileTime {
    FileTime { seconds, nanos: u32::try_from(nanos).unwrap_or(0) }
}

/// Writes the archive of an open folder, in which its root is called `root`; of a container's layer where it has no name.
///
/// # Errors
/// It cannot be read, or says what this archive cannot: then the engine has to send it.
pub fn archive_tree(folder: &OwnedFd, root: &str, out: &mut dyn FnMut(Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let own = rustix::fs::open("/proc/self/fd", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut walk = TreeWalk {
        out,
        piece: Vec::with_capacity(PIECE),
        seen: HashMap::new(),
        scratch: Vec::new(),
        depth: 0,
        own,
        is_layer: root.is_empty(),
    };
    let stat = rustix::fs::fstat(folder)?;
    let mut path = root.as_bytes().to_vec();
    walk.folder(folder, &stat, &mut path)?;
    walk.add(&[0; 2 * BLOCK])?;
    let last = std::mem::take(&mut walk.piece);
    (walk.out)(last)
}

impl TreeWalk<'_> {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE + BLOCK));
        (self.out)(full)
    }

    fn pad(&mut self, bytes: u64) -> io::Result<()> {
        let count = usize::try_from(padded(bytes) - bytes).unwrap_or(0);
        let zeros = [0; BLOCK];
        self.add(zeros.get(..count).unwrap_or_default())
    }

    /// A folder that is held, its own entry first.
    fn folder(&mut self, held: &OwnedFd, stat: &Stat, path: &mut Vec<u8>) -> io::Result<()> {
        if self.depth > DEEPEST {
            return Err(about(path, io::Error::other("folders are nested too deep")));
        }
        self.depth += 1;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(held, ".", flags, Mode::empty()).map_err(|error| about(path, error))?;
        if !path.is_empty() {
            self.head(&opened, stat, path, EntryKind::Folder, 0, None)?;
        }
        let mut names: Vec<(u64, CString)> = Vec::new();
        for entry in Dir::read_from(&opened).map_err(|error| about(path, error))? {
            let entry = entry.map_err(|error| about(path, error))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push((entry.ino(), entry.file_name().to_owned()));
            }
        }
        // In the order in which they lie on the disk.
        names.put_in_order();
        let end = path.len();
        for (_, name) in names {
            if end > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name.to_bytes());
            self.one(&opened, &name, stat.st_dev, path)?;
            path.truncate(end);
        }
        self.depth -= 1;
        Ok(())
    }

    fn one(&mut self, folder: &OwnedFd, name: &CStr, device: u64, path: &mut Vec<u8>) -> io::Result<()> {
        if self.is_layer && name.to_bytes().starts_with(b".wh.") {
            return Err(about(path, io::Error::other("its name takes something away in a layer")));
        }
        let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = match rustix::fs::openat(folder, name, look, Mode::empty()) {
            Ok(held) => held,
            // Somebody took it away meanwhile.
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(about(path, error)),
        };
        let stat = rustix::fs::fstat(&held).map_err(|error| about(path, error))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if stat.st_dev != device {
            return Err(about(path, io::Error::other("another file system is mounted here")));
        }
        if kind == FileType::Directory {
            return self.folder(&held, &stat, path);
        }
        if kind == FileType::Socket {
            // No archive has sockets, and whoever listens makes a new one.
            return Ok(());
        }
        if stat.st_nlink > 1 {
            if let Some(first) = self.seen.get(&(stat.st_dev, stat.st_ino)) {
                let kind = EntryKind::HardLink(first.clone());
                return self.head(&held, &stat, path, kind, 0, None);
            }
            self.seen.insert((stat.st_dev, stat.st_ino), path.clone());
        }
        let numbers = || (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        match kind {
            FileType::RegularFile => self.file(&held, &stat, path),
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&held, "", Vec::new()).map_err(|error| about(path, error))?;
                self.head(&held, &stat, path, EntryKind::SymbolicLink(target.into_bytes()), 0, None)
            }
            FileType::CharacterDevice => {
                let (major, minor) = numbers();
                if self.is_layer && (major, minor) == (0, 0) {
                    return Err(about(path, io::Error::other("it takes something away")));
                }
                self.head(&held, &stat, path, EntryKind::CharacterDevice(major, minor), 0, None)
            }
            FileType::BlockDevice => {
                let (major, minor) = numbers();
                self.head(&held, &stat, path, EntryKind::BlockDevice(major, minor), 0, None)
            }
            FileType::Fifo => self.head(&held, &stat, path, EntryKind::Fifo, 0, None),
            _ => Err(about(path, io::Error::other("it is of a kind that is not known"))),
        }
    }

    /// The header of what is held: a regular file and a folder are open to be read.
    fn head(
        &mut self,
        held: &OwnedFd,
        stat: &Stat,
        path: &[u8],
        kind: EntryKind,
        size: u64,
        extents: Option<Vec<Extent>>,
    ) -> io::Result<()> {
        let has_attributes = !matches!(kind, EntryKind::HardLink(_));
        let is_open = matches!(kind, EntryKind::File | EntryKind::Folder);
        let entry = TreeEntry {
            path: path.to_vec(),
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size,
            modified: stat_time(stat.st_mtime, stat.st_mtime_nsec),
            accessed: Some(stat_time(stat.st_atime, stat.st_atime_nsec)),
            attributes: if has_attributes {
                self.attributes(held, is_open).map_err(|error| about(path, error))?
            } else {
                Vec::new()
            },
            extents,
        };
        if !entry.can_be_written() {
            return Err(about(path, io::Error::other("an archive cannot say what it is")));
        }
        let header = entry.header();
        self.add(&header)
    }

    fn attributes(&mut self, held: &OwnedFd, is_open: bool) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let path = if is_open { String::new() } else { own_path(held) };
        self.scratch.clear();
        self.scratch.reserve(MOST_ATTRIBUTES);
        let listed = match is_open {
            true => rustix::fs::flistxattr(held, spare_capacity(&mut self.scratch)),
            false => rustix::fs::listxattr(&path, spare_capacity(&mut self.scratch)),
        };
        match listed {
            Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut found = Vec::new();
        for name in self.scratch.split(|byte| *byte == 0).filter(|name| is_kept(name)) {
            if let Some(overlay) = name.strip_prefix(b"trusted.overlay.").filter(|_| self.is_layer) {
                if WITHOUT_MEANING.contains(&overlay) {
                    continue;
                }
                return Err(io::Error::other("what it shows does not lie in it"));
            }
            let mut value = Vec::with_capacity(MOST_ATTRIBUTES);
            let got = match is_open {
                true => rustix::fs::fgetxattr(held, name, spare_capacity(&mut value)),
                false => rustix::fs::getxattr(&path, name, spare_capacity(&mut value)),
            };
            match got {
                Ok(_) => found.push((name.to_vec(), value)),
                Err(Errno::NODATA) => {}
                Err(error) => return Err(error.into()),
            }
        }
        found.put_in_order();
        Ok(found)
    }

    fn file(&mut self, held: &OwnedFd, stat: &Stat, path: &[u8]) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOATIME | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let number = DecInt::from_fd(held);
        let opened = rustix::fs::openat(&self.own, number, flags, Mode::empty()).map_err(|error| about(path, error))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        // Blocks are counted in 512 bytes, whatever the file system's own are.
        // The engine writes no holes into a layer, and may not know them there.
        let may_have_holes =
            !self.is_layer && u64::try_from(stat.st_blocks).unwrap_or(u64::MAX).saturating_mul(512) < size;
        let extents = if may_have_holes { extents(&opened, size).map_err(|error| about(path, error))? } else { None };
        if extents.is_none() && size <= PIECE as u64 {
            // Read before its header is written: it has the size that it has now.
            let content = whole(&opened, size).map_err(|error| about(path, error))?;
            self.head(&opened, stat, path, EntryKind::File, content.len() as u64, None)?;
            self.add(&content)?;
            return self.pad(content.len() as u64);
        }
        let parts = extents.clone().unwrap_or_else(|| vec![(0, size)]);
        self.head(&opened, stat, path, EntryKind::File, size, extents)?;
        let mut stored = 0;
        for (start, bytes) in parts {
            self.part(&opened, start, bytes).map_err(|error| about(path, error))?;
            stored += bytes;
        }
        self.pad(stored)
    }

    /// So many bytes from here on: what is appended meanwhile is not read.
    fn part(&mut self, opened: &OwnedFd, start: u64, bytes: u64) -> io::Result<()> {
        let mut at = start;
        let end = start + bytes;
        while at < end {
            let room = PIECE.saturating_sub(self.piece.len()).max(1);
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(room);
            let before = self.piece.len();
            self.piece.resize(before + want, 0);
            let count = rustix::io::pread(opened, self.piece.get_mut(before..).unwrap_or_default(), at);
            let count = match count {
                Err(Errno::INTR) => 0,
                Err(error) => return Err(error.into()),
                Ok(0) => return Err(io::Error::new(SHORTER, "it became shorter while it was read")),
                Ok(count) => count,
            };
            self.piece.truncate(before + count);
            at += count as u64;
            self.add(&[])?;
        }
        Ok(())
    }
}

/// The beginning of a file, of at most so many bytes.
fn whole(file: &OwnedFd, size: u64) -> io::Result<Vec<u8>> {
    let mut content = vec![0; usize::try_from(size).unwrap_or(PIECE)];
    let mut length = 0;
    while let Some(rest) = content.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(file, rest, length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    content.truncate(length);
    Ok(content)
}

/// What of a file is not a hole; None where it has no holes.
fn extents(file: &OwnedFd, size: u64) -> io::Result<Option<Vec<Extent>>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
            Ok(start) if start < size => start,
            // Nothing but a hole up to the end.
            Ok(_) | Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(size);
        found.push((start, end - start));
        at = end;
    }
    Ok((found != [(0, size)]).then_some(found))
}
