//! Reads what an engine holds, for a plan: first a few lists, then details of the objects that the plan would delete. It does not
//! ask for single objects if a list has the answer.

use fender_core::order::PutInOrder as _;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::answers::{Changes, CreatedFrom, GivenVolumes, PathStat, StoredImage};
use super::changes::since_when;
use super::connection::{Client, nothing};
use super::containers::{self, sizes, takes_more_than_named};
use super::layers::{layers, layers_to_know, with_blobs};
use super::list::List;
use super::many::{about, many};
use super::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::engine::EngineFacts;
use fender_core::plan::freed::freed;
use fender_core::plan::inventory::{CacheRecord, Image, Inventory, Network, Volume, seconds};
use fender_core::plan::{Item, Needs, ObjectKind, Plan, PlanNeighbours, Protections, Step, needs, plan};
use fender_core::text::bytes;

/// The layers of so many images are asked before a question; of more only after it, where a person waits.
const LAYERS_BEFORE_QUESTION: usize = 50;
/// How long an engine may take to measure volumes where that is waited for: longer than the requests of it may.
const MEASURED_WITHIN: Duration = Duration::from_secs(180);
/// Types for `/system/df`, and fewer images in it, since this version.
const DF_BY_TYPE: Version = (1, 42);
/// A container's own layer is looked into from this size on, and so many of them are.
const WORTH_A_LOOK: i64 = 1_000_000;
const LOOKED_INTO: usize = 3;
/// So many changed files are measured in one container.
const MEASURED: usize = 300;
/// How long a registry may take to say whether it has an image.
const REGISTRY: Duration = Duration::from_secs(2);
const ASKED_OF_REGISTRY: usize = 20;

/// What `GET /info` says. What a deletion or an environment stands on has to be there, in the right shape.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Info {
    /// The engine's own id.
    #[serde(rename = "ID")]
    pub id: String,
    /// The name of its host.
    pub name: String,
    /// Its labels (`dockerd --label`), as `NAME=value`.
    #[serde(deserialize_with = "lenient")]
    pub labels: Vec<String>,
    /// Bytes of memory of its host.
    #[serde(default)]
    pub mem_total: i64,
    /// The driver of logs where a container names none.
    #[serde(default)]
    pub logging_driver: String,
    /// How many containers it has.
    #[serde(default)]
    containers: Option<usize>,
    #[serde(default)]
    init_commit: Option<Commit>,
    #[serde(default, deserialize_with = "lenient")]
    driver_status: Vec<Vec<String>>,
    #[serde(default)]
    system_time: String,
    #[serde(default)]
    swarm: SwarmState,
    /// None where the engine does not tell them.
    #[serde(default)]
    security_options: Option<Vec<String>>,
    #[serde(default)]
    default_runtime: String,
}

/// What an engine gives a container that asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineDefaults {
    /// The host's control groups, as on every host with version 1 of them.
    pub cgroup_of_host: bool,
    /// The OCI runtime; empty where it is not told.
    pub runtime: String,
}

/// The version of a program that the engine uses.
#[derive(Clone, Debug, Default, Deserialize)]
struct Commit {
    #[serde(rename = "ID", default)]
    id: String,
}

impl Info {
    /// moby `daemon/info_unix.go`: the engine says `N/A` where it finds no init program, and nothing where the program
    /// does not tell its version.
    pub fn has_init(&self) -> bool {
        self.init_commit.as_ref().is_some_and(|commit| commit.id != "N/A")
    }

    /// moby `daemon/info.go`: `name=cgroupns` stands among the security options where a container gets control groups of its
    /// own unless it asks for the host's.
    pub fn defaults(&self) -> EngineDefaults {
        let own_cgroups = |options: &Vec<String>| options.iter().any(|option| option == "name=cgroupns");
        EngineDefaults {
            cgroup_of_host: self.security_options.as_ref().is_some_and(|options| !own_cgroups(options)),
            runtime: self.default_runtime.clone(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SwarmState {
    local_node_state: String,
    control_available: bool,
    managers: i64,
}

/// Engines say null for an empty list.
fn lenient<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(match Option::<List<T>>::deserialize(deserializer)? {
        Some(List(list)) => list,
        None => Vec::new(),
    })
}

impl Info {
    /// `inactive`, `active`, `pending`, `locked` or `error`; empty where the engine does not say.
    pub fn swarm_state(&self) -> &str {
        &self.swarm.local_node_state
    }

    /// What judging needs of it.
    pub fn facts(self) -> EngineFacts {
        EngineFacts {
            containerd: self.containerd(),
            has_init: self.has_init(),
            id: self.id,
            name: self.name,
            labels: self.labels,
            memory: self.mem_total,
            log_driver: self.logging_driver,
        }
    }

    fn containerd(&self) -> bool {
        self.driver_status.iter().flatten().any(|text| text.contains("io.containerd.snapshotter"))
    }
}

/// The part of `GET /system/df` that is read: sizes, and the build cache. An engine leaves out what was not asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DiskUsage {
    #[serde(deserialize_with = "lenient")]
    volumes: Vec<Volume>,
    #[serde(deserialize_with = "lenient")]
    images: Vec<Image>,
    #[serde(deserialize_with = "lenient")]
    build_cache: Vec<CacheRecord>,
}

/// The answer to `GET /volumes`. Null where there are none; an answer without the key is not an engine's.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volumes {
    /// All volumes.
    #[serde(deserialize_with = "lenient")]
    pub volumes: Vec<Volume>,
}

/// What was listed of an engine, and for which needs. A plan and a smaller one beside it stand on the same lists.
pub type KnownLists = RefCell<Option<(Needs, Inventory, Info)>>;

/// The plan of these steps on an engine that has this; what has to be known more exactly of what goes is asked. How large the
/// volumes are that go is waited for as long as anything else is asked, and at least `sizes_within`; without it, until the engine says it.
pub async fn survey(
    client: &Arc<Client>,
    steps: &[Step],
    protections: &Protections,
    mut inventory: Inventory,
    sizes_within: Option<Duration>,
) -> Result<Plan, EngineProblem> {
    let needed = needs(steps);
    let mut first = plan(steps, &inventory, protections);
    if takes_more_than_named(&needed.containers, &first) {
        inventory.containers = containers::all(client).await?;
        first = plan(steps, &inventory, protections);
    }
    let (learnt, open) = look_closer(client, &mut inventory, &first, sizes_within).await?;
    let mut plan = match learnt {
        Learnt::Nothing => first,
        Learnt::Sizes if !inventory.containerd => with_sizes(first, &inventory),
        Learnt::Sizes | Learnt::More => plan(steps, &inventory, protections),
    };
    look_into(client, &mut plan).await;
    since_when(client, &mut plan).await?;
    if open.volumes {
        plan.left_unmeasured();
    }
    if !open.layers.is_empty() {
        plan.left_unreckoned(open.layers, &inventory);
    }
    plan.neighbours = Some(Rc::new(PlanNeighbours::of(&inventory, needed.images)));
    Ok(plan)
}

/// The lists, those that are known or new ones.
pub async fn listed(
    client: &Arc<Client>,
    needs: &Needs,
    api: Option<Version>,
    known: &KnownLists,
) -> Result<Inventory, EngineProblem> {
    if let Some((_, inventory, _)) = known.borrow().as_ref().filter(|(read, ..)| read.cover(needs)) {
        return Ok(inventory.clone());
    }
    let (inventory, info) = read_with_info(client, needs, api).await?;
    *known.borrow_mut() = Some((needs.clone(), inventory.clone(), info));
    Ok(inventory)
}

/// The lists.
pub async fn read(client: &Arc<Client>, needs: &Needs, api: Option<Version>) -> Result<Inventory, EngineProblem> {
    read_with_info(client, needs, api).await.map(|(inventory, _)| inventory)
}

/// The lists, and what the engine says of itself.
async fn read_with_info(
    client: &Arc<Client>,
    needs: &Needs,
    api: Option<Version>,
) -> Result<(Inventory, Info), EngineProblem> {
    let version = client.version().await?;
    let by_type = version >= DF_BY_TYPE;
    let images = match (needs.images || needs.cache, by_type) {
        (true, true) => paths::SHARED_SIZES,
        (true, false) => paths::ALL_IMAGES,
        (false, _) => "",
    };
    // Volumes are measured only where one goes.
    let usage = match (needs.images, needs.cache) {
        (false, false) => String::new(),
        _ if !by_type => paths::USAGE.to_owned(),
        (_, true) => paths::usage_of(&["build-cache"]),
        (_, false) => String::new(),
    };
    // Networks that nothing is attached to.
    let unattached = paths::networks_where(&json!({ "dangling": ["true"] }));
    let volumes = if needs.volumes { paths::VOLUMES } else { "" };
    let (networks, dangling) = if needs.networks { (paths::NETWORKS, unattached.as_str()) } else { ("", "") };
    let (info, containers, images, volumes, networks, dangling, usage) = tokio::try_join!(
        client.get::<Info>(paths::INFO),
        containers::listed(client, &needs.containers),
        list::<List<Image>>(client, images),
        list::<Volumes>(client, volumes),
        list::<List<Network>>(client, networks),
        list::<List<Network>>(client, dangling),
        usage_of(client, &usage),
    )?;
    let containers = containers.whole(client, info.containers, info.containerd()).await?;
    let mut inventory = Inventory {
        engine: info.id.clone(),
        name: info.name.clone(),
        containerd: info.containerd(),
        api: api.map_or(version, |wanted| wanted.min(version)),
        now: now(&info)?,
        containers,
        images: images.0,
        volumes: volumes.volumes,
        networks: networks.0,
        cache: usage.build_cache,
        ..Inventory::default()
    };
    let free: HashSet<String> = dangling.0.into_iter().map(|network| network.id).collect();
    for network in &mut inventory.networks {
        network.dangling = free.contains(&network.id);
    }
    measured(&mut inventory, usage.volumes);
    if !by_type {
        let shared: HashMap<String, i64> =
            usage.images.into_iter().map(|image| (image.id, image.shared_size)).collect();
        for image in &mut inventory.images {
            image.shared_size = shared.get(&image.id).copied().unwrap_or(-1);
        }
    }
    inventory.managers = match info.swarm_state() {
        "" | "inactive" => None,
        // Only a manager knows how many there are.
        _ => Some(if info.swarm.control_available { info.swarm.managers } else { 0 }),
    };
    if info.swarm.control_available && (needs.swarm || needs.networks) {
        inventory.services = client.get::<List<_>>(paths::SERVICES).await?.0;
    }
    if needs.swarm && info.swarm.control_available {
        inventory.secrets = client.get::<List<_>>(paths::SECRETS).await?.0;
        inventory.configs = client.get::<List<_>>(paths::CONFIGS).await?.0;
    }
    Ok((inventory, info))
}

/// Fills in how large volumes are.
fn measured(inventory: &mut Inventory, usage: Vec<Volume>) {
    let sizes: HashMap<String, Volume> = usage.into_iter().map(|volume| (volume.name.clone(), volume)).collect();
    for volume in &mut inventory.volumes {
        if let Some(known) = sizes.get(&volume.name) {
            volume.usage_data = known.usage_data.clone();
        }
    }
}

/// How long a question waits for the sizes of volumes, at least `least`: an engine whose lists took long is slow at everything.
pub fn sizes_within(least: Duration, lists: Duration) -> Duration {
    const MOST: Duration = Duration::from_millis(300);
    least.max(MOST.min(lists * 4))
}

/// How large volumes are. The engine knows no way to measure one: it walks through all files of all volumes.
pub async fn volume_sizes(client: &Arc<Client>) -> Result<Vec<Volume>, EngineProblem> {
    let by_type = client.version().await? >= DF_BY_TYPE;
    let path = if by_type { paths::usage_of(&["volume"]) } else { paths::USAGE.to_owned() };
    Ok(usage_of(client, &path).await?.volumes)
}

/// The engine's own clock, in seconds since 1970: what is older than a filter says is reckoned from it.
fn now(info: &Info) -> Result<i64, EngineProblem> {
    let time = seconds(&info.system_time).map(|time| time as i64);
    time.ok_or_else(|| EngineProblem::unanswered(format!("it does not say its time: {:?}", info.system_time)))
}

/// containerd's store stumbles for a moment over a snapshot that a build leaves behind.
async fn usage_of(client: &Arc<Client>, path: &str) -> Result<DiskUsage, EngineProblem> {
    const TRIES: u32 = 10;
    for _ in 1..TRIES {
        match list(client, path).await {
            Err(EngineProblem::Said { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            answer => return answer,
        }
    }
    list(client, path).await
}

/// The answer at this path; an empty one for an empty path, which stands for what is not asked.
pub async fn list<T: Default + serde::de::DeserializeOwned + Send + 'static>(
    client: &Arc<Client>,
    path: &str,
) -> Result<T, EngineProblem> {
    if path.is_empty() { Ok(T::default()) } else { client.get(path).await }
}

/// What a closer look gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Learnt {
    Nothing,
    /// How much the containers have in their own layers.
    Sizes,
    /// What may change the plan.
    More,
}

/// The same plan with the containers' sizes.
fn with_sizes(mut plan: Plan, inventory: &Inventory) -> Plan {
    let sizes: HashMap<&str, i64> =
        inventory.containers.iter().filter_map(|it| Some((it.id.as_str(), it.size_rw?))).collect();
    for item in plan.deletes.iter_mut().filter(|item| item.kind == ObjectKind::Container) {
        item.size = sizes.get(item.id.as_str()).copied();
        item.frees = item.size.unwrap_or(0);
    }
    plan.frees = freed(&plan.deletes);
    plan
}

/// What a closer look left open.
#[derive(Default)]
struct NotLookedAt {
    /// Volumes that go were not measured in time.
    volumes: bool,
    /// The images whose layers were not asked.
    layers: Vec<Image>,
}

/// What has to be known more exactly of what goes, and what was left open because a person waits.
async fn look_closer(
    client: &Arc<Client>,
    inventory: &mut Inventory,
    plan: &Plan,
    sizes_within: Option<Duration>,
) -> Result<(Learnt, NotLookedAt), EngineProblem> {
    let (mut learnt, mut open, started) = (Learnt::Nothing, NotLookedAt::default(), Instant::now());
    let volumes = plan.of(ObjectKind::Volume).any(|item| item.size.is_none()).then(|| {
        let client = client.clone();
        tokio::spawn(async move { volume_sizes(&client).await })
    });
    if inventory.containerd && !inventory.images.is_empty() && as_containerd_sees_it(client, inventory, plan).await? {
        learnt = Learnt::More;
    }
    let going: Vec<&Item> = plan.of(ObjectKind::Container).collect();
    let with_volumes: Vec<String> = going.iter().filter(|item| item.volumes).map(|item| item.id.clone()).collect();
    let mut of_layers = layers_to_know(inventory, plan);
    // Records of the build cache are held against the steps of images, and the store of containerd needs whole images.
    let each = inventory.containerd || inventory.cache.iter().any(|record| record.shared);
    // They say what is freed, and nothing else.
    if sizes_within.is_some() && !each && of_layers.len() > LAYERS_BEFORE_QUESTION {
        open.layers = std::mem::take(&mut of_layers).into_iter().cloned().collect();
    }
    let (sizes, named, layers) = tokio::try_join!(
        sizes(client, &going),
        named_volumes(client, &with_volumes),
        layers(client, &of_layers, each)
    )?;
    let asked_layers = !of_layers.is_empty();
    if going.iter().any(|item| item.size.is_none()) {
        learnt = learnt.max(Learnt::Sizes);
        for container in &mut inventory.containers {
            container.size_rw = sizes.get(&container.id).copied().or(container.size_rw);
        }
    }
    if !with_volumes.is_empty() {
        learnt = Learnt::More;
    }
    for (id, named) in named {
        if let Some(container) = inventory.containers.iter_mut().find(|it| it.id == id) {
            container.named_volumes = Some(named);
        }
    }
    if asked_layers {
        learnt = Learnt::More;
        for image in &mut inventory.images {
            if let Some(known) = layers.get(&image.id) {
                image.layers = Some(known.clone());
            }
        }
        if inventory.containerd {
            with_blobs(&mut inventory.images);
        }
    }
    if let Some(mut asked) = volumes {
        let longest = sizes_within.map_or(MEASURED_WITHIN, |within| within.saturating_sub(started.elapsed()));
        match tokio::time::timeout(longest, &mut asked).await {
            Ok(answer) => {
                measured(inventory, answer.map_err(EngineProblem::unanswered)??);
                learnt = Learnt::More;
            }
            Err(_) if sizes_within.is_none() => {
                let why = format!("it did not say within {} s how large its volumes are", MEASURED_WITHIN.as_secs());
                return Err(EngineProblem::Unanswered(why));
            }
            Err(_) => {
                asked.abort();
                open.volumes = true;
            }
        }
    }
    Ok((learnt, open))
}

/// The volumes that a container was given by name: `-v NAME:…` and `--mount source=NAME`.
async fn named_volumes(client: &Arc<Client>, ids: &[String]) -> Result<Vec<(String, Vec<String>)>, EngineProblem> {
    let paths = ids.iter().map(|id| paths::container(id)).collect();
    let answers = many(client, paths).await;
    let mut out = Vec::new();
    for (id, answer) in ids.iter().zip(answers) {
        let Some(given) = about::<GivenVolumes>(answer)? else { continue };
        out.push((id.clone(), given.sources().map(str::to_owned).collect()));
    }
    Ok(out)
}

/// The names that containers were made with, when records were made, and whether registries have what goes.
async fn as_containerd_sees_it(
    client: &Arc<Client>,
    inventory: &mut Inventory,
    plan: &Plan,
) -> Result<bool, EngineProblem> {
    // A name that has moved on since is shown as an id: the store goes by the name.
    let moved: Vec<usize> = (0..inventory.containers.len())
        .filter(|at| inventory.containers[*at].image == inventory.containers[*at].image_id)
        .collect();
    let paths = moved.iter().map(|at| paths::container(&inventory.containers[*at].id)).collect();
    for (at, answer) in moved.iter().zip(many(client, paths).await) {
        if let Some(created) = about::<CreatedFrom>(answer)? {
            inventory.containers[*at].image = created.config.image;
        }
    }
    let timed = plan.steps.iter().any(|step| matches!(step, Step::PruneImages(filters) if filters.has("until")));
    if timed {
        let paths = inventory.images.iter().map(|image| paths::image(&image.id)).collect();
        for (image, answer) in inventory.images.iter_mut().zip(many(client, paths).await) {
            let time = about::<StoredImage>(answer)?.and_then(|image| image.metadata.last_tag_time);
            image.stored = time.as_deref().and_then(seconds).map(|time| time as i64);
        }
    }
    // Every tag has a digest in this store, pulled or not: only the registry knows.
    let gone: HashSet<&str> = plan.of(ObjectKind::Image).map(|item| item.id.as_str()).collect();
    let asked: Vec<usize> = (0..inventory.images.len())
        .filter(|at| {
            gone.contains(inventory.images[*at].id.as_str()) && inventory.images[*at].digests().next().is_some()
        })
        .take(ASKED_OF_REGISTRY)
        .collect();
    let paths = asked.iter().filter_map(|at| inventory.images[*at].digests().next().map(paths::distribution)).collect();
    // Without an answer nothing says that it could be pulled again.
    if let Ok(answers) = tokio::time::timeout(REGISTRY, many(client, paths)).await {
        for (at, answer) in asked.iter().zip(answers) {
            inventory.images[*at].in_registry = Some(answer.is_ok());
        }
    }
    Ok(!moved.is_empty() || timed || !asked.is_empty())
}

/// What the largest of the containers that go have in their own layers.
async fn look_into(client: &Arc<Client>, plan: &mut Plan) {
    let mut large: Vec<usize> = (0..plan.deletes.len())
        .filter(|at| plan.deletes[*at].kind == ObjectKind::Container && plan.deletes[*at].size >= Some(WORTH_A_LOOK))
        .collect();
    large.put_in_order_by_key(|at| std::cmp::Reverse(plan.deletes[*at].size));
    for at in large.into_iter().take(LOOKED_INTO) {
        if let Some(text) = largest_path(client, &plan.deletes[at].id).await {
            plan.deletes[at].about.insert(0, text);
        }
    }
}

/// The path in a container's own layer that holds most of it: `/var/lib/app 398 MB`.
async fn largest_path(client: &Arc<Client>, id: &str) -> Option<String> {
    let Ok(Some(List(changes))) = client.get::<Changes>(&paths::changes(id)).await else { return None };
    let paths: Vec<&str> = changes.iter().filter(|it| !it.is_deletion()).map(|it| it.path.as_str()).collect();
    let folders: HashSet<&str> =
        paths.iter().filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder)).collect();
    let files: Vec<&str> = paths.into_iter().filter(|path| !folders.contains(path)).take(MEASURED).collect();
    let mut sums: HashMap<String, i64> = HashMap::new();
    let mut total = 0;
    for path in files {
        let Some(size) = size_of(client, id, path).await else { continue };
        total = size.saturating_add(total);
        let mut folder = path;
        loop {
            let sum = sums.entry(folder.to_owned()).or_default();
            *sum = size.saturating_add(*sum);
            match folder.rsplit_once('/') {
                Some((above, _)) if !above.is_empty() => folder = above,
                _ => break,
            }
        }
    }
    // The deepest path that still has most of it.
    let mut best: Vec<(String, i64)> = sums.into_iter().filter(|(_, sum)| *sum > 0 && *sum / 6 >= total / 10).collect();
    best.put_in_order_by_key(|(path, _)| (std::cmp::Reverse(path.matches('/').count()), path.clone()));
    let (path, size) = best.into_iter().next()?;
    Some(format!("{path} {}", bytes(size)))
}

async fn size_of(client: &Arc<Client>, id: &str, path: &str) -> Option<i64> {
    let path = paths::files(id, path);
    let Ok(reply) = client.send(Method::HEAD, &path, nothing(), None).await else { return None };
    let header = reply.headers.get("x-docker-container-path-stat").map(|header| header.as_bytes().to_vec());
    let (Some(header), Ok(_)) = (header, reply.bytes().await) else { return None };
    let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(header) else { return None };
    let Ok(stat) = serde_json::from_slice::<PathStat>(&decoded) else { return None };
    Some(if stat.is_folder() { 0 } else { stat.size })
}
