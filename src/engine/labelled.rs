//! Whether anything on an engine has the label that protects.

use std::sync::Arc;

use serde_json::json;

use super::connection::Client;
use super::inventory::{Volumes, list};
use super::list::List;
use super::paths;
use fender_core::api::EngineProblem;
use fender_core::plan::Needs;
use fender_core::plan::inventory::{Container, Image, Network};
use fender_core::plan::protect::LABEL;

/// Whether anything on the engine has the label that protects, as far as its list is not read anyway.
pub async fn labelled(client: &Arc<Client>, read: Option<Needs>) -> Result<bool, EngineProblem> {
    let filters = json!({ "label": [LABEL] });
    let covers = |kind: fn(&Needs) -> bool| read.as_ref().is_some_and(kind);
    let path = |is_read: bool, path: String| if is_read { String::new() } else { path };
    // Containers are in every plan.
    let containers = path(read.is_some(), paths::containers_where(&filters));
    let volumes = path(covers(|needs| needs.volumes), paths::volumes_where(&filters));
    let networks = path(covers(|needs| needs.networks), paths::networks_where(&filters));
    let images = path(covers(|needs| needs.images), paths::all_images_where(&filters));
    // All requests in one batch need the API version.
    client.version().await?;
    let (containers, volumes, networks, images) = tokio::try_join!(
        list::<List<Container>>(client, &containers),
        list::<Volumes>(client, &volumes),
        list::<List<Network>>(client, &networks),
        list::<List<Image>>(client, &images),
    )?;
    Ok(!(containers.0.is_empty() && volumes.volumes.is_empty() && networks.0.is_empty() && images.0.is_empty()))
}
