//! Finds the files below some paths that can be linted.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};

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

/// Every file of a kind below some paths, in order.
///
/// # Errors
/// The path that cannot be looked at, and why.
pub fn collect(paths: &[String]) -> anyhow::Result<Vec<(String, FileKind)>> {
    let mut found = Vec::new();
    for path in paths {
        let known = fs::metadata(path).with_context(|| path.clone())?;
        if known.is_dir() {
            let shown = if path == "." { String::new() } else { format!("{}/", path.trim_end_matches('/')) };
            below(Path::new(path), &shown, &mut found);
        } else if !known.is_file() {
            bail!("{path} is not a regular file");
        } else if let Some(kind) = kind_of_named(path) {
            found.push((path.clone(), kind));
        } else {
            bail!("{path} is not a Dockerfile, an ignore file, a compose file or a bake file");
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found.dedup();
    Ok(found)
}

fn below(folder: &Path, shown: &str, found: &mut Vec<(String, FileKind)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                below(&entry.path(), &format!("{shown}{name}/"), found);
            }
        } else if kind.is_file()
            && let Some(kind) = kind_of(&name)
        {
            found.push((format!("{shown}{name}"), kind));
        }
    }
}
