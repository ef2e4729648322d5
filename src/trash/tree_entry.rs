//! One entry of a volume's archive: its header in the PAX form of tar, written and read. It is the form in which the engine sends and takes
//! archives, so that an archive that fender wrote can be unpacked by the engine, and one of the engine by fender.
//!
//! The `tar` crate does not do here: it cuts a PAX record at a line feed, which the value of an attribute may have in it.

use std::io::{self, Read};

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

const XATTR: &[u8] = b"SCHILY.xattr.";
/// Of a symbolic link: an engine would give it to what the link leads to. It passes over keys that it does not know.
const LINK_XATTR: &[u8] = b"FENDER.xattr.";
/// The largest number that fits into eleven octal digits: sizes.
const LARGE: u64 = 0o77_777_777_777;
/// The largest number that fits into seven octal digits: ids and numbers of devices.
const SMALL: u64 = 0o7_777_777;
/// PAX records and lists of holes are read into memory.
const MOST_RECORDS: u64 = 64 << 20;

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

fn pad(out: &mut Vec<u8>) {
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

fn read_time(text: &[u8]) -> Option<FileTime> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let (seconds, nanos): (i64, u32) = (whole.parse().ok()?, digits.parse().ok()?);
    Some(match whole.starts_with('-') && nanos > 0 {
        true => FileTime { seconds: seconds.checked_sub(1)?, nanos: 1_000_000_000 - nanos },
        false => FileTime { seconds, nanos },
    })
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
fn block(path: &[u8], letter: u8, size: u64, fill: impl FnOnce(&mut [u8; BLOCK])) -> [u8; BLOCK] {
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

/// Reads an archive, entry by entry.
pub struct TreeReader<R> {
    from: R,
    /// Bytes of the last entry's content that nobody has read yet, and of its padding.
    left: u64,
    padding: u64,
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the kept archive is not whole: {what}"))
}

/// A number as octal digits, or in binary where the first bit is set.
fn number(field: &[u8]) -> io::Result<u64> {
    if let Some((first, rest)) = field.split_first()
        && first & 0x80 != 0
    {
        return rest.iter().try_fold(u64::from(first & 0x7f), |sum, byte| {
            sum.checked_mul(256).map(|sum| sum + u64::from(*byte)).ok_or_else(|| wrong("a number is too large"))
        });
    }
    let text = String::from_utf8_lossy(field);
    let digits = text.trim_matches(['\0', ' ']);
    if digits.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(digits, 8).map_err(|_| wrong("a number cannot be read"))
}

fn id(value: u64) -> io::Result<u32> {
    // The last one means nobody to the kernel.
    u32::try_from(value).ok().filter(|id| *id != u32::MAX).ok_or_else(|| wrong("an id is too large"))
}

fn decimal(text: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    text.ok_or_else(|| wrong("a number cannot be read"))
}

fn until_zero(field: &[u8]) -> Vec<u8> {
    field.iter().copied().take_while(|byte| *byte != 0).collect()
}

/// What came before a header and belongs to it.
#[derive(Default)]
struct Extended {
    records: Vec<(Vec<u8>, Vec<u8>)>,
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Extended {
    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.records.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_slice())
    }

    fn read(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            let space = text.iter().position(|byte| *byte == b' ').ok_or_else(|| wrong("a record has no length"))?;
            let (digits, _) = text.split_at(space);
            let length = usize::try_from(decimal(digits)?).map_err(|_| wrong("a record is too long"))?;
            let line = text.get(space + 1..length).and_then(|line| line.strip_suffix(b"\n"));
            let line = line.ok_or_else(|| wrong("a record has another length"))?;
            let equals = line.iter().position(|byte| *byte == b'=').ok_or_else(|| wrong("a record has no value"))?;
            let (key, value) = line.split_at(equals);
            self.records.push((key.to_vec(), value.get(1..).unwrap_or_default().to_vec()));
            text = text.get(length..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<R: Read> TreeReader<R> {
    pub fn new(from: R) -> TreeReader<R> {
        TreeReader { from, left: 0, padding: 0 }
    }

    /// The next entry; None at the end of the archive.
    pub fn next(&mut self) -> io::Result<Option<TreeEntry>> {
        self.skip()?;
        let mut extended = Extended::default();
        loop {
            let mut header = [0; BLOCK];
            self.from.read_exact(&mut header)?;
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            let field = |at: usize, length: usize| header.get(at..at + length).unwrap_or_default();
            let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
            let own: u64 = field(148, 8).iter().map(|byte| u64::from(*byte)).sum();
            if number(field(148, 8))? != sum - own + 8 * u64::from(b' ') {
                return Err(wrong("the checksum of a header differs"));
            }
            let size = number(field(124, 12))?;
            let letter = field(156, 1).first().copied().unwrap_or(0);
            if matches!(letter, b'x' | b'g' | b'L' | b'K') {
                if size > MOST_RECORDS {
                    return Err(wrong("a header is too large"));
                }
                let mut text = Vec::new();
                self.from.by_ref().take(padded(size)).read_to_end(&mut text)?;
                text.truncate(usize::try_from(size).unwrap_or(0));
                match letter {
                    b'x' => extended.read(&text)?,
                    b'L' => extended.path = Some(until_zero(&text)),
                    b'K' => extended.target = Some(until_zero(&text)),
                    _ => return Err(wrong("it has a header for all entries")),
                }
                continue;
            }
            let mut path = until_zero(field(0, 100));
            let prefix = if field(257, 6) == b"ustar\0" { until_zero(field(345, 155)) } else { Vec::new() };
            if !prefix.is_empty() {
                path = [&prefix[..], b"/", &path].concat();
            }
            let path = extended.path.clone().or(extended.get(b"path").map(<[u8]>::to_vec)).unwrap_or(path);
            let target = until_zero(field(157, 100));
            let target = extended.target.clone().or(extended.get(b"linkpath").map(<[u8]>::to_vec)).unwrap_or(target);
            let (major, minor) = (id(number(field(329, 8))?)?, id(number(field(337, 8))?)?);
            let kind = match letter {
                b'0' | 0 => EntryKind::File,
                b'1' => EntryKind::HardLink(target),
                b'2' => EntryKind::SymbolicLink(target),
                b'3' => EntryKind::CharacterDevice(major, minor),
                b'4' => EntryKind::BlockDevice(major, minor),
                b'5' => EntryKind::Folder,
                b'6' => EntryKind::Fifo,
                _ => return Err(wrong("it has an entry of an unknown kind")),
            };
            let time = |key: &[u8]| {
                extended.get(key).map(|text| read_time(text).ok_or_else(|| wrong("a time cannot be read")))
            };
            let seconds = i64::try_from(number(field(136, 12))?).map_err(|_| wrong("a time is too large"))?;
            let with = |key: &[u8], plain: u64| extended.get(key).map_or(Ok(plain), decimal);
            let mut entry = TreeEntry {
                path: extended.get(b"GNU.sparse.name").map_or(path, <[u8]>::to_vec),
                kind,
                mode: u32::try_from(number(field(100, 8))? & 0o7777).unwrap_or(0),
                uid: id(with(b"uid", number(field(108, 8))?)?)?,
                gid: id(with(b"gid", number(field(116, 8))?)?)?,
                size: with(b"size", size)?,
                modified: time(b"mtime").transpose()?.unwrap_or(FileTime { seconds, nanos: 0 }),
                accessed: time(b"atime").transpose()?,
                attributes: Vec::new(),
                extents: None,
            };
            while entry.path.last() == Some(&b'/') {
                entry.path.pop();
            }
            for (key, value) in &extended.records {
                if let Some(name) = key.strip_prefix(XATTR).or_else(|| key.strip_prefix(LINK_XATTR)) {
                    entry.attributes.push((name.to_vec(), value.clone()));
                }
            }
            if entry.kind == EntryKind::File {
                (self.left, self.padding) = (entry.size, padded(entry.size) - entry.size);
            }
            if let Some(major) = extended.get(b"GNU.sparse.major") {
                if major != b"1" || extended.get(b"GNU.sparse.minor") != Some(b"0") {
                    return Err(wrong("it has holes in a form that is not known"));
                }
                let whole =
                    extended.get(b"GNU.sparse.realsize").ok_or_else(|| wrong("a file with holes has no size"))?;
                entry.size = decimal(whole)?;
                entry.extents = Some(self.extents(entry.size)?);
            } else if extended.records.iter().any(|(key, _)| key.starts_with(b"GNU.sparse.")) {
                return Err(wrong("it has holes in a form that is not known"));
            }
            return Ok(Some(entry));
        }
    }

    /// The list of what is not a hole, at the beginning of the content.
    fn extents(&mut self, size: u64) -> io::Result<Vec<Extent>> {
        let mut numbers = Vec::new();
        let (mut digits, mut wanted) = (Vec::new(), None);
        while wanted.is_none_or(|wanted| (numbers.len() as u64) < wanted) {
            let mut piece = [0; BLOCK];
            if self.left < BLOCK as u64 || numbers.len() as u64 > MOST_RECORDS {
                return Err(wrong("the list of holes has no end"));
            }
            self.from.read_exact(&mut piece)?;
            self.left -= BLOCK as u64;
            for byte in piece {
                match byte {
                    b'\n' if wanted.is_none() => {
                        wanted = Some(decimal(&digits)?.saturating_mul(2));
                        digits.clear();
                    }
                    b'\n' => {
                        numbers.push(decimal(&digits)?);
                        digits.clear();
                    }
                    0 => break,
                    byte => digits.push(byte),
                }
            }
        }
        let extents: Vec<Extent> =
            numbers.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect();
        let mut end = 0;
        for (start, bytes) in &extents {
            if *start < end {
                return Err(wrong("parts of a file overlap"));
            }
            end = start
                .checked_add(*bytes)
                .filter(|end| *end <= size)
                .ok_or_else(|| wrong("a part lies after the end"))?;
        }
        if extents.iter().map(|(_, bytes)| bytes).sum::<u64>() != self.left {
            return Err(wrong("a file with holes has another size"));
        }
        Ok(extents)
    }

    /// Some bytes of the content of the last entry; none at its end.
    pub fn content(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..most) else { return Ok(0) };
        let count = self.from.read(room)?;
        if count == 0 && most > 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.left -= count as u64;
        Ok(count)
    }

    fn skip(&mut self) -> io::Result<()> {
        let wanted = self.left + self.padding;
        if io::copy(&mut self.from.by_ref().take(wanted), &mut io::sink())? < wanted {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &[u8], kind: EntryKind) -> TreeEntry {
        TreeEntry {
            path: path.to_vec(),
            kind,
            mode: 0o4750,
            uid: 33,
            gid: 44,
            size: 0,
            modified: FileTime { seconds: 1_600_000_000, nanos: 0 },
            accessed: None,
            attributes: Vec::new(),
            extents: None,
        }
    }

    #[test]
    fn every_entry_is_read_as_it_was_written() {
        let long = [b"v/".to_vec(), vec![b'a'; 5000]].concat();
        let odd = b"v/gr\xc3\xb6\xff\nname".to_vec();
        let mut all = vec![
            entry(b"v", EntryKind::Folder),
            entry(&long, EntryKind::Folder),
            entry(&odd, EntryKind::Fifo),
            entry(b"v/link", EntryKind::SymbolicLink(long.clone())),
            entry(b"v/odd link", EntryKind::SymbolicLink(odd.clone())),
            entry(b"v/hard", EntryKind::HardLink(odd.clone())),
            entry(b"v/null", EntryKind::CharacterDevice(1, 3)),
            entry(b"v/whiteout", EntryKind::CharacterDevice(0, 0)),
            entry(b"v/disk", EntryKind::BlockDevice(259, 70_000)),
        ];
        for (seconds, nanos) in
            [(0, 1), (-1, 999_999_999), (-5, 0), (-5, 250_000_000), (1 << 40, 7), (i64::from(u32::MAX), 0)]
        {
            let mut other = entry(b"v/time", EntryKind::Fifo);
            other.modified = FileTime { seconds, nanos };
            other.accessed = Some(FileTime { seconds: -seconds, nanos });
            all.push(other);
        }
        let attributes = vec![(b"trusted.link".to_vec(), b"a".to_vec())];
        all.push(TreeEntry { attributes, ..entry(b"v/attributed", EntryKind::SymbolicLink(b"x".to_vec())) });
        // Lengths at which the number of digits of a record's length changes, and values with what ends records.
        for length in (0..20).chain(70..110).chain(950..1010) {
            let mut other = entry(b"v/attributes", EntryKind::Folder);
            other.attributes = vec![
                (b"user.a".to_vec(), vec![b'\n'; length]),
                (b"security.capability".to_vec(), vec![0, 10, 255, b'=']),
            ];
            (other.uid, other.gid) = (4_000_000_000, 0o7_777_777);
            all.push(other);
        }
        let mut text: Vec<u8> = all.iter().flat_map(TreeEntry::header).collect();
        text.extend_from_slice(&[0; 2 * BLOCK]);
        let mut reader = TreeReader::new(&text[..]);
        for entry in &all {
            assert!(entry.can_be_written());
            assert_eq!(reader.next().unwrap().as_ref(), Some(entry));
        }
        assert_eq!(reader.next().unwrap(), None);
        // Another reader of this form takes them for the same.
        let mut archive = tar::Archive::new(&text[..]);
        let paths: Vec<Vec<u8>> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path_bytes().into_owned()).collect();
        assert_eq!(paths.len(), all.len());
        assert_eq!(paths[1].len(), long.len() + 1);
        assert_eq!(paths[2], odd);
    }

    #[test]
    fn contents_and_holes_are_read_as_they_were_written() {
        let many: Vec<Extent> = (0..400).map(|at| (at * 10_000, 3)).collect();
        for (size, extents) in [
            (5, None),
            (512, None),
            (0, None),
            (1 << 40, Some(vec![(4096, 5), (1 << 39, 700)])),
            (9, Some(vec![])),
            (5_000_000, Some(many)),
        ] {
            let wanted = TreeEntry { size, extents, ..entry(b"v/file", EntryKind::File) };
            let content: Vec<u8> = (0..wanted.stored()).map(|at| (at % 251) as u8 + 1).collect();
            let mut text = wanted.header();
            text.extend_from_slice(&content);
            pad(&mut text);
            text.extend_from_slice(&entry(b"v/after", EntryKind::Fifo).header());
            text.extend_from_slice(&[0; 2 * BLOCK]);
            let mut reader = TreeReader::new(&text[..]);
            assert_eq!(reader.next().unwrap(), Some(wanted.clone()));
            let (mut seen, mut buffer) = (Vec::new(), [0; 100]);
            loop {
                let count = reader.content(&mut buffer).unwrap();
                if count == 0 {
                    break;
                }
                seen.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(seen, content);
            assert_eq!(reader.next().unwrap().unwrap().path, b"v/after");
            // Contents that nobody reads are passed over.
            let mut reader = TreeReader::new(&text[..]);
            reader.next().unwrap();
            assert_eq!(reader.next().unwrap().unwrap().path, b"v/after");
            assert_eq!(reader.next().unwrap(), None);
            // An archive that is cut off anywhere is no archive.
            for end in (0..text.len() - 2 * BLOCK).step_by(97) {
                let mut reader = TreeReader::new(&text[..end]);
                assert!((0..3).map(|_| reader.next()).any(|entry| entry.is_err()), "{end}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let plain = entry(b"v/file", EntryKind::File).header();
        for (at, byte) in [(0, b'w'), (100, b'9'), (156, b'7'), (124, b'x')] {
            let mut text = plain.clone();
            text[at] = byte;
            assert!(TreeReader::new(&text[..]).next().is_err(), "{at}");
        }
        for records in
            [&b"5 a=b\n"[..], b"6 a=b", b"6 ab \n", b"99 a=b\n", b"a=b\n", b"12 mtime=x1\n", b"22 GNU.sparse.major=0\n"]
        {
            let mut text = block(b"x", b'x', records.len() as u64, |_| {}).to_vec();
            text.extend_from_slice(records);
            pad(&mut text);
            text.extend_from_slice(&plain);
            assert!(TreeReader::new(&text[..]).next().is_err(), "{}", String::from_utf8_lossy(records));
        }
    }
}
