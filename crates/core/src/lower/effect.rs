//! What a command would do, one thing at a time.

use super::build::Build;
use super::operation::PredictedOperation;
use super::origin::Origins;
use super::request::Request;
use super::workload::Workload;
use crate::grammar::parse::Refusal;

/// One thing that would happen.
#[derive(Clone, Debug)]
pub enum Effect {
    Request(Request),
    ReadsFile {
        path: String,
        origins: Origins,
    },
    WritesFile {
        path: String,
        origins: Origins,
    },
    /// A file of the client's own configuration.
    KeepsFile {
        path: String,
        origins: Origins,
    },
    Runs(Runs),
    /// What the program just named, or a request that follows an answer, is known to do.
    Does {
        operation: PredictedOperation,
        origins: Origins,
    },
    /// An image is built.
    Builds(Box<Build>),
    /// A container that the words describe in part (`compose run -v …`, `service update --mount-add …`).
    Describes(Box<Workload>),
}

/// A program the client runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    pub program: String,
    pub origins: Origins,
    /// The tables know this program and what it is asked to do.
    pub known: bool,
}

/// The lowered command.
#[derive(Clone, Debug, Default)]
pub struct Lowered {
    pub effects: Vec<Effect>,
    /// What docker would say against the words.
    pub refusal: Option<Refusal>,
    /// What the command is called by: what a finding about all of it points at.
    pub command: Origins,
    /// fender could not tell everything the command does.
    pub blind: bool,
}

/// A family's lowering gives its effects, or what docker would say against the words.
pub type Effects = Result<Vec<Effect>, String>;
