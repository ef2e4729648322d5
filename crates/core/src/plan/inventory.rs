//! What an engine holds, as far as deletions need it. The edge reads it (`engine::inventory`).

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

pub use super::labels::ObjectLabels;
use super::labels::or_empty;
use super::swarm::{Service, SwarmNode, SwarmObject, Task};
use crate::api::Version;

/// One engine at one moment.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The engine's own id, its name, and whether it keeps images in containerd's store.
    pub engine: String,
    /// The name of the engine's host.
    pub name: String,
    /// Whether it keeps images in containerd's store.
    pub containerd: bool,
    /// The API version in force: the lower of the client's and the engine's.
    pub api: Version,
    /// Seconds since 1970 on this machine when it was read.
    pub now: i64,
    /// All containers, stopped ones too.
    pub containers: Vec<Container>,
    /// All images, where they were asked for.
    pub images: Vec<Image>,
    /// All volumes, where they were asked for.
    pub volumes: Vec<Volume>,
    /// All networks, where they were asked for.
    pub networks: Vec<Network>,
    /// The records of the build cache, where they were asked for.
    pub cache: Vec<CacheRecord>,
    /// Services of the swarm, where they were asked for.
    pub services: Vec<Service>,
    /// How many managers the swarm has; 0 where this node is none of them. None outside of a swarm.
    pub managers: Option<i64>,
    /// Nodes of the swarm, where they were asked for.
    pub nodes: Vec<SwarmNode>,
    /// Tasks of the swarm, where they were asked for.
    pub tasks: Vec<Task>,
    /// Secrets of the swarm, where they were asked for.
    pub secrets: Vec<SwarmObject>,
    /// Configs of the swarm, where they were asked for.
    pub configs: Vec<SwarmObject>,
}

/// A name or an id: without it an answer is not an engine's.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("an object without a name")) } else { Ok(text) }
}

/// One object of a list of the inventory.
#[expect(
    clippy::indexing_slicing,
    reason = "each position is found in this list, which does not change; without the object a plan would be wrong, and to stop is right"
)]
#[track_caller]
fn listed<T>(list: &[T], position: usize) -> &T {
    &list[position]
}

impl Inventory {
    /// Whether any listed object has this label.
    pub fn has_label(&self, name: &str) -> bool {
        self.containers.iter().any(|it| it.labels.contains_key(name))
            || self.volumes.iter().any(|it| it.labels.contains_key(name))
            || self.networks.iter().any(|it| it.labels.contains_key(name))
            || self.images.iter().any(|it| it.labels.contains_key(name))
            || self.services.iter().any(|it| it.label(name).is_some())
    }

    /// The container at this position of [`Inventory::containers`].
    #[track_caller]
    pub fn container(&self, position: usize) -> &Container {
        listed(&self.containers, position)
    }

    /// The image at this position of [`Inventory::images`].
    #[track_caller]
    pub fn image(&self, position: usize) -> &Image {
        listed(&self.images, position)
    }

    /// The volume at this position of [`Inventory::volumes`].
    #[track_caller]
    pub fn volume(&self, position: usize) -> &Volume {
        listed(&self.volumes, position)
    }

    /// The network at this position of [`Inventory::networks`].
    #[track_caller]
    pub fn network(&self, position: usize) -> &Network {
        listed(&self.networks, position)
    }

    /// The record at this position of [`Inventory::cache`].
    #[track_caller]
    pub fn record(&self, position: usize) -> &CacheRecord {
        listed(&self.cache, position)
    }
}

/// An entry of `GET /containers/json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// 64 hexadecimal digits.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    /// Its names, with slashes in front.
    #[serde(deserialize_with = "or_empty")]
    pub names: Vec<String>,
    /// The image as it was named when the container was made, or its id where that name has moved on.
    #[serde(default)]
    pub image: String,
    /// The id of its image.
    #[serde(default, rename = "ImageID")]
    pub image_id: String,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    /// Seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// `created`, `running`, `paused`, `restarting`, `exited`, `removing` or `dead`.
    #[serde(default)]
    pub state: String,
    /// For a person: `Exited (0) 2 hours ago`.
    #[serde(default)]
    pub status: String,
    /// What is mounted into it.
    #[serde(default, deserialize_with = "or_empty")]
    pub mounts: Vec<ContainerMount>,
    /// The networks that it is in.
    #[serde(default, deserialize_with = "or_empty")]
    pub network_settings: NetworkSettings,
    /// Bytes in its own layer, where asked for.
    #[serde(default)]
    pub size_rw: Option<i64>,
    /// Named volumes and those given by `--mount` or `-v`: what `rm -v` leaves. None where it was not asked for.
    #[serde(skip)]
    pub named_volumes: Option<Vec<String>>,
    /// Whether it was made with `--rm`. None where that was not asked for.
    #[serde(skip)]
    pub auto_remove: Option<bool>,
}

impl Container {
    /// Its name without the slash in front.
    pub fn name(&self) -> &str {
        // Links add names with a second slash.
        let plain = self.names.iter().find(|name| !name.trim_start_matches('/').contains('/'));
        plain.or(self.names.first()).map_or(self.id.as_str(), |name| name.trim_start_matches('/'))
    }

    /// moby `container.State.IsRunning`: paused and restarting ones count.
    pub fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }

    /// Names of its volumes, anonymous ones too.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.name.as_str())
    }

    /// Names and ids of the networks that it is in.
    pub fn networks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.network_settings.networks.iter().map(|(name, endpoint)| (name.as_str(), endpoint.network_id.as_str()))
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// One of a container's `Mounts`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerMount {
    /// `volume`, `bind`, `tmpfs`, …
    #[serde(rename = "Type")]
    pub kind: String,
    /// The volume's name.
    pub name: String,
    /// The path on the host.
    pub source: String,
    /// The path in the container.
    pub destination: String,
    /// Whether the container may write to it.
    #[serde(rename = "RW")]
    pub writable: bool,
}

/// A container's `NetworkSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    /// Endpoints by the network's name.
    #[serde(deserialize_with = "or_empty")]
    pub networks: BTreeMap<String, Endpoint>,
}

/// A container's place in a network.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint {
    /// The network's id; empty for a container that never ran.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
}

/// An entry of `GET /images/json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// `sha256:…`.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    /// The image that it was built on with the old builder; empty for none.
    #[serde(default)]
    pub parent_id: String,
    /// Its names with tags.
    #[serde(deserialize_with = "or_empty")]
    pub repo_tags: Vec<String>,
    /// Its names with digests.
    #[serde(default, deserialize_with = "or_empty")]
    pub repo_digests: Vec<String>,
    /// Seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// Bytes of all its layers.
    #[serde(default)]
    pub size: i64,
    /// Bytes that other images have too; -1 where it was not reckoned.
    #[serde(default)]
    pub shared_size: i64,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    /// When the store's record was made, which the containerd store goes by: seconds since 1970.
    #[serde(skip)]
    pub stored: Option<i64>,
    /// Its layers from the bottom, each with its bytes, where they were asked for.
    #[serde(skip)]
    pub layers: Option<Vec<ImageLayer>>,
    /// A registry said that it has it. None where nobody was asked.
    #[serde(skip)]
    pub in_registry: Option<bool>,
}

/// One layer of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageLayer {
    /// The layers below and this one: the same in every image that shares them.
    pub chain: String,
    /// Bytes that it takes in the store.
    pub size: i64,
    /// Bytes of its files.
    pub files: i64,
    /// The step that made it: `RUN /bin/sh -c …`.
    pub made_by: String,
}

impl Image {
    /// Its names with tags, without docker's own word for none.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.repo_tags.iter().map(String::as_str).filter(|tag| !tag.starts_with("<none>"))
    }

    /// Its names with digests, without docker's own word for none.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.repo_digests.iter().map(String::as_str).filter(|digest| !digest.starts_with("<none>"))
    }

    /// Its first tag, or its short id.
    pub fn name(&self) -> String {
        self.tags().next().map_or_else(|| short(&self.id).to_owned(), str::to_owned)
    }
}

/// An entry of `GET /volumes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// Its name.
    #[serde(deserialize_with = "filled")]
    pub name: String,
    /// Its driver: `local` for the engine's own.
    #[serde(default)]
    pub driver: String,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    /// Options of its driver.
    #[serde(default, deserialize_with = "or_empty")]
    pub options: ObjectLabels,
    /// When it was made, in RFC 3339.
    #[serde(default)]
    pub created_at: String,
    /// What `GET /system/df` adds.
    #[serde(default, deserialize_with = "or_empty")]
    pub usage_data: VolumeUsage,
}

impl Volume {
    /// The label that engines set since API 1.42; a name of 64 hexadecimal digits before.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS) || is_anonymous_name(&self.name)
    }

    /// Where its data are.
    pub fn data(&self) -> VolumeData {
        VolumeData::of(&self.driver, |key| self.options.get(key).map(String::as_str))
    }

    /// Bytes; None where the engine did not say.
    pub fn size(&self) -> Option<i64> {
        Some(self.usage_data.size).filter(|size| *size >= 0)
    }
}

/// Where the data of a volume are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeData {
    /// In the engine's own folder: they go with the volume.
    WithVolume,
    /// In this device, folder or share, which stays when the volume goes.
    Stays(String),
    /// In memory: they last as long as a container uses the volume.
    InMemory,
    /// Where this driver puts them.
    Driver(String),
}

impl VolumeData {
    /// From a volume's driver and the options of it (moby `volume/local/local_unix.go`: a `device` is mounted, and only
    /// unmounted when the volume goes).
    pub fn of<'a>(driver: &str, option: impl Fn(&str) -> Option<&'a str>) -> VolumeData {
        match (driver, option("type"), option("device").filter(|device| !device.is_empty())) {
            ("local", Some("tmpfs"), Some(_)) => VolumeData::InMemory,
            ("local", _, Some(device)) => VolumeData::Stays(device.to_owned()),
            ("local", _, None) => VolumeData::WithVolume,
            (driver, _, _) => VolumeData::Driver(driver.to_owned()),
        }
    }
}

/// Whether the engine made this name up for a volume that got none: 64 hexadecimal digits.
pub fn is_anonymous_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// moby `volume/service/service.go`, `AnonymousLabel`.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// A volume's `UsageData`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeUsage {
    /// Bytes; -1 where the engine did not reckon them.
    pub size: i64,
}

impl Default for VolumeUsage {
    fn default() -> VolumeUsage {
        VolumeUsage { size: -1 }
    }
}

/// An entry of `GET /networks`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// 64 hexadecimal digits.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    /// Its name, which other networks may have, too.
    #[serde(deserialize_with = "filled")]
    pub name: String,
    /// When it was made, in RFC 3339.
    #[serde(default)]
    pub created: String,
    /// `local`, `swarm` or `global`.
    #[serde(default)]
    pub scope: String,
    /// Its driver, such as `bridge`.
    #[serde(default)]
    pub driver: String,
    /// Whether it is the routing mesh of the swarm.
    #[serde(default)]
    pub ingress: bool,
    /// Whether it is only a configuration for other networks.
    #[serde(default)]
    pub config_only: bool,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    /// Nothing is attached to it now.
    #[serde(skip)]
    pub dangling: bool,
}

impl Network {
    /// moby `runconfig.IsPreDefinedNetwork`.
    pub fn is_predefined(&self) -> bool {
        matches!(self.name.as_str(), "bridge" | "host" | "none" | "default" | "nat")
    }
}

/// An entry of `BuildCache` in `GET /system/df`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CacheRecord {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Older engines.
    pub parent: String,
    /// Newer ones, which put a blank in front of the name.
    #[serde(rename = " Parents", alias = "Parents", deserialize_with = "or_empty")]
    pub parents: Vec<String>,
    /// `regular`, `source.local`, `exec.cachemount`, …
    #[serde(rename = "Type")]
    pub kind: String,
    /// The step that made it.
    pub description: String,
    /// Whether a build or an image uses it now.
    pub in_use: bool,
    /// Whether several records stand on it.
    pub shared: bool,
    /// Bytes.
    pub size: i64,
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// When it was used last, in RFC 3339.
    pub last_used_at: Option<String>,
}

impl CacheRecord {
    /// The records that it stands on.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().map(String::as_str).chain(Some(self.parent.as_str()).filter(|id| !id.is_empty()))
    }
}

/// The twelve digits that docker shows of an id.
pub fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

/// What a name or an id's beginning stands for among containers: the full id, the name, then a beginning that fits one.
pub fn find_container<'a>(all: &'a [Container], typed: &str) -> Option<&'a Container> {
    let name = typed.trim_start_matches('/');
    all.iter()
        .find(|it| it.id == typed)
        .or_else(|| all.iter().find(|it| it.names.iter().any(|known| known.trim_start_matches('/') == name)))
        .or_else(|| only(all.iter().filter(|it| it.id.starts_with(typed))))
}

/// The network that a typed name or id means, as docker finds it.
pub fn find_network<'a>(all: &'a [Network], typed: &str) -> Option<&'a Network> {
    all.iter()
        .find(|it| it.id == typed)
        .or_else(|| only(all.iter().filter(|it| it.name == typed)))
        .or_else(|| only(all.iter().filter(|it| it.id.starts_with(typed))))
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}

/// Seconds since 1970 of a time as the API writes it (RFC 3339), with the part below a second; None where it is none.
pub fn seconds(text: &str) -> Option<f64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (date_and_time, rest) = text.split_at_checked(19)?;
    let letter = |at: usize| date_and_time.as_bytes().get(at);
    if rest.is_empty() || letter(4) != Some(&b'-') || !matches!(letter(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count() + 1);
    let (fraction, zone) = rest.split_at_checked(digits)?;
    let fraction: f64 = if digits > 1 { format!("0{fraction}").parse().ok()? } else { 0.0 };
    let offset = match zone {
        "Z" | "z" => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let number = |text: &str| text.parse::<i64>().ok().filter(|number| (0..100).contains(number));
            let size = number(hours)? * 3600 + number(minutes)? * 60;
            if zone.starts_with('-') { -size } else { size }
        }
    };
    // Days from a date: the count of days of a year that begins in March.
    let (shifted, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = shifted * 365 + shifted.div_euclid(4) - shifted.div_euclid(100)
        + shifted.div_euclid(400)
        + (months * 153 + 2) / 5
        + day
        - 1
        - 719_468;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second - offset) as f64 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2026-11-24T21:05:36Z"), Some(1_795_554_336.0));
        assert_eq!(seconds("2026-11-24T22:05:36.25+01:00"), Some(1_795_554_336.25));
        assert_eq!(seconds("2024-02-29T12:00:00.123456789Z").map(f64::floor), Some(1_709_208_000.0));
        assert_eq!(seconds("yesterday"), None);
    }

    #[test]
    fn both_names_of_the_parents_are_read() {
        let new: CacheRecord = serde_json::from_str(r#"{"ID":"a"," Parents":["b"]}"#).unwrap();
        let old: CacheRecord = serde_json::from_str(r#"{"ID":"a","Parent":"b","LastUsedAt":null}"#).unwrap();
        assert_eq!(new.parents().collect::<Vec<_>>(), old.parents().collect::<Vec<_>>());
    }
}
