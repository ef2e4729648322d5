//! Whether anything on an engine has the label that protects.

use std::sync::Arc;

use serde_json::json;

use super::connection::Client;
use super::inventory::Volumes;
use super::list::List;
use super::paths;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::{Container, Image, Network};
use fender_core::plan::protect::LABEL;

/// Whether anything on the engine has the label that protects.
pub async fn labelled(client: &Arc<Client>) -> Result<bool, EngineProblem> {
    let filters = json!({ "label": [LABEL] });
    // All requests in one batch need the API version.
    client.version().await?;
    let (containers, volumes) = (paths::containers_where(&filters), paths::volumes_where(&filters));
    let (networks, images) = (paths::networks_where(&filters), paths::all_images_where(&filters));
    let (containers, volumes, networks, images) = tokio::try_join!(
        client.get::<List<Container>>(&containers),
        client.get::<Volumes>(&volumes),
        client.get::<List<Network>>(&networks),
        client.get::<List<Image>>(&images),
    )?;
    Ok(!(containers.0.is_empty() && volumes.volumes.is_empty() && networks.0.is_empty() && images.0.is_empty()))
}
