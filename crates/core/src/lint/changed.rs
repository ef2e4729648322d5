//! Which findings are about lines that were changed. Pure: the caller compares the versions of a file.

use std::ops::{Range, RangeInclusive};

use super::{extent, stage};
use crate::files::text::Place;

/// What changed in a file since a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChanges {
    /// The file was not there.
    New,
    /// These parts.
    Parts(Vec<ChangedPart>),
}

/// Lines that stand in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPart {
    /// The lines as they are now, counted from 1; empty where lines were only removed, before the line at its start.
    pub lines: Range<usize>,
    /// Whether lines were removed here.
    pub removes: bool,
}

impl FileChanges {
    /// Whether a finding at this place is about something that changed: a line of its instruction or of what is below its key. What is
    /// said of the whole stage of a Dockerfile, at its `FROM`, is also about lines that the stage has no more, such as `USER`.
    pub fn concern(&self, place: &Place) -> bool {
        let FileChanges::Parts(parts) = self else { return true };
        let extent = extent(place);
        let stage = stage(place);
        parts
            .iter()
            .any(|part| part.meets(&extent) || part.removes && stage.as_ref().is_some_and(|stage| part.meets(stage)))
    }
}

impl ChangedPart {
    fn meets(&self, lines: &RangeInclusive<usize>) -> bool {
        match self.lines.is_empty() {
            false => self.lines.start <= *lines.end() && *lines.start() < self.lines.end,
            // Between two lines: one of them before, one behind.
            true => *lines.start() < self.lines.start && self.lines.start <= *lines.end() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::text::Text;

    #[test]
    fn an_instruction_a_key_and_a_stage() {
        let dockerfile = "FROM a\nRUN x \\\n  && y\nCMD z\nFROM b\nCMD q\n";
        let compose = "services:\n  web:\n    image: x\n  db:\n    image: y\n";
        let concern = |path: &str, text: &str, wanted: &str, lines: Range<usize>, removes: bool| {
            let start = text.find(wanted).unwrap();
            let place = Place::new(&Text::new(path, text.to_owned()), start..start + wanted.len());
            FileChanges::Parts(vec![ChangedPart { lines, removes }]).concern(&place)
        };
        for (wanted, lines, removes, expected) in [
            ("RUN", 3..4, false, true),
            ("RUN", 3..3, true, true),
            ("RUN", 2..2, true, false),
            ("RUN", 4..5, true, false),
            ("CMD z", 4..5, false, true),
            // A line that went from the stage, and one that came into it.
            ("a\n", 4..4, true, true),
            ("a\n", 4..5, true, true),
            ("a\n", 4..5, false, false),
            ("a\n", 6..6, true, false),
            ("b\n", 7..7, true, true),
        ] {
            let is = concern("Dockerfile", dockerfile, wanted, lines.clone(), removes);
            assert_eq!(is, expected, "{wanted:?} {lines:?} {removes}");
        }
        assert!(concern("compose.yaml", compose, "web", 3..4, false));
        assert!(concern("compose.yaml", compose, "web", 4..4, true));
        assert!(!concern("compose.yaml", compose, "db", 3..4, false));
        let place = Place::new(&Text::new("x", "FROM a\n".to_owned()), 0..1);
        assert!(FileChanges::New.concern(&place) && !FileChanges::Parts(Vec::new()).concern(&place));
    }
}
