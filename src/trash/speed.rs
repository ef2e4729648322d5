//! How fast an engine sends what is kept, for the estimate before the question. It is measured whenever enough is kept, and
//! remembered for the next time; until then the estimate uses fixed figures. The file of measurements decides nothing but this
//! estimate: if it cannot be read or written, the fixed figures are used again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fender_core::plan::{CopySource, KeepingCopy};
use serde::{Deserialize, Serialize};

use crate::environment::folder::Folder;
use crate::environment::owned::Owners;

const FILE: &str = "speeds.json";
/// Bytes of the file.
const MOST: u64 = 1 << 20;
const MODE: u32 = 0o600;
/// So many engines are remembered.
const ENGINES: usize = 100;

/// Bytes in a second, for an engine that was not measured yet. Those of a local engine are from one machine
/// (`cargo bench --bench deletion`, docs/costs.md), so another disk can be much slower or faster. For a network 100 Mbit/s are assumed.
const LOCAL: Speeds = Speeds { files: 160_000_000, layers: 100_000_000, time: 0 };
const REMOTE: Speeds = Speeds { files: 10_000_000, layers: 10_000_000, time: 0 };
/// What each object takes besides: a container through which a volume is read, a commit or the writing of an image's list.
const HELPER: Duration = Duration::from_millis(250);
const COMMIT: Duration = Duration::from_millis(500);
/// Less says nothing about the speed.
const ENOUGH: u64 = 20_000_000;

/// Bytes in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speeds {
    files: u64,
    layers: u64,
    /// When they were measured, in seconds since 1970.
    #[serde(default)]
    time: i64,
}

fn besides(source: CopySource) -> Duration {
    match source {
        CopySource::Files => HELPER,
        CopySource::Layers => COMMIT,
    }
}

impl Speeds {
    fn of(&self, source: CopySource) -> u64 {
        match source {
            CopySource::Files => self.files,
            CopySource::Layers => self.layers,
        }
    }

    /// How long a copy takes.
    pub fn time(&self, copy: KeepingCopy) -> Duration {
        besides(copy.source) + Duration::from_millis(copy.bytes.saturating_mul(1000) / self.of(copy.source).max(1))
    }

    /// The same speeds after these copies took so long.
    fn after(mut self, taken: &[(KeepingCopy, Duration)]) -> Speeds {
        for source in [CopySource::Files, CopySource::Layers] {
            let these = taken.iter().filter(|(copy, _)| copy.source == source);
            let (bytes, time) = these.fold((0_u64, Duration::ZERO), |(bytes, time), (copy, taken)| {
                (bytes.saturating_add(copy.bytes), time + taken.saturating_sub(besides(source)))
            });
            if bytes >= ENOUGH {
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
                let speed = (bytes.saturating_mul(1000) / millis).max(1);
                match source {
                    CopySource::Files => self.files = speed,
                    CopySource::Layers => self.layers = speed,
                }
            }
        }
        self
    }
}

type SpeedBook = BTreeMap<String, Speeds>;

fn read(folder: &Folder) -> SpeedBook {
    let text = folder.read(FILE, MOST).ok().flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The speeds of an engine by its id; `trash` lies in the state folder.
pub fn recall(trash: &Path, engine: &str, is_local: bool) -> Speeds {
    let start = if is_local { LOCAL } else { REMOTE };
    let Some(state) = trash.parent() else { return start };
    let Ok(Some(folder)) = Folder::open(state, Owners::Caller) else { return start };
    read(&folder).get(engine).copied().unwrap_or(start)
}

/// Remembers how long these copies took.
pub fn learn(trash: &Path, engine: &str, is_local: bool, taken: &[(KeepingCopy, Duration)]) {
    let before = recall(trash, engine, is_local);
    let now = Speeds { time: super::now(), ..before.after(taken) };
    let Some(Ok(folder)) = trash.parent().map(Folder::make) else { return };
    if (now.files, now.layers) == (before.files, before.layers) {
        return;
    }
    let mut book = read(&folder);
    book.insert(engine.to_owned(), now);
    while book.len() > ENGINES {
        let oldest = book.iter().min_by_key(|(_, speeds)| speeds.time).map(|(id, _)| id.clone());
        let Some(oldest) = oldest else { break };
        book.remove(&oldest);
    }
    if let Ok(text) = serde_json::to_vec_pretty(&book) {
        let _ = folder.write_whole(FILE, &text, MODE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(source: CopySource, bytes: u64) -> KeepingCopy {
        KeepingCopy { at: 0, source, bytes }
    }

    #[test]
    fn what_was_measured_is_what_is_estimated() {
        let large = copy(CopySource::Files, 1_000_000_000);
        let taken = Duration::from_millis(20_250);
        let learned = LOCAL.after(&[(large, taken)]);
        assert_eq!(learned.time(large), taken);
        assert_eq!(learned.layers, LOCAL.layers, "nothing was learned of layers");
        // Small objects, and ones that took no time at all, say nothing.
        assert_eq!(LOCAL.after(&[(copy(CopySource::Layers, 1_000_000), taken)]), LOCAL);
        let at_once = LOCAL.after(&[(large, Duration::ZERO)]);
        assert!(at_once.time(large) < Duration::from_secs(1));
    }

    #[test]
    fn each_engine_has_its_own() {
        let state = tempfile::tempdir().unwrap();
        let trash = state.path().join("trash");
        let copy = copy(CopySource::Layers, 50_000_000);
        learn(&trash, "one", true, &[(copy, Duration::from_secs(50))]);
        for at in 0..ENGINES {
            learn(&trash, &at.to_string(), true, &[(copy, Duration::from_secs(1))]);
        }
        let one = recall(&trash, "0", true);
        assert!((90_000_000..110_000_000).contains(&one.layers), "{one:?}");
        assert_eq!(recall(&trash, "two", true), LOCAL);
        assert_eq!(recall(&trash, "two", false), REMOTE);
        Folder::make(state.path()).unwrap().write_whole(FILE, b"{", MODE).unwrap();
        assert_eq!(recall(&trash, "0", true), LOCAL);
    }
}
