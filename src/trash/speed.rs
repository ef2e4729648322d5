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

/// For an engine that was not measured yet. The figures of a local engine are from one machine
/// (`cargo bench --bench deletion`, docs/costs.md), so another disk can be much slower or faster. For a network 100 Mbit/s are assumed.
const LOCAL: Speeds = Speeds {
    files: 160_000_000,
    layers: 100_000_000,
    here: 400_000_000,
    files_at_once: 0,
    layers_at_once: 0,
    here_at_once: 0,
    is_here: false,
    time: 0,
};
const REMOTE: Speeds = Speeds { files: 10_000_000, layers: 10_000_000, ..LOCAL };
/// What each object takes besides: questions to the engine, a container through which a volume is read, a commit or the writing of an image's list.
const ASKED: Duration = Duration::from_millis(50);
const HELPER: Duration = Duration::from_millis(250);
const COMMIT: Duration = Duration::from_millis(500);
/// Less says nothing about the speed.
const ENOUGH: u64 = 20_000_000;

/// Bytes in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speeds {
    /// Of one copy that has the machine for itself.
    files: u64,
    layers: u64,
    /// Of all copies that run at once; 0 where that was not measured: then it is the speed of one.
    #[serde(default)]
    files_at_once: u64,
    #[serde(default)]
    layers_at_once: u64,
    /// Of files that are read where they lie, and whether the last ones were.
    #[serde(default)]
    here: u64,
    #[serde(default)]
    here_at_once: u64,
    #[serde(default)]
    pub is_here: bool,
    /// When they were measured, in seconds since 1970.
    #[serde(default)]
    time: i64,
}

/// How long the copies of one deletion took.
pub struct Measured {
    /// Each copy, from its begin to its end.
    pub copies: Vec<(KeepingCopy, Duration)>,
    /// All of them: less than their sum where several ran at once.
    pub elapsed: Duration,
}

fn besides(source: CopySource) -> Duration {
    match source {
        CopySource::Files => HELPER,
        CopySource::Layers => COMMIT,
        CopySource::Here => ASKED,
    }
}

fn at_speed(bytes: u64, speed: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / speed.max(1))
}

impl Speeds {
    fn alone(&mut self, source: CopySource) -> &mut u64 {
        match source {
            CopySource::Files => &mut self.files,
            CopySource::Layers => &mut self.layers,
            CopySource::Here => &mut self.here,
        }
    }

    fn at_once(&mut self, source: CopySource) -> &mut u64 {
        match source {
            CopySource::Files => &mut self.files_at_once,
            CopySource::Layers => &mut self.layers_at_once,
            CopySource::Here => &mut self.here_at_once,
        }
    }

    /// How long these copies take, of which `at_once` run at once. Their bytes share one disk and its processors, and only what each takes
    /// besides is waited for at once; but none of them is faster than it would be alone.
    pub fn time(mut self, copies: &[KeepingCopy], at_once: usize) -> Duration {
        let (mut longest, mut waiting, mut moving) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        for copy in copies {
            let (alone, at_once) = (*self.alone(copy.source), *self.at_once(copy.source));
            let alone = if alone == 0 { LOCAL.here } else { alone };
            longest = longest.max(besides(copy.source) + at_speed(copy.bytes, alone));
            waiting += besides(copy.source);
            moving += at_speed(copy.bytes, if at_once == 0 { alone } else { at_once });
        }
        longest.max(waiting.div_f64(lanes(copies.len(), at_once)) + moving)
    }

    /// The same speeds after these copies.
    fn after(mut self, measured: &Measured, at_once: usize) -> Speeds {
        let all: Duration = measured.copies.iter().map(|(_, taken)| *taken).sum();
        // How many ran at once most of the time.
        let overlap = (all.as_secs_f64() / measured.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)).max(1.0);
        let has = |source| measured.copies.iter().any(|(copy, _)| copy.source == source);
        self.is_here = has(CopySource::Here) || self.is_here && !has(CopySource::Files);
        for source in [CopySource::Files, CopySource::Layers, CopySource::Here] {
            let these = || measured.copies.iter().filter(|(copy, _)| copy.source == source);
            let bytes = these().fold(0_u64, |sum, (copy, _)| sum.saturating_add(copy.bytes));
            if bytes < ENOUGH {
                continue;
            }
            let is_alone = overlap < 1.5;
            let parts = if is_alone { 1.0 } else { lanes(measured.copies.len(), at_once) };
            let waited = besides(source).mul_f64(these().count() as f64).div_f64(parts);
            let taken: Duration = these().map(|(_, taken)| *taken).sum();
            let time = if is_alone { taken } else { taken.div_f64(overlap) }.saturating_sub(waited);
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
            let speed = if is_alone { self.alone(source) } else { self.at_once(source) };
            *speed = (bytes.saturating_mul(1000) / millis).max(1);
        }
        self
    }
}

/// Of so many copies this many run at once.
fn lanes(copies: usize, at_once: usize) -> f64 {
    copies.min(at_once).max(1) as f64
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

/// Remembers how long these copies took, of which `at_once` ran at once.
pub fn learn(trash: &Path, engine: &str, is_local: bool, measured: &Measured, at_once: usize) {
    let before = recall(trash, engine, is_local);
    let after = before.after(measured, at_once);
    let Some(Ok(folder)) = trash.parent().map(Folder::make) else { return };
    if after == before {
        return;
    }
    let now = Speeds { time: super::now(), ..after };
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

    const EIGHT: usize = 8;

    fn measured(copies: Vec<(KeepingCopy, Duration)>, elapsed: Duration) -> Measured {
        Measured { copies, elapsed }
    }

    fn one(copy: KeepingCopy, taken: Duration) -> Measured {
        measured(vec![(copy, taken)], taken)
    }

    #[test]
    fn what_was_measured_is_what_is_estimated() {
        let large = copy(CopySource::Files, 1_000_000_000);
        let taken = Duration::from_millis(20_250);
        let learned = LOCAL.after(&one(large, taken), EIGHT);
        assert_eq!(learned.time(&[large], EIGHT), taken);
        assert_eq!(learned.layers, LOCAL.layers, "nothing was learned of layers");
        // Small objects, and ones that took no time at all, say nothing.
        assert_eq!(LOCAL.after(&one(copy(CopySource::Layers, 1_000_000), taken), EIGHT), LOCAL);
        let instant = LOCAL.after(&one(large, Duration::ZERO), EIGHT);
        assert!(instant.time(&[large], EIGHT) < Duration::from_secs(1));
        assert_eq!(LOCAL.time(&[], EIGHT), Duration::ZERO);
    }

    /// What runs at once is not added up, and is not taken to be as fast as so many machines.
    #[test]
    fn copies_that_run_at_once_share_the_machine() {
        let small = copy(CopySource::Layers, 1_000_000);
        // Sixty commits wait for the engine, eight at a time.
        let sixty = LOCAL.time(&[small; 60], EIGHT);
        assert!((Duration::from_secs(4)..Duration::from_secs(5)).contains(&sixty), "{sixty:?}");
        assert!(LOCAL.time(&[small; 60], 2) > 3 * sixty);
        // The bytes of eight large ones are all read from one disk, until it was measured otherwise.
        let large = copy(CopySource::Files, 160_000_000);
        let eight = LOCAL.time(&[large; EIGHT], EIGHT);
        assert!((Duration::from_secs(8)..Duration::from_secs(9)).contains(&eight), "{eight:?}");
        let each = Duration::from_secs(3);
        let learned = LOCAL.after(&measured(vec![(large, each); EIGHT], each), EIGHT);
        assert_eq!(learned.files, LOCAL.files, "nothing was learned of one alone");
        let again = learned.time(&[large; EIGHT], EIGHT);
        assert!(again.abs_diff(each) < Duration::from_millis(10), "{again:?}");
        // One that is much larger than the others ends when it would alone.
        let huge = copy(CopySource::Files, 1_600_000_000);
        let together = learned.time(&[huge, small, small], EIGHT);
        assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&together), "{together:?}");
        // What ran alone for most of the time says how fast one is.
        let taken = vec![(huge, Duration::from_secs(20)), (large, Duration::from_secs(2))];
        let learned = LOCAL.after(&measured(taken, Duration::from_secs(20)), EIGHT);
        assert!(learned.files_at_once == 0 && learned.files < LOCAL.files, "{learned:?}");
    }

    #[test]
    fn each_engine_has_its_own() {
        let state = tempfile::tempdir().unwrap();
        let trash = state.path().join("trash");
        let copy = copy(CopySource::Layers, 50_000_000);
        learn(&trash, "one", true, &one(copy, Duration::from_secs(50)), EIGHT);
        for at in 0..ENGINES {
            learn(&trash, &at.to_string(), true, &one(copy, Duration::from_secs(1)), EIGHT);
        }
        let one = recall(&trash, "0", true);
        assert!((90_000_000..110_000_000).contains(&one.layers), "{one:?}");
        assert_eq!(recall(&trash, "two", true), LOCAL);
        assert_eq!(recall(&trash, "two", false), REMOTE);
        // An older fender wrote two speeds only.
        let older = br#"{"0": {"files": 1000, "layers": 2000, "time": 5}}"#;
        Folder::make(state.path()).unwrap().write_whole(FILE, older, MODE).unwrap();
        assert_eq!(recall(&trash, "0", true), Speeds { files: 1000, layers: 2000, here: 0, time: 5, ..LOCAL });
        Folder::make(state.path()).unwrap().write_whole(FILE, b"{", MODE).unwrap();
        assert_eq!(recall(&trash, "0", true), LOCAL);
    }
}
