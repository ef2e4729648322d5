//! What stands behind another client than docker's: podman has no engine that runs all the time, nerdctl asks containerd. Neither is asked, so
//! nothing is known of what it holds.

use fender_core::api::Version;
use fender_core::engine::{ClientProduct, ContainerFacts, EngineFacts, ImageFacts, Inspect, Lookup};
use fender_core::host::Host;
use fender_core::plan::Facts;

use crate::environment::client;

/// Every question stays open.
#[derive(Debug)]
pub struct OtherClient {
    /// Which program it is.
    pub product: ClientProduct,
    /// The program, which reads files and needs no engine for that.
    pub printer: client::Printer,
}

impl OtherClient {
    fn open<T>(&self) -> Lookup<T> {
        Lookup::Unknown(format!("docker is {} here, whose containers fender does not look at", self.product.name()))
    }
}

impl Facts for OtherClient {}

impl Inspect for OtherClient {
    fn product(&self) -> ClientProduct {
        self.product
    }

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
        self.open()
    }

    fn container(&self, _: &str) -> Lookup<ContainerFacts> {
        self.open()
    }

    fn engine(&self) -> Lookup<EngineFacts> {
        self.open()
    }

    fn api_version(&self) -> Lookup<Version> {
        self.open()
    }
}
