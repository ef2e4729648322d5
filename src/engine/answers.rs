//! What fender reads in an answer about one object, and in the answer to a change. What a deletion or an undo stands on has to be there in
//! the right shape: an answer without it is an error, and no default stands for it. The engine writes null for an empty list or map.

use std::collections::{BTreeMap, HashMap};

use fender_core::api::EngineProblem;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::list::List;

/// Null stands for an empty list or map; a field that is not there stands for nothing.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    match Option::<T>::deserialize(deserializer)? {
        Some(value) => Ok(value),
        None => Ok(T::default()),
    }
}

fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("an empty id")) } else { Ok(text) }
}

/// Whatever has an id: an object that is there, or one that was just created.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identified {
    /// Of a container 64 hexadecimal digits; of an image `sha256:` and 64 of them.
    #[serde(deserialize_with = "filled")]
    pub id: String,
}

/// `GET /info`, as far as it says which engine answers.
#[derive(Debug, Deserialize)]
pub struct EngineIdentity {
    /// The engine's own id.
    #[serde(rename = "ID", deserialize_with = "filled")]
    pub id: String,
}

/// `GET /containers/{id}/json`, as far as a deletion looks at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerNow {
    /// Its name, with a slash in front.
    #[serde(deserialize_with = "filled")]
    pub name: String,
    /// What its process does.
    pub state: RunState,
}

/// What the process of a container does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunState {
    /// It runs, or is paused.
    pub running: bool,
}

/// `GET /containers/{id}/json`, as far as it says since when the container runs, and what is down without it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Started {
    /// What its process does.
    pub state: StartedState,
    /// What it was made with.
    #[serde(default)]
    pub config: StartedConfig,
    /// Where it is reached.
    #[serde(default)]
    pub network_settings: StartedNetwork,
}

/// The part of a container's `Config` for [`Started`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StartedConfig {
    /// How its health is looked at, if at all.
    pub healthcheck: Option<StartedHealthcheck>,
}

/// The part of a container's `Healthcheck` for [`Started`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StartedHealthcheck {
    /// Nanoseconds in which a failure does not count yet.
    pub start_period: i64,
    /// The check; `["NONE"]` for none.
    pub test: Option<Vec<String>>,
}

/// The part of a container's `NetworkSettings` for [`Started`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StartedNetwork {
    /// The host's ports for each of the container's (`80/tcp`).
    pub ports: Option<BTreeMap<String, Option<Vec<HostPort>>>>,
}

/// A port of the host.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostPort {
    /// The address; `0.0.0.0` and `::` for all.
    pub host_ip: String,
    /// Its number.
    pub host_port: String,
}

/// `GET /containers/{id}/json`, as far as it says whether the container goes when it ends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MadeWithRm {
    /// What it was made with.
    pub host_config: MadeWithRmConfig,
}

/// The part of a container's `HostConfig` for [`MadeWithRm`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MadeWithRmConfig {
    /// It was made with `--rm`.
    pub auto_remove: bool,
}

/// When the process of a container was started.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartedState {
    /// In RFC 3339; the year 1 of a container that never ran.
    #[serde(default)]
    pub started_at: String,
}

/// What the process of a container did when it was kept.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeptState {
    /// It ran, or was paused.
    pub running: bool,
    /// It ran and was paused.
    pub paused: bool,
}

/// `GET /containers/{id}/json`, as far as an undo cannot do without it. What is kept is the whole answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerSettings {
    /// The id of its image.
    #[serde(deserialize_with = "filled")]
    pub image: String,
    /// What somebody chose that holds on any host.
    pub config: ContainerConfig,
    /// What somebody chose that is about the host.
    pub host_config: HostSettings,
    /// What its process did.
    pub state: KeptState,
    /// Its place in networks.
    pub network_settings: NetworkPlaces,
}

/// What somebody chose of a container that holds on any host.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// The image as it was named when the container was created.
    #[serde(deserialize_with = "filled")]
    pub image: String,
}

/// What somebody chose of a container that is about the host, as far as every engine says it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostSettings {
    /// The network that it was created on: a name, an id, or `container:` and a container.
    pub network_mode: String,
}

/// `GET /containers/{id}/json`, as far as it says what the image was called when the container was created.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedFrom {
    /// What somebody chose that holds on any host.
    pub config: ContainerConfig,
}

/// `GET /containers/{id}/json`, as far as it says which volumes the container was given.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GivenVolumes {
    host_config: GivenMounts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenMounts {
    #[serde(deserialize_with = "or_empty")]
    binds: Vec<String>,
    /// Engines leave it out where there are none.
    #[serde(default, deserialize_with = "or_empty")]
    mounts: Vec<GivenMount>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenMount {
    /// Engines leave it out where there is none.
    #[serde(default)]
    source: String,
}

impl GivenVolumes {
    /// What `-v NAME:…` and `--mount source=NAME` named: volumes, and paths of the host.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let binds = self.host_config.binds.iter().filter_map(|bind| bind.split(':').next());
        binds.chain(self.host_config.mounts.iter().map(|mount| mount.source.as_str()))
    }
}

/// A container's place in networks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkPlaces {
    /// By the network's name.
    #[serde(deserialize_with = "or_empty")]
    pub networks: HashMap<String, IgnoredAny>,
}

/// `GET /images/{name}/json`, as far as a deletion and an undo look at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageNow {
    /// `sha256:` and 64 hexadecimal digits.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    #[serde(deserialize_with = "or_empty")]
    repo_tags: Vec<String>,
    #[serde(deserialize_with = "or_empty")]
    repo_digests: Vec<String>,
    #[serde(default, rename = "RootFS")]
    root_fs: Option<RootFs>,
    #[serde(default)]
    config: Option<ImageConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootFs {
    #[serde(default, deserialize_with = "or_empty")]
    layers: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfig {
    #[serde(default, deserialize_with = "or_empty")]
    env: Vec<String>,
}

impl ImageNow {
    /// Its tags, such as `nginx:1.27`.
    pub fn tags(&self) -> impl Iterator<Item = &String> {
        self.repo_tags.iter().filter(|name| !name.starts_with("<none>"))
    }

    /// Its names by digest, such as `nginx@sha256:…`.
    pub fn digests(&self) -> impl Iterator<Item = &String> {
        self.repo_digests.iter().filter(|name| !name.starts_with("<none>"))
    }

    /// The checksums of its layers, 64 hexadecimal digits each, from the lowest; none where the image has none, or the engine does not say.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.root_fs.iter().flat_map(|root| &root.layers).filter_map(|layer| layer.strip_prefix("sha256:"))
    }

    /// The variables that it sets, as `NAME=value`; engines leave out what is empty.
    pub fn env(&self) -> &[String] {
        self.config.as_ref().map_or(&[], |config| &config.env)
    }
}

/// `GET /volumes/{name}`, as far as a deletion and an undo look at it, and the body of a request that creates a volume.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeNow {
    /// Its name.
    #[serde(deserialize_with = "filled")]
    pub name: String,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: HashMap<String, String>,
    /// When it was created (RFC 3339); empty where its driver does not say.
    #[serde(default, deserialize_with = "or_empty")]
    pub created_at: String,
}

/// An entry of `GET /networks`, as far as its name goes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedNetwork {
    /// Its name.
    #[serde(deserialize_with = "filled")]
    pub name: String,
}

/// An entry of `GET /images/json`, as far as an undo looks at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedImage {
    /// `sha256:` and 64 hexadecimal digits.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    /// Bytes, with the layers that it shares.
    pub size: i64,
    /// Its tags.
    #[serde(deserialize_with = "or_empty")]
    pub repo_tags: Vec<String>,
}

/// A volume, as far as it says where its files lie.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumePlace {
    /// Its name.
    #[serde(deserialize_with = "filled")]
    pub name: String,
    /// Who stores it.
    pub driver: String,
    /// Its files, in the engine's own file system.
    pub mountpoint: String,
}

/// The header `X-Docker-Container-Path-Stat`, which is JSON in base64.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathStat {
    /// Where a link leads, absolute in the container; empty for anything else.
    pub link_target: String,
    /// Bytes.
    pub size: i64,
    mode: u32,
}

impl PathStat {
    /// Whether this is a folder.
    pub fn is_folder(&self) -> bool {
        /// Go's `os.ModeDir`.
        const FOLDER: u32 = 1 << 31;
        self.mode & FOLDER != 0
    }
}

/// `GET /images/{name}/json`, as far as it says of which layers the image consists.
#[derive(Debug, Deserialize)]
pub struct LayeredImage {
    #[serde(rename = "RootFS")]
    root_fs: RootFs,
}

impl LayeredImage {
    /// Digests of the uncompressed layers, the lowest first.
    pub fn layers(&self) -> impl Iterator<Item = &str> {
        self.root_fs.layers.iter().map(String::as_str)
    }
}

/// The answer to `GET /images/{name}/history`: the newest step first.
pub type History = List<HistoryStep>;

/// A step in which an image was built.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HistoryStep {
    /// Bytes that the step added; 0 also where it made no layer.
    pub size: i64,
    /// The command.
    pub created_by: String,
}

/// `GET /images/{name}/json`, as far as it says when the image was stored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredImage {
    /// What this engine knows of it.
    pub metadata: ImageMetadata,
}

/// What the engine knows of an image beside the image itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageMetadata {
    /// RFC 3339; engines leave it out where the image was never tagged here.
    pub last_tag_time: Option<String>,
}

/// An entry of `GET /containers/json`, as far as it says which container this is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedContainer {
    /// 64 hexadecimal digits.
    #[serde(deserialize_with = "filled")]
    pub id: String,
    /// The id of its image.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// Its names, with slashes in front; a container that is being created may have none yet.
    #[serde(deserialize_with = "or_empty")]
    pub names: Vec<String>,
    /// Its labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: HashMap<String, String>,
}

/// The answer to `POST /build/prune`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrunedCache {
    /// Ids of the records that are gone.
    #[serde(deserialize_with = "or_empty")]
    pub caches_deleted: Vec<String>,
}

/// The answer to `GET /containers/{id}/changes`: what differs from the container's image. Null where nothing does.
pub type Changes = Option<List<LayerChange>>;

/// A path in a container that differs from its image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LayerChange {
    /// Absolute, in the container.
    pub path: String,
    /// 0 for changed, 1 for added, 2 for deleted.
    pub kind: u8,
}

impl LayerChange {
    /// Whether the container has taken away what its image has here.
    pub fn is_deletion(&self) -> bool {
        self.kind == 2
    }
}

/// Reads a part of an answer that is kept as it came.
///
/// # Errors
/// What cannot be done without is not there, or has another shape.
pub fn read<T: DeserializeOwned>(answer: &Value) -> Result<T, EngineProblem> {
    T::deserialize(answer).map_err(EngineProblem::unanswered)
}

/// Any object that is there.
pub type Anything = IgnoredAny;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every field is taken away in turn, and given a wrong value.
    fn needs<T: DeserializeOwned>(whole: &Value) {
        let read = |value: &Value| serde_json::from_value::<T>(value.clone()).is_ok();
        assert!(read(whole), "{whole}");
        for wrong in [json!(null), json!([]), json!("text"), json!(7), json!({})] {
            assert!(!read(&wrong), "{wrong}");
        }
        for key in whole.as_object().unwrap().keys() {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(key);
            assert!(!read(&without), "without {key}");
            for wrong in [json!([7]), json!({ "a": 7 }), json!(7.5)] {
                let mut changed = whole.clone();
                changed[key] = wrong;
                assert!(!read(&changed), "{changed}");
            }
        }
    }

    #[test]
    fn what_a_deletion_stands_on_has_to_be_there() {
        needs::<Identified>(&json!({ "Id": "a" }));
        needs::<EngineIdentity>(&json!({ "ID": "a" }));
        needs::<ContainerNow>(&json!({ "Name": "/web", "State": { "Running": true } }));
        needs::<ContainerSettings>(&json!({
            "Image": "sha256:a", "Config": { "Image": "x:1" }, "HostConfig": { "NetworkMode": "none" },
            "State": { "Running": true, "Paused": false }, "NetworkSettings": { "Networks": null },
        }));
        needs::<CreatedFrom>(&json!({ "Config": { "Image": "x:1" } }));
        needs::<GivenVolumes>(&json!({ "HostConfig": { "Binds": ["data:/d"] } }));
        needs::<GivenMounts>(&json!({ "Binds": [] }));
        needs::<ListedNetwork>(&json!({ "Name": "net" }));
        needs::<ListedImage>(&json!({ "Id": "a", "Size": 7, "RepoTags": [] }));
        needs::<VolumePlace>(&json!({ "Name": "v", "Driver": "local", "Mountpoint": "/x/v/_data" }));
        needs::<PathStat>(&json!({ "linkTarget": "", "size": 7, "mode": 0o644 }));
        for root in [json!(null), json!(7), json!({ "Layers": 7 })] {
            assert!(serde_json::from_value::<LayeredImage>(json!({ "RootFS": root })).is_err(), "{root}");
        }
        for metadata in [json!(null), json!(7), json!({ "LastTagTime": 7 })] {
            assert!(serde_json::from_value::<StoredImage>(json!({ "Metadata": metadata })).is_err(), "{metadata}");
        }
        needs::<HistoryStep>(&json!({ "Size": 7, "CreatedBy": "RUN true" }));
        needs::<RunState>(&json!({ "Running": true }));
        needs::<KeptState>(&json!({ "Running": true, "Paused": false }));
        needs::<ImageNow>(&json!({ "Id": "a", "RepoTags": ["x:1"], "RepoDigests": [] }));
        needs::<ListedContainer>(&json!({ "Id": "a", "ImageID": "b", "Names": ["/web"], "Labels": { "a": "b" } }));
        needs::<PrunedCache>(&json!({ "CachesDeleted": ["a"] }));
        needs::<LayerChange>(&json!({ "Path": "/a", "Kind": 2 }));
    }

    #[test]
    fn null_is_an_empty_list() {
        let image: ImageNow =
            serde_json::from_value(json!({ "Id": "a", "RepoTags": null, "RepoDigests": ["<none>@<none>"] })).unwrap();
        assert_eq!((image.tags().count(), image.digests().count()), (0, 0));
        let given = json!({ "HostConfig": { "Binds": ["data:/d", "/x:/y:ro"], "Mounts": [{ "Source": "more" }, {}] } });
        let given: GivenVolumes = serde_json::from_value(given).unwrap();
        assert_eq!(given.sources().collect::<Vec<_>>(), ["data", "/x", "more", ""]);
        let pruned: PrunedCache = serde_json::from_value(json!({ "CachesDeleted": null })).unwrap();
        assert!(pruned.caches_deleted.is_empty());
        assert!(serde_json::from_value::<Changes>(Value::Null).unwrap().is_none());
        assert!(serde_json::from_value::<Identified>(json!({ "Id": "" })).is_err(), "an empty id is none");
    }
}
