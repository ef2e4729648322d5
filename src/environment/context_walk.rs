//! Which files of a folder a build would send: the folders are listed by two threads where there are many, and no file is looked at.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use fender_core::files::context::Sender;
use fender_core::files::ignore::{Matched, Matcher};
use fender_core::order::PutInOrder as _;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, open, openat, statat};

use super::listing::{each_entry, kind_of};

/// Behind so many files a second thread is worth its start.
const MANY: usize = 1_000;

/// What was found, in the order of the paths.
pub struct WalkedContext {
    /// The files that are sent.
    pub sent: Vec<String>,
    /// All that the ignore file leaves, where that was asked for and is more.
    pub left: Option<Vec<String>>,
    /// The sizes, in bytes, of files whose names are no text: by these names they are not found again.
    pub odd: HashMap<String, u64>,
}

/// Walks the folder as the sender would.
///
/// # Errors
/// The folder itself cannot be read. What is below and cannot be read docker will say.
pub fn walked(
    root: &Path,
    matcher: &Matcher,
    copied: Option<&Matcher>,
    sender: Sender,
    with_left: bool,
) -> io::Result<WalkedContext> {
    let top = open(root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let walk =
        ContextWalk { top, matcher, copied, sender, with_left, found: Mutex::default(), changed: Condvar::new() };
    walk.lock().waiting.push(ContextFolder::default());
    walk.lock().folders.push(Vec::new());
    thread::scope(|scope| {
        let walk = &walk;
        walk.work(&mut || {
            // Where no thread can be had this one does it all.
            let _ = thread::Builder::new().spawn_scoped(scope, move || walk.work(&mut || ()));
        });
    });
    let mut found = walk.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut sent, mut left) = (Vec::new(), Vec::new());
    let is_part = with_left && copied.is_some();
    // What lies in a folder stands where the folder does.
    let mut open = vec![found.folders.first_mut().map(std::mem::take).unwrap_or_default().into_iter()];
    while let Some(folder) = open.last_mut() {
        match folder.next() {
            Some(ContextItem { path, what: ItemKind::File { is_copied } }) => {
                if is_part {
                    left.push(path.clone());
                }
                if is_copied {
                    sent.push(path);
                }
            }
            Some(ContextItem { what: ItemKind::Folder(at), .. }) => {
                open.push(found.folders.get_mut(at).map(std::mem::take).unwrap_or_default().into_iter());
            }
            None => {
                open.pop();
            }
        }
    }
    Ok(WalkedContext { sent, left: is_part.then_some(left), odd: found.odd })
}

/// A folder that is still to be listed.
#[derive(Default)]
struct ContextFolder {
    /// Where its list belongs.
    at: usize,
    /// Its path in the context, as the system has it; empty for the context itself.
    real: Vec<u8>,
    /// The same as text.
    path: String,
    /// Which patterns it matches already: of the ignore file, and of what is copied.
    known: Option<Arc<(Matched, Option<Matched>)>>,
}

/// Something in a folder.
struct ContextItem {
    path: String,
    what: ItemKind,
}

enum ItemKind {
    File {
        is_copied: bool,
    },
    /// Its list has this place.
    Folder(usize),
}

#[derive(Default)]
struct FoundBelow {
    waiting: Vec<ContextFolder>,
    /// How many are being listed now.
    listed_now: usize,
    folders: Vec<Vec<ContextItem>>,
    files: usize,
    odd: HashMap<String, u64>,
}

struct ContextWalk<'a> {
    top: OwnedFd,
    matcher: &'a Matcher,
    copied: Option<&'a Matcher>,
    sender: Sender,
    /// What is not copied is wanted, too.
    with_left: bool,
    found: Mutex<FoundBelow>,
    changed: Condvar,
}

impl ContextWalk<'_> {
    fn lock(&self) -> MutexGuard<'_, FoundBelow> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists folders until there are none left. `help` is called once, where there are many.
    fn work(&self, help: &mut dyn FnMut()) {
        let mut buffer = Vec::with_capacity(1 << 15);
        let mut is_helped = false;
        loop {
            let mut found = self.lock();
            let next = loop {
                match found.waiting.pop() {
                    Some(next) => break next,
                    None if found.listed_now == 0 => return,
                    None => found = self.changed.wait(found).unwrap_or_else(PoisonError::into_inner),
                }
            };
            found.listed_now += 1;
            let is_large = found.files > MANY && !found.waiting.is_empty();
            drop(found);
            if is_large && !is_helped {
                is_helped = true;
                help();
            }
            let (mut items, below, odd) = self.listed(&next, &mut buffer);
            let mut found = self.lock();
            found.listed_now -= 1;
            found.files += items.len();
            found.odd.extend(odd);
            let first = found.folders.len();
            for item in &mut items {
                if let ItemKind::Folder(at) = &mut item.what {
                    *at += first;
                }
            }
            for (mut folder, at) in below.into_iter().zip(first..) {
                folder.at = at;
                found.folders.push(Vec::new());
                found.waiting.push(folder);
            }
            if let Some(place) = found.folders.get_mut(next.at) {
                *place = items;
            }
            drop(found);
            self.changed.notify_all();
        }
    }

    /// What is in a folder, in order; the folders in it, which the items name by their place among these; and sizes of odd names.
    fn listed(
        &self,
        folder: &ContextFolder,
        buffer: &mut Vec<u8>,
    ) -> (Vec<ContextItem>, Vec<ContextFolder>, Vec<(String, u64)>) {
        let (mut items, mut below, mut odd) = (Vec::new(), Vec::new(), Vec::new());
        let real = if folder.real.is_empty() { &b"."[..] } else { &folder.real };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // A folder that went while we walked is none.
        let Ok(held) = openat(&self.top, OsStr::from_bytes(real), flags, Mode::empty()) else {
            return (items, below, odd);
        };
        let known = folder.known.as_deref();
        let mut path = folder.path.clone();
        if !path.is_empty() {
            path.push('/');
        }
        let start = path.len();
        each_entry(&held, buffer, &mut |name, kind| {
            let text = name.to_string_lossy();
            path.truncate(start);
            path.push_str(&text);
            let Some(kind) = kind_of(&held, name, kind) else { return };
            if kind != FileType::Directory {
                if self.matcher.matches_file(&path, known.map(|known| &known.0)) || kind == FileType::Socket {
                    return;
                }
                let is_copied =
                    self.copied.is_none_or(|it| it.matches_file(&path, known.and_then(|known| known.1.as_ref())));
                if !is_copied && !self.with_left {
                    return;
                }
                if matches!(text, Cow::Owned(_)) && kind == FileType::RegularFile {
                    let size = statat(&held, name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |known| known.st_size);
                    odd.push((path.clone(), u64::try_from(size).unwrap_or(0)));
                }
                items.push(ContextItem { path: path.clone(), what: ItemKind::File { is_copied } });
                return;
            }
            let (skipped, matched) = self.matcher.matches(&path, known.map(|known| &known.0));
            let (is_copied, copying) = match self.copied {
                Some(copied) => {
                    let (hit, info) = copied.matches(&path, known.and_then(|known| known.1.as_ref()));
                    (hit, Some(info))
                }
                None => (true, None),
            };
            let is_left_out = !is_copied && !self.with_left && !self.may_hold_copied(&path);
            if skipped && !self.may_hold_exceptions(&path) || is_left_out {
                return;
            }
            let mut real = folder.real.clone();
            if !real.is_empty() {
                real.push(b'/');
            }
            real.extend(name.to_bytes());
            items.push(ContextItem { path: path.clone(), what: ItemKind::Folder(below.len()) });
            below.push(ContextFolder { at: 0, real, path: path.clone(), known: Some(Arc::new((matched, copying))) });
        });
        // As the whole paths would be: what lies in a folder comes after a slash.
        items.put_in_order_by(|one, other| one.compare(other, start));
        (items, below, odd)
    }

    /// Whether something in an ignored folder may be sent after all.
    fn may_hold_exceptions(&self, folder: &str) -> bool {
        if !self.matcher.has_exceptions {
            return false;
        }
        let exceptions = || self.matcher.patterns.iter().filter(|pattern| pattern.is_exception);
        let starts = |text: &str| format!("{text}/").starts_with(&format!("{folder}/"));
        match self.sender {
            Sender::Legacy => exceptions().any(|pattern| starts(&pattern.text)),
            // BuildKit looks everywhere once an exception has a wildcard before its end.
            Sender::BuildKit => {
                exceptions().any(|pattern| has_wildcard(without_end(&pattern.text)))
                    || exceptions().any(|pattern| starts(without_end(&pattern.text)))
            }
        }
    }

    fn may_hold_copied(&self, folder: &str) -> bool {
        let Some(copied) = self.copied else { return true };
        copied.patterns.iter().any(|pattern| {
            let text = without_end(&pattern.text);
            has_wildcard(text) || format!("{text}/").starts_with(&format!("{folder}/"))
        })
    }
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '[', ']', '?', '^', '\\'])
}

/// fsutil's `patternWithoutTrailingGlob`.
fn without_end(text: &str) -> &str {
    let text = text.strip_suffix("/**").unwrap_or(text);
    text.strip_suffix("/*").unwrap_or(text)
}

impl ContextItem {
    /// The order of two names in one folder, which start at `start`: as that of the paths of what lies in them, so the name of a folder
    /// ends in a slash.
    fn compare(&self, other: &ContextItem, start: usize) -> Ordering {
        let (one, two) = (&self.path.as_bytes()[start..], &other.path.as_bytes()[start..]);
        let shared = one.len().min(two.len());
        let next = |item: &ContextItem, name: &[u8]| {
            name.get(shared).copied().or_else(|| matches!(item.what, ItemKind::Folder(_)).then_some(b'/'))
        };
        one[..shared].cmp(&two[..shared]).then_with(|| next(self, one).cmp(&next(other, two)))
    }
}
