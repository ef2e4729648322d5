//! Objects by their exact names. Where nothing has a name, the engine takes it for the beginning of an id: where no container is called
//! `db`, it may answer with one whose id begins with these letters, or say that there are several.

use std::sync::Arc;

use serde_json::json;

use super::answers::{Identified, ListedContainer, ListedNetwork};
use super::connection::Client;
use super::list::List;
use super::paths;
use fender_core::api::EngineProblem;

/// The id of the container of this name; None where there is none.
pub async fn container_named(client: &Arc<Client>, name: &str) -> Result<Option<String>, EngineProblem> {
    let filters = json!({ "name": [format!("^/{}$", quoted(name))] });
    let List(listed): List<ListedContainer> = client.get(&paths::containers_where(&filters)).await?;
    let has_it = |container: &ListedContainer| container.names.iter().any(|it| it.strip_prefix('/') == Some(name));
    Ok(listed.into_iter().find(has_it).map(|container| container.id))
}

/// Whether there is a network of this name.
pub async fn is_network_named(client: &Arc<Client>, name: &str) -> Result<bool, EngineProblem> {
    let filters = json!({ "name": [format!("^{}$", quoted(name))] });
    let List(listed): List<ListedNetwork> = client.get(&paths::networks_where(&filters)).await?;
    Ok(listed.iter().any(|network| network.name == name))
}

/// The id of the container that is meant by a name or by the beginning of an id, such as `--pid container:…` has; None where there is none.
/// What is shorter than the ids in docker's own lists is taken for a name.
pub async fn container_meant(client: &Arc<Client>, text: &str) -> Result<Option<String>, EngineProblem> {
    const SHORT_ID: usize = 12;
    if let Some(id) = container_named(client, text).await? {
        return Ok(Some(id));
    }
    if text.len() < SHORT_ID || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    match client.get::<Identified>(&paths::container(text)).await {
        Ok(found) => Ok(Some(found.id)),
        Err(problem) if problem.is(404) => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// The engine takes a name's filter for a regular expression.
fn quoted(name: &str) -> String {
    name.chars().flat_map(|letter| (letter == '.').then_some('\\').into_iter().chain(Some(letter))).collect()
}
