//! Which arguments set which part of a request: `HostConfig` fields, mounts, ports, variables. If two set the same part, the
//! later one counts, as it does for docker.

use std::collections::BTreeMap;

use super::Origins;

/// Parts by name, found without looking at all of them: a request may have as many as a host has ports.
#[derive(Clone, Debug, Default)]
pub struct Parts(BTreeMap<String, Origins>);

impl Parts {
    /// Adds one part with its origins.
    pub fn push(&mut self, (name, origins): (String, Origins)) {
        self.0.insert(name, origins);
    }

    /// The words behind this part; None where nothing names it.
    pub fn get(&self, name: &str) -> Option<&Origins> {
        self.0.get(name)
    }

    /// All parts in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Origins)> {
        self.0.iter().map(|(name, origins)| (name.as_str(), origins))
    }

    /// Removes the parts whose name is not to be kept.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    /// Takes over the parts of another, whose words count.
    pub fn extend(&mut self, other: Parts) {
        self.0.extend(other.0);
    }
}
