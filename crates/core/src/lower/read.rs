//! Parses arguments as docker on this host would.

use crate::grammar::parse::{Builder, Invocation, Unknown, parse};
use crate::grammar::values;
use crate::host::Host;

/// Parses the words as docker on this host would.
pub fn read(words: &[String], host: &dyn Host) -> Invocation {
    parse(words, Unknown::Refuse, &|| builder(host))
}

/// Whether `DOCKER_BUILDKIT` chooses the legacy builder.
pub fn buildkit_is_off(host: &dyn Host) -> bool {
    host.env("DOCKER_BUILDKIT").filter(|value| !value.is_empty()).is_some_and(|value| values::bool(&value) == Ok(false))
}

/// docker/cli `cmd/docker/builder.go`: which program builds.
pub fn builder(host: &dyn Host) -> Builder {
    if buildkit_is_off(host) {
        return Builder::Legacy;
    }
    if host.has_plugin("buildx", &host.config_folder(None)) { Builder::Buildx } else { Builder::Legacy }
}
