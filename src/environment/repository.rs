//! Which repository a folder is in.

use std::path::{Path, PathBuf};

/// The folder at or above this one that has a `.git`; it is a file where the repository is a submodule or a work tree of another.
pub fn root(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()).map(Path::to_path_buf)
}
