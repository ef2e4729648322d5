//! Reads the archive of a volume, entry by entry.
//!
//! The `tar` crate does not do here: it cuts a PAX record at a line feed, which the value of an attribute may have in it.

use std::io::{self, Read};

use super::tree_entry::{BLOCK, EntryKind, Extent, FileTime, LINK_XATTR, TreeEntry, XATTR, padded};

/// PAX records and lists of holes are read into memory.
const MOST_RECORDS: u64 = 64 << 20;

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
    use super::super::tree_entry::{block, pad};
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
