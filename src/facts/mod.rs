//! The edge to the world: this process's surroundings, the engine that would be asked, and what it knows.

pub mod client;
pub mod context;
pub mod engine;
pub mod host;
pub mod input;
pub mod owned;
pub mod state;
pub mod stock;
pub mod wire;

use crate::api::Version;
use crate::engine::{ContainerFacts, EngineFacts, ImageFacts, Inspect, Known};
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

    fn api_version(&self) -> Known<Version> {
        Known::Untold
    }
}
