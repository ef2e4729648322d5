//! Finds the files below some paths that can be linted.

use fender_core::order::PutInOrder as _;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use fender_core::files::ignore::clean;
use fender_core::lint::{FileKind, kind_of, kind_of_text};

use super::context::start_of;

/// Folders that hold other people's files.
const NOT_OURS: &[&str] =
    &[".git", "node_modules", "target", "vendor", ".venv", "venv", ".terraform", "__pycache__", ".hg", ".svn"];

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
            let mut below = Below { root, files: Vec::new(), links: Vec::new(), real: Vec::new() };
            below.folder(Path::new(path), &shown, root_text.as_deref());
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
}

impl Below {
    /// `real` is the folder's path without links, where it is known.
    fn folder(&mut self, folder: &Path, shown: &str, real: Option<&str>) {
        let mut has_files = false;
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    let below = real.map(|real| format!("{}/{name}", real.trim_end_matches('/')));
                    self.folder(&entry.path(), &format!("{shown}{name}/"), below.as_deref());
                }
                continue;
            }
            let Some(file_kind) = kind_of(&name) else { continue };
            if kind.is_file() {
                has_files = true;
                self.real.extend(
                    real.map(|real| (format!("{shown}{name}"), format!("{}/{name}", real.trim_end_matches('/')))),
                );
                self.files.push((format!("{shown}{name}"), file_kind));
            } else if kind.is_symlink()
                && let Ok(target) = fs::canonicalize(entry.path())
                && self.root.as_ref().is_some_and(|root| target.starts_with(root))
                && target.is_file()
            {
                self.links.push((format!("{shown}{name}"), file_kind, target));
            }
        }
        if has_files {
            self.real.extend(real.map(|real| (shown.to_owned(), real.to_owned())));
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
