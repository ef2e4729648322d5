//! What a command would do, one thing at a time.

use super::build::Build;
use super::operation::PredictedOperation;
use super::origin::Origins;
use super::request::Request;
use super::workload::Workload;
use crate::files::text::FileProblem;
use crate::grammar::parse::Refusal;

/// One thing that would happen.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A request to the engine.
    Request(Request),
    /// A file of the host is read, and what is in it leaves this machine.
    ReadsFile {
        /// Its path.
        path: String,
        /// Where it comes from.
        origins: Origins,
    },
    /// A file of the host is written.
    WritesFile {
        /// Its path.
        path: String,
        /// Where it comes from.
        origins: Origins,
    },
    /// A file of the client's own configuration.
    KeepsFile {
        /// Its path.
        path: String,
        /// Where it comes from.
        origins: Origins,
    },
    /// A program is run.
    Runs(Runs),
    /// What the program just named, or a request that follows an answer, is known to do.
    Does {
        /// What is done.
        operation: PredictedOperation,
        /// Where it comes from.
        origins: Origins,
    },
    /// An image is built.
    Builds(Box<Build>),
    /// A container that the words describe in part (`compose run -v …`, `service update --mount-add …`).
    Describes(Box<Workload>),
}

impl Effect {
    /// The container that it would run, or describes.
    pub fn workload(&self) -> Option<Workload> {
        match self {
            Effect::Request(request) => Workload::of(request),
            Effect::Describes(workload) => Some((**workload).clone()),
            _ => None,
        }
    }
}

/// A program the client runs.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// The program's name, or what is known of it.
    pub program: String,
    /// Where it comes from.
    pub origins: Origins,
    /// The tables know this program and what it is asked to do.
    pub known: bool,
}

/// The lowered command.
#[derive(Clone, Debug, Default)]
pub struct Lowered {
    /// The effects in the order in which docker would cause them.
    pub effects: Vec<Effect>,
    /// What docker would say against the words.
    pub refusal: Option<Refusal>,
    /// What the command is called by: what a finding about all of it points at.
    pub command: Origins,
    /// fender could not tell everything the command does.
    pub blind: bool,
    /// The words of a command that docker's tables do not have.
    pub unknown_command: Option<UnknownCommand>,
    /// Files that could not be read, or not be followed to their end: nothing in them is pointed at.
    pub problems: Vec<FileProblem>,
}

/// A command that docker's tables do not have: another client behind docker's name may know it.
#[derive(Clone, Debug, Default)]
pub struct UnknownCommand {
    /// The command and the first words that follow it.
    pub words: Vec<String>,
    /// The words that name it.
    pub origins: Origins,
}

/// A family's lowering gives its effects, or what docker would say against the words.
pub type Effects = Result<Vec<Effect>, String>;
