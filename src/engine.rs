//! What an engine, or the real client, is asked by those who judge; who answers stands at the edge.

use crate::api::Version;
use crate::host::Host;

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

/// Questions about single objects, asked only by those who need the answer.
pub trait Inspect {
    fn image(&self, name: &str) -> Known<ImageFacts>;
    fn container(&self, name: &str, with_size: bool) -> Known<ContainerFacts>;
    fn engine(&self) -> Known<EngineFacts>;
    /// The API version in force: the lower of the client's and the engine's.
    fn api_version(&self) -> Known<Version>;

    /// What the real client prints for words that only read; Missing where it fails, Untold where it cannot be asked.
    fn printed(&self, _: &[String], _: &dyn Host) -> Known<Vec<u8>> {
        Known::Untold
    }
}
