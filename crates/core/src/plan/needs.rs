//! Which lists of an engine a plan stands on.

/// What has to be read for a command: nothing is asked that it does not need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Which containers.
    pub containers: ContainersNeeded,
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
    pub fn cover(&self, others: &Needs) -> bool {
        let pairs = [
            (self.images, others.images),
            (self.volumes, others.volumes),
            (self.networks, others.networks),
            (self.cache, others.cache),
            (self.swarm, others.swarm),
        ];
        self.containers.cover(&others.containers) && pairs.into_iter().all(|(read, wanted)| read || !wanted)
    }
}

/// Which containers a plan stands on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContainersNeeded {
    /// All of them.
    #[default]
    All,
    /// All of them, and the bytes that those have in their own layers that do not run: they go.
    StoppedMeasured,
    /// Those that may have one of these volumes.
    OfVolumes(Vec<String>),
    /// Those that were made of one of these images, or of an image that was built on it.
    OfImages(Vec<String>),
}

impl ContainersNeeded {
    /// What is not measured is measured later, where it goes.
    fn cover(&self, others: &ContainersNeeded) -> bool {
        match (self, others) {
            (ContainersNeeded::OfVolumes(read), ContainersNeeded::OfVolumes(wanted))
            | (ContainersNeeded::OfImages(read), ContainersNeeded::OfImages(wanted)) => {
                wanted.iter().all(|name| read.contains(name))
            }
            (ContainersNeeded::OfVolumes(_) | ContainersNeeded::OfImages(_), _) => false,
            (ContainersNeeded::All | ContainersNeeded::StoppedMeasured, _) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_of_a_volume_are_not_all() {
        let of = |names: &[&str]| ContainersNeeded::OfVolumes(names.iter().map(|name| (*name).to_owned()).collect());
        for (read, wanted, covers) in [
            (ContainersNeeded::All, of(&["a"]), true),
            (ContainersNeeded::All, ContainersNeeded::StoppedMeasured, true),
            (ContainersNeeded::StoppedMeasured, ContainersNeeded::All, true),
            (of(&["a", "b"]), of(&["b"]), true),
            (of(&["a"]), of(&["a", "b"]), false),
            (of(&["a"]), ContainersNeeded::OfImages(vec!["a".to_owned()]), false),
            (ContainersNeeded::OfImages(vec!["a".to_owned()]), of(&["a"]), false),
            (ContainersNeeded::OfImages(vec!["a".to_owned()]), ContainersNeeded::All, false),
            (of(&["a"]), ContainersNeeded::All, false),
            (of(&["a"]), ContainersNeeded::StoppedMeasured, false),
        ] {
            let needs = |containers: &ContainersNeeded| Needs { containers: containers.clone(), ..Needs::default() };
            assert_eq!(needs(&read).cover(&needs(&wanted)), covers, "{read:?} {wanted:?}");
        }
        let (all, volumes) = (Needs::default(), Needs { volumes: true, ..Needs::default() });
        assert!(volumes.cover(&all) && !all.cover(&volumes));
    }
}
