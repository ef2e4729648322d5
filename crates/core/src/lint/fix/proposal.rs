//! A fix that is proposed: what it changes, and how safe it is.

use std::collections::BTreeSet;
use std::ops::Range;

/// A file before and after; it was not there where nothing is before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file's path.
    pub path: String,
    /// The file as it was read; None for a new one.
    pub before: Option<String>,
    /// The file with its fixes.
    pub after: String,
}

/// How sure it is that the image works as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It changes nothing that the image does.
    Safe,
    /// It may break the image: a person has to know the program.
    Unsafe,
}

impl Grade {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Grade::Safe => "safe",
            Grade::Unsafe => "unsafe",
        }
    }
}

pub type TextEdit = (Range<usize>, String);

/// One fix that could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The rule's id.
    pub rule: &'static str,
    /// The file's path.
    pub path: String,
    /// The line that it is about, in the file as it was when this fix was looked for; 0 for a new line.
    pub line: usize,
    /// How safe it is.
    pub grade: Grade,
    /// What it is about besides the line, such as a new pattern.
    pub about: String,
    /// What is written where.
    pub edits: Vec<TextEdit>,
}

impl Proposal {
    /// A fix of this rule at this line of a file.
    pub fn new(rule: &'static str, path: &str, line: usize, grade: Grade, edits: &[TextEdit]) -> Proposal {
        Proposal { rule, path: path.to_owned(), line, grade, about: String::new(), edits: edits.to_vec() }
    }

    /// The same with what it is about, where no line says so.
    pub fn about(mut self, what: &str) -> Proposal {
        what.clone_into(&mut self.about);
        self
    }
}

/// Which fixes are wanted.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Unsafe fixes, too.
    pub with_unsafe: bool,
    /// Only those of these rules; None for all.
    pub rules: Option<BTreeSet<String>>,
}

impl Choice {
    /// Whether it names the rule of this fix.
    pub fn names(&self, proposal: &Proposal) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.contains(proposal.rule))
    }

    /// Whether this fix is made: its rule is chosen, and so is its grade.
    pub fn takes(&self, proposal: &Proposal) -> bool {
        self.names(proposal) && (proposal.grade == Grade::Safe || self.with_unsafe)
    }
}
