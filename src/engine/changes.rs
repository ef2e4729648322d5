//! Reads from the engine what a command changes besides deletions, and since when the containers run that it changes.

use std::collections::HashMap;
use std::sync::Arc;

use super::answers::{MadeWithRm, Started};
use super::connection::Client;
use super::inventory::{KnownLists, listed};
use super::many::{about, many};
use super::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::plan::changes::{change_needs, changes};
use fender_core::plan::inventory::{Container, Inventory, find_container, seconds};
use fender_core::plan::{Change, ChangeStep, ObjectKind, Plan, Protections};

/// What these steps change, made of what the engine says now or of the lists that are known, and what of it is protected. `api` is what `DOCKER_API_VERSION` says.
pub async fn changed(
    client: &Arc<Client>,
    steps: &[ChangeStep],
    protections: &Protections,
    api: Option<Version>,
    known: &KnownLists,
) -> Result<Vec<Change>, EngineProblem> {
    let mut inventory = listed(client, &change_needs(steps), api, known).await?;
    made_with_rm(client, steps, &mut inventory).await?;
    let mut changes = changes(steps, &inventory, protections);
    let running = |change: &Change| {
        let is_it = |it: &Container| it.id == change.id && it.is_running();
        change.kind == ObjectKind::Container && inventory.containers.iter().any(is_it)
    };
    let ids: Vec<String> = changes.iter().filter(|it| running(it)).map(|it| it.id.clone()).take(STARTS_ASKED).collect();
    let since = starts(client, &ids).await?;
    for change in &mut changes {
        change.since = since.get(&change.id).copied();
    }
    Ok(changes)
}

/// Whether the containers were made with `--rm` for which that decides what changes.
async fn made_with_rm(
    client: &Arc<Client>,
    steps: &[ChangeStep],
    inventory: &mut Inventory,
) -> Result<(), EngineProblem> {
    let asked = steps.iter().filter_map(|step| match step {
        ChangeStep::Request(request) => request.asks_about_rm(),
        _ => None,
    });
    let ids: Vec<String> =
        asked.filter_map(|name| Some(find_container(&inventory.containers, name)?.id.clone())).collect();
    let answers = many(client, ids.iter().map(|id| paths::container(id)).collect()).await;
    for (id, answer) in ids.iter().zip(answers) {
        let Some(made) = about::<MadeWithRm>(answer)? else { continue };
        for container in inventory.containers.iter_mut().filter(|it| it.id == *id) {
            container.auto_remove = Some(made.host_config.auto_remove);
        }
    }
    Ok(())
}

/// Of so many containers it is asked since when they run.
const STARTS_ASKED: usize = 64;

/// Since when containers run, in seconds since 1970. One that is gone by now is not in it.
async fn starts(client: &Arc<Client>, ids: &[String]) -> Result<HashMap<String, i64>, EngineProblem> {
    let answers = many(client, ids.iter().map(|id| paths::container(id)).collect()).await;
    let mut out = HashMap::new();
    for (id, answer) in ids.iter().zip(answers) {
        let Some(started) = about::<Started>(answer)? else { continue };
        out.extend(seconds(&started.state.started_at).map(|time| (id.clone(), time as i64)));
    }
    Ok(out)
}

/// Fills in since when the containers run that go.
pub(super) async fn since_when(client: &Arc<Client>, plan: &mut Plan) -> Result<(), EngineProblem> {
    let running = plan.of(ObjectKind::Container).filter(|item| item.is_running());
    let ids: Vec<String> = running.map(|item| item.id.clone()).take(STARTS_ASKED).collect();
    let since = starts(client, &ids).await?;
    for item in &mut plan.deletes {
        item.since = since.get(&item.id).copied();
    }
    Ok(())
}
