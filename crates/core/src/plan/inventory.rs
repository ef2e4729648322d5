//! What an engine holds, as far as deletions need it. The edge reads it (`engine::inventory`).

use std::collections::{BTreeMap, HashMap};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::api::Version;

pub type ObjectLabels = HashMap<String, String>;

/// What has to be read for a command: nothing is asked that it does not need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub images: bool,
    pub volumes: bool,
    pub networks: bool,
    pub cache: bool,
    pub swarm: bool,
}

/// One engine at one moment.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The engine's own id, its name, and whether it keeps images in containerd's store.
    pub engine: String,
    pub name: String,
    pub containerd: bool,
    /// The API version in force: the lower of the client's and the engine's.
    pub api: Version,
    /// Seconds since 1970 on this machine when it was read.
    pub now: i64,
    pub containers: Vec<Container>,
    pub images: Vec<Image>,
    pub volumes: Vec<Volume>,
    pub networks: Vec<Network>,
    pub cache: Vec<CacheRecord>,
    pub services: Vec<Service>,
    pub secrets: Vec<SwarmObject>,
    pub configs: Vec<SwarmObject>,
}

/// A name or an id: without it an answer is not an engine's.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("an object without a name")) } else { Ok(text) }
}

/// The API says null for an empty list or map.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    #[serde(deserialize_with = "filled")]
    pub id: String,
    #[serde(deserialize_with = "or_empty")]
    pub names: Vec<String>,
    /// The image as it was named when the container was made, or its id where that name has moved on.
    #[serde(default)]
    pub image: String,
    #[serde(default, rename = "ImageID")]
    pub image_id: String,
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    /// Seconds since 1970.
    #[serde(default)]
    pub created: i64,
    #[serde(default)]
    pub state: String,
    /// For a person: `Exited (0) 2 hours ago`.
    #[serde(default)]
    pub status: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub mounts: Vec<ContainerMount>,
    #[serde(default, deserialize_with = "or_empty")]
    pub network_settings: NetworkSettings,
    /// Bytes in its own layer, where asked for.
    #[serde(default)]
    pub size_rw: Option<i64>,
    /// Named volumes and those given by `--mount` or `-v`: what `rm -v` leaves. None where it was not asked for.
    #[serde(skip)]
    pub named_volumes: Option<Vec<String>>,
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

    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.name.as_str())
    }

    pub fn networks(&self) -> impl Iterator<Item = (&str, &str)> {
        self.network_settings.networks.iter().map(|(name, endpoint)| (name.as_str(), endpoint.network_id.as_str()))
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainerMount {
    #[serde(rename = "Type")]
    pub kind: String,
    pub name: String,
    pub source: String,
    pub destination: String,
    #[serde(rename = "RW")]
    pub writable: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkSettings {
    #[serde(deserialize_with = "or_empty")]
    pub networks: BTreeMap<String, Endpoint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Endpoint {
    #[serde(rename = "NetworkID")]
    pub network_id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    #[serde(deserialize_with = "filled")]
    pub id: String,
    #[serde(default)]
    pub parent_id: String,
    #[serde(deserialize_with = "or_empty")]
    pub repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_empty")]
    pub repo_digests: Vec<String>,
    /// Seconds since 1970.
    #[serde(default)]
    pub created: i64,
    #[serde(default)]
    pub size: i64,
    /// Bytes that other images have too; -1 where it was not reckoned.
    #[serde(default)]
    pub shared_size: i64,
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
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.repo_tags.iter().map(String::as_str).filter(|tag| !tag.starts_with("<none>"))
    }

    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.repo_digests.iter().map(String::as_str).filter(|digest| !digest.starts_with("<none>"))
    }

    /// Its first tag, or its short id.
    pub fn name(&self) -> String {
        self.tags().next().map_or_else(|| short(&self.id).to_owned(), str::to_owned)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    #[serde(deserialize_with = "filled")]
    pub name: String,
    #[serde(default)]
    pub driver: String,
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    #[serde(default, deserialize_with = "or_empty")]
    pub options: ObjectLabels,
    #[serde(default)]
    pub created_at: String,
    #[serde(default, deserialize_with = "or_empty")]
    pub usage_data: VolumeUsage,
}

impl Volume {
    /// The label that engines set since API 1.42; a name of 64 hexadecimal digits before.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
            || self.name.len() == 64 && self.name.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Bytes; None where the engine did not say.
    pub fn size(&self) -> Option<i64> {
        Some(self.usage_data.size).filter(|size| *size >= 0)
    }
}

/// moby `volume/service/service.go`, `AnonymousLabel`.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeUsage {
    pub size: i64,
}

impl Default for VolumeUsage {
    fn default() -> VolumeUsage {
        VolumeUsage { size: -1 }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    #[serde(deserialize_with = "filled")]
    pub id: String,
    #[serde(deserialize_with = "filled")]
    pub name: String,
    #[serde(default)]
    pub created: String,
    #[serde(default)]
    pub scope: String,
    #[serde(default)]
    pub driver: String,
    #[serde(default)]
    pub ingress: bool,
    #[serde(default)]
    pub config_only: bool,
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

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CacheRecord {
    #[serde(rename = "ID")]
    pub id: String,
    /// Older engines.
    pub parent: String,
    /// Newer ones, which put a blank in front of the name.
    #[serde(rename = " Parents", alias = "Parents", deserialize_with = "or_empty")]
    pub parents: Vec<String>,
    #[serde(rename = "Type")]
    pub kind: String,
    pub description: String,
    pub in_use: bool,
    pub shared: bool,
    pub size: i64,
    pub created_at: String,
    pub last_used_at: Option<String>,
}

impl CacheRecord {
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.parents.iter().map(String::as_str).chain(Some(self.parent.as_str()).filter(|id| !id.is_empty()))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Service {
    #[serde(rename = "ID")]
    pub id: String,
    pub spec: ServiceSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ServiceSpec {
    pub name: String,
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
    pub task_template: TaskTemplate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TaskTemplate {
    #[serde(deserialize_with = "or_empty")]
    pub networks: Vec<Attached>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Attached {
    pub target: String,
}

/// A secret or config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmObject {
    #[serde(rename = "ID")]
    pub id: String,
    pub spec: SwarmObjectSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SwarmObjectSpec {
    pub name: String,
    #[serde(deserialize_with = "or_empty")]
    pub labels: ObjectLabels,
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
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    if bytes.len() < 20 || bytes[4] != b'-' || !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let rest = &text[19..];
    let digits = rest.strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count() + 1);
    let fraction: f64 = if digits > 1 { format!("0{}", &rest[..digits]).parse().ok()? } else { 0.0 };
    let zone = rest.get(digits..)?;
    let offset = match zone {
        "Z" | "z" => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let size = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
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
