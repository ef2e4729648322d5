//! The paths of the Engine API: every request that fender makes has its function here, and no path stands anywhere else. Names and
//! values are encoded here, so that no name can change what is asked.
//!
//! Without the version in front; the client puts it there.

use serde_json::Value;

/// What answers first, and without a version.
pub const PING: &str = "/_ping";
/// GET: what the engine says about itself.
pub const INFO: &str = "/info";
/// GET: the engine's version and those of its API.
pub const VERSION: &str = "/version";
/// GET: all containers, those that do not run too.
pub const CONTAINERS: &str = "/containers/json?all=1";
/// POST: creates a container, with a name that the engine makes up.
pub const CREATE_CONTAINER: &str = "/containers/create";
/// The images that have a name, or none but no child.
pub const IMAGES: &str = "/images/json";
/// Those below others, too.
pub const ALL_IMAGES: &str = "/images/json?all=1";
/// The same with the bytes that several of them share.
pub const SHARED_SIZES: &str = "/images/json?all=1&shared-size=1";
/// POST: loads the images of an archive that is sent.
pub const LOAD_IMAGES: &str = "/images/load?quiet=1";
/// GET: all volumes.
pub const VOLUMES: &str = "/volumes";
/// POST: creates a volume, or gives the one that has its name.
pub const CREATE_VOLUME: &str = "/volumes/create";
/// GET: all networks.
pub const NETWORKS: &str = "/networks";
/// POST: creates a network.
pub const CREATE_NETWORK: &str = "/networks/create";
/// GET: all nodes of the swarm.
pub const NODES: &str = "/nodes";
/// GET: all tasks of the swarm.
pub const TASKS: &str = "/tasks";
/// GET: all services of the swarm.
pub const SERVICES: &str = "/services";
/// GET: all secrets of the swarm, without their data.
pub const SECRETS: &str = "/secrets";
/// GET: all configs of the swarm.
pub const CONFIGS: &str = "/configs";
/// What everything takes.
pub const USAGE: &str = "/system/df";

/// What these kinds of objects take; the engine knows the parameter from API 1.42 on.
pub fn usage_of(kinds: &[&str]) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("type={kind}")).collect();
    format!("{USAGE}?{}", kinds.join("&"))
}

/// Whether the engine measures before it answers.
pub fn is_measured(path: &str) -> bool {
    path.starts_with(USAGE) || path.contains("size=1")
}

/// GET: the containers that fit the filters, those that do not run too.
pub fn containers_where(filters: &Value) -> String {
    format!("{CONTAINERS}&filters={}", json(filters))
}

/// The containers with the bytes of their own layers.
pub fn container_sizes(filters: Option<&Value>) -> String {
    let filters = filters.map(|filters| format!("&filters={}", json(filters))).unwrap_or_default();
    format!("{CONTAINERS}&size=1{filters}")
}

/// GET: one container with its settings.
pub fn container(id: &str) -> String {
    of_container(id, "json")
}

/// GET: the paths in which a container differs from its image.
pub fn changes(id: &str) -> String {
    of_container(id, "changes")
}

/// All files of a container, as an archive, without what is mounted in it.
pub fn export(id: &str) -> String {
    of_container(id, "export")
}

/// The files at a path in a container, as an archive.
pub fn files(id: &str, path: &str) -> String {
    of_container(id, &format!("archive?path={}", value(path)))
}

/// Files that are unpacked at the root, with the owners that the archive names.
pub fn unpack(id: &str) -> String {
    of_container(id, "archive?path=/&copyUIDGID=1")
}

/// POST: starts a container.
pub fn start(id: &str) -> String {
    of_container(id, "start")
}

/// POST: pauses the processes of a container.
pub fn pause(id: &str) -> String {
    of_container(id, "pause")
}

/// Stops it; it has the seconds given, or its own, to end.
pub fn stop(id: &str, seconds: Option<i64>) -> String {
    of_container(id, &seconds.map_or_else(|| "stop".to_owned(), |seconds| format!("stop?t={seconds}")))
}

/// POST: gives a container another name.
pub fn rename(id: &str, name: &str) -> String {
    of_container(id, &format!("rename?name={}", value(name)))
}

/// `platform` is `os/architecture`; None for the engine's own.
pub fn create_container(name: &str, platform: Option<&str>) -> String {
    let platform = platform.map(|platform| format!("&platform={}", value(platform))).unwrap_or_default();
    format!("{CREATE_CONTAINER}?name={}{platform}", value(name))
}

/// Deletes a container; its anonymous volumes stay.
pub fn delete_container(id: &str, force: bool) -> String {
    format!("/containers/{}{}", segment(id), if force { "?force=1" } else { "" })
}

/// Deletes a container of fender's own with its volumes, whether it runs or not.
pub fn discard_container(id: &str) -> String {
    format!("/containers/{}?force=1&v=1", segment(id))
}

/// Makes an image of a container, under a name.
pub fn commit(id: &str, repository: &str, tag: &str) -> String {
    format!("/commit?container={}&repo={}&tag={}", value(id), value(repository), value(tag))
}

/// Makes an image without a name; the container goes on.
pub fn commit_unnamed(id: &str) -> String {
    format!("/commit?container={}&pause=0", value(id))
}

/// GET: one image, by a name or an id.
pub fn image(name: &str) -> String {
    of_image(name, "json")
}

/// GET: the images that fit the filters, without those that only have children.
pub fn images_where(filters: &Value) -> String {
    format!("{IMAGES}?filters={}", json(filters))
}

/// GET: the images that fit the filters, those below others too.
pub fn all_images_where(filters: &Value) -> String {
    format!("{ALL_IMAGES}&filters={}", json(filters))
}

/// GET: the steps that made an image, with the bytes of each.
pub fn history(name: &str) -> String {
    of_image(name, "history")
}

/// The image as an archive.
pub fn save_image(name: &str) -> String {
    of_image(name, "get")
}

/// POST: gives an image another tag.
pub fn tag_image(name: &str, repository: &str, tag: &str) -> String {
    of_image(name, &format!("tag?repo={}&tag={}", value(repository), value(tag)))
}

/// POST: pulls an image by its digest.
pub fn pull_image(name: &str, digest: &str) -> String {
    format!("/images/create?fromImage={}&tag={}", value(name), value(digest))
}

/// Makes an image without a name of an archive that is sent.
pub const IMPORT_UNNAMED: &str = "/images/create?fromSrc=-";

/// Makes an image of an archive that is sent.
pub fn import_image(repository: &str, tag: &str) -> String {
    format!("/images/create?fromSrc=-&repo={}&tag={}", value(repository), value(tag))
}

/// Deletes an image, or a name of one, and leaves those below it.
pub fn delete_image(name: &str, force: bool) -> String {
    format!("/images/{}?noprune=1{}", segment(name), if force { "&force=1" } else { "" })
}

/// What a registry has under a name.
pub fn distribution(name: &str) -> String {
    format!("/distribution/{}/json", segment(name))
}

/// GET: one volume; DELETE: deletes it.
pub fn volume(name: &str) -> String {
    format!("{VOLUMES}/{}", segment(name))
}

/// GET: the volumes that fit the filters.
pub fn volumes_where(filters: &Value) -> String {
    format!("{VOLUMES}?filters={}", json(filters))
}

/// GET: one network; DELETE: deletes it.
pub fn network(id: &str) -> String {
    format!("{NETWORKS}/{}", segment(id))
}

/// GET: the networks that fit the filters.
pub fn networks_where(filters: &Value) -> String {
    format!("{NETWORKS}?filters={}", json(filters))
}

/// POST: connects a container to a network.
pub fn connect(network: &str) -> String {
    format!("{NETWORKS}/{}/connect", segment(network))
}

/// POST: disconnects a container from a network.
pub fn disconnect(network: &str) -> String {
    format!("{NETWORKS}/{}/disconnect", segment(network))
}

/// GET: one service; DELETE: deletes it.
pub fn service(id: &str) -> String {
    format!("{SERVICES}/{}", segment(id))
}

/// GET: one secret without its data; DELETE: deletes it.
pub fn secret(id: &str) -> String {
    format!("{SECRETS}/{}", segment(id))
}

/// GET: one config; DELETE: deletes it.
pub fn config(id: &str) -> String {
    format!("{CONFIGS}/{}", segment(id))
}

/// Deletes the records of the build cache that the filters mean.
pub fn prune_cache(filters: &Value) -> String {
    format!("/build/prune?all=1&filters={}", json(filters))
}

/// A path that was made of names as they were typed.
pub fn encoded(path: &str) -> String {
    segment(path)
}

fn of_container(id: &str, what: &str) -> String {
    format!("/containers/{}/{what}", segment(id))
}

fn of_image(name: &str, what: &str) -> String {
    format!("/images/{}/{what}", segment(name))
}

/// A name or id as one segment of a path; slashes and colons of image names stay as docker sends them.
fn segment(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b':' | b'@' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A text as the value of a query.
fn value(text: &str) -> String {
    segment(text).replace('/', "%2F").replace(':', "%3A").replace('@', "%40")
}

fn json(filters: &Value) -> String {
    value(&filters.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_change_nothing_but_the_name() {
        assert_eq!(container("a?force=1&x"), "/containers/a%3Fforce%3D1%26x/json");
        assert_eq!(image("example.com:5000/a/b@sha256:1"), "/images/example.com:5000/a/b@sha256:1/json");
        assert_eq!(tag_image("i", "example.com/a", "1"), "/images/i/tag?repo=example.com%2Fa&tag=1");
        assert_eq!(files("i", "/a b&c"), "/containers/i/archive?path=%2Fa%20b%26c");
        assert_eq!(
            networks_where(&json!({ "dangling": ["true"] })),
            "/networks?filters=%7B%22dangling%22%3A%5B%22true%22%5D%7D"
        );
        assert_eq!(usage_of(&["volume", "build-cache"]), "/system/df?type=volume&type=build-cache");
        assert!(is_measured(&container_sizes(None)) && is_measured(USAGE) && !is_measured(CONTAINERS));
    }
}
