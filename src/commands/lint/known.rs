//! What is not reported because it was there before: a baseline, and lines that did not change since a revision.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use similar::DiffTag;
use similar::algorithms::{Capture, Replace, myers};

use crate::environment::git::{Revision, below};
use crate::environment::host::read_regular;
use crate::environment::replace::replace;
use fender_core::files::text::Place;
use fender_core::lint::{Baseline, BaselineEntry, ChangedPart, FileChanges, PathRoot, Reported};
use fender_core::text::count;

/// No baseline is larger.
const LARGEST: u64 = 64 << 20;

/// A baseline and the bytes that it was read from; None where there is no file.
pub struct BaselineFile {
    path: PathBuf,
    bytes: Option<Vec<u8>>,
    /// What it knows.
    pub known: Baseline,
}

impl BaselineFile {
    /// Reads it. Where it is to be written it need not be there.
    ///
    /// # Errors
    /// It cannot be read, or it is damaged: the place.
    pub fn read(path: &str, is_written: bool) -> anyhow::Result<BaselineFile> {
        let file = PathBuf::from(path);
        let bytes = match read_regular(&file, LARGEST) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_written => {
                return Ok(BaselineFile { path: file, bytes: None, known: Baseline::default() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("there is no baseline {path}: --write-baseline writes one")
            }
            known => known.with_context(|| path.to_owned())?,
        };
        let known = Baseline::read(path, bytes.clone()).map_err(|problem| anyhow::Error::msg(problem.to_string()))?;
        Ok(BaselineFile { path: file, bytes: Some(bytes), known })
    }

    /// Writes the findings in its place, and says so. What was not looked for stays in it.
    ///
    /// # Errors
    /// It cannot be written; then the file is as before.
    pub fn write(
        &self,
        findings: &[Reported],
        was_looked_for: &dyn Fn(&BaselineEntry) -> bool,
    ) -> anyhow::Result<String> {
        let mut after = Baseline { entries: findings.iter().map(BaselineEntry::from).collect() };
        after.entries.extend(self.known.entries.iter().filter(|entry| !was_looked_for(entry)).cloned());
        let text = after.text();
        if self.bytes.as_deref() != Some(text.as_bytes()) {
            replace(&self.path, self.bytes.as_deref(), text.as_bytes())?;
        }
        let new = after.entries.difference(&self.known.entries).count();
        let gone = self.known.entries.difference(&after.entries).count();
        let number = count(after.entries.len(), "known problem");
        Ok(format!("{}: {number}, {new} new, {gone} gone\n", self.path.display()))
    }
}

/// What changed since a revision, file by file.
pub struct Since {
    revision: Revision,
    /// The folder that paths start at, without links, as git names it.
    root: PathBuf,
    changes: HashMap<String, FileChanges>,
}

impl Since {
    /// The revision of the repository that the root is in.
    ///
    /// # Errors
    /// There is no git, no repository, or no such revision.
    pub fn new(root: &PathRoot, revision: &str) -> anyhow::Result<Since> {
        let revision = Revision::open(Path::new(&root.root), revision)?;
        let root = fs::canonicalize(&root.root)?;
        Ok(Since { revision, root, changes: HashMap::new() })
    }

    /// Whether a finding is about something that changed: at one of its places, or at one that brings it in.
    ///
    /// # Errors
    /// git cannot read the repository.
    pub fn concerns(&mut self, reported: &Reported, paths: &PathRoot) -> anyhow::Result<bool> {
        for place in &reported.finding.places {
            let mut place = Some(place);
            while let Some(at) = place {
                if self.changes_of(at, paths)?.concern(at) {
                    return Ok(true);
                }
                place = at.through.as_deref();
            }
        }
        Ok(reported.finding.places.is_empty())
    }

    fn changes_of(&mut self, place: &Place, paths: &PathRoot) -> anyhow::Result<&FileChanges> {
        let path = paths.path(place.path());
        if !self.changes.contains_key(&path) {
            let whole = self.root.join(&path);
            let before = match below(&self.revision.root, &whole) {
                Some(inside) => self.revision.file(&inside)?,
                // What lies outside of the repository has no revision.
                None => None,
            };
            let changes = before.map_or(FileChanges::New, |before| compared(&before, &place.text.text));
            self.changes.insert(path.clone(), changes);
        }
        Ok(self.changes.get(&path).unwrap_or(&FileChanges::New))
    }
}

/// What differs between two versions, whatever their line ends are.
fn compared(before: &[u8], after: &str) -> FileChanges {
    let before = String::from_utf8_lossy(before);
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut captured = Replace::new(Capture::new());
    // Capturing cannot fail.
    let _ = myers::diff(&mut captured, &before, 0..before.len(), &after, 0..after.len());
    let operations = captured.into_inner().into_ops();
    let changed = operations.iter().filter(|operation| operation.tag() != DiffTag::Equal);
    let parts = changed.map(|operation| {
        let lines = operation.new_range();
        ChangedPart { lines: lines.start + 1..lines.end + 1, removes: !operation.old_range().is_empty() }
    });
    FileChanges::Parts(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_changed_are_counted_as_they_are_now() {
        let parts = |before: &str, after: &str| match compared(before.as_bytes(), after) {
            FileChanges::Parts(parts) => parts.into_iter().map(|it| (it.lines, it.removes)).collect::<Vec<_>>(),
            FileChanges::New => panic!("not new"),
        };
        assert_eq!(parts("a\nb\n", "a\r\nb"), []);
        assert_eq!(parts("a\nb\nc\n", "a\nc\n"), [(2..2, true)]);
        assert_eq!(parts("a\nc\n", "a\nb\nc\n"), [(2..3, false)]);
        assert_eq!(parts("a\nb\nc\n", "a\nx\ny\nc\n"), [(2..4, true)]);
    }
}
