//! The edge to the world: this process's surroundings, the engine that would be asked, and what it knows.

pub mod body;
pub mod client;
pub mod context;
pub mod engine;
pub mod host;
pub mod input;
pub mod list;
pub mod owned;
pub mod state;
pub mod stock;
pub mod wire;

use crate::api::Version;
use crate::engine::{ContainerFacts, EngineFacts, ImageFacts, Inspect, Lookup};
use crate::host::Host;
use crate::plan::Facts;

/// Nothing is asked: `explain --offline`, and help for tests.
#[derive(Clone, Debug, Default)]
pub struct Offline {
    /// The client, which reads files and needs no engine for that.
    pub printer: client::Printer,
}

impl Facts for Offline {}

impl Inspect for Offline {
    fn printed(&self, words: &[String], _: &dyn Host) -> Lookup<Vec<u8>> {
        self.printer.printed(words)
    }

    fn image(&self, _: &str) -> Lookup<ImageFacts> {
        Lookup::NoEngine
    }

    fn container(&self, _: &str, _: bool) -> Lookup<ContainerFacts> {
        Lookup::NoEngine
    }

    fn engine(&self) -> Lookup<EngineFacts> {
        Lookup::NoEngine
    }

    fn api_version(&self) -> Lookup<Version> {
        Lookup::NoEngine
    }
}
