//! The folder of the trash, which only its user can read:
//!
//! ```text
//! trash/lock              held while anything in it changes
//! trash/entries/7/        one deletion: entry.json, its checksum in entry.sum, and its files
//! trash/entries/7/undone  it was brought back
//! trash/blobs/SHA256      layers that several entries may share, each by the checksum of its content
//! trash/new/              what is being written
//! ```
//!
//! An entry is written to `new` and renamed to its place when every byte of it is on the disk, so a crash at any point leaves
//! a complete entry or none. Every file is opened by [`Folder`], by a single name in a folder that only its user writes.

use fender_core::order::PutInOrder as _;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::fs::TryLockError;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use super::entry::{Entry, Kept, Object};
use crate::environment::folder::Folder;
use crate::environment::owned::Owners;
use fender_core::policy::TrashLimits;

/// In an entry's folder: the checksum that only who has the key can make.
const KEYED_SUM: &str = "entry.mac";
/// In fender's state folder.
const KEY: &str = "key";
const KEY_BYTES: usize = 32;

/// HMAC-SHA-256 of an entry, as hexadecimal digits.
fn keyed_sum(key: &[u8], text: &[u8]) -> io::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(io::Error::other)?;
    mac.update(text);
    Ok(hex(&mac.finalize().into_bytes()))
}

fn changed(id: u64) -> anyhow::Error {
    anyhow!("entry {id} was changed after fender wrote it, and it is not used")
}

/// The time of the trash: seconds that have passed while it was used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Clock {
    tick: i64,
    /// Seconds since 1970, and since the machine was started; which start that was.
    wall: i64,
    up: i64,
    boot: String,
}

const CLOCK: &str = "clock";
/// So much counts at most for the time in which the machine was off, in seconds.
const DAY: i64 = 86_400;

/// In an entry's folder: which id each container has that was brought back, by the one it had.
const MADE: &str = "made.json";

/// The folder of the marks of volumes that are being filled.
const FILLING: &str = "filling";
/// In bytes: marks and lists of ids.
const LARGEST_MARK: u64 = 16 << 20;

/// A volume that is being filled.
#[derive(Debug, Serialize, Deserialize)]
pub struct Filling {
    engine: String,
    name: String,
    /// As the engine says it, once it has made the volume.
    pub created: Option<String>,
}

fn filling_name(engine: &str, name: &str) -> String {
    hex(&Sha256::digest(format!("{engine}\n{name}")))
}

/// An entry describes objects, whose contents are in files of their own.
const LARGEST_ENTRY: u64 = 256 << 20;

/// The trash.
#[derive(Clone, Debug)]
pub struct TrashStore {
    root: PathBuf,
}

/// The trash while nobody else changes it.
pub struct Locked {
    /// The trash itself, to be read.
    pub store: TrashStore,
    root: Folder,
    entries: Folder,
    blobs: Folder,
    new: Folder,
    _lock: File,
}

impl TrashStore {
    /// The trash in this folder, which need not be there yet.
    pub fn at(root: PathBuf) -> TrashStore {
        TrashStore { root }
    }

    /// For messages only.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The same where nobody else has it; None where somebody has it for so long.
    pub fn lock_within(self, patience: Duration) -> io::Result<Option<Locked>> {
        let root = Folder::make(&self.root)?;
        let lock = root.open_lock("lock")?;
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        let [entries, blobs, new] = ["entries", "blobs", "new"].map(|name| root.make_folder(name));
        Ok(Some(Locked { entries: entries?, blobs: blobs?, new: new?, store: self, root, _lock: lock }))
    }

    /// Makes the folder where it is missing, and waits for others.
    pub fn lock(self) -> io::Result<Locked> {
        let root = Folder::make(&self.root)?;
        let [entries, blobs, new] = ["entries", "blobs", "new"].map(|name| root.make_folder(name));
        let lock = root.lock("lock")?;
        Ok(Locked { entries: entries?, blobs: blobs?, new: new?, store: self, root, _lock: lock })
    }

    /// One of its folders; None where there is none.
    fn folder(&self, name: &str) -> io::Result<Option<Folder>> {
        match Folder::open(&self.root, Owners::Caller)? {
            Some(root) => root.folder(name),
            None => Ok(None),
        }
    }

    /// The folder of one entry; None where there is none.
    fn entry_folder(&self, id: u64) -> io::Result<Option<Folder>> {
        match self.folder("entries")? {
            Some(entries) => entries.folder(&id.to_string()),
            None => Ok(None),
        }
    }

    /// Whether there is an entry of this number, damaged or whole.
    pub fn has_entry(&self, id: u64) -> bool {
        !matches!(self.entry_folder(id), Ok(None))
    }

    /// What has become of an object that any entry of an engine brought back, by the id that it had.
    pub fn made_anywhere(&self, engine: &str, id: &str) -> io::Result<Option<String>> {
        for entry in self.entries().into_iter().rev().filter_map(|(_, entry)| entry.ok()) {
            if entry.engine == engine
                && let Some(now) = self.all_made(entry.id)?.remove(id)
            {
                return Ok(Some(now));
            }
        }
        Ok(None)
    }

    fn all_made(&self, entry: u64) -> io::Result<BTreeMap<String, String>> {
        let folder = self.entry_folder(entry)?;
        let text = folder.map(|folder| folder.read(MADE, LARGEST_MARK)).transpose()?.flatten();
        Ok(text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default())
    }

    /// Opens a file of an entry. Its name is a plain one: none leads out of the entry.
    pub fn entry_file(&self, id: u64, name: &str) -> io::Result<File> {
        self.entry_folder(id)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.file(name)
    }

    /// Opens a layer by the checksum of its content.
    pub fn blob_file(&self, sha256: &str) -> io::Result<File> {
        self.folder("blobs")?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.file(sha256)
    }

    /// Bytes on the disk of a layer; None where it is not kept.
    pub fn blob_bytes(&self, sha256: &str) -> io::Result<Option<u64>> {
        match self.folder("blobs")? {
            Some(blobs) => blobs.size(sha256),
            None => Ok(None),
        }
    }

    /// The whole entries, the oldest first. One that is damaged is an error of its own; so is a trash that cannot be used.
    pub fn entries(&self) -> Vec<(u64, anyhow::Result<Entry>)> {
        let names = match self.folder("entries").and_then(|entries| entries.map_or(Ok(Vec::new()), |it| it.names())) {
            Ok(names) => names,
            Err(error) => return vec![(0, Err(error.into()))],
        };
        let mut ids: Vec<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        ids.put_in_order();
        ids.into_iter().map(|id| (id, self.entry(id))).collect()
    }

    /// One entry, its checksum compared.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is not what was written.
    pub fn entry(&self, id: u64) -> anyhow::Result<Entry> {
        let Some(folder) = self.entry_folder(id)? else {
            bail!("there is no entry {id} in the trash: fender trash list");
        };
        let read = |name: &str| {
            let bytes = folder.read(name, LARGEST_ENTRY)?;
            bytes.with_context(|| format!("{} is missing", folder.path().join(name).display()))
        };
        let (text, sum) = (read("entry.json")?, read("entry.sum")?);
        if hex(&Sha256::digest(&text)) != String::from_utf8_lossy(&sum).trim() {
            bail!("entry {id} is not what was written: its checksum differs, and it is not used");
        }
        let mut entry: Entry =
            serde_json::from_slice(&text).with_context(|| folder.path().join("entry.json").display().to_string())?;
        entry.undone = folder.has("undone")?;
        entry.own = self.is_own(&folder, id, &text)?;
        let listed = entry.objects.iter().filter_map(|object| object.file.as_deref()).all(|file| entry.lists(file));
        if entry.id != id || !listed {
            return Err(changed(id));
        }
        Ok(entry)
    }

    /// Whether the keyed checksum of an entry is right; an error where it is wrong.
    fn is_own(&self, folder: &Folder, id: u64, text: &[u8]) -> anyhow::Result<bool> {
        let Some(sum) = folder.read(KEYED_SUM, 1024)? else { return Ok(false) };
        let Some(key) = self.key()? else { return Ok(false) };
        let sum = String::from_utf8_lossy(&sum).trim().to_owned();
        if keyed_sum(&key, text).is_ok_and(|wanted| wanted == sum) { Ok(true) } else { Err(changed(id)) }
    }

    /// The key of the checksums, beside the trash in fender's state folder; None where there is none yet.
    fn key(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(folder) = self.root.parent() else { return Ok(None) };
        let Some(folder) = Folder::open(folder, Owners::Caller)? else { return Ok(None) };
        Ok(folder.read(KEY, 1024)?.filter(|key| key.len() == KEY_BYTES))
    }

    /// The same, made where there is none.
    fn make_key(&self) -> io::Result<Vec<u8>> {
        if let Some(key) = self.key()? {
            return Ok(key);
        }
        let key = crate::environment::host::random(KEY_BYTES)?;
        let folder = self.root.parent().ok_or_else(|| io::Error::other("the trash is at the root of the disk"))?;
        Folder::make(folder)?.write_whole(KEY, &key, 0o600)?;
        Ok(key)
    }

    /// Opens one file of an entry, or a layer of it.
    fn open_kept(&self, entry: &Entry, kept: &Kept) -> io::Result<File> {
        if kept.is_blob() { self.blob_file(&kept.sha256) } else { self.entry_file(entry.id, &kept.name) }
    }

    /// Compares every file of an entry with its checksum.
    ///
    /// # Errors
    /// The file that cannot be read, or that is not what was written.
    pub fn verify(&self, entry: &Entry) -> anyhow::Result<()> {
        for kept in &entry.files {
            let what = if kept.is_blob() { "a layer" } else { kept.name.as_str() };
            let wrong = |why: &str| format!("nothing of entry {} is used: {what} {why}", entry.id);
            let file = self.open_kept(entry, kept).with_context(|| wrong("cannot be read"))?;
            let sum =
                if kept.is_blob() { zstd::stream::read::Decoder::new(file).and_then(checksum) } else { checksum(file) };
            if sum.with_context(|| wrong("is damaged"))? != kept.sha256 {
                bail!(wrong("is not what was written: its checksum differs"));
            }
        }
        Ok(())
    }

    /// A quick look whether every file of an entry is in its place.
    pub fn is_there(&self, entry: &Entry) -> anyhow::Result<()> {
        for kept in &entry.files {
            let length = self.open_kept(entry, kept).and_then(|file| file.metadata()).map(|found| found.len());
            match length {
                Ok(length) if length == kept.bytes => {}
                Ok(_) => bail!("{} {} is not what was written", kept.name, kept.sha256),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Bytes of all entries, blobs counted once.
    pub fn bytes(&self) -> u64 {
        let mut seen = HashSet::new();
        let mut sum = 0;
        for entry in self.entries().into_iter().filter_map(|(_, entry)| entry.ok()) {
            for kept in entry.files {
                if !kept.is_blob() || seen.insert(kept.sha256.clone()) {
                    sum += kept.bytes;
                }
            }
        }
        sum
    }
}

/// Bytes free where the trash is, or would be.
pub fn free(root: &Path) -> u64 {
    let existing = root.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    nix::sys::statvfs::statvfs(existing).map_or(u64::MAX, |it| it.blocks_available() * it.fragment_size())
}

const NEW_ENTRY: &str = "entry";

impl Locked {
    /// A folder for the next entry's files.
    pub fn begin(&self) -> io::Result<Folder> {
        // What a fender that was killed left behind.
        self.new.clear()?;
        self.new.make_folder(NEW_ENTRY)
    }

    /// Throws away what was begun.
    pub fn abandon(&self) {
        let _ = self.new.remove(NEW_ENTRY);
        let _ = self.sweep();
    }

    /// Where layers are written before they have their places.
    pub fn layers(&self) -> Layers {
        Layers { new: self.new.clone(), blobs: self.blobs.clone() }
    }

    /// The next number: never one that was used before.
    pub fn next_id(&self) -> u64 {
        let last = self.root.read("last", 64).ok().flatten();
        let last = last.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok()).unwrap_or(0);
        let highest = self.store.entries().last().map_or(0, |(id, _)| *id);
        last.max(highest) + 1
    }

    /// Makes the new entry whole: from here on it is there, whatever happens.
    pub fn finish(&self, folder: &Folder, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(entry)?;
        folder.write("entry.json", &text)?;
        folder.write("entry.sum", hex(&Sha256::digest(&text)).as_bytes())?;
        folder.write(KEYED_SUM, keyed_sum(&self.store.make_key()?, &text)?.as_bytes())?;
        folder.sync()?;
        self.blobs.sync()?;
        self.root.write_whole("last", entry.id.to_string().as_bytes(), 0o600)?;
        self.new.rename(NEW_ENTRY, &self.entries, &entry.id.to_string())?;
        self.entries.sync()
    }

    /// Notes that an entry was brought back as a whole.
    pub fn mark_undone(&self, id: u64) -> io::Result<()> {
        self.entries.make_folder(&id.to_string())?.write("undone", b"")
    }

    /// Notes that a volume is being filled, so that half a one is known for what it is: by the engine's id and the volume's
    /// time of creation, once that is known.
    pub fn mark_filling(&self, engine: &str, name: &str, created: Option<&str>) -> io::Result<()> {
        let mark = Filling { engine: engine.to_owned(), name: name.to_owned(), created: created.map(str::to_owned) };
        let text = serde_json::to_vec(&mark)?;
        self.root.make_folder(FILLING)?.write_whole(&filling_name(engine, name), &text, 0o600)
    }

    /// Whether an earlier restoration was cut off while it filled a volume of this name on this engine, and when that volume
    /// was made. What an older fender noted, the name alone, says nothing.
    pub fn was_filling(&self, engine: &str, name: &str) -> io::Result<Option<Filling>> {
        let Some(folder) = self.root.folder(FILLING)? else { return Ok(None) };
        let Some(text) = folder.read(&filling_name(engine, name), LARGEST_MARK)? else { return Ok(None) };
        let mark: Option<Filling> = serde_json::from_slice(&text).ok();
        Ok(mark.filter(|mark| mark.engine == engine && mark.name == name))
    }

    /// Notes that a volume is whole, or that nothing was filled into it.
    pub fn forget_filling(&self, engine: &str, name: &str) -> io::Result<()> {
        let folder = self.root.make_folder(FILLING)?;
        let mark = filling_name(engine, name);
        if folder.has(&mark)? { folder.remove(&mark) } else { Ok(()) }
    }

    /// The id that a container of this entry got when it was brought back.
    pub fn made(&self, entry: &Entry, id: &str) -> io::Result<Option<String>> {
        Ok(self.store.all_made(entry.id)?.remove(id))
    }

    /// Notes that the object with this id was brought back, and which id it has now.
    pub fn remember(&self, entry: &Entry, id: &str, now: &str) -> io::Result<()> {
        let mut all = self.store.all_made(entry.id)?;
        all.insert(id.to_owned(), now.to_owned());
        self.entries.make_folder(&entry.id.to_string())?.write_whole(MADE, &serde_json::to_vec(&all)?, 0o600)
    }

    /// Removes an entry; blobs that no other one needs go with the next sweep.
    pub fn remove(&self, id: u64) -> io::Result<()> {
        // Out of sight first: half an entry is never seen.
        let away = format!("away-{id}");
        self.entries.rename(&id.to_string(), &self.new, &away)?;
        self.new.remove(&away)
    }

    /// The trash's own time, in seconds. While the machine runs it goes with the machine's; for the time in which the machine
    /// was off, a day counts at most. A clock that is set or jumps does not move it.
    pub fn tick(&self) -> io::Result<i64> {
        let text = self.root.read(CLOCK, LARGEST_MARK)?;
        let before: Option<Clock> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let wall = super::now();
        let (up, boot) = crate::environment::host::uptime().unwrap_or_default();
        let tick = match before {
            None => 0,
            Some(before) if before.boot == boot => before.tick + (up - before.up).max(0),
            Some(before) => before.tick + (wall - before.wall).clamp(0, DAY),
        };
        let clock = Clock { tick, wall, up, boot };
        self.root.write_whole(CLOCK, &serde_json::to_vec(&clock)?, 0o600)?;
        Ok(tick)
    }

    /// Removes what is too old, then the oldest until the rest has room; never the entry `but`. Of deletions that were only
    /// noted, the newest hundred stay.
    pub fn expire(&self, trash: &TrashLimits, but: u64) -> io::Result<()> {
        const NOTED: usize = 100;
        let keep = i64::try_from(trash.keep).unwrap_or(i64::MAX);
        let tick = self.tick()?;
        let entries = self.store.entries();
        let noted = entries.iter().filter(|(_, entry)| entry.as_ref().is_ok_and(|entry| entry.noted)).count();
        let mut too_many = noted.saturating_sub(NOTED);
        for (id, entry) in entries {
            let mut old = entry.as_ref().is_ok_and(|entry| tick.saturating_sub(entry.tick) > keep);
            if too_many > 0 && entry.is_ok_and(|entry| entry.noted) {
                too_many -= 1;
                old = true;
            }
            let full = self.store.bytes() > trash.max;
            if id != but && (old || full) {
                self.remove(id)?;
            }
        }
        self.sweep()
    }

    /// Removes blobs that no entry has.
    pub fn sweep(&self) -> io::Result<()> {
        let entries = self.store.entries();
        // One that cannot be read may have any of them.
        if entries.iter().any(|(_, entry)| entry.is_err()) {
            return Ok(());
        }
        let used: HashSet<String> = entries
            .into_iter()
            .filter_map(|(_, entry)| entry.ok())
            .flat_map(|entry| entry.files)
            .filter(Kept::is_blob)
            .map(|kept| kept.sha256)
            .collect();
        for name in self.blobs.names()? {
            if !used.contains(&name) {
                self.blobs.remove(&name)?;
            }
        }
        Ok(())
    }
}

/// The folders through which a layer comes into the trash.
#[derive(Clone, Debug)]
pub struct Layers {
    new: Folder,
    blobs: Folder,
}

impl Layers {
    /// A file to write a layer into, and its name until its checksum is known.
    pub fn begin(&self) -> io::Result<(File, String)> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("blob-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Ok((self.new.create(&name)?, name))
    }

    /// Puts a layer that was begun in its place. Another object may have put the same layer there meanwhile.
    pub fn keep(&self, name: &str, sha256: &str) -> io::Result<()> {
        self.new.rename(name, &self.blobs, sha256)
    }

    /// Throws a layer away that was begun.
    pub fn drop(&self, name: &str) -> io::Result<()> {
        self.new.remove(name)
    }

    /// Bytes on the disk of a layer; None where it is not kept, or its name is none.
    pub fn bytes(&self, sha256: &str) -> io::Result<Option<u64>> {
        if sha256.is_empty() { Ok(None) } else { self.blobs.size(sha256) }
    }
}

/// Two hexadecimal digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn checksum(mut from: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&buffer[..count]),
        }
    }
}
