//! Remembers the labels of engines, by endpoint and engine id, for the case that an engine does not answer. They can only
//! make a command's environment stricter, so a file that cannot be read or written costs time and nothing else.

use fender_core::order::PutInOrder as _;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::owned::Owners;
use super::state;

const FILE: &str = "engines.json";
/// Bytes of the file.
const MOST: u64 = 1024 * 1024;
/// So many engines are remembered, the ones that answered last.
const ENGINES: usize = 100;
/// An answer that is the same is written again after this time, in seconds.
const AFRESH: u64 = 3600;
const MODE: u32 = 0o600;

/// What one engine said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SaidLabels {
    labels: Vec<String>,
    /// Seconds since 1970.
    time: u64,
}

/// Endpoint, then engine id.
type MemoryBook = BTreeMap<String, BTreeMap<String, SaidLabels>>;

/// The labels of every engine that has answered at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// As `NAME=value`; those of all engines that answered there.
    pub labels: Vec<String>,
    /// When the last of them answered, such as `2 hours ago`.
    pub ago: String,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn read(folder: &Folder) -> MemoryBook {
    match folder.read(FILE, MOST) {
        Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or_else(|_| MemoryBook::new()),
        Ok(None) | Err(_) => MemoryBook::new(),
    }
}

/// What was learned at this endpoint before.
pub fn recall(endpoint: &str) -> Option<Remembered> {
    let Ok(Some(folder)) = Folder::open(&state::folder(), Owners::Caller) else { return None };
    let engines = read(&folder).remove(endpoint)?;
    let last = engines.values().map(|said| said.time).max()?;
    let mut labels: Vec<String> = engines.into_values().flat_map(|said| said.labels).collect();
    labels.put_in_order();
    labels.dedup();
    Some(Remembered { labels, ago: ago(now().saturating_sub(last)) })
}

/// How long ago, in words: `2 hours ago`.
pub fn ago(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..120 => return "a moment ago".to_owned(),
        120..7200 => (seconds / 60, "minutes"),
        7200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit} ago")
}

/// Remembers what the engine with this id says at this endpoint.
pub fn learn(endpoint: &str, id: &str, labels: &[String]) {
    let path = state::folder();
    let (time, known) = (now(), Folder::open(&path, Owners::Caller));
    let mut book = match &known {
        Ok(Some(folder)) => read(folder),
        Ok(None) => MemoryBook::new(),
        Err(_) => return,
    };
    let fresh =
        |said: &SaidLabels| said.labels == labels && time.saturating_sub(said.time) < AFRESH && said.time <= time;
    if book.get(endpoint).and_then(|engines| engines.get(id)).is_some_and(fresh) {
        return;
    }
    let said = SaidLabels { labels: labels.to_vec(), time };
    book.entry(endpoint.to_owned()).or_default().insert(id.to_owned(), said);
    forget(&mut book);
    let Ok(text) = serde_json::to_vec_pretty(&book) else { return };
    if let Ok(folder) = Folder::make(&path) {
        // Where it cannot be kept the next command asks again.
        let _ = folder.write_whole(FILE, &text, MODE);
    }
}

/// The oldest go first.
fn forget(book: &mut MemoryBook) {
    let mut times: Vec<u64> = book.values().flat_map(|engines| engines.values().map(|said| said.time)).collect();
    if times.len() <= ENGINES {
        return;
    }
    times.put_in_order_by(|one, other| other.cmp(one));
    let Some(oldest) = times.get(ENGINES - 1).copied() else { return };
    for engines in book.values_mut() {
        engines.retain(|_, said| said.time >= oldest);
    }
    book.retain(|_, engines| !engines.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hundred_engines_are_remembered() {
        let said = |time| SaidLabels { labels: Vec::new(), time };
        let mut book: MemoryBook =
            (0..150).map(|at| (format!("tcp://{at}"), BTreeMap::from([("id".to_owned(), said(at))]))).collect();
        forget(&mut book);
        assert_eq!(book.len(), ENGINES);
        assert!(book.contains_key("tcp://149") && !book.contains_key("tcp://0"));
    }

    #[test]
    fn times_are_told() {
        assert_eq!([0, 600, 10_000, 700_000].map(ago), ["a moment ago", "10 minutes ago", "2 hours ago", "8 days ago"]);
    }
}
