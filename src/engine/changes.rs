//! Reads from the engine what a command changes besides deletions, since when the containers run that it changes, and what is down meanwhile.

use std::collections::HashMap;
use std::sync::Arc;

use super::answers::{MadeWithRm, Started};
use super::connection::Client;
use super::inventory::{KnownLists, listed};
use super::list::List;
use super::many::{about, many};
use super::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::order::PutInOrder as _;
use fender_core::plan::changes::{change_needs, changes};
use fender_core::plan::inventory::{Container, Inventory, find_container, seconds};
use fender_core::plan::request_changes::RequestChange;
use fender_core::plan::{Change, ChangeKind, ChangeStep, Downtime, ItemChange, ObjectKind, Plan, Protections};

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
    if steps.iter().any(|step| matches!(step, ChangeStep::Request(RequestChange::DrainsNode { .. })))
        // Only a manager knows them, and docker refuses the command elsewhere.
        && inventory.managers.is_some_and(|managers| managers > 0)
    {
        let (nodes, tasks) =
            tokio::try_join!(client.get::<List<_>>(paths::NODES), client.get::<List<_>>(paths::TASKS))?;
        (inventory.nodes, inventory.tasks) = (nodes.0, tasks.0);
    }
    let mut changes = changes(steps, &inventory, protections);
    let running = |change: &Change| {
        let is_it = |it: &Container| it.id == change.id && it.is_running();
        change.kind == ObjectKind::Container && inventory.containers.iter().any(is_it)
    };
    let ids: Vec<String> = changes.iter().filter(|it| running(it)).map(|it| it.id.clone()).take(STARTS_ASKED).collect();
    let starts = starts(client, &ids).await?;
    for change in &mut changes {
        let Some(start) = starts.get(&change.id) else { continue };
        change.since = start.since;
        if matches!(change.change, ChangeKind::Stop | ChangeKind::Restart | ChangeKind::Replace) {
            change.downtime = Some(start.downtime.clone());
        }
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

/// What is known of a container that runs.
struct Start {
    /// Since when it runs, in seconds since 1970.
    since: Option<i64>,
    downtime: Downtime,
}

/// Since when containers run, and what is down without them. One that is gone by now is not in it.
async fn starts(client: &Arc<Client>, ids: &[String]) -> Result<HashMap<String, Start>, EngineProblem> {
    let answers = many(client, ids.iter().map(|id| paths::container(id)).collect()).await;
    let mut out = HashMap::new();
    for (id, answer) in ids.iter().zip(answers) {
        let Some(started) = about::<Started>(answer)? else { continue };
        let since = seconds(&started.state.started_at).map(|time| time as i64);
        out.insert(id.clone(), Start { since, downtime: downtime(&started) });
    }
    Ok(out)
}

/// What is down while this container is.
fn downtime(started: &Started) -> Downtime {
    let mut ports: Vec<(u32, String)> = Vec::new();
    for (port, bindings) in started.network_settings.ports.iter().flatten() {
        let protocol = port.split_once('/').map_or("tcp", |(_, protocol)| protocol);
        for binding in bindings.iter().flatten() {
            let address = match binding.host_ip.as_str() {
                "" | "0.0.0.0" | "::" => String::new(),
                address if address.contains(':') => format!("[{address}]:"),
                address => format!("{address}:"),
            };
            let protocol = if protocol == "tcp" { String::new() } else { format!("/{protocol}") };
            ports.push((binding.host_port.parse().unwrap_or(0), format!("{address}{}{protocol}", binding.host_port)));
        }
    }
    ports.put_in_order();
    // The same port of IPv4 and IPv6.
    ports.dedup();
    let check = started
        .config
        .healthcheck
        .as_ref()
        .filter(|check| check.test.as_ref().and_then(|test| test.first()).is_some_and(|kind| kind != "NONE"));
    let start_period = check.map(|check| check.start_period).filter(|period| *period > 0);
    let start_seconds = start_period.map(|period| period.unsigned_abs().div_ceil(1_000_000_000));
    Downtime { ports: ports.into_iter().map(|(_, port)| port).collect(), start_seconds }
}

/// Fills in since when the containers run that go, and what is down until one takes their place.
pub(super) async fn since_when(client: &Arc<Client>, plan: &mut Plan) -> Result<(), EngineProblem> {
    let running = plan.of(ObjectKind::Container).filter(|item| item.is_running());
    let ids: Vec<String> = running.map(|item| item.id.clone()).take(STARTS_ASKED).collect();
    let starts = starts(client, &ids).await?;
    for item in &mut plan.deletes {
        let Some(start) = starts.get(&item.id) else { continue };
        item.since = start.since;
        item.downtime = (item.change != ItemChange::Removed).then(|| start.downtime.clone());
    }
    Ok(())
}
