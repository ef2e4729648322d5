//! Finds the files below some paths that can be linted.

use fender_core::order::PutInOrder as _;
use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use fender_core::files::ignore::clean;
use fender_core::lint::{FileKind, kind_of, kind_of_text};

use rustix::fs::{FileType, Mode, OFlags, open, openat};

use super::context::start_of;
use super::listing::{each_entry, kind_of as entry_kind};

/// Folders that hold other people's files.
const NOT_OURS: &[&str] =
    &[".git", "node_modules", "target", "vendor", ".venv", "venv", ".terraform", "__pycache__", ".hg", ".svn"];

/// How a folder is opened to be listed.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Whether a file of this name can be of a kind at all: each of [`kind_of`]'s names has one of these words in it.
fn may_have_kind(name: &[u8]) -> bool {
    let has = |word: &[u8]| name.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    has(b"docker") || has(b"compose") || has(b"container")
}

/// The kind of a file that was named: by its name, else by what stands in it.
fn kind_of_named(path: &str) -> Option<FileKind> {
    kind_of(path.rsplit('/').next().unwrap_or_default())
        .or_else(|| kind_of_text(&String::from_utf8_lossy(&start_of(Path::new(path), 64 * 1024))))
}

/// What was found below some paths.
pub struct Collected {
    /// Every file of a kind, in order; each once, whatever way leads to it.
    pub files: Vec<(String, FileKind)>,
    /// Of files and folders that the search came through, the path without links.
    pub real: Vec<(String, String)>,
}

/// Every file of a kind below some paths.
///
/// # Errors
/// The path that cannot be looked at, or below which there is nothing to read, and why.
pub fn collect(paths: &[String]) -> anyhow::Result<Collected> {
    let (mut found, mut real) = (Vec::new(), Vec::new());
    for path in paths {
        let known = fs::metadata(path).with_context(|| path.clone())?;
        let path = &clean(path);
        if known.is_dir() {
            let shown = if path == "." { String::new() } else { format!("{}/", path.trim_end_matches('/')) };
            let root = fs::canonicalize(path).ok();
            let root_text = root.as_ref().and_then(|root| root.to_str()).map(str::to_owned);
            let mut below = Below {
                root,
                files: Vec::new(),
                links: Vec::new(),
                real: Vec::new(),
                buffer: Vec::with_capacity(1 << 15),
            };
            if let Ok(held) = open(path.as_str(), FOLDER, Mode::empty()) {
                below.folder(&held, &shown, root_text.as_deref());
            }
            real.append(&mut below.real);
            let files = below.all();
            if files.is_empty() {
                bail!("{path}: there is no Dockerfile, ignore file, compose file or bake file in this folder");
            }
            found.extend(files);
        } else if !known.is_file() {
            bail!("{path} is not a regular file");
        } else if let Some(kind) = kind_of_named(path) {
            found.push((path.clone(), kind));
        } else {
            bail!("{path} is not a Dockerfile, an ignore file, a compose file or a bake file");
        }
    }
    found.put_in_order_by(|one, other| one.0.cmp(&other.0));
    found.dedup();
    Ok(Collected { files: found, real })
}

/// What is found below a folder.
struct Below {
    /// The folder itself, with links followed.
    root: Option<PathBuf>,
    files: Vec<(String, FileKind)>,
    /// Links to files inside the folder: the name, the kind, and the file.
    links: Vec<(String, FileKind, PathBuf)>,
    real: Vec<(String, String)>,
    /// What the kernel writes names into.
    buffer: Vec<u8>,
}

impl Below {
    /// `shown` is the folder's path with a slash at its end, or nothing; `real` its path without links, where it is known.
    fn folder(&mut self, folder: &OwnedFd, shown: &str, real: Option<&str>) {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        each_entry(folder, &mut self.buffer, &mut |name, listed| {
            // Nearly every name is out by its letters.
            if listed != FileType::Directory && listed != FileType::Unknown && !may_have_kind(name.to_bytes()) {
                return;
            }
            match entry_kind(folder, name, listed) {
                Some(FileType::Directory) => folders.push(name.to_owned()),
                Some(kind @ (FileType::RegularFile | FileType::Symlink)) => {
                    let name = name.to_string_lossy();
                    if let Some(file_kind) = kind_of(&name) {
                        files.push((name.into_owned(), file_kind, kind == FileType::Symlink));
                    }
                }
                _ => {}
            }
        });
        let beside = |name: &str| real.map(|real| format!("{}/{name}", real.trim_end_matches('/')));
        let mut has_files = false;
        for (name, kind, is_link) in files {
            let path = format!("{shown}{name}");
            if !is_link {
                has_files = true;
                self.real.extend(beside(&name).map(|real| (path.clone(), real)));
                self.files.push((path, kind));
            } else if let Ok(target) = fs::canonicalize(&path)
                && self.root.as_ref().is_some_and(|root| target.starts_with(root))
                && target.is_file()
            {
                self.links.push((path, kind, target));
            }
        }
        if has_files {
            self.real.extend(real.map(|real| (shown.to_owned(), real.to_owned())));
        }
        for name in folders {
            let text = name.to_string_lossy();
            if !NOT_OURS.contains(&&*text)
                && let Ok(held) = openat(folder, &*name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
            {
                self.folder(&held, &format!("{shown}{text}/"), beside(&text).as_deref());
            }
        }
    }

    /// The files, and links to others that have no name of a kind themselves.
    fn all(self) -> Vec<(String, FileKind)> {
        if self.links.is_empty() {
            return self.files;
        }
        let mut known: BTreeSet<PathBuf> =
            self.files.iter().filter_map(|(path, _)| fs::canonicalize(path).ok()).collect();
        let mut links = self.links;
        links.put_in_order_by(|one, other| one.0.cmp(&other.0));
        let new = links.into_iter().filter(|(_, _, target)| known.insert(target.clone()));
        let new: Vec<(String, FileKind)> = new.map(|(path, kind, _)| (path, kind)).collect();
        self.files.into_iter().chain(new).collect()
    }
}
