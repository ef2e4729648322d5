//! What is in an open folder, as the kernel lists it: without a path and without memory of its own for each name.

use std::ffi::CStr;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, RawDir, statat};

/// Calls `look` with each name in the folder and its kind, as far as the folder can be read. `buffer` is what the kernel writes into.
pub fn each_entry(folder: impl AsFd, buffer: &mut Vec<u8>, look: &mut dyn FnMut(&CStr, FileType)) {
    buffer.clear();
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            look(name, entry.file_type());
        }
    }
}

/// The kind of an entry. Some file systems do not say it in the list: then the entry is asked for. None where it is gone.
pub fn kind_of(folder: impl AsFd, name: &CStr, listed: FileType) -> Option<FileType> {
    match listed {
        FileType::Unknown => {
            let known = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some(FileType::from_raw_mode(known.st_mode))
        }
        known => Some(known),
    }
}
