//! The deletions in a lowered command, in the order in which docker makes them.

use std::rc::Rc;

use super::compose::{self, Project};
use super::filters::Filters;
use super::needs::{ContainersNeeded, Needs};
use super::preview::{Preview, Resource};
use crate::docker_files::current_builder;
use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::{Effect, Lowered, PredictedOperation, Request, configured_filters};

/// One deletion, as the engine is asked for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `container prune`.
    PruneContainers(Filters),
    /// `network prune`.
    PruneNetworks(Filters),
    /// `volume prune`.
    PruneVolumes(Filters),
    /// `image prune`.
    PruneImages(Filters),
    /// All, filters, bytes to leave.
    PruneCache {
        /// Records that images use, too: `--all`.
        all: bool,
        /// `--filter`.
        filters: Filters,
        /// Bytes that stay: `--keep-storage`.
        keep: i64,
    },
    /// `container rm`.
    Container {
        /// The name or id that was typed.
        name: String,
        /// Running ones, too.
        force: bool,
        /// Its anonymous volumes, too.
        volumes: bool,
    },
    /// `volume rm`.
    Volume {
        /// The name that was typed.
        name: String,
        /// A volume that is not there is no error.
        force: bool,
    },
    /// `network rm`.
    Network {
        /// The name or id that was typed.
        name: String,
    },
    /// `image rm`.
    Image {
        /// The name or id that was typed.
        name: String,
        /// Images that stopped containers use or that have several names, too.
        force: bool,
        /// Whether the images below that have no name go, too.
        prune: bool,
    },
    /// `service rm`.
    Service {
        /// The name or id that was typed.
        name: String,
    },
    /// `secret rm`.
    Secret {
        /// The name or id that was typed.
        name: String,
    },
    /// `config rm`.
    Config {
        /// The name or id that was typed.
        name: String,
    },
    /// `stack rm`.
    Stack {
        /// The stack's name.
        name: String,
    },
    /// What a compose command removes.
    Compose(Box<compose::ProjectChange>),
    /// The cache of a builder of its own, which the engine does not know.
    OtherCache {
        /// The builder's name.
        builder: String,
    },
    /// The configuration has label filters for prunes, which only some of docker's clients take notice of.
    ConfiguredLabels,
}

/// The steps of a command; none where it deletes nothing. `project` is asked for compose's own reading of its files, and `preview` for its
/// dry run.
pub fn steps(
    invocation: &Invocation,
    lowered: &Lowered,
    host: &dyn Host,
    project: &dyn Fn() -> Lookup<Project>,
    preview: &dyn Fn() -> Lookup<Rc<Preview>>,
) -> Vec<Step> {
    if invocation.canonical().starts_with("compose ") {
        let deletes = |effect: &Effect| matches!(effect, Effect::Does { operation, .. } if removes(operation));
        if !lowered.effects.iter().any(deletes) {
            return Vec::new();
        }
        return compose::change(invocation, host, project, preview)
            .map(|it| Step::Compose(Box::new(it)))
            .into_iter()
            .collect();
    }
    if matches!(invocation.canonical(), "buildx prune" | "builder prune")
        && let Some(builder) = other_builder(invocation, host)
    {
        return vec![Step::OtherCache { builder }];
    }
    let mut out = Vec::new();
    if invocation.canonical().ends_with(" prune")
        && configured_filters(invocation, host).iter().any(|filter| filter.starts_with("label"))
    {
        out.push(Step::ConfiguredLabels);
    }
    for effect in &lowered.effects {
        match effect {
            Effect::Does {
                operation: PredictedOperation::PrunesCache | PredictedOperation::PrunesAllCache, ..
            } => {
                out.push(buildx_prune(invocation));
            }
            effect => out.extend(steps_of(std::slice::from_ref(effect))),
        }
    }
    out
}

/// The deletions that effects show by themselves, without a command line: requests, and stacks by their names.
pub fn steps_of(effects: &[Effect]) -> Vec<Step> {
    let steps = effects.iter().filter_map(|effect| match effect {
        Effect::Request(request) => step(request),
        Effect::Does { operation: PredictedOperation::RemovesStack(name), .. } => {
            Some(Step::Stack { name: name.clone() })
        }
        _ => None,
    });
    steps.collect()
}

/// Whether a command deletes anything that a plan covers.
pub fn deletes(lowered: &Lowered) -> bool {
    lowered.effects.iter().any(|effect| match effect {
        Effect::Request(request) => step(request).is_some(),
        Effect::Does { operation, .. } => {
            removes(operation)
                || matches!(
                    operation,
                    PredictedOperation::RemovesStack(_)
                        | PredictedOperation::PrunesCache
                        | PredictedOperation::PrunesAllCache
                )
        }
        _ => false,
    })
}

fn removes(operation: &PredictedOperation) -> bool {
    matches!(
        operation,
        PredictedOperation::RemovesContainers
            | PredictedOperation::RemovesRunning
            | PredictedOperation::RemovesVolumes
            | PredictedOperation::RemovesNetworks
            | PredictedOperation::RemovesImages
            | PredictedOperation::MakesContainers
    )
}

fn step(request: &Request) -> Option<Step> {
    let filters = || Filters::parse(request.value("filters"));
    let on = |name: &str| request.value(name) == Some("1");
    match (request.method, request.path.as_str()) {
        ("POST", "/containers/prune") => Some(Step::PruneContainers(filters())),
        ("POST", "/networks/prune") => Some(Step::PruneNetworks(filters())),
        ("POST", "/volumes/prune") => Some(Step::PruneVolumes(filters())),
        ("POST", "/images/prune") => Some(Step::PruneImages(filters())),
        ("POST", "/build/prune") => {
            let keep = request.value("reserved-space").and_then(|text| text.parse().ok()).unwrap_or(0);
            Some(Step::PruneCache { all: on("all"), filters: filters(), keep })
        }
        ("DELETE", path) => {
            let (kind, name) = path.strip_prefix('/')?.split_once('/')?;
            let name = name.to_owned();
            match kind {
                // A checkpoint is no container, and a link only a name for one.
                "containers" if name.contains("/checkpoints/") || on("link") => None,
                "containers" => Some(Step::Container { name, force: on("force"), volumes: on("v") }),
                "volumes" => Some(Step::Volume { name, force: on("force") }),
                "networks" => Some(Step::Network { name }),
                "images" if request.value("platforms").is_some() => None,
                "images" => Some(Step::Image { name, force: on("force"), prune: !on("noprune") }),
                "services" => Some(Step::Service { name }),
                "secrets" => Some(Step::Secret { name }),
                "configs" => Some(Step::Config { name }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The builder that buildx would ask, where it is not the engine's own: `--builder`, `BUILDX_BUILDER`, or the one that
/// `docker buildx use` wrote down. buildx `util/confutil`, `store/storeutil`.
pub fn other_builder(invocation: &Invocation, host: &dyn Host) -> Option<String> {
    let config = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    if invocation.canonical() == "builder prune" && !host.has_plugin("buildx", &config) {
        return None;
    }
    let typed = invocation.flags.iter().chain(&invocation.above).rev().find(|set| set.flag.name == "builder");
    let named = typed.map(|set| set.value.clone()).or_else(|| host.env("BUILDX_BUILDER"));
    let named = named.filter(|name| !name.is_empty()).or_else(|| {
        let folder =
            host.env("BUILDX_CONFIG").filter(|it| !it.is_empty()).unwrap_or_else(|| format!("{config}/buildx"));
        let current = match host.read_own(&format!("{folder}/current")) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => current_builder(&text),
            Err(why) => Err(why),
        };
        // Which one it is, is not known: not the engine's own, whose cache a plan could tell.
        let Ok(current) = current else { return Some(format!("the one in {folder}/current")) };
        // The choice for one engine alone lies in a file named after a digest of its address.
        current.or_else(|| {
            let files = host.list(&format!("{folder}/defaults"));
            let mut names = files.iter().map(|file| match host.read(&format!("{folder}/defaults/{file}")) {
                Ok(name) => String::from_utf8_lossy(&name).into_owned(),
                Err(_) => format!("the one in {folder}/defaults/{file}"),
            });
            names.find(|name| !name.is_empty() && name != "default")
        })
    })?;
    (!named.is_empty() && named != "default").then_some(named)
}

/// Buildx asks the builder itself; the one that is the engine's takes the same filters.
fn buildx_prune(invocation: &Invocation) -> Step {
    let mut map = serde_json::Map::new();
    for set in invocation.all(&["filter"]) {
        if let Ok(Some((name, value))) = crate::grammar::values::filter(&set.value) {
            map.insert(name, serde_json::json!({ value: true }));
        }
    }
    let text = serde_json::Value::Object(map).to_string();
    let size = |name: &str| invocation.last(name).and_then(|set| crate::grammar::values::size(&set.value).ok());
    let keep = size("reserved-space").or_else(|| size("keep-storage")).unwrap_or(0);
    Step::PruneCache { all: invocation.on("all"), filters: Filters::parse(Some(&text)), keep }
}

/// So many volumes or images are named to ask for the containers that have them; for more, all containers are read.
const NAMED: usize = 20;

fn volume_name(step: &Step) -> Option<&String> {
    if let Step::Volume { name, .. } = step { Some(name) } else { None }
}

fn image_name(step: &Step) -> Option<&String> {
    if let Step::Image { name, .. } = step { Some(name) } else { None }
}

/// Which containers have to be read for these steps.
fn containers_needed(steps: &[Step]) -> ContainersNeeded {
    // What nothing sorts out goes for the most part.
    let sweeps = |step: &Step| matches!(step, Step::PruneContainers(filters) if filters.is_empty());
    if steps.iter().any(sweeps) {
        return ContainersNeeded::StoppedMeasured;
    }
    let all = |named: &dyn Fn(&Step) -> Option<&String>| -> Option<Vec<String>> {
        let names: Option<Vec<String>> =
            steps.iter().map(|step| named(step).filter(|name| !name.is_empty()).cloned()).collect();
        names.filter(|names| (1..=NAMED).contains(&names.len()))
    };
    match (all(&volume_name), all(&image_name)) {
        (Some(names), _) => ContainersNeeded::OfVolumes(names),
        (_, Some(names)) => ContainersNeeded::OfImages(names),
        _ => ContainersNeeded::All,
    }
}

/// What has to be read of the engine for these steps.
pub fn needs(steps: &[Step]) -> Needs {
    let mut needs = Needs { containers: containers_needed(steps), ..Needs::default() };
    for step in steps {
        match step {
            Step::PruneContainers(_) | Step::OtherCache { .. } | Step::ConfiguredLabels => {}
            Step::Container { volumes, .. } => needs.volumes |= volumes,
            Step::PruneNetworks(_) | Step::Network { .. } => needs.networks = true,
            Step::PruneVolumes(_) | Step::Volume { .. } => needs.volumes = true,
            Step::PruneImages(_) | Step::Image { .. } => needs.images = true,
            Step::PruneCache { .. } => needs.cache = true,
            Step::Service { .. } | Step::Secret { .. } | Step::Config { .. } => needs.swarm = true,
            Step::Stack { .. } => {
                needs.swarm = true;
                needs.networks = true;
            }
            Step::Compose(change) => match &change.makes {
                // Of what is replaced, containers say most; sizes of volumes cost a walk through all of their files.
                Some(makes) => {
                    let shows = |resource| makes.preview.events.iter().any(|it| it.resource == resource);
                    let is_unclear = makes.unclear.is_some();
                    needs.networks |= shows(Resource::Network) || is_unclear;
                    needs.volumes |= shows(Resource::Volume)
                        || !makes.preview.differing.is_empty()
                        || is_unclear && makes.assumes_yes
                        || change.renews;
                }
                None => {
                    needs.networks = true;
                    needs.volumes = true;
                    needs.images |= change.images.is_some();
                }
            },
        }
    }
    // The build cache holds on to layers of images.
    needs.cache |= needs.images;
    needs
}
