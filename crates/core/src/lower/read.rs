//! Parses arguments as docker on this host would.

use crate::docker_files::ConfigFile;
use crate::grammar::parse::{Builder, Invocation, Unknown, parse};
use crate::grammar::values;
use crate::host::Host;

/// Parses the words as docker on this host would.
pub fn read(words: &[String], host: &dyn Host) -> Invocation {
    parse(words, Unknown::Refuse, &|| {
        let typed = parse(words, Unknown::Refuse, &|| Builder::Legacy);
        let folder = typed.global("config").map(|set| set.value.as_str());
        let is_group = typed.named_by.first().and_then(|at| words.get(*at)).is_some_and(|word| word == "builder");
        builder_of(host, folder, is_group)
    })
}

/// Whether `DOCKER_BUILDKIT` chooses the legacy builder.
pub fn buildkit_is_off(host: &dyn Host) -> bool {
    host.env("DOCKER_BUILDKIT").filter(|value| !value.is_empty()).is_some_and(|value| values::bool(&value) == Ok(false))
}

/// Which program builds, with docker's usual configuration.
pub fn builder(host: &dyn Host) -> Builder {
    builder_of(host, None, false)
}

/// docker/cli `cmd/docker/builder.go`, `aliases.go`: which program builds, with the configuration folder that the words name. The alias
/// stands for the group `docker builder` also where BuildKit is off.
fn builder_of(host: &dyn Host, folder: Option<&str>, is_group: bool) -> Builder {
    let folder = host.config_folder(folder);
    let is_off = buildkit_is_off(host);
    let alias = match host.read_own(&format!("{folder}/config.json")) {
        Ok(Some(text)) => ConfigFile::read(&text).aliases.remove("builder"),
        // Docker takes nothing from a file that it cannot read.
        Ok(None) | Err(_) => None,
    };
    match alias.filter(|_| !is_off || is_group) {
        Some(name) if name == "buildx" => return Builder::Buildx,
        Some(name) => return Builder::Other(name),
        None => {}
    }
    if !is_off && host.has_plugin("buildx", &folder) { Builder::Buildx } else { Builder::Legacy }
}
