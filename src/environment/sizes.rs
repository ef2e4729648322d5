//! The sizes of the files of a context, looked at by two threads where there are many.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, open, openat, statat};

/// So many files are looked at by one thread at a time.
const AT_ONCE: usize = 1_000;

/// The bytes of each of these files, whose paths start at `root`; 0 for what is no file, or gone. `odd` are those whose names are no text.
pub fn measured(root: &Path, paths: &[String], odd: &HashMap<String, u64>) -> Vec<u64> {
    let mut sizes = vec![0; paths.len()];
    let Ok(top) = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else { return sizes };
    let parts = Mutex::new(paths.chunks(AT_ONCE).zip(sizes.chunks_mut(AT_ONCE)));
    let work = || {
        loop {
            let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((paths, sizes)) = next else { return };
            measure(&top, paths, sizes);
        }
    };
    thread::scope(|scope| {
        if paths.len() > 2 * AT_ONCE {
            // Where no thread can be had this one does it all.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    if !odd.is_empty() {
        for (path, size) in paths.iter().zip(&mut sizes) {
            *size = odd.get(path).copied().unwrap_or(*size);
        }
    }
    sizes
}

/// Looks at files by the folder that they are in: most of them have that of the one before.
fn measure(top: &OwnedFd, paths: &[String], sizes: &mut [u64]) {
    let mut held: Option<(&str, OwnedFd)> = None;
    for (path, size) in paths.iter().zip(sizes) {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        if held.as_ref().is_none_or(|(of, _)| *of != folder) {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            held = openat(top, folder, flags, Mode::empty()).ok().map(|held| (folder, held));
        }
        if let Some((_, held)) = &held
            && let Ok(known) = statat(held, name, AtFlags::SYMLINK_NOFOLLOW)
            && FileType::from_raw_mode(known.st_mode) == FileType::RegularFile
        {
            *size = u64::try_from(known.st_size).unwrap_or(0);
        }
    }
}
