//! Reads from the engine what a command changes besides deletions, and since when the containers run that it changes.

use std::collections::HashMap;
use std::sync::Arc;

use super::answers::Started;
use super::connection::Client;
use super::inventory::{about, many, read};
use super::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::plan::changes::{change_needs, changes};
use fender_core::plan::inventory::{Container, seconds};
use fender_core::plan::{Change, ChangeStep, Item, ObjectKind, Plan};

/// What these steps change, made of what the engine says now. `api` is what `DOCKER_API_VERSION` says.
pub async fn changed(
    client: &Arc<Client>,
    steps: &[ChangeStep],
    api: Option<Version>,
) -> Result<Vec<Change>, EngineProblem> {
    let inventory = read(client, change_needs(steps), api).await?;
    let mut changes = changes(steps, &inventory);
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
    let runs = |item: &&Item| matches!(item.mark.as_str(), "running" | "paused" | "restarting");
    let running = plan.of(ObjectKind::Container).filter(runs);
    let ids: Vec<String> = running.map(|item| item.id.clone()).take(STARTS_ASKED).collect();
    let since = starts(client, &ids).await?;
    for item in &mut plan.deletes {
        item.since = since.get(&item.id).copied();
    }
    Ok(())
}
