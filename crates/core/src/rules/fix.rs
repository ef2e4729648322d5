//! What a rule changes in files: a fix that is proposed, how safe it is, and what a fix of a Dockerfile looks at.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::files::context::Survey;
use crate::files::dockerfile::{Dockerfile, Instruction};
use crate::host::Host;
use crate::lower::Build;
use crate::plan::Facts;
use crate::text::part;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Bytes of a file, and what is written in their place.
pub type TextEdit = (Range<usize>, String);

/// One fix that could be made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// Patterns that an ignore file should have for what a build would send, and whether a build can break without it.
pub type IgnorePatterns = fn(&Build, &Survey) -> Vec<(String, Grade)>;

/// A fix in Dockerfiles.
#[derive(Clone, Copy, Debug)]
pub struct DockerfileFix {
    /// What it changes, which decides when it is made.
    pub part: DockerfilePart,
    /// Every fix of one Dockerfile.
    pub propose: fn(&Fixing) -> Vec<Proposal>,
}

/// What part of a Dockerfile a fix changes. One after the other is fixed, and the file read again in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DockerfilePart {
    /// One instruction, where it stands.
    Instruction,
    /// The process that is started.
    Process,
    /// The order of the steps.
    Order,
    /// The user that they run as.
    User,
    /// The image below.
    Base,
}

/// One Dockerfile that is being fixed, for one rule.
pub struct Fixing<'a> {
    /// The rule's id.
    pub rule: &'static str,
    /// The image that is built from it.
    pub build: &'a Build,
    /// The Dockerfile, read.
    pub file: &'a Dockerfile,
    /// Ignore files as they will be.
    pub ignored: &'a [FileChange],
    /// What the engine knows.
    pub facts: &'a dyn Facts,
    /// The files of this host.
    pub host: &'a dyn Host,
}

impl<'a> Fixing<'a> {
    /// A fix of what stands here.
    pub fn proposal(&self, span: &Range<usize>, grade: Grade, edits: &[TextEdit]) -> Proposal {
        let line = self.file.text.position(span.start).0;
        let path = self.file.text.path.clone();
        Proposal { rule: self.rule, path, line, grade, about: String::new(), edits: edits.to_vec() }
    }

    /// Whether a comment in the file allows the rule here.
    pub fn is_allowed(&self, span: &Range<usize>) -> bool {
        self.file.place(span).is_allowed(self.rule)
    }

    /// How lines end in this file.
    pub fn line_end(&self) -> &'static str {
        if self.file.text.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// Instructions of the stages that are built.
    pub fn instructions(&self) -> impl Iterator<Item = &'a Instruction> {
        self.file.instructions_of(&self.build.needed)
    }

    /// The lines of an instruction, with the end of the last one.
    pub fn whole_lines(&self, span: &Range<usize>) -> Range<usize> {
        let text = &self.file.text.text;
        let start = self.file.text.line_start(span.start);
        let end = part(text, span.end..).find('\n').map_or(text.len(), |at| span.end + at + 1);
        start..end
    }

    /// Whether the image is one of Windows, where users, shells and paths are others.
    pub fn is_windows(&self) -> bool {
        is_windows(self.file, self.build.stage)
    }
}

/// Whether a stage is an image of Windows.
pub fn is_windows(file: &Dockerfile, stage: usize) -> bool {
    let names = ["windows", "nanoserver", "servercore"];
    file.escape == '`'
        || file.stages_at(&file.line(stage)).any(|stage| {
            let lower = stage.image.to_lowercase();
            names.iter().any(|name| lower.contains(name))
        })
}

/// The name of an official image: `nginx` of `docker.io/library/nginx:1.27`.
pub fn official(image: &str) -> Option<&str> {
    let bare = ["docker.io/", "index.docker.io/"].iter().find_map(|start| image.strip_prefix(start)).unwrap_or(image);
    let bare = bare.strip_prefix("library/").unwrap_or(bare);
    let name = bare.split(['@', ':']).next().unwrap_or(bare);
    (!name.is_empty() && !name.contains('/')).then_some(name)
}
