//! Which lists of an engine a plan stands on.

/// What has to be read for a command: nothing is asked that it does not need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Images.
    pub images: bool,
    /// Volumes.
    pub volumes: bool,
    /// Networks.
    pub networks: bool,
    /// Build cache.
    pub cache: bool,
    /// Services, secrets and configs.
    pub swarm: bool,
}

impl Needs {
    /// Whether what was read for these is enough for others.
    pub fn cover(self, others: Needs) -> bool {
        let pairs = [
            (self.images, others.images),
            (self.volumes, others.volumes),
            (self.networks, others.networks),
            (self.cache, others.cache),
            (self.swarm, others.swarm),
        ];
        pairs.into_iter().all(|(read, wanted)| read || !wanted)
    }
}
