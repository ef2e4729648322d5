//! An engine that is not asked.

use fender_core::api::Version;
use fender_core::engine::{ContainerFacts, EngineFacts, ImageFacts, Inspect, Lookup};
use fender_core::host::Host;
use fender_core::plan::Facts;

use crate::environment::client;

/// Nothing is asked: `explain --offline`, and help for tests.
#[derive(Debug, Default)]
pub struct Offline {
    /// The client, which reads files and needs no engine for that.
    pub printer: client::Printer,
}

impl Facts for Offline {}

impl Inspect for Offline {
    fn begin_printed(&self, each: &[Vec<String>], _: &dyn Host) {
        self.printer.begin_each(each);
    }

    fn printed(&self, words: &[String], _: &dyn Host) -> Lookup<Vec<u8>> {
        self.printer.printed(words)
    }

    fn error_of(&self, words: &[String], _: &dyn Host) -> Lookup<String> {
        self.printer.error_of(words)
    }

    fn image(&self, _: &str) -> Lookup<ImageFacts> {
        Lookup::NoEngine
    }

    fn container(&self, _: &str) -> Lookup<ContainerFacts> {
        Lookup::NoEngine
    }

    fn engine(&self) -> Lookup<EngineFacts> {
        Lookup::NoEngine
    }

    fn api_version(&self) -> Lookup<Version> {
        Lookup::NoEngine
    }
}
