//! Which notes were printed on a terminal in the last 24 hours: hashes with times, in one small file of this user's state folder. A file
//! that cannot be read or written means that a note is printed once more.

use fender_core::order::PutInOrder as _;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder::Folder;
use super::owned::Owners;
use super::state;

const FILE: &str = "notes.json";
/// Bytes of the file.
const MOST: u64 = 256 * 1024;
/// So many notes are remembered.
const NOTES: usize = 1000;
/// For so many seconds.
const DAY: u64 = 86_400;

/// Note to the second, since 1970, in which it was printed.
type ShownBook = BTreeMap<String, u64>;

/// What was printed before, as it was known when this was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownNotes {
    book: ShownBook,
    now: u64,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn read(folder: &Folder) -> ShownBook {
    let bytes = folder.read(FILE, MOST).ok().flatten();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

impl ShownNotes {
    /// What is known now.
    pub fn read() -> ShownNotes {
        let folder = Folder::open(&state::folder(), Owners::Caller).ok().flatten();
        ShownNotes { book: folder.map_or_else(ShownBook::new, |folder| read(&folder)), now: now() }
    }

    /// Whether a note was not printed in the last 24 hours. A time that has not come yet is no proof.
    pub fn is_new(&self, note: &str) -> bool {
        self.book.get(note).is_none_or(|time| *time > self.now || self.now - time >= DAY)
    }

    /// Remembers notes that were just printed. Of two commands that write at once one may be forgotten: its notes are printed once more.
    pub fn add(self, notes: &[String]) {
        let Ok(folder) = Folder::make(&state::folder()) else { return };
        let mut book = read(&folder);
        book.extend(notes.iter().map(|note| (note.clone(), self.now)));
        forget(&mut book, self.now);
        if let Ok(text) = serde_json::to_vec(&book) {
            // Where it cannot be kept the note is printed again.
            let _ = folder.replace(FILE, &text);
        }
    }
}

/// What no longer counts goes, then the oldest.
fn forget(book: &mut ShownBook, now: u64) {
    book.retain(|_, time| *time <= now && now - *time < DAY);
    if book.len() <= NOTES {
        return;
    }
    let mut notes: Vec<(String, u64)> = std::mem::take(book).into_iter().collect();
    notes.put_in_order_by_key(|(_, time)| Reverse(*time));
    *book = notes.into_iter().take(NOTES).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_new_again_after_a_day_and_after_a_clock_that_was_set_back() {
        let book =
            ShownBook::from([("old".to_owned(), 1000), ("new".to_owned(), 80_000), ("later".to_owned(), 99_000)]);
        let shown = ShownNotes { book, now: 1000 + DAY };
        assert_eq!(["old", "new", "later", "none"].map(|note| shown.is_new(note)), [true, false, true, true]);
    }

    #[test]
    fn the_file_stays_small() {
        for newest in [0, 5000] {
            let time = |at: u64| 100_000 - if newest == 0 { 0 } else { at % newest };
            let mut book: ShownBook = (0..3000u64).map(|at| (format!("{at:032x}"), time(at))).collect();
            forget(&mut book, 100_000);
            assert_eq!(book.len(), NOTES);
            assert!(
                newest == 0
                    || book.contains_key(&format!("{:032x}", 0)) && !book.contains_key(&format!("{:032x}", 2999))
            );
        }
    }
}
