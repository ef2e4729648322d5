//! Replaces a user's file: the only function with which fender changes a file that is not its own.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// No file that is fixed is larger.
const LARGEST: u64 = 64 << 20;

/// Puts `after` in the place of `before`, whole or not at all; a file that was not there (None) is made. The file keeps its
/// mode and owner. Errors, with nothing written: what stands there is not `before` any more, it is no regular file, it may not be
/// written, or somebody else's link leads to it.
pub fn replace(path: &Path, before: Option<&[u8]>, after: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("{} is not changed", path.display());
    let real = followed(path).with_context(failed)?;
    let folder = match real.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = real.file_name().unwrap_or_else(|| OsStr::new("file")).to_string_lossy().into_owned();
    let beside = folder.join(format!(".{name}.fender-{}", std::process::id()));
    let mut file = create_beside(&real, &beside, before).with_context(failed)?;
    let written = file.write_all(after).and_then(|()| file.sync_all()).and_then(|()| match before {
        // Looked at once more right before it changes.
        Some(before) => same(&real, before).and_then(|_| fs::rename(&beside, &real)),
        // A new name is only made where there is none.
        None => fs::hard_link(&beside, &real).and_then(|()| fs::remove_file(&beside)),
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.with_context(failed)
}

/// The file itself. A link is followed only if it is the caller's own.
fn followed(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(known) if known.is_symlink() && known.uid() != nix::unistd::geteuid().as_raw() => {
            Err(io::Error::other("this is another user's link, which is not followed"))
        }
        Ok(known) if known.is_symlink() => fs::canonicalize(path),
        _ => Ok(path.to_path_buf()),
    }
}

/// The open file, if it still holds these bytes.
fn same(path: &Path, before: &[u8]) -> io::Result<File> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut now = Vec::new();
    (&file).take(LARGEST).read_to_end(&mut now)?;
    if now == before { Ok(file) } else { Err(io::Error::other("it was changed after it was read")) }
}

/// Whether the caller may write a file. A rename would not ask, and root may write what is read-only.
fn may_be_written(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    if fs::metadata(path)?.mode() & 0o222 == 0 {
        return Err(io::Error::other("it is read-only"));
    }
    Ok(accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS)?)
}

/// A new file beside the other one, with its owner and mode.
fn create_beside(real: &Path, beside: &Path, before: Option<&[u8]>) -> io::Result<File> {
    let known = match before {
        Some(before) => Some(may_be_written(real).and_then(|()| same(real, before))?.metadata()?),
        None => None,
    };
    // The new file is nobody else's until it has its owner.
    let mode = if known.is_some() { 0o600 } else { 0o666 };
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    let Some(known) = known else { return Ok(file) };
    let own = file.metadata()?;
    let owned = match (own.uid(), own.gid()) == (known.uid(), known.gid()) {
        true => Ok(()),
        false => fchown(&file, Some(known.uid()), Some(known.gid())),
    };
    match owned.and_then(|()| file.set_permissions(Permissions::from_mode(known.mode() & 0o7777))) {
        Ok(()) => Ok(file),
        Err(error) => {
            let _ = fs::remove_file(beside);
            Err(error)
        }
    }
}
