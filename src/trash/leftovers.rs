//! Finds and removes helpers: those of a process that is gone, and those of one that is done.

use std::sync::Arc;

use hyper::Method;
use serde_json::json;

use crate::engine::answers::{ListedContainer, ListedImage};
use crate::engine::connection::Client;
use crate::engine::inventory::Volumes;
use crate::engine::list::List;
use crate::engine::paths;
use crate::environment::host::birth;
use fender_core::api::EngineProblem;

/// The repository of everything that is made for a moment.
pub const REPOSITORY: &str = "fender.helper";
/// After the mark in the tag of an image that holds a container's layer; a number follows.
pub(super) const LAYER: &str = "-layer";

/// This host's name as the first part of a mark.
pub(super) fn host() -> String {
    let name = nix::sys::utsname::uname().map(|it| it.nodename().to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("h{}", plain.to_lowercase())
}

/// Whether the process that a mark names was one of this host and is gone. Marks of older versions have no time of birth.
pub(super) fn is_left(mark: &str) -> bool {
    let mut parts = mark.split('-');
    let (Some(maker), Some(process)) = (parts.next(), parts.next()) else { return false };
    let Ok(process) = process.parse() else { return false };
    let born = parts.next().and_then(|text| text.split('.').next()?.parse::<u64>().ok());
    maker == host() && birth(process).is_none_or(|now| born.is_some_and(|born| born != now))
}

/// Removes a container of fender's own; one that stays goes with a later sweep.
pub async fn remove_container(client: &Arc<Client>, id: &str) {
    let _ = removed(client, &paths::discard_container(id)).await;
}

/// Removes a name of an image of fender's own; one that stays goes with a later sweep.
pub async fn remove_image(client: &Arc<Client>, name: &str) {
    let _ = removed(client, &paths::delete_image(name, true)).await;
}

/// Removes a volume of fender's own; one that stays goes with a later sweep.
pub async fn remove_volume(client: &Arc<Client>, name: &str) {
    let _ = removed(client, &paths::volume(name)).await;
}

/// What is gone already, or is being removed by somebody else, is no problem.
async fn removed(client: &Arc<Client>, path: &str) -> Result<(), EngineProblem> {
    match client.call(Method::DELETE, path, None).await {
        Err(problem) if !problem.is(404) && !problem.is(409) => Err(problem),
        _ => Ok(()),
    }
}

/// The maker of what has a name of the kind `fender.helper-MARK-NUMBER`.
fn mark_in(name: &str) -> Option<&str> {
    let (mark, _) = name.strip_prefix(REPOSITORY)?.strip_prefix('-')?.rsplit_once('-')?;
    Some(mark)
}

/// The maker of a container that is not whole yet.
fn mark_of(container: &ListedContainer) -> Option<&str> {
    mark_in(container.names.first()?.trim_start_matches('/'))
}

/// Whether this is a helper of a process that is gone: it goes in a moment.
pub(super) fn is_left_helper(container: &ListedContainer) -> bool {
    let label = container.labels.get(REPOSITORY).map(String::as_str);
    mark_of(container).or(label).is_some_and(is_left)
}

/// Removes the containers, images and volumes whose mark is one of these; how many there were.
pub async fn sweep(client: &Arc<Client>, wanted: &dyn Fn(&str) -> bool) -> Result<usize, EngineProblem> {
    let mut found = 0;
    for filter in [json!({ "label": [REPOSITORY] }), json!({ "name": [format!("^/?{REPOSITORY}-")] })] {
        let path = paths::containers_where(&filter);
        let List(containers): List<ListedContainer> = client.get(&path).await?;
        for it in containers {
            let label = it.labels.get(REPOSITORY).map(String::as_str);
            if mark_of(&it).or(label).is_some_and(wanted) {
                found += 1;
                removed(client, &paths::discard_container(&it.id)).await?;
            }
        }
    }
    let filters = json!({ "reference": [REPOSITORY] });
    let List(images): List<ListedImage> = client.get(&paths::images_where(&filters)).await?;
    for it in images {
        for name in &it.repo_tags {
            if let Some(mark) = name.strip_prefix(&format!("{REPOSITORY}:"))
                && wanted(mark.split(LAYER).next().unwrap_or(mark))
            {
                found += 1;
                removed(client, &paths::delete_image(name, true)).await?;
            }
        }
    }
    // An engine that was killed while it made one may know it by its name alone.
    let filters = json!({ "name": [format!("{REPOSITORY}-")] });
    let Volumes { volumes } = client.get(&paths::volumes_where(&filters)).await?;
    for it in volumes {
        if mark_in(&it.name).is_some_and(wanted) {
            found += 1;
            removed(client, &paths::volume(&it.name)).await?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn what_is_left_is_known_by_host_process_and_birth() {
        let own = std::process::id();
        let born = birth(own).expect("this process runs");
        let host = host();
        for (mark, left) in [
            (format!("{host}-{own}-{born}.0"), false),
            (format!("{host}-{own}-{}.0", born + 1), true),
            (format!("{host}-{own}"), false),
            (format!("{host}-4194999-{born}.0"), true),
            (format!("{host}-4194999"), true),
            (format!("hanother-4194999-{born}.0"), false),
            (format!("{host}-x"), false),
            (String::new(), false),
        ] {
            assert_eq!(is_left(&mark), left, "{mark}");
        }
        let container = ListedContainer {
            id: "a".repeat(64),
            image_id: String::new(),
            names: vec![format!("/{REPOSITORY}-{host}-7-99.1-12")],
            labels: HashMap::new(),
        };
        assert_eq!(mark_of(&container), Some(format!("{host}-7-99.1").as_str()));
    }
}
