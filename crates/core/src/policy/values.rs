//! The values of a policy's keys, and which of two is the stricter.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::grammar::values;

/// A value that the system's file and the user's may both set.
pub trait Stricter {
    /// What would make a user's value stricter than the system's, for a message.
    const RULE: &'static str;

    /// Whether this value of the user's may hold in place of the system's.
    fn is_as_strict_as(&self, system: &Self) -> bool;
}

/// Which program runs is not stricter or weaker: the system's word holds.
impl Stricter for PathBuf {
    const RULE: &'static str = "the system's value applies";

    fn is_as_strict_as(&self, system: &PathBuf) -> bool {
        self == system
    }
}

/// A line for a person: whom to ask, or where to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpLine(pub String);

impl<'de> Deserialize<'de> for HelpLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<HelpLine, D::Error> {
        let text = String::deserialize(deserializer)?.trim().to_owned();
        let problem = match () {
            () if text.is_empty() => "it is empty",
            () if text.chars().any(char::is_control) => "it has to be one line without control characters",
            () if text.chars().count() > LONGEST_HELP => "it is longer than 200 letters",
            () => return Ok(HelpLine(text)),
        };
        Err(D::Error::custom(problem))
    }
}

/// Letters of a line of help.
const LONGEST_HELP: usize = 200;

/// Whom to ask is not stricter or weaker: the system's word holds.
impl Stricter for HelpLine {
    const RULE: &'static str = "the system's value applies";

    fn is_as_strict_as(&self, system: &HelpLine) -> bool {
        self == system
    }
}

/// Whether the same note is printed each time; else once a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct RepeatNotes(pub bool);

impl Stricter for RepeatNotes {
    const RULE: &'static str = "true applies";

    fn is_as_strict_as(&self, system: &RepeatNotes) -> bool {
        self.0 || !system.0
    }
}

/// The least memory that the engine gives a container: moby `daemon/daemon_unix.go`, `linuxMinMemory`.
const LEAST_MEMORY: i64 = 6 << 20;

/// A limit of memory that a fix offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// As docker takes it.
    pub text: String,
    pub bytes: i64,
}

impl Memory {
    /// The one that holds where no file sets any.
    pub fn built_in(text: &str) -> Memory {
        Memory { text: text.to_owned(), bytes: values::size(text).unwrap_or(i64::MAX) }
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Memory, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = values::size(&text).map_err(D::Error::custom)?;
        if bytes < LEAST_MEMORY {
            let why = if bytes == 0 { "0 sets no limit" } else { "it is too small for a container" };
            return Err(D::Error::custom(format!("memory = {text:?} cannot be offered: {why}; the least is \"6m\"")));
        }
        Ok(Memory { text, bytes })
    }
}

impl Stricter for Memory {
    const RULE: &'static str = "the lower limit applies";

    fn is_as_strict_as(&self, system: &Memory) -> bool {
        self.bytes <= system.bytes
    }
}

/// A limit of memory and swap together that a fix offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// As docker takes it.
    pub text: String,
    /// -1 for no limit of swap.
    pub bytes: i64,
}

impl Swap {
    /// The limit in bytes; none is the highest.
    fn limit(&self) -> i64 {
        if self.bytes < 0 { i64::MAX } else { self.bytes }
    }

    /// Whether the engine takes this limit beside one of memory.
    pub fn covers(&self, memory: &Memory) -> bool {
        self.limit() >= memory.bytes
    }
}

impl<'de> Deserialize<'de> for Swap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Swap, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = values::swap(&text).map_err(D::Error::custom)?;
        if (0..LEAST_MEMORY).contains(&bytes) {
            let why = if bytes == 0 { "0 sets no limit" } else { "it is too small for a container" };
            return Err(D::Error::custom(format!("memory_swap = {text:?} cannot be offered: {why}")));
        }
        Ok(Swap { text, bytes })
    }
}

impl Stricter for Swap {
    const RULE: &'static str = "the lower limit applies";

    fn is_as_strict_as(&self, system: &Swap) -> bool {
        self.limit() <= system.limit()
    }
}

/// A limit of processes that a fix offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pids(pub i64);

impl<'de> Deserialize<'de> for Pids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pids, D::Error> {
        let limit = i64::deserialize(deserializer)?;
        if limit < 1 {
            return Err(D::Error::custom(format!("pids_limit = {limit} cannot be offered: it sets no limit")));
        }
        Ok(Pids(limit))
    }
}

impl Stricter for Pids {
    const RULE: &'static str = "the lower limit applies";

    fn is_as_strict_as(&self, system: &Pids) -> bool {
        self.0 <= system.0
    }
}

/// A user that a fix offers: never root, since the fix is there because the container runs as root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedUser(pub String);

/// `root`, `0`, `0:5`, `00`, `+0`, ` root`, and a group alone: what docker takes for root.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name.is_empty() || name == "root" || name.parse::<i64>() == Ok(0) || name.bytes().all(|byte| byte == b'0')
}

impl<'de> Deserialize<'de> for OfferedUser {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OfferedUser, D::Error> {
        let user = String::deserialize(deserializer)?;
        let parts: Vec<&str> = user.split(':').collect();
        let is_sound =
            parts.len() <= 2 && parts.iter().all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
        if is_root(&user) {
            return Err(D::Error::custom(format!(
                "user = {user:?} cannot be offered: it is root, and the fix is for containers that run as root"
            )));
        }
        if !is_sound {
            return Err(D::Error::custom(format!(
                "user = {user:?} is not a user as docker takes it, such as \"1000:1000\""
            )));
        }
        Ok(OfferedUser(user))
    }
}

/// No user is stricter than another: the system's word holds.
impl Stricter for OfferedUser {
    const RULE: &'static str = "the system's value applies";

    fn is_as_strict_as(&self, system: &OfferedUser) -> bool {
        self == system
    }
}

/// How much of what is deleted is kept, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptBytes(pub u64);

impl<'de> Deserialize<'de> for KeptBytes {
    /// `10GB`, or a number of bytes; the units are docker's own when it prints sizes, in steps of 1000.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeptBytes, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a size such as \"10GB\", or a number of bytes")]
        enum Either {
            Number(u64),
            Text(String),
        }
        let text = match Either::deserialize(deserializer)? {
            Either::Number(number) => return Ok(KeptBytes(number)),
            Either::Text(text) => text,
        };
        let suffix = text.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let number = text.strip_suffix(suffix).unwrap_or(&text);
        let factor = match suffix.trim().to_ascii_lowercase().trim_end_matches('b') {
            "" => 1.0,
            "k" => 1e3,
            "m" => 1e6,
            "g" => 1e9,
            "t" => 1e12,
            "ki" => 1024.0,
            "mi" => 1_048_576.0,
            "gi" => 1_073_741_824.0,
            "ti" => 1_099_511_627_776.0,
            _ => return Err(D::Error::custom(format!("{text:?} is not a size, such as \"10GB\""))),
        };
        let number: f64 =
            number.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a size, such as \"10GB\"")))?;
        Ok(KeptBytes((number * factor) as u64))
    }
}

impl Stricter for KeptBytes {
    const RULE: &'static str = "the larger value applies";

    fn is_as_strict_as(&self, system: &KeptBytes) -> bool {
        self.0 >= system.0
    }
}

/// How long what is deleted is kept, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptTime(pub u64);

impl<'de> Deserialize<'de> for KeptTime {
    /// `7d`, `12h`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeptTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("{text:?} is not a time, such as \"7d\" or \"12h\""));
        let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?);
        let seconds = match unit {
            "w" => 604_800,
            "d" => 86_400,
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return Err(wrong()),
        };
        let time = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
        if time == Some(0) {
            return Err(D::Error::custom(format!(
                "{text:?} keeps nothing for any time: to keep nothing, write max = 0"
            )));
        }
        time.map(KeptTime).ok_or_else(wrong)
    }
}

impl Stricter for KeptTime {
    const RULE: &'static str = "the longer time applies";

    fn is_as_strict_as(&self, system: &KeptTime) -> bool {
        self.0 >= system.0
    }
}
