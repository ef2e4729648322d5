//! One entry of a volume's archive, and its header in the PAX form of tar. It is the form in which the engine sends and takes
//! archives, so that an archive that fender wrote can be unpacked by the engine, and one of the engine by fender.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// An archive consists of blocks of so many bytes.
pub const BLOCK: usize = 512;

/// Seconds since 1970, and nanoseconds that are added to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTime {
    pub seconds: i64,
    pub nanos: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File,
    /// Another name of the file at this path of the archive.
    HardLink(Vec<u8>),
    SymbolicLink(Vec<u8>),
    /// With the major and minor number of the device.
    CharacterDevice(u32, u32),
    BlockDevice(u32, u32),
    Folder,
    Fifo,
}

/// A part of a file that is not a hole: where it begins, and its bytes.
pub type Extent = (u64, u64);

/// One entry without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its path without a slash at the end.
    pub path: Vec<u8>,
    pub kind: EntryKind,
    /// The permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes of a file, its holes among them.
    pub size: u64,
    pub modified: FileTime,
    pub accessed: Option<FileTime>,
    /// Extended attributes: names and values.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Of a file with holes: what is not a hole, in order.
    pub extents: Option<Vec<Extent>>,
}

pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";
/// Of a symbolic link: an engine would give it to what the link leads to. It passes over keys that it does not know.
pub(super) const LINK_XATTR: &[u8] = b"FENDER.xattr.";
/// The largest number that fits into eleven octal digits: sizes.
const LARGE: u64 = 0o77_777_777_777;
/// The largest number that fits into seven octal digits: ids and numbers of devices.
const SMALL: u64 = 0o7_777_777;

/// `LENGTH KEY=VALUE\n`, in which the length counts its own digits.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// A path of the process's own list of open files: it leads to the file itself, whatever has its name by now, also where it cannot be opened
/// to be read.
pub(super) fn own_path(held: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", held.as_raw_fd())
}

/// An error with the path that it is about.
pub(super) fn about(path: &[u8], error: impl Into<io::Error>) -> io::Error {
    let error = error.into();
    io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(path)))
}

fn put(header: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    if let Some(field) = header.get_mut(at..at + bytes.len()) {
        field.copy_from_slice(bytes);
    }
}

fn octal(header: &mut [u8; BLOCK], at: usize, digits: usize, value: u64) {
    put(header, at, format!("{value:0digits$o}").as_bytes());
}

/// Rounds up to whole blocks.
pub fn padded(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK as u64)
}

pub(super) fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

fn time_text(time: FileTime) -> Vec<u8> {
    // Before 1970 the fraction counts towards zero in the text, and away from it in the number.
    let (sign, seconds, nanos) = match time {
        FileTime { seconds, nanos } if seconds < 0 && nanos > 0 => ("-", -(seconds + 1), 1_000_000_000 - nanos),
        FileTime { seconds, nanos } if seconds < 0 => ("-", -seconds, nanos),
        FileTime { seconds, nanos } => ("", seconds, nanos),
    };
    let text = format!("{sign}{seconds}.{nanos:09}");
    text.trim_end_matches('0').trim_end_matches('.').as_bytes().to_vec()
}

impl TreeEntry {
    /// Bytes of content that follow the header, without padding.
    pub fn stored(&self) -> u64 {
        match (&self.kind, &self.extents) {
            (EntryKind::File, Some(extents)) => extents.iter().map(|(_, bytes)| bytes).sum(),
            (EntryKind::File, None) => self.size,
            _ => 0,
        }
    }

    /// The header. The content follows, and zeros up to a whole block.
    pub fn header(&self) -> Vec<u8> {
        let mut path = self.path.clone();
        if self.kind == EntryKind::Folder {
            path.push(b'/');
        }
        // The list of what is not a hole stands before the content.
        let mut map = Vec::new();
        if let Some(extents) = &self.extents {
            let numbers = extents.iter().flat_map(|(start, bytes)| [*start, *bytes]);
            for number in std::iter::once(extents.len() as u64).chain(numbers) {
                map.extend_from_slice(format!("{number}\n").as_bytes());
            }
            pad(&mut map);
        }
        let size = self.stored() + map.len() as u64;
        let (letter, target) = match &self.kind {
            EntryKind::File => (b'0', &[][..]),
            EntryKind::HardLink(target) => (b'1', &target[..]),
            EntryKind::SymbolicLink(target) => (b'2', &target[..]),
            EntryKind::CharacterDevice(..) => (b'3', &[][..]),
            EntryKind::BlockDevice(..) => (b'4', &[][..]),
            EntryKind::Folder => (b'5', &[][..]),
            EntryKind::Fifo => (b'6', &[][..]),
        };
        let records = self.records(&path, target, size);
        let mut out = Vec::new();
        if !records.is_empty() {
            out.extend_from_slice(&block(b"PaxHeaders.0/entry", b'x', records.len() as u64, |_| {}));
            out.extend_from_slice(&records);
            pad(&mut out);
        }
        let head = block(&path, letter, size, |header| {
            octal(header, 100, 7, u64::from(self.mode));
            octal(header, 108, 7, u64::from(self.uid).min(SMALL));
            octal(header, 116, 7, u64::from(self.gid).min(SMALL));
            octal(header, 136, 11, u64::try_from(self.modified.seconds).unwrap_or(0).min(LARGE));
            put(header, 157, target.get(..100).unwrap_or(target));
            if let EntryKind::CharacterDevice(major, minor) | EntryKind::BlockDevice(major, minor) = self.kind {
                octal(header, 329, 7, u64::from(major).min(SMALL));
                octal(header, 337, 7, u64::from(minor).min(SMALL));
            }
        });
        out.extend_from_slice(&head);
        out.extend_from_slice(&map);
        out
    }

    /// What does not fit into the header's fields.
    fn records(&self, path: &[u8], target: &[u8], size: u64) -> Vec<u8> {
        let mut out = Vec::new();
        match self.extents {
            Some(_) => {
                record(&mut out, b"GNU.sparse.major", b"1");
                record(&mut out, b"GNU.sparse.minor", b"0");
                record(&mut out, b"GNU.sparse.name", path);
                record(&mut out, b"GNU.sparse.realsize", self.size.to_string().as_bytes());
            }
            None if path.len() > 100 || !path.is_ascii() => record(&mut out, b"path", path),
            None => {}
        }
        if target.len() > 100 || !target.is_ascii() {
            record(&mut out, b"linkpath", target);
        }
        for (key, id) in [(&b"uid"[..], self.uid), (b"gid", self.gid)] {
            if u64::from(id) > SMALL {
                record(&mut out, key, id.to_string().as_bytes());
            }
        }
        if size > LARGE {
            record(&mut out, b"size", size.to_string().as_bytes());
        }
        if self.modified.nanos > 0 || !(0..=LARGE).contains(&u64::try_from(self.modified.seconds).unwrap_or(u64::MAX)) {
            record(&mut out, b"mtime", &time_text(self.modified));
        }
        if let Some(accessed) = self.accessed {
            record(&mut out, b"atime", &time_text(accessed));
        }
        let prefix = if matches!(self.kind, EntryKind::SymbolicLink(_)) { LINK_XATTR } else { XATTR };
        for (name, value) in &self.attributes {
            record(&mut out, &[prefix, name].concat(), value);
        }
        out
    }

    /// Whether this archive can say it: device numbers have no record of their own, and no key has an equals sign in it.
    pub fn can_be_written(&self) -> bool {
        let fits = match self.kind {
            EntryKind::CharacterDevice(major, minor) | EntryKind::BlockDevice(major, minor) => {
                u64::from(major.max(minor)) <= SMALL
            }
            _ => true,
        };
        fits && self.attributes.iter().all(|(name, _)| !name.contains(&b'='))
    }
}

/// One header block with its checksum.
pub(super) fn block(path: &[u8], letter: u8, size: u64, fill: impl FnOnce(&mut [u8; BLOCK])) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    put(&mut header, 0, path.get(..100).unwrap_or(path));
    octal(&mut header, 124, 11, size.min(LARGE));
    put(&mut header, 156, &[letter]);
    put(&mut header, 257, b"ustar\x0000");
    fill(&mut header);
    // The checksum counts its own field as spaces.
    put(&mut header, 148, b"        ");
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    header
}
