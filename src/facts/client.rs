//! Finds the real docker client.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What was found, or where it was looked for.
pub type Found = Result<PathBuf, Vec<PathBuf>>;

/// The client that the policy names, else the first `docker` on PATH that is not fender itself. Relative entries of
/// PATH are skipped: what they hold depends on where one stands.
pub fn find(named: Option<&Path>) -> Found {
    if let Some(path) = named {
        return if path.is_file() { Ok(path.to_path_buf()) } else { Err(vec![path.to_path_buf()]) };
    }
    let own = own_identity();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let absolute: OsString = env::join_paths(&folders).unwrap_or_default();
    let mut found = which::which_in_all("docker", Some(absolute), "/").into_iter().flatten();
    found.find(|candidate| identity(candidate) != own || own.is_none()).ok_or(folders)
}

/// Device and inode of this program, after links.
pub fn own_identity() -> Option<(u64, u64)> {
    identity(Path::new("/proc/self/exe")).or_else(|| identity(&env::current_exe().ok()?))
}

pub fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
