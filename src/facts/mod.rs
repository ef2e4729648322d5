//! The edge to the world: this process's surroundings, the engine that would be asked, and what it knows.

pub mod client;
pub mod engine;
pub mod host;
pub mod input;
pub mod state;
pub mod stock;
pub mod target;
pub mod wire;

use std::rc::Rc;

use crate::effects::Host;
use crate::grammar::parse::Invocation;
use crate::plan::compose::Project;
use crate::plan::{Plan, Protections, Step};
use wire::Problem;

/// An answer of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    Is(T),
    /// The engine has no such object.
    Missing,
    /// The engine was not asked, or did not answer.
    Untold,
}

impl<T> Known<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Is(value) => Known::Is(change(value)),
            Known::Missing => Known::Missing,
            Known::Untold => Known::Untold,
        }
    }

    pub fn is(self) -> Option<T> {
        match self {
            Known::Is(value) => Some(value),
            Known::Missing | Known::Untold => None,
        }
    }
}

/// What rules read of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageFacts {
    pub id: String,
    pub user: String,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub volumes: Vec<String>,
    /// `name@sha256:…`.
    pub digests: Vec<String>,
}

/// What rules read of a container that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    pub name: String,
    pub image: String,
    pub running: bool,
    /// Bytes in its own layer, where they were asked for.
    pub layer_bytes: Option<i64>,
    pub mounts: Vec<MountFacts>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountFacts {
    pub volume: Option<String>,
    pub source: String,
    pub destination: String,
    pub writable: bool,
}

/// What the engine says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    pub name: String,
    pub labels: Vec<String>,
    /// Bytes of memory of its host.
    pub memory: i64,
}

/// Questions to the engine, asked only by the rules that need the answer.
pub trait Facts {
    fn image(&self, name: &str) -> Known<ImageFacts>;
    fn container(&self, name: &str, with_size: bool) -> Known<ContainerFacts>;
    fn engine(&self) -> Known<EngineFacts>;
    /// The API version in force: the lower of the client's and the engine's.
    fn api_version(&self) -> Known<(u32, u32)>;

    /// What protects anything on this engine.
    fn protections(&self) -> Result<Rc<Protections>, Problem> {
        Err(not_asked())
    }

    /// What these steps would delete.
    fn plan(&self, _: &[Step]) -> Result<Rc<Plan>, Problem> {
        Err(not_asked())
    }

    /// Why a volume is protected, if it is.
    fn protected_volume(&self, _: &str) -> Option<String> {
        None
    }

    /// What the real client prints for words that only read; Missing where it fails, Untold where it cannot be asked.
    fn printed(&self, _: &[String], _: &dyn Host) -> Known<Vec<u8>> {
        Known::Untold
    }

    /// The compose project of an invocation.
    fn project(&self, _: &Invocation, _: &dyn Host) -> Known<Project> {
        Known::Untold
    }
}

fn not_asked() -> Problem {
    Problem::Unreachable("it was not asked".to_owned())
}

/// Nothing is asked: `explain --offline`, and help for tests.
#[derive(Clone, Debug, Default)]
pub struct Offline {
    /// The client, which reads files and needs no engine for that.
    pub printer: client::Printer,
}

impl Facts for Offline {
    fn printed(&self, words: &[String], _: &dyn Host) -> Known<Vec<u8>> {
        self.printer.printed(words)
    }

    fn image(&self, _: &str) -> Known<ImageFacts> {
        Known::Untold
    }

    fn container(&self, _: &str, _: bool) -> Known<ContainerFacts> {
        Known::Untold
    }

    fn engine(&self) -> Known<EngineFacts> {
        Known::Untold
    }

    fn api_version(&self) -> Known<(u32, u32)> {
        Known::Untold
    }
}
