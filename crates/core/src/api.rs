//! What the Engine API says about itself: its versions, and why a request has no answer.

use std::fmt;
use std::io;

use crate::lookup::Lookup;

/// `1.41` as two numbers.
pub type Version = (u32, u32);

/// `1.41`, or `1.41. …`.
pub fn parse_version(text: &str) -> Option<Version> {
    let (major, minor) = text.trim().split_once('.')?;
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, digits.parse().ok()?))
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineProblem {
    /// There is nobody to ask: no socket at the endpoint, nobody listens there, or none was to be asked. Docker's client
    /// will not reach an engine either.
    NoEngine(String),
    /// The socket is there, and this user may not open it.
    NotAllowed(String),
    /// It is not known what the engine would say: it could not be reached for another reason, took too long, or what
    /// came is not an engine's answer.
    Unanswered(String),
    /// The engine itself said no.
    Said {
        /// The HTTP status.
        status: u16,
        /// The engine's message.
        message: String,
    },
}

impl EngineProblem {
    /// Whether the engine said no with this status.
    pub fn is(&self, wanted: u16) -> bool {
        matches!(self, EngineProblem::Said { status, .. } if *status == wanted)
    }

    /// An error that leaves the question open.
    pub fn unanswered(error: impl fmt::Display) -> EngineProblem {
        EngineProblem::Unanswered(error.to_string())
    }

    /// What this means for a question about one object.
    pub fn as_lookup<T>(&self) -> Lookup<T> {
        match self {
            EngineProblem::NoEngine(_) => Lookup::NoEngine,
            EngineProblem::Said { status: 404, .. } => Lookup::Missing,
            problem => Lookup::Unknown(problem.to_string()),
        }
    }
}

impl std::error::Error for EngineProblem {}

impl fmt::Display for EngineProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            EngineProblem::NoEngine(why) => write!(formatter, "there is no engine: {why}"),
            EngineProblem::NotAllowed(why) => write!(formatter, "the engine's socket may not be opened: {why}"),
            EngineProblem::Unanswered(why) => write!(formatter, "the engine did not answer: {why}"),
            EngineProblem::Said { message, .. } => formatter.write_str(message),
        }
    }
}

impl From<io::Error> for EngineProblem {
    fn from(error: io::Error) -> EngineProblem {
        EngineProblem::unanswered(error)
    }
}
