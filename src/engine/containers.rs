//! The lists of containers that a plan stands on, and how much they have in their own layers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::Client;
use super::list::List;
use super::paths;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::Container;
use fender_core::plan::{ContainersNeeded, Item, ObjectKind, Plan};

/// More containers than this are measured together with all others, as a list of their ids gets too long.
const BY_ID: usize = 200;

/// moby `container.State`: a container that has one of these goes with a prune.
const STOPPED: [&str; 3] = ["created", "exited", "dead"];
/// The other ones. A state that is in neither list makes the number of containers differ from what the engine says.
const OTHERS: [&str; 4] = ["running", "paused", "restarting", "removing"];

fn in_states(states: &[&str]) -> Value {
    json!({ "status": states })
}

/// The containers that are needed, as far as one batch of requests gives them: [`ListedContainers::whole`] finds out what is missing.
pub struct ListedContainers {
    containers: Vec<Container>,
    /// Two lists were read at once, which a container can escape that starts or stops just then.
    is_parted: bool,
    /// The engine's own words for what an image was built on were used.
    by_image: bool,
}

/// Reads the list.
pub async fn listed(client: &Arc<Client>, needed: &ContainersNeeded) -> Result<ListedContainers, EngineProblem> {
    let (is_parted, by_image) = match needed {
        ContainersNeeded::All | ContainersNeeded::OfVolumes(_) => (false, false),
        ContainersNeeded::StoppedMeasured => (true, false),
        ContainersNeeded::OfImages(_) => (false, true),
    };
    let containers = match needed {
        ContainersNeeded::All => all(client).await?,
        ContainersNeeded::OfVolumes(names) => of(client, &json!({ "volume": names })).await?,
        ContainersNeeded::OfImages(names) => of(client, &json!({ "ancestor": names })).await?,
        ContainersNeeded::StoppedMeasured => {
            let (sized, others) = (paths::container_sizes(Some(&in_states(&STOPPED))), in_states(&OTHERS));
            let others = paths::containers_where(&others);
            let (mut stopped, others) =
                tokio::try_join!(client.get::<List<Container>>(&sized), client.get::<List<Container>>(&others))?;
            for container in &mut stopped.0 {
                // The engine leaves 0 out.
                container.size_rw.get_or_insert(0);
            }
            stopped.0.into_iter().chain(others.0).collect()
        }
    };
    Ok(ListedContainers { containers, is_parted, by_image })
}

/// All containers.
pub async fn all(client: &Arc<Client>) -> Result<Vec<Container>, EngineProblem> {
    Ok(client.get::<List<Container>>(paths::CONTAINERS).await?.0)
}

async fn of(client: &Arc<Client>, filters: &Value) -> Result<Vec<Container>, EngineProblem> {
    Ok(client.get::<List<Container>>(&paths::containers_where(filters)).await?.0)
}

/// Whether an image goes that nobody named: one that another was built on. Which containers were made of it was not asked.
pub fn takes_more_than_named(needed: &ContainersNeeded, plan: &Plan) -> bool {
    let mut steps = HashSet::new();
    matches!(needed, ContainersNeeded::OfImages(_)) && !plan.of(ObjectKind::Image).all(|item| steps.insert(item.step))
}

impl ListedContainers {
    /// The containers. `number` is how many the engine says that it has: where two lists at once have another number, all are listed again. So they
    /// are where containerd's store keeps the images.
    pub async fn whole(
        self,
        client: &Arc<Client>,
        number: Option<usize>,
        containerd: bool,
    ) -> Result<Vec<Container>, EngineProblem> {
        if self.is_parted && number != Some(self.containers.len()) || self.by_image && containerd {
            return all(client).await;
        }
        Ok(self.containers)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sized {
    id: String,
    #[serde(default)]
    size_rw: i64,
}

/// Bytes in the own layers of the containers that go, by their ids; what is known already is not asked.
pub async fn sizes(client: &Arc<Client>, going: &[&Item]) -> Result<HashMap<String, i64>, EngineProblem> {
    let mut known: HashMap<String, i64> = going.iter().filter_map(|item| Some((item.id.clone(), item.size?))).collect();
    let asked: Vec<&str> = going.iter().filter(|item| item.size.is_none()).map(|item| item.id.as_str()).collect();
    if asked.is_empty() {
        return Ok(known);
    }
    let path = if asked.len() > BY_ID {
        paths::container_sizes(None)
    } else {
        paths::container_sizes(Some(&json!({ "id": asked })))
    };
    let answer: List<Sized> = client.get(&path).await?;
    known.extend(answer.0.into_iter().map(|it| (it.id, it.size_rw)));
    Ok(known)
}
