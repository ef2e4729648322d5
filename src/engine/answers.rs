//! What fender reads in an answer about one object, and in the answer to a change. What a deletion or an undo stands on has to be there in
//! the right shape: an answer without it is an error, and no default stands for it. The engine writes null for an empty list or map.

use std::collections::HashMap;

use serde::de::{Deserializer, Error, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::list::List;

/// Null stands for an empty list or map; a field that is not there stands for nothing.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
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

/// `GET /images/{name}/json`, as far as a deletion looks at it.
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
}

/// `GET /volumes/{name}`, as far as a deletion looks at it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VolumeNow {
    /// When it was created (RFC 3339); None where its driver does not say.
    #[serde(default)]
    pub created_at: Option<String>,
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
pub type Changes = Option<List<Change>>;

/// A path in a container that differs from its image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// Absolute, in the container.
    pub path: String,
    /// 0 for changed, 1 for added, 2 for deleted.
    pub kind: u8,
}

impl Change {
    /// Whether the container has taken away what its image has here.
    pub fn is_deletion(&self) -> bool {
        self.kind == 2
    }
}

/// Any object that is there.
pub type Anything = IgnoredAny;

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

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
            for wrong in [json!([7]), json!({ "a": 7 }), json!(-1), json!(7.5)] {
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
        needs::<RunState>(&json!({ "Running": true }));
        needs::<ImageNow>(&json!({ "Id": "a", "RepoTags": ["x:1"], "RepoDigests": [] }));
        needs::<ListedContainer>(&json!({ "Id": "a", "ImageID": "b", "Names": ["/web"], "Labels": { "a": "b" } }));
        needs::<PrunedCache>(&json!({ "CachesDeleted": ["a"] }));
        needs::<Change>(&json!({ "Path": "/a", "Kind": 2 }));
    }

    #[test]
    fn null_is_an_empty_list() {
        let image: ImageNow =
            serde_json::from_value(json!({ "Id": "a", "RepoTags": null, "RepoDigests": ["<none>@<none>"] })).unwrap();
        assert_eq!((image.tags().count(), image.digests().count()), (0, 0));
        let pruned: PrunedCache = serde_json::from_value(json!({ "CachesDeleted": null })).unwrap();
        assert!(pruned.caches_deleted.is_empty());
        assert!(serde_json::from_value::<Changes>(Value::Null).unwrap().is_none());
        assert!(serde_json::from_value::<Identified>(json!({ "Id": "" })).is_err(), "an empty id is none");
    }
}
