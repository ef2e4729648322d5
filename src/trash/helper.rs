//! Helper objects that fender creates on an engine to read or write a volume: an empty image, and containers of it that are never started.
//! Their names contain the process that created them, so that those of a killed fender are found and removed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::Method;
use serde_json::{Value, json};

use crate::engine::connection::{Client, whole};
use crate::engine::paths;
use fender_core::api::EngineProblem;

/// The repository of everything that is made for a moment.
pub const REPOSITORY: &str = "fender.helper";

/// The tag of this process's own: host and process.
pub fn tag() -> String {
    format!("{}-{}", host(), std::process::id())
}

/// A new name for a container that is not whole yet: known for what it is by its name, because its labels are its own.
pub fn name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{REPOSITORY}-{}-{}", tag(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// This host's name as a part of a tag.
fn host() -> String {
    let name = nix::sys::utsname::uname().map(|it| it.nodename().to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("h{}", plain.to_lowercase())
}

/// An empty image: enough for a container that is never started.
pub async fn image(client: &Arc<Client>) -> Result<String, EngineProblem> {
    let name = format!("{REPOSITORY}:{}", tag());
    let path = paths::import_image(REPOSITORY, &tag());
    // Two blocks of zeros: the end of an archive with nothing in it.
    client.send(Method::POST, &path, whole(vec![0_u8; 1024]), Some("application/x-tar")).await?.bytes().await?;
    Ok(name)
}

/// A container that has the volume at `/v`.
pub async fn container(
    client: &Arc<Client>,
    image: &str,
    volume: &str,
    read_only: bool,
) -> Result<String, EngineProblem> {
    let body = json!({
        "Image": image, "Cmd": ["never"], "Labels": { REPOSITORY: tag() }, "NetworkDisabled": true,
        "HostConfig": {
            "NetworkMode": "none",
            "Mounts": [{"Type": "volume", "Source": volume, "Target": "/v", "ReadOnly": read_only,
                "VolumeOptions": {"NoCopy": true}}],
        },
    });
    let answer = client.call(Method::POST, paths::CREATE_CONTAINER, Some(&body)).await?;
    let made: Value = serde_json::from_slice(&answer).unwrap_or_default();
    match made.get("Id").and_then(Value::as_str) {
        Some(id) => Ok(id.to_owned()),
        None => Err(EngineProblem::Unanswered("the engine made a container without an id".to_owned())),
    }
}

pub async fn remove_container(client: &Arc<Client>, id: &str) {
    let _ = client.call(Method::DELETE, &paths::discard_container(id), None).await;
}

pub async fn remove_image(client: &Arc<Client>, name: &str) {
    let _ = client.call(Method::DELETE, &paths::delete_image(name, true), None).await;
}

/// The maker of a container that is not whole yet, from its name `fender.helper-HOST-PROCESS-NUMBER`.
fn mark_of(container: &Value) -> Option<&str> {
    let name = container.pointer("/Names/0").and_then(Value::as_str)?.trim_start_matches('/');
    let (mark, _) = name.strip_prefix(REPOSITORY)?.strip_prefix('-')?.rsplit_once('-')?;
    Some(mark)
}

/// Removes the helper objects of this process, and those of processes on this machine that have ended.
pub async fn sweep(client: &Arc<Client>) {
    let left = |mark: &str| match mark.strip_prefix(&format!("{}-", host())) {
        Some(process) => process == std::process::id().to_string() || !Path::new("/proc").join(process).exists(),
        None => false,
    };
    for filter in [json!({ "label": [REPOSITORY] }), json!({ "name": [format!("^/?{REPOSITORY}-")] })] {
        let path = paths::containers_where(&filter);
        let containers: Vec<Value> = client.get(&path).await.unwrap_or_default();
        for it in containers {
            let label = it.pointer(&format!("/Labels/{REPOSITORY}")).and_then(Value::as_str);
            if let Some(id) = it.get("Id").and_then(Value::as_str)
                && mark_of(&it).or(label).is_some_and(left)
            {
                remove_container(client, id).await;
            }
        }
    }
    let filters = json!({ "reference": [REPOSITORY] });
    let images: Vec<Value> = client.get(&paths::images_where(&filters)).await.unwrap_or_default();
    for it in images {
        for name in it.get("RepoTags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if let Some(mark) = name.strip_prefix(&format!("{REPOSITORY}:"))
                && left(mark.trim_end_matches("-layer"))
            {
                remove_image(client, name).await;
            }
        }
    }
}
