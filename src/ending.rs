//! How a command ends that docker does not run: with a last line that says why, where and what to do.

use std::fmt;
use std::io::{Write, stderr};

/// What stands for an environment that was not worked out.
const UNKNOWN: &str = "environment unknown";

/// The last line of a command that was not run. Many programs show only this one of all that was written, so each part of it has to
/// be given. Names in it are to be shown escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLine {
    /// The rules that stopped it, or another reason in a word or two.
    pub reason: String,
    /// Where it would have run; None where the command ended before that was known.
    pub environment: Option<String>,
    /// What happened, as the rest of a sentence.
    pub why: String,
    /// What to do about it, such as `see: fender rules privileged`.
    pub remedy: String,
}

impl fmt::Display for LastLine {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let LastLine { reason, environment, why, remedy } = self;
        let environment = environment.as_deref().unwrap_or(UNKNOWN);
        write!(formatter, "fender: not run ({reason}, {environment}): {why}; {remedy}")
    }
}

/// The end of a command that docker did not run. There are two ways to make one, so that none ends without its last line.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Ending {
    code: u8,
    carried_out: bool,
}

impl Ending {
    /// Nothing was run: writes the last line. A closed standard error changes nothing.
    pub fn not_run(code: u8, line: &LastLine) -> Ending {
        // In one piece: another command may write to the same terminal.
        let _ = stderr().write_all(format!("{line}\n").as_bytes());
        Ending { code, carried_out: false }
    }

    /// fender did it itself, and has said so in docker's words.
    pub fn carried_out(code: u8) -> Ending {
        Ending { code, carried_out: true }
    }

    /// Whether nothing was run.
    pub fn is_not_run(&self) -> bool {
        !self.carried_out
    }

    /// The code for the caller.
    pub fn code(&self) -> u8 {
        self.code
    }
}

/// The last line where fender itself is at fault.
pub fn own_fault(what: &str) -> LastLine {
    LastLine {
        reason: "an error of fender's own".to_owned(),
        environment: None,
        why: what.to_owned(),
        remedy: "to report it: name this command and fender --version (fender doctor shows the real docker's path)"
            .to_owned(),
    }
}
