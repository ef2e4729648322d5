//! Reads what an engine holds, for a plan: first a few lists, then details of the objects that the plan would delete. It does not
//! ask for single objects if a list has the answer.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use hyper::Method;
use hyper::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::task::JoinSet;

use super::answers::{Changes, CreatedFrom, GivenVolumes, History, HistoryStep, LayeredImage, PathStat, StoredImage};
use super::changes::since_when;
use super::connection::{Client, nothing};
use super::list::List;
use super::paths;
use fender_core::api::{EngineProblem, Version};
use fender_core::plan::freed::{freed, total};
use fender_core::plan::inventory::{CacheRecord, Container, Image, ImageLayer, Inventory, Network, Volume, seconds};
use fender_core::plan::{Item, Needs, ObjectKind, Plan, Protections, Step, needs, plan};
use fender_core::text::bytes;

/// More containers than this are measured together with all others, as a list of their ids gets too long.
const BY_ID: usize = 200;
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

/// The plan of these steps, made of what the engine says now. `protections` is asked in the same batch. `api` is what
/// `DOCKER_API_VERSION` says.
pub async fn survey(
    client: &Arc<Client>,
    steps: &[Step],
    protections: impl Future<Output = Result<Rc<Protections>, EngineProblem>>,
    api: Option<Version>,
) -> Result<Plan, EngineProblem> {
    // All requests in one batch need the API version.
    client.version().await?;
    let (protections, mut inventory) = tokio::try_join!(protections, read(client, needs(steps), api))?;
    let first = plan(steps, &inventory, &protections);
    let learnt = look_closer(client, &mut inventory, &first).await?;
    let mut plan = match learnt {
        Learnt::Nothing => first,
        Learnt::Sizes if !inventory.containerd => with_sizes(first, &inventory),
        Learnt::Sizes | Learnt::More => plan(steps, &inventory, &protections),
    };
    look_into(client, &mut plan).await;
    since_when(client, &mut plan).await?;
    Ok(plan)
}

/// The lists.
pub async fn read(client: &Arc<Client>, needs: Needs, api: Option<Version>) -> Result<Inventory, EngineProblem> {
    let version = client.version().await?;
    let by_type = version >= DF_BY_TYPE;
    let images = match (needs.images || needs.cache, by_type) {
        (true, true) => paths::SHARED_SIZES,
        (true, false) => paths::ALL_IMAGES,
        (false, _) => "",
    };
    let usage = match (needs.volumes, needs.images, needs.cache) {
        (false, false, false) => String::new(),
        _ if !by_type => paths::USAGE.to_owned(),
        (volumes, _, cache) => {
            let mut types = Vec::new();
            types.extend(volumes.then_some("volume"));
            types.extend(cache.then_some("build-cache"));
            if types.is_empty() { String::new() } else { paths::usage_of(&types) }
        }
    };
    // Networks that nothing is attached to.
    let unattached = paths::networks_where(&json!({ "dangling": ["true"] }));
    let volumes = if needs.volumes { paths::VOLUMES } else { "" };
    let (networks, dangling) = if needs.networks { (paths::NETWORKS, unattached.as_str()) } else { ("", "") };
    let (info, containers, images, volumes, networks, dangling, usage) = tokio::try_join!(
        client.get::<Info>(paths::INFO),
        client.get::<List<Container>>(paths::CONTAINERS),
        list::<List<Image>>(client, images),
        list::<Volumes>(client, volumes),
        list::<List<Network>>(client, networks),
        list::<List<Network>>(client, dangling),
        usage_of(client, &usage),
    )?;
    let mut inventory = Inventory {
        engine: info.id.clone(),
        name: info.name.clone(),
        containerd: info.containerd(),
        api: api.map_or(version, |wanted| wanted.min(version)),
        now: now(&info)?,
        containers: containers.0,
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
    let sizes: HashMap<String, Volume> =
        usage.volumes.into_iter().map(|volume| (volume.name.clone(), volume)).collect();
    for volume in &mut inventory.volumes {
        if let Some(known) = sizes.get(&volume.name) {
            volume.usage_data = known.usage_data.clone();
        }
    }
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
    Ok(inventory)
}

/// The engine's own clock, in seconds since 1970: what is older than a filter says is reckoned from it.
fn now(info: &Info) -> Result<i64, EngineProblem> {
    let time = seconds(&info.system_time).map(|time| time as i64);
    time.ok_or_else(|| EngineProblem::unanswered(format!("it does not say its time: {:?}", info.system_time)))
}

/// The volumes, without their sizes.
pub async fn volumes_of(client: &Arc<Client>) -> Result<Vec<Volume>, EngineProblem> {
    Ok(client.get::<Volumes>(paths::VOLUMES).await?.volumes)
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

async fn list<T: Default + serde::de::DeserializeOwned + Send + 'static>(
    client: &Arc<Client>,
    path: &str,
) -> Result<T, EngineProblem> {
    if path.is_empty() { Ok(T::default()) } else { client.get(path).await }
}

/// Answers to many requests, in their order.
pub(super) async fn many(client: &Arc<Client>, paths: Vec<String>) -> Vec<Result<Bytes, EngineProblem>> {
    let unasked = || Err(EngineProblem::unanswered("it was not asked to the end"));
    let mut answers: Vec<Result<Bytes, EngineProblem>> = paths.iter().map(|_| unasked()).collect();
    let mut running = JoinSet::new();
    for (at, path) in paths.into_iter().enumerate() {
        let client = client.clone();
        running.spawn(async move { (at, client.call(Method::GET, &path, None).await) });
    }
    while let Some(ended) = running.join_next().await {
        if let Ok((at, answer)) = ended {
            answers[at] = answer;
        }
    }
    answers
}

/// The answer about one object; None where it is gone by now. What else goes wrong leaves the plan open.
pub(super) fn about<T: DeserializeOwned>(answer: Result<Bytes, EngineProblem>) -> Result<Option<T>, EngineProblem> {
    match answer {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(EngineProblem::unanswered),
        Err(problem) if problem.is(404) => Ok(None),
        Err(problem) => Err(problem),
    }
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

/// What has to be known more exactly of what goes.
async fn look_closer(client: &Arc<Client>, inventory: &mut Inventory, plan: &Plan) -> Result<Learnt, EngineProblem> {
    let mut learnt = Learnt::Nothing;
    if inventory.containerd && !inventory.images.is_empty() && as_containerd_sees_it(client, inventory, plan).await? {
        learnt = Learnt::More;
    }
    let going: Vec<&Item> = plan.of(ObjectKind::Container).collect();
    let with_volumes: Vec<String> = going.iter().filter(|item| item.volumes).map(|item| item.id.clone()).collect();
    let of_layers = layers_to_know(inventory, plan);
    let (sizes, named, layers) =
        tokio::try_join!(sizes(client, &going), named_volumes(client, &with_volumes), layers(client, &of_layers))?;
    if !going.is_empty() {
        learnt = learnt.max(Learnt::Sizes);
        for container in &mut inventory.containers {
            container.size_rw = sizes.get(&container.id).copied();
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
    if !of_layers.is_empty() {
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
    Ok(learnt)
}

/// The ids of the images whose layers decide what is freed; none where no image that goes shares any.
fn layers_to_know(inventory: &Inventory, plan: &Plan) -> Vec<String> {
    let gone: HashSet<&str> = plan.of(ObjectKind::Image).map(|item| item.id.as_str()).collect();
    // Old engines do not say it of images in between.
    let sharing = |image: &Image| image.shared_size != 0;
    let with_cache = inventory.cache.iter().any(|record| record.shared);
    let asked = inventory.images.iter().any(|image| gone.contains(image.id.as_str()) && (sharing(image) || with_cache));
    if !asked {
        return Vec::new();
    }
    let wanted = inventory.images.iter().filter(|image| sharing(image) || gone.contains(image.id.as_str()));
    wanted.map(|image| image.id.clone()).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sized {
    id: String,
    #[serde(default)]
    size_rw: i64,
}

async fn sizes(client: &Arc<Client>, going: &[&Item]) -> Result<HashMap<String, i64>, EngineProblem> {
    if going.is_empty() {
        return Ok(HashMap::new());
    }
    let path = if going.len() > BY_ID {
        paths::container_sizes(None)
    } else {
        let ids: Vec<&str> = going.iter().map(|item| item.id.as_str()).collect();
        paths::container_sizes(Some(&json!({ "id": ids })))
    };
    let answer: List<Sized> = client.get(&path).await?;
    Ok(answer.0.into_iter().map(|it| (it.id, it.size_rw)).collect())
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

/// The layers of these images with their sizes: the chain from the image, the sizes from its history. An image that is gone by now has none.
async fn layers(client: &Arc<Client>, ids: &[String]) -> Result<HashMap<String, Vec<ImageLayer>>, EngineProblem> {
    let paths = ids.iter().flat_map(|id| [paths::image(id), paths::history(id)]).collect();
    let mut answers = many(client, paths).await.into_iter();
    let mut out = HashMap::new();
    for id in ids {
        let (Some(image), Some(history)) = (answers.next(), answers.next()) else { break };
        let (Some(image), Some(history)) = (about(image)?, about(history)?) else { continue };
        out.insert(id.clone(), chain(&image, &history));
    }
    Ok(out)
}

/// containerd's store keeps the compressed blobs beside the unpacked layers, and says the sum of both for whole images
/// only. Where one image is the beginning of another, the difference is the rest's; in between it is shared out.
fn with_blobs(images: &mut [Image]) {
    let whole: HashMap<String, i64> =
        images.iter().filter_map(|image| Some((image.layers.as_ref()?.last()?.chain.clone(), image.size))).collect();
    for layers in images.iter_mut().filter_map(|image| image.layers.as_mut()) {
        let (mut start, mut below) = (0, 0);
        for end in 0..layers.len() {
            let Some(size) = whole.get(&layers[end].chain) else { continue };
            let part = &mut layers[start..=end];
            let (plain, real) = (total(part.iter().map(|layer| layer.size)), size.saturating_sub(below).max(0));
            for (at, layer) in part.iter_mut().enumerate() {
                layer.size = match plain {
                    0 if at == end - start => real,
                    0 => 0,
                    plain => (layer.size as f64 / plain as f64 * real as f64) as i64,
                };
            }
            (start, below) = (end + 1, *size);
        }
    }
}

fn chain(image: &LayeredImage, history: &History) -> Vec<ImageLayer> {
    let digests: Vec<&str> = image.layers().collect();
    // A step without a layer has no bytes; so may one with a layer have none.
    let mut steps: Vec<HistoryStep> = history.0.iter().rev().cloned().collect();
    while steps.len() > digests.len()
        && let Some(empty) = steps.iter().position(|step| step.size == 0)
    {
        steps.remove(empty);
    }
    steps.resize(digests.len(), HistoryStep::default());
    let mut chain = String::new();
    let mut out = Vec::new();
    for (digest, HistoryStep { size, created_by }) in digests.into_iter().zip(steps) {
        chain.push_str(digest);
        out.push(ImageLayer { chain: chain.clone(), size, files: size, made_by: created_by });
    }
    out
}

/// What the largest of the containers that go have in their own layers.
async fn look_into(client: &Arc<Client>, plan: &mut Plan) {
    let mut large: Vec<usize> = (0..plan.deletes.len())
        .filter(|at| plan.deletes[*at].kind == ObjectKind::Container && plan.deletes[*at].size >= Some(WORTH_A_LOOK))
        .collect();
    large.sort_by_key(|at| std::cmp::Reverse(plan.deletes[*at].size));
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
    best.sort_by_key(|(path, _)| (std::cmp::Reverse(path.matches('/').count()), path.clone()));
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
