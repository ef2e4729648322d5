//! Reads the lists of names in an archive of images: a tar, plain or compressed, in a file or as standard input. Only a regular file is read,
//! and its place does not move: a pipe's bytes would be missing for the client.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, stdin};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};

use fender_core::files::image_archive::{ArchiveFiles, ArchiveTag, NAMING_FILES, tags};
use fender_core::grammar::values::clean;
use sha2::{Digest, Sha256};

/// A list of names, or the settings of an image, is smaller.
const LARGEST_LIST: u64 = 4 << 20;

/// More files than an archive of some hundred images has.
const MOST_FILES: usize = 65_536;

/// So much of a compressed archive is unpacked; it takes about as many seconds as there are GiB.
const MOST_UNPACKED: u64 = 2 << 30;

/// The names that an archive gives to images; None for standard input.
///
/// # Errors
/// Why they are not known.
pub fn read(path: Option<&str>) -> Result<Vec<ArchiveTag>, String> {
    let file = match path {
        // A FIFO without a writer does not stop it, and is no regular file.
        Some(path) => File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path),
        None => stdin().as_fd().try_clone_to_owned().map(File::from),
    };
    let file = file.map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|known| known.is_file()) {
        return Err("only a file can be read before docker reads it".to_owned());
    }
    let mut file = file;
    let start = if path.is_none() { file.stream_position().map_err(|error| error.to_string())? } else { 0 };
    let files = listed(ReadAt { file, start, at: 0 }).map_err(|error| error.to_string())?;
    tags(&files)
}

/// A file that is read without moving its place.
struct ReadAt {
    file: File,
    start: u64,
    at: u64,
}

impl Read for ReadAt {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.start.saturating_add(self.at))?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for ReadAt {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(_) => None,
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Docker finds out how a stream is compressed by its first bytes: moby `pkg/archive`, `DetectCompression`.
fn listed(mut archive: ReadAt) -> io::Result<ArchiveFiles> {
    let mut first = Vec::new();
    archive.by_ref().take(6).read_to_end(&mut first)?;
    archive.at = 0;
    if first.starts_with(&[0x1f, 0x8b]) {
        return entries(tar::Archive::new(Bounded::new(flate2::read::MultiGzDecoder::new(archive))).entries()?);
    }
    let is_skipped_frame = matches!(first.get(..4), Some([0x50..=0x5f, 0x2a, 0x4d, 0x18]));
    if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || is_skipped_frame {
        return entries(tar::Archive::new(Bounded::new(zstd::Decoder::new(archive)?)).entries()?);
    }
    if first.starts_with(b"BZh") || first.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        return Err(io::Error::other("it is compressed with bzip2 or xz"));
    }
    // What is not listed is passed over without being read.
    entries(tar::Archive::new(archive).entries_with_seek()?)
}

/// No more than [`MOST_UNPACKED`] bytes; beyond them an error, so that a part does not stand for the whole.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R> Bounded<R> {
    fn new(inner: R) -> Bounded<R> {
        Bounded { inner, left: MOST_UNPACKED }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("it is larger than 2 GiB when it is unpacked")),
        }
        Ok(read)
    }
}

fn entries<R: Read>(entries: tar::Entries<R>) -> io::Result<ArchiveFiles> {
    let mut files = ArchiveFiles::default();
    for (number, entry) in entries.enumerate() {
        if number == MOST_FILES {
            return Err(io::Error::other(format!("it has more than {MOST_FILES} files")));
        }
        let mut entry = entry?;
        let path = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_list = NAMING_FILES.contains(&name.as_str());
        let kind = entry.header().entry_type();
        if is_list && (!kind.is_file() && !kind.is_dir() || entry.size() > LARGEST_LIST) {
            return Err(io::Error::other(format!("{name} in it is a link, or larger than 4 MiB")));
        }
        // A link's content is another file's.
        if kind.is_file() && entry.size() <= LARGEST_LIST {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let is_new = !files.digests.contains_key(&path);
            files.digests.insert(path, is_new.then_some(digest));
            if is_list {
                files.naming.push((name, bytes));
            }
        } else if !kind.is_dir() {
            files.digests.insert(path, None);
        }
    }
    Ok(files)
}
