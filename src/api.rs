//! What the Engine API says about itself: its versions, and why a request has no answer.

use std::fmt;
use std::io;

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
pub enum Problem {
    /// Nobody listens at the endpoint.
    Unreachable(String),
    /// It was reached, and then did not answer as an engine does.
    Silent(String),
    /// It said no.
    Said { status: u16, message: String },
}

impl Problem {
    pub fn is(&self, wanted: u16) -> bool {
        matches!(self, Problem::Said { status, .. } if *status == wanted)
    }

    /// What broke while it was talked to.
    pub fn silent(error: impl fmt::Display) -> Problem {
        Problem::Silent(error.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Problem::Unreachable(why) => write!(formatter, "the engine cannot be reached: {why}"),
            Problem::Silent(why) => write!(formatter, "the engine did not answer: {why}"),
            Problem::Said { message, .. } => formatter.write_str(message),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        Problem::silent(error)
    }
}
