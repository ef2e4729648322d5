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
//! An entry is written beside and renamed into its place when every byte of it is on the disk: a crash at any point leaves
//! a whole entry or none.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::facts::state::{create, make_folder};
use crate::plan::{Kind, Recoverable};
use crate::policy::Trash;

/// One deletion.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    pub id: u64,
    /// The engine's id, and its name for a person.
    pub engine: String,
    pub engine_name: String,
    /// docker's words.
    pub command: Vec<String>,
    /// Seconds since 1970.
    pub time: i64,
    pub objects: Vec<Object>,
    pub files: Vec<Kept>,
    #[serde(skip)]
    pub undone: bool,
}

/// One object that the plan took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    #[serde(rename = "type")]
    pub kind: Kind,
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub tags: Vec<String>,
    pub size: Option<i64>,
    pub recoverable: Recoverable,
    /// What the engine said of it: `GET /containers/{id}/json`, and so on.
    #[serde(default)]
    pub inspect: Value,
    /// Its contents: a volume's archive, an image, a container's own layer.
    pub file: Option<String>,
    /// Names by digest under which an image can be pulled.
    #[serde(default)]
    pub digests: Vec<String>,
}

/// One file of an entry, or a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name in the entry's folder; empty for a blob.
    pub name: String,
    /// Of the file's bytes; of a blob's content.
    pub sha256: String,
    /// Bytes on the disk.
    pub bytes: u64,
}

impl Kept {
    pub fn is_blob(&self) -> bool {
        self.name.is_empty()
    }
}

/// The trash.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// The trash while nobody else changes it.
pub struct Locked {
    pub store: Store,
    _lock: File,
}

impl Store {
    pub fn at(root: PathBuf) -> Store {
        Store { root }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the folder where it is missing, and waits for others.
    pub fn lock(self) -> io::Result<Locked> {
        for folder in ["entries", "blobs", "new"] {
            make_folder(&self.root.join(folder))?;
        }
        let lock = create(&self.root.join("lock"))?;
        lock.lock()?;
        Ok(Locked { store: self, _lock: lock })
    }

    pub fn entry_folder(&self, id: u64) -> PathBuf {
        self.root.join("entries").join(id.to_string())
    }

    pub fn blob(&self, sha256: &str) -> PathBuf {
        self.root.join("blobs").join(sha256)
    }

    /// The whole entries, the oldest first. One that is damaged is an error of its own.
    pub fn entries(&self) -> Vec<(u64, Result<Entry, String>)> {
        let mut ids: Vec<u64> = fs::read_dir(self.root.join("entries"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        ids.sort_unstable();
        ids.into_iter().map(|id| (id, self.entry(id))).collect()
    }

    /// One entry, its checksum compared.
    pub fn entry(&self, id: u64) -> Result<Entry, String> {
        let folder = self.entry_folder(id);
        let read = |name: &str| {
            fs::read(folder.join(name)).map_err(|error| format!("{}: {error}", folder.join(name).display()))
        };
        if !folder.is_dir() {
            return Err(format!("there is no entry {id} in the trash: fender trash list"));
        }
        let (text, sum) = (read("entry.json")?, read("entry.sum")?);
        if hex(&Sha256::digest(&text)) != String::from_utf8_lossy(&sum).trim() {
            return Err(format!("entry {id} is not what was written: its checksum differs, and it is not used"));
        }
        let mut entry: Entry = serde_json::from_slice(&text)
            .map_err(|error| format!("{}: {error}", folder.join("entry.json").display()))?;
        entry.undone = folder.join("undone").exists();
        Ok(entry)
    }

    /// Compares every file of an entry with its checksum.
    pub fn verify(&self, entry: &Entry) -> Result<(), String> {
        for kept in &entry.files {
            let (path, what) = if kept.is_blob() {
                (self.blob(&kept.sha256), "a layer")
            } else {
                (self.entry_folder(entry.id).join(&kept.name), kept.name.as_str())
            };
            let wrong = |why: &str| {
                format!("entry {}: {what} ({}) {why}, and nothing of the entry is used", entry.id, path.display())
            };
            let file = File::open(&path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
            let sum = if kept.is_blob() {
                let decoder = zstd::stream::read::Decoder::new(file).map_err(|error| wrong(&error.to_string()))?;
                checksum(decoder)
            } else {
                checksum(file)
            };
            let sum = sum.map_err(|error| wrong(&format!("is damaged: {error}")))?;
            if sum != kept.sha256 {
                return Err(wrong("is not what was written: its checksum differs"));
            }
        }
        Ok(())
    }

    /// A quick look whether every file of an entry is in its place.
    pub fn is_there(&self, entry: &Entry) -> Result<(), String> {
        for kept in &entry.files {
            let path =
                if kept.is_blob() { self.blob(&kept.sha256) } else { self.entry_folder(entry.id).join(&kept.name) };
            match fs::metadata(&path) {
                Ok(found) if found.len() == kept.bytes => {}
                _ => return Err(format!("{} is not what was written", path.display())),
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

impl Locked {
    /// A folder for the next entry's files.
    pub fn begin(&self) -> io::Result<PathBuf> {
        // What a fender that was killed left behind.
        let new = self.store.root.join("new");
        for entry in fs::read_dir(&new)?.flatten() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        let folder = new.join("entry");
        make_folder(&folder)?;
        Ok(folder)
    }

    /// Where the content of a blob is written before its checksum is known.
    pub fn new_blob(&self, number: usize) -> PathBuf {
        self.store.root.join("new").join(format!("blob-{number}"))
    }

    /// Puts a written blob in its place.
    pub fn keep_blob(&self, written: &Path, sha256: &str) -> io::Result<()> {
        File::open(written)?.sync_all()?;
        fs::rename(written, self.store.blob(sha256))
    }

    /// The next number: never one that was used before.
    pub fn next_id(&self) -> u64 {
        let path = self.store.root.join("last");
        let last = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let highest = self.store.entries().last().map_or(0, |(id, _)| *id);
        last.max(highest) + 1
    }

    /// Makes the new entry whole: from here on it is there, whatever happens.
    pub fn finish(&self, folder: &Path, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(entry)?;
        write(&folder.join("entry.json"), &text)?;
        write(&folder.join("entry.sum"), hex(&Sha256::digest(&text)).as_bytes())?;
        File::open(folder)?.sync_all()?;
        File::open(self.store.root.join("blobs"))?.sync_all()?;
        crate::facts::state::write_whole(&self.store.root.join("last"), entry.id.to_string().as_bytes())?;
        fs::rename(folder, self.store.entry_folder(entry.id))?;
        File::open(self.store.root.join("entries"))?.sync_all()
    }

    pub fn mark_undone(&self, id: u64) -> io::Result<()> {
        write(&self.store.entry_folder(id).join("undone"), b"")
    }

    /// Notes that a volume is being filled, so that half a one is known for what it is.
    pub fn mark_filling(&self, name: &str) -> io::Result<PathBuf> {
        let folder = self.store.root.join("filling");
        make_folder(&folder)?;
        let path = folder.join(hex(&Sha256::digest(name.as_bytes())));
        write(&path, name.as_bytes())?;
        Ok(path)
    }

    /// Whether an earlier restoration was cut off while it filled this volume.
    pub fn was_filling(&self, name: &str) -> bool {
        self.store.root.join("filling").join(hex(&Sha256::digest(name.as_bytes()))).exists()
    }

    pub fn remove(&self, id: u64) -> io::Result<()> {
        // Out of sight first: half an entry is never seen.
        let away = self.store.root.join("new").join(format!("away-{id}"));
        fs::rename(self.store.entry_folder(id), &away)?;
        fs::remove_dir_all(away)
    }

    /// Removes what is too old, then the oldest until the rest has room; never the entry `but`.
    pub fn expire(&self, trash: &Trash, now: i64, but: u64) -> io::Result<()> {
        let keep = i64::try_from(trash.keep).unwrap_or(i64::MAX);
        for (id, entry) in self.store.entries() {
            let old = entry.as_ref().is_ok_and(|entry| now.saturating_sub(entry.time) > keep);
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
        for file in fs::read_dir(self.store.root.join("blobs"))?.flatten() {
            if !used.contains(&*file.file_name().to_string_lossy()) {
                fs::remove_file(file.path())?;
            }
        }
        Ok(())
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

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
