//! What the trash writes down of one deletion: its objects, and the files with their contents.

use fender_core::plan::{ObjectKind, Recoverable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One deletion.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: 1 for the first, and higher for each later one.
    pub id: u64,
    /// The engine's id, and its name for a person.
    pub engine: String,
    /// The name of the engine's host.
    pub engine_name: String,
    /// docker's words.
    pub command: Vec<String>,
    /// Seconds since 1970.
    pub time: i64,
    /// Everything that the plan took, kept or not.
    pub objects: Vec<Object>,
    /// The files and blobs with the contents.
    pub files: Vec<Kept>,
    /// The deletion was only noted: what costs nothing was kept.
    #[serde(default)]
    pub noted: bool,
    /// The trash's own time when it was written, in seconds: see [`super::store::Locked::tick`].
    #[serde(default)]
    pub tick: i64,
    /// It was brought back as a whole.
    #[serde(skip)]
    pub undone: bool,
    /// Its keyed checksum is there and right: it is what fender wrote. Entries of older versions have none.
    #[serde(skip)]
    pub own: bool,
}

impl Entry {
    /// Whether anything of it can be brought back.
    pub fn has_kept(&self) -> bool {
        self.objects.iter().any(|object| object.recoverable == Recoverable::Trash)
    }

    /// Whether an object's contents are one of the files that the entry lists.
    pub(super) fn lists(&self, file: &str) -> bool {
        let blob = file.strip_prefix("layer ");
        self.files.iter().any(|kept| match blob {
            Some(sha256) => kept.is_blob() && kept.sha256 == sha256,
            None => !kept.is_blob() && kept.name == file,
        })
    }
}

/// One object that the plan took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// What it was.
    #[serde(rename = "type")]
    pub kind: ObjectKind,
    /// Its id on the engine; the name of an object that has none.
    pub id: String,
    /// Its name for a person.
    pub name: String,
    /// Of an image: all its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Bytes, as the engine reckoned it; None where it did not say.
    pub size: Option<i64>,
    /// How it can be had again.
    pub recoverable: Recoverable,
    /// What the engine said of it: `GET /containers/{id}/json`, and so on.
    #[serde(default)]
    pub inspect: Value,
    /// Its contents: a volume's archive, an image, a container's own layer.
    pub file: Option<String>,
    /// Names by digest under which an image can be pulled.
    #[serde(default)]
    pub digests: Vec<String>,
    /// A new object took its place and its name, rather than that it was only removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// What of it was not kept, where its settings were: `its own layer, 4 MB`. Why, where nothing of it was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub missing: String,
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
    /// Whether it is a layer that several entries may share.
    pub fn is_blob(&self) -> bool {
        self.name.is_empty()
    }
}
