//! An open folder. Everything in it is opened relative to it, by a single name.

use fender_core::order::PutInOrder as _;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::owned::*;

/// A folder of fender's own that counts, held open. What is in it is named by single names, and no link is followed.
#[derive(Clone, Debug)]
pub struct Folder {
    held: Arc<OwnedFd>,
    /// For messages.
    path: PathBuf,
    owners: Owners,
}

impl Folder {
    /// The folder at an absolute path; None where there is none.
    pub fn open(path: &Path, owners: Owners) -> io::Result<Option<Folder>> {
        Folder::walked(path, owners, false)
    }

    /// The same, made where it is missing: for the caller alone to read.
    pub fn make(path: &Path) -> io::Result<Folder> {
        Folder::walked(path, Owners::Caller, true)?.ok_or_else(|| at(path, Errno::NOENT))
    }

    fn walked(path: &Path, owners: Owners, make: bool) -> io::Result<Option<Folder>> {
        let walk = walk(path, owners, make)?;
        match (walk.end, walk.distrust) {
            (Some(_), Some(distrust)) => Err(distrust.error()),
            (None, Some(distrust)) if make || owners == Owners::System => Err(distrust.error()),
            (None, _) => Ok(None),
            (Some(end), None) => match FileType::from_raw_mode(end.stat.st_mode) {
                FileType::Directory => Ok(Some(Folder { held: Arc::new(end.held), path: end.path, owners })),
                FileType::RegularFile => {
                    Err(io::Error::other(format!("{} is a file, not a folder", end.path.display())))
                }
                kind => Err(io::Error::other(format!("{} is {}, not a folder", end.path.display(), kind_text(kind)))),
            },
        }
    }

    /// Its permission bits, where others than its owner can add files to it, also where the sticky bit keeps them from taking others away.
    pub fn takes_files_of_others(&self) -> io::Result<Option<u32>> {
        let mode = rustix::fs::fstat(&*self.held).map_err(|error| at(&self.path, error))?.st_mode & 0o7777;
        Ok((mode & 0o022 != 0).then_some(mode))
    }

    /// For messages only.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A single name: nothing that leads anywhere else.
    fn one<'a>(&self, name: &'a str) -> io::Result<(&'a OsStr, PathBuf)> {
        let plain =
            !name.is_empty() && name != "." && name != ".." && !name.bytes().any(|byte| matches!(byte, b'/' | 0));
        if !plain {
            let text = format!("{name:?} is not the name of a file in {}", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok((OsStr::new(name), self.path.join(name)))
    }

    /// What a name stands for, if it counts.
    fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        let (name, path) = self.one(name)?;
        let held = match rustix::fs::openat(&*self.held, name, look_flags(), Mode::empty()) {
            Ok(held) => held,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(at(&path, error)),
        };
        let stat = rustix::fs::fstat(&held).map_err(|error| at(&path, error))?;
        match distrust(held.as_fd(), &stat, &path, self.owners, true) {
            Some(distrust) => Err(distrust.error()),
            None => Ok(Some(stat)),
        }
    }

    /// Whether there is anything of this name.
    pub fn has(&self, name: &str) -> io::Result<bool> {
        self.stat(name).map(|stat| stat.is_some())
    }

    /// Bytes of a regular file; None where there is none.
    pub fn size(&self, name: &str) -> io::Result<Option<u64>> {
        let Some(stat) = self.stat(name)? else { return Ok(None) };
        is_regular(&stat, &self.path.join(name))?;
        Ok(Some(u64::try_from(stat.st_size).unwrap_or(0)))
    }

    /// A folder in this one; None where there is none.
    pub fn folder(&self, name: &str) -> io::Result<Option<Folder>> {
        let Some(stat) = self.stat(name)? else { return Ok(None) };
        let (name, path) = self.one(name)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::Directory {
            return Err(io::Error::other(format!("{} is {}, not a folder", path.display(), kind_text(kind))));
        }
        let held = rustix::fs::openat(&*self.held, name, look_flags() | OFlags::DIRECTORY, Mode::empty());
        let held = held.map_err(|error| at(&path, error))?;
        Ok(Some(Folder { held: Arc::new(held), path, owners: self.owners }))
    }

    /// A folder below this one, opened to be read. No link, no `..` and no mount is on the way to it.
    pub fn beneath(&self, names: &[&str]) -> io::Result<OwnedFd> {
        let mut path = PathBuf::new();
        for name in names {
            path.push(self.one(name)?.0);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let opened = rustix::fs::openat2(&*self.held, &path, flags, Mode::empty(), resolve);
        opened.map_err(|error| at(&self.path.join(path), error))
    }

    /// The same, made where it is missing.
    pub fn make_folder(&self, name: &str) -> io::Result<Folder> {
        let (plain, path) = self.one(name)?;
        match rustix::fs::mkdirat(&*self.held, plain, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(at(&path, error)),
        }
        self.folder(name)?.ok_or_else(|| at(&path, Errno::NOENT))
    }

    /// Opens a file to read it; None where there is none.
    pub fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        if self.stat(name)?.is_none() {
            return Ok(None);
        }
        let (name, path) = self.one(name)?;
        open_regular(self.held.as_fd(), name, &path, OFlags::RDONLY).map(Some)
    }

    /// The same, where a missing file is an error.
    pub fn file(&self, name: &str) -> io::Result<File> {
        self.open_file(name)?.ok_or_else(|| at(&self.path.join(name), Errno::NOENT))
    }

    /// A whole file, at most `limit` bytes; None where there is none.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        read_limited(file, &self.path.join(name), limit).map(Some)
    }

    /// A new file that only the caller can read; one of that name goes away before.
    pub fn create(&self, name: &str) -> io::Result<File> {
        let (name, path) = self.one(name)?;
        match rustix::fs::unlinkat(&*self.held, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(at(&path, error)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&*self.held, name, flags, Mode::from_raw_mode(0o600));
        file.map(File::from).map_err(|error| at(&path, error))
    }

    /// Opens a file to add to its end, made where it is missing; what is in it stays.
    pub fn append(&self, name: &str) -> io::Result<File> {
        self.opened_or_made(name, OFlags::RDWR | OFlags::APPEND)
    }

    /// Waits until nobody else holds this file; it is held until it is dropped. What is in it stays.
    pub fn lock(&self, name: &str) -> io::Result<File> {
        let file = self.opened_or_made(name, OFlags::RDWR)?;
        file.lock().map_err(|error| at(&self.path.join(name), error))?;
        Ok(file)
    }

    /// The same file, not held yet.
    pub fn open_lock(&self, name: &str) -> io::Result<File> {
        self.opened_or_made(name, OFlags::RDWR)
    }

    fn opened_or_made(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let (plain, path) = self.one(name)?;
        if self.stat(name)?.is_none() {
            let new = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(&*self.held, plain, new, Mode::from_raw_mode(0o600)) {
                Ok(file) => return Ok(File::from(file)),
                // Another one was faster.
                Err(Errno::EXIST) => {
                    self.stat(name)?;
                }
                Err(error) => return Err(at(&path, error)),
            }
        }
        open_regular(self.held.as_fd(), plain, &path, flags)
    }

    /// Writes a new file, to the disk.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create(name)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| at(&self.path.join(name), error))
    }

    /// Writes a file whole or not at all: beside it, to the disk, then in its place. `mode` is who may read it.
    pub fn write_whole(&self, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let beside = format!("{name}.{}.part", std::process::id());
        let outcome = self.create(&beside).and_then(|mut file| {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
            file.write_all(bytes)?;
            file.sync_all()
        });
        let outcome = outcome.and_then(|()| self.rename(&beside, self, name));
        if outcome.is_err() {
            let _ = rustix::fs::unlinkat(&*self.held, beside.as_str(), AtFlags::empty());
            return outcome;
        }
        self.sync()
    }

    /// Writes a file whole or not at all, without waiting for the disk: after a power failure it may be gone. For what may be lost.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let beside = format!("{name}.{}.part", std::process::id());
        let mut file = self.create(&beside)?;
        let outcome = file.write_all(bytes).and_then(|()| self.rename(&beside, self, name));
        if outcome.is_err() {
            let _ = rustix::fs::unlinkat(&*self.held, beside.as_str(), AtFlags::empty());
        }
        outcome
    }

    /// Moves a name into another folder of fender's, over what has that name there.
    pub fn rename(&self, name: &str, into: &Folder, new: &str) -> io::Result<()> {
        let (name, path) = self.one(name)?;
        let (new, _) = into.one(new)?;
        rustix::fs::renameat(&*self.held, name, &*into.held, new).map_err(|error| at(&path, error))
    }

    /// The names in this folder, sorted. Those that are not UTF-8 are none of fender's.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.opened().and_then(Dir::new).map_err(|error| at(&self.path, error))? {
            let entry = entry.map_err(|error| at(&self.path, error))?;
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.put_in_order();
        Ok(names)
    }

    /// Removes a file, or a folder with everything in it; no link is followed. Nothing of that name is no error.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let (name, path) = self.one(name)?;
        remove_at(self.held.as_fd(), name).map_err(|error| at(&path, error))
    }

    /// Everything in this folder.
    pub fn clear(&self) -> io::Result<()> {
        self.opened().and_then(|opened| clear_at(&opened)).map_err(|error| at(&self.path, error))
    }

    /// What was made, renamed and removed here is on the disk after this.
    pub fn sync(&self) -> io::Result<()> {
        self.opened().and_then(rustix::fs::fsync).map_err(|error| at(&self.path, error))
    }

    /// The folder opened to be read, which it is not where it is only held.
    fn opened(&self) -> rustix::io::Result<OwnedFd> {
        rustix::fs::openat(&*self.held, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Who may read this folder, whatever the process's mask says.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        rustix::fs::chmodat(&*self.held, ".", mode, AtFlags::empty()).map_err(|error| at(&self.path, error))
    }

    /// Bytes that the caller can still write here.
    pub fn free(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&*self.held).map_err(|error| at(&self.path, error))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn remove_at(folder: BorrowedFd, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    clear_at(&rustix::fs::openat(folder, name, flags, Mode::empty())?)?;
    rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR)
}

fn clear_at(folder: &OwnedFd) -> rustix::io::Result<()> {
    let mut inside = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            inside.push(OsStr::from_bytes(name).to_owned());
        }
    }
    for name in inside {
        remove_at(folder.as_fd(), &name)?;
    }
    Ok(())
}
