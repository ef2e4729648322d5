//! Which repository a folder is in.

use std::path::{Path, PathBuf};

/// Whether a folder is the root of a repository: it has a `.git`, which is a file where the repository is a submodule or a work tree of another.
pub fn is_root(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

/// The root of the repository that a folder is in.
pub fn root(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| is_root(folder)).map(Path::to_path_buf)
}
