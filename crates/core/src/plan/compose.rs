//! What `docker compose` deletes: the containers, networks, volumes and images of a project, found by its labels on the
//! engine as compose finds them (`pkg/compose/down.go`, `remove.go`, `image_pruner.go`).

use crate::order::PutInOrder as _;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value;

use super::ItemChange;
use super::inventory::{Container, Inventory, ObjectLabels, find_container};
use super::preview::{Preview, PreviewedAction, Resource};
use crate::engine::{Lookup, ProjectContainer};
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::{ComposeModel, takes_orphans};

/// compose `pkg/api/labels.go`: the project of a container, network or volume.
pub const PROJECT: &str = "com.docker.compose.project";
/// The service of a container.
pub const SERVICE: &str = "com.docker.compose.service";
/// The name of a network in its project.
pub const NETWORK: &str = "com.docker.compose.network";
/// The name of a volume in its project.
pub const VOLUME: &str = "com.docker.compose.volume";
/// The folder of the project that made a container.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// The files of that project, with commas between them.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// The services that a container's service needs: `db:service_started:true,…`.
pub(super) const DEPENDS_ON: &str = "com.docker.compose.depends_on";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// A project as compose reads it, or its name alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// None where there is no file: then everything with the project's label counts.
    pub model: Option<Model>,
}

/// What the files declare.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// Its services.
    pub services: Vec<ServiceModel>,
    /// Services of profiles that are not active: theirs are no orphans.
    pub inactive: Vec<String>,
    /// Key and name of those that are not external.
    pub networks: Vec<(String, String)>,
    /// Its volumes: the name in the project, and the engine's name.
    pub volumes: Vec<(String, String)>,
}

/// One service of a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceModel {
    /// Its name.
    pub name: String,
    /// The image that it names.
    pub image: Option<String>,
    /// Whether it has a build section.
    pub builds: bool,
    /// A hook before the stop, or a provider: only compose itself can run these.
    pub needs_compose: bool,
    /// Services whose namespaces or volumes it shares: it is replaced with them.
    pub shares: Vec<String>,
    /// Services that are started before it.
    pub needs: Vec<String>,
}

impl Project {
    /// What a plan needs of compose's model.
    pub fn from_model(model: &ComposeModel) -> Option<Project> {
        let model = model.project();
        let name = model.get("name")?.as_str()?.to_owned();
        let own = |key: &str| {
            let entries = model.get(key).and_then(Value::as_object).into_iter().flatten();
            entries
                .filter(|(_, it)| it.get("external").and_then(Value::as_bool) != Some(true))
                .map(|(key, it)| {
                    let named = it.get("name").and_then(Value::as_str);
                    (key.clone(), named.map_or_else(|| format!("{name}_{key}"), str::to_owned))
                })
                .collect()
        };
        let services = model.get("services").and_then(Value::as_object).into_iter().flatten();
        let services = services
            .map(|(key, it)| ServiceModel {
                name: key.clone(),
                image: it.get("image").and_then(Value::as_str).map(str::to_owned),
                builds: it.get("build").is_some_and(|build| !build.is_null()),
                needs_compose: ["pre_stop", "provider"]
                    .iter()
                    .any(|key| it.get(key).is_some_and(|value| !value.is_null())),
                shares: shared_services(it),
                // Compose writes down what a service shares as well.
                needs: it["depends_on"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect(),
            })
            .collect();
        Some(Project {
            name: name.clone(),
            model: Some(Model { services, inactive: Vec::new(), networks: own("networks"), volumes: own("volumes") }),
        })
    }
}

/// `network_mode: service:db`, and the same of `ipc` and `pid`; `volumes_from`.
fn shared_services(service: &Value) -> Vec<String> {
    let text = |key: &str| service.get(key).and_then(Value::as_str);
    let spaces = ["network_mode", "ipc", "pid"].into_iter().filter_map(|key| text(key)?.strip_prefix("service:"));
    let volumes = service.get("volumes_from").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let volumes = volumes.filter(|from| !from.starts_with("container:")).filter_map(|from| from.split(':').next());
    let mut names: Vec<String> = spaces.chain(volumes).map(str::to_owned).collect();
    names.put_in_order();
    names.dedup();
    names
}

impl Model {
    /// Whether the project has this service.
    pub fn has(&self, service: &str) -> bool {
        self.services.iter().any(|it| it.name == service)
    }

    /// The services that share something with these, directly or through others: compose replaces them with these.
    fn sharing<'a>(&'a self, services: &'a [String]) -> Vec<&'a str> {
        let mut all: Vec<&str> = services.iter().map(String::as_str).collect();
        let shares = |all: &[&str], it: &ServiceModel| it.shares.iter().any(|name| all.contains(&name.as_str()));
        while let Some(next) = self.services.iter().find(|it| !all.contains(&it.name.as_str()) && shares(&all, it)) {
            all.push(&next.name);
        }
        all.split_off(services.len())
    }
}

/// Which images `down --rmi` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Only images without a name of their own: `--rmi local`.
    Local,
    /// All images of services: `--rmi all`.
    All,
}

/// What a compose command takes of its project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectChange {
    /// The project.
    pub project: Project,
    /// `down`: running containers, networks too.
    pub down: bool,
    /// `rm`: stopped containers; with `stop`, running ones.
    pub rm: bool,
    /// Whether containers are stopped first.
    pub stop: bool,
    /// Whether containers of services that are not in the files go, too.
    pub orphans: bool,
    /// Whether volumes go, too.
    pub volumes: bool,
    /// Which images go, too.
    pub images: Option<Images>,
    /// None for all.
    pub services: Option<Vec<String>>,
    /// `up -V`: new containers get new anonymous volumes.
    pub renews: bool,
    /// Seconds that a container is given to end; None for its own.
    pub timeout: Option<i64>,
    /// What compose's dry run says of a command that makes containers; None for one that only removes.
    pub makes: Option<Makes>,
    /// Neither files nor name could be read.
    pub unknown: bool,
}

/// What a command that makes containers does to those that are there.
#[derive(Clone, Debug, PartialEq)]
pub struct Makes {
    /// What compose itself says, as far as it does.
    pub preview: Rc<Preview>,
    /// Why that is not everything.
    pub unclear: Option<String>,
    /// What makes compose replace containers that are up to date: `--force-recreate`, `--renew-anon-volumes`.
    pub forced: Option<&'static str>,
    /// `--yes`: volumes that are not as the files say are made again unasked.
    pub assumes_yes: bool,
}

/// What this invocation takes; None where it takes nothing. `preview` is asked for a command that makes containers.
pub fn change(
    invocation: &Invocation,
    host: &dyn Host,
    project: &dyn Fn() -> Lookup<Project>,
    preview: &dyn Fn() -> Lookup<Rc<Preview>>,
) -> Option<ProjectChange> {
    let command = invocation.canonical().strip_prefix("compose ")?;
    let operands: Vec<String> = invocation.operand_texts();
    let services = (!operands.is_empty()).then_some(operands);
    let mut change = ProjectChange {
        orphans: has_orphans(command) && takes_orphans(invocation, host),
        timeout: invocation.last("timeout").and_then(|set| crate::grammar::values::int(&set.value).ok()),
        ..ProjectChange::default()
    };
    match command {
        "down" => {
            change.down = true;
            change.volumes = invocation.on("volumes");
            change.images = match invocation.text("rmi") {
                "local" => Some(Images::Local),
                "all" => Some(Images::All),
                _ => None,
            };
            change.services = services;
        }
        // By the labels alone, and orphans, too, as measured with 2.26 and 2.40.
        "wait" if invocation.on("down-project") => (change.down, change.orphans) = (true, true),
        "rm" => {
            change.rm = true;
            change.stop = invocation.on("stop");
            change.volumes = invocation.on("volumes");
            change.services = services;
        }
        "up" | "create" | "run" | "scale" | "alpha scale" | "watch" | "alpha watch" => {
            change.renews = invocation.on("renew-anon-volumes");
            let (preview, unclear) = match preview() {
                Lookup::Found(preview) if preview.takes_nothing() && !change.renews => return None,
                // Nobody is there whose containers it could take.
                Lookup::NoEngine => return None,
                Lookup::Found(preview) => (Rc::clone(&preview), preview.failed.clone()),
                Lookup::Missing => (Rc::default(), Some("its dry run failed".to_owned())),
                Lookup::Unknown(why) => (Rc::default(), Some(why)),
            };
            let forced = ["force-recreate", "renew-anon-volumes"].into_iter().find(|name| invocation.on(name));
            change.makes = Some(Makes { preview, unclear, forced, assumes_yes: invocation.on("yes") });
        }
        _ => {}
    }
    if !change.down && !change.rm && !change.orphans && change.makes.is_none() {
        return None;
    }
    match project() {
        Lookup::Found(project) if command == "wait" => change.project = Project { model: None, ..project },
        Lookup::Found(project) => change.project = project,
        Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => change.unknown = true,
    }
    Some(change)
}

/// A container of a project, as its labels say.
pub fn of_project(container: &Container) -> ProjectContainer {
    let label = |name: &str| container.label(name).unwrap_or_default().to_owned();
    ProjectContainer {
        name: container.name().to_owned(),
        service: label(SERVICE),
        folder: label(WORKING_DIR),
        files: label(CONFIG_FILES).split(',').filter(|file| !file.is_empty()).map(str::to_owned).collect(),
        image: container.image.clone(),
        volumes: container.volumes().map(str::to_owned).collect(),
        running: container.is_running(),
        one_off: is_one_off(container),
    }
}

pub(super) fn is_one_off(container: &Container) -> bool {
    container.label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether a command takes containers of services that are not in the files, if it is told to. `kill` only kills them, as measured with
/// 2.26 and 2.40.
fn has_orphans(command: &str) -> bool {
    command == "down"
}

/// What goes, as positions in the inventory.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// The containers.
    pub containers: Vec<TakenContainer>,
    /// Positions of networks in the inventory.
    pub networks: Vec<usize>,
    /// Networks that are removed and made again, or may be.
    pub replaced_networks: Vec<(usize, ItemChange)>,
    /// Positions of volumes in the inventory.
    pub volumes: Vec<usize>,
    /// Names of images.
    pub images: Vec<String>,
    /// Volumes that are removed and made again.
    pub replaced_volumes: Vec<(usize, ItemChange)>,
    /// Anonymous volumes that are left behind by new containers.
    pub orphaned: Vec<String>,
    /// Containers that compose names and that the engine does not list.
    pub unknown: Vec<String>,
}

/// A container that goes.
#[derive(Clone, Debug)]
pub struct TakenContainer {
    /// Its position in the inventory.
    pub at: usize,
    /// Whether its anonymous volumes go with it.
    pub volumes: bool,
    /// Whether a new one takes its place.
    pub change: ItemChange,
    /// Why; empty for what the command says.
    pub reason: String,
}

impl TakenContainer {
    fn removed(at: usize, volumes: bool) -> TakenContainer {
        TakenContainer { at, volumes, change: ItemChange::Removed, reason: String::new() }
    }
}

/// These services and all that depend on them, directly or through others, by the labels of their containers.
fn with_dependents<'a>(named: &[String], containers: impl Iterator<Item = &'a Container> + Clone) -> Vec<String> {
    let mut all = named.to_vec();
    loop {
        // The label reads `db:service_started:true,cache:service_healthy:false`.
        let next = containers.clone().find_map(|it| {
            let service = it.label(SERVICE)?;
            let mut needs = it.label(DEPENDS_ON)?.split(',').filter_map(|entry| entry.split(':').next());
            let is_new =
                !all.iter().any(|known| known == service) && needs.any(|need| all.iter().any(|known| known == need));
            is_new.then(|| service.to_owned())
        });
        match next {
            Some(service) => all.push(service),
            None => return all,
        }
    }
}

/// What the change takes on this engine.
pub fn taken(change: &ProjectChange, inventory: &Inventory) -> Taken {
    if let Some(makes) = &change.makes {
        return taken_by_making(change, makes, inventory);
    }
    let name = change.project.name.as_str();
    let mut taken = Taken::default();
    let of_project = |it: &Container| it.label(PROJECT) == Some(name);
    let one_off = is_one_off;
    let known = |service: &str| match &change.project.model {
        Some(model) => model.has(service),
        None => true,
    };
    // Those that are named. What depends on them stays where there is a file, and goes along with `down` where there is none:
    // compose then walks the services as their containers describe them.
    let named = change.services.as_ref().map(|named| match change.down && change.project.model.is_none() {
        true => with_dependents(named, inventory.containers.iter().filter(|it| of_project(it) && !one_off(it))),
        false => named.clone(),
    });
    let wants = |service: &str| named.as_ref().is_none_or(|named| named.iter().any(|name| name == service));
    for (at, it) in inventory.containers.iter().enumerate().filter(|(_, it)| of_project(it)) {
        let service = it.label(SERVICE).unwrap_or_default();
        let inactive = change.project.model.iter().any(|model| model.inactive.iter().any(|name| name == service));
        // A service that is named is one of the project, whatever its profile: compose refuses other names.
        let is_named = named.as_ref().is_some_and(|named| named.iter().any(|name| name == service));
        let orphan = !(known(service) || is_named) || one_off(it);
        if orphan {
            if change.orphans && (!inactive || one_off(it)) {
                taken.containers.push(TakenContainer::removed(at, false));
            }
        } else if change.down && wants(service) || change.rm && wants(service) && (change.stop || !it.is_running()) {
            taken.containers.push(TakenContainer::removed(at, change.volumes));
        }
    }
    if !change.down {
        return taken;
    }
    for (at, it) in inventory.networks.iter().enumerate() {
        let key = it.labels.get(NETWORK).map_or("", String::as_str);
        let labelled = it.labels.get(PROJECT).is_some_and(|project| project == name);
        let goes = match &change.project.model {
            Some(model) => labelled && model.networks.iter().any(|(known, full)| known == key && *full == it.name),
            None => labelled,
        };
        if goes {
            taken.networks.push(at);
        }
    }
    if change.volumes {
        for (at, it) in inventory.volumes.iter().enumerate() {
            let goes = match &change.project.model {
                // By name alone, whoever made it.
                Some(model) => model.volumes.iter().any(|(_, full)| *full == it.name),
                None => it.labels.get(PROJECT).is_some_and(|project| project == name),
            };
            if goes {
                taken.volumes.push(at);
            }
        }
    }
    if let Some(mode) = change.images {
        let mut names: BTreeSet<String> = BTreeSet::new();
        for service in change.project.model.iter().flat_map(|model| &model.services) {
            match (&service.image, mode) {
                (Some(image), Images::All) => {
                    names.insert(image.clone());
                }
                (None, _) if service.builds => {
                    names.insert(format!("{name}-{}", service.name));
                }
                _ => {}
            }
        }
        // What compose built for a service has labels that say so, under whatever name.
        let has_container = |service: &str| {
            inventory.containers.iter().any(|it| of_project(it) && !one_off(it) && it.label(SERVICE) == Some(service))
        };
        let is_service = |service: &str| match &change.project.model {
            Some(model) => model.has(service),
            None => has_container(service),
        };
        let built = inventory.images.iter().filter(|image| image.labels.get(PROJECT).is_some_and(|it| it == name));
        let built = built.filter(|image| change.orphans || image.labels.get(SERVICE).is_some_and(|it| is_service(it)));
        names.extend(built.filter_map(|image| image.tags().next()).map(str::to_owned));
        if change.project.model.is_none() && mode == Images::All {
            // Without a file the services are what their containers say, and so are their images.
            let services = inventory.containers.iter().filter(|it| of_project(it) && !one_off(it));
            names.extend(services.map(|it| it.image.clone()));
        }
        taken.images.extend(names);
    }
    taken
}

/// What a command that makes containers replaces and removes on the way: as compose's dry run says, and where it does not, everything
/// of the project that it may.
fn taken_by_making(change: &ProjectChange, makes: &Makes, inventory: &Inventory) -> Taken {
    let mut taken = Taken::default();
    let of_project = |it: &Container| it.label(PROJECT) == Some(change.project.name.as_str());
    let mut take = |at: usize, change: ItemChange, reason: String| {
        if !taken.containers.iter().any(|known| known.at == at) {
            taken.containers.push(TakenContainer { at, volumes: false, change, reason });
        }
    };
    let preview = &makes.preview;
    let position = |name: &str| {
        let found = find_container(&inventory.containers, name)?;
        inventory.containers.iter().position(|it| it.id == found.id)
    };
    let replaced: Vec<&str> = preview.names(Resource::Container, PreviewedAction::Replaces).collect();
    for name in &replaced {
        match position(name) {
            Some(at) => take(at, ItemChange::Replaced, why_replaced(inventory.container(at), makes, change)),
            None => taken.unknown.push((*name).to_owned()),
        }
    }
    // One that goes for good comes back with no volume.
    for name in preview.names(Resource::Container, PreviewedAction::Removes) {
        match position(name) {
            Some(at) => take(at, ItemChange::Removed, why_removed(inventory.container(at), change)),
            None => taken.unknown.push(name.to_owned()),
        }
    }
    let labelled = |labels: &ObjectLabels| labels.get(PROJECT).is_some_and(|it| *it == change.project.name);
    let mut asked: Vec<&str> = preview.differing.iter().map(String::as_str).collect();
    if makes.unclear.is_some() && makes.assumes_yes {
        let volumes = inventory.volumes.iter().filter(|it| labelled(&it.labels)).map(|it| it.name.as_str());
        asked.extend(volumes.filter(|name| !preview.differing.iter().any(|known| known == name)));
    }
    let is_there = |name: &str| inventory.volumes.iter().position(|volume| volume.name == name);
    // With --yes compose removes the volume with the containers that use it, and makes all of them again.
    let remade = preview.names(Resource::Volume, PreviewedAction::Creates).filter(|name| is_there(name).is_some());
    for (name, change) in remade
        .map(|name| (name, ItemChange::Replaced))
        .chain(asked.into_iter().map(|name| (name, ItemChange::MaybeReplaced)))
    {
        for (at, _) in
            inventory.containers.iter().enumerate().filter(|(_, it)| it.volumes().any(|volume| volume == name))
        {
            take(at, change, format!("its volume {name} is made again"));
        }
        taken.replaced_volumes.extend(is_there(name).map(|at| (at, change)));
    }
    let sharing = change.project.model.as_ref().map(|model| model.sharing(&preview.unsure)).unwrap_or_default();
    for (at, it) in inventory.containers.iter().enumerate().filter(|(_, it)| of_project(it)) {
        let service = it.label(SERVICE).unwrap_or_default();
        if preview.unsure.iter().any(|known| known == service) {
            take(at, ItemChange::MaybeReplaced, "its image is built or pulled first".to_owned());
        } else if makes.unclear.is_some() {
            take(at, ItemChange::MaybeReplaced, "compose does not say what it does".to_owned());
        } else if sharing.contains(&service) {
            let why = "the image of a service with which it shares a namespace or volumes is built or pulled first";
            take(at, ItemChange::MaybeReplaced, why.to_owned());
        }
    }
    for (at, network) in inventory.networks.iter().enumerate() {
        let goes = preview.names(Resource::Network, PreviewedAction::Removes).any(|name| name == network.name);
        if goes {
            taken.replaced_networks.push((at, ItemChange::Replaced));
        } else if makes.unclear.is_some() && labelled(&network.labels) {
            taken.replaced_networks.push((at, ItemChange::MaybeReplaced));
        }
    }
    if change.renews {
        let anonymous: BTreeSet<&str> = inventory
            .volumes
            .iter()
            .filter(|volume| volume.is_anonymous())
            .map(|volume| volume.name.as_str())
            .collect();
        for at in taken.containers.iter().filter(|it| it.change != ItemChange::Removed).map(|it| it.at) {
            let left = inventory.container(at).volumes().filter(|volume| anonymous.contains(volume));
            taken.orphaned.extend(left.map(str::to_owned));
        }
    }
    taken
}

/// Why compose replaces a container, as far as the container itself shows it.
fn why_replaced(container: &Container, makes: &Makes, change: &ProjectChange) -> String {
    if let Some(flag) = makes.forced {
        return format!("--{flag}");
    }
    // The engine shows an id where the name that the container was made from means another image now.
    if container.image == container.image_id || container.image_id.ends_with(&container.image) {
        return "its image changed".to_owned();
    }
    let service = container.label(SERVICE).unwrap_or_default();
    match change.project.model.iter().flat_map(|model| &model.services).find(|it| it.name == service) {
        Some(model) if !model.shares.is_empty() => {
            format!("its configuration changed, or {} is replaced", model.shares.join(", "))
        }
        _ => "its configuration changed".to_owned(),
    }
}

/// Why compose removes a container of a project that it makes.
fn why_removed(container: &Container, change: &ProjectChange) -> String {
    let service = container.label(SERVICE).unwrap_or_default();
    match &change.project.model {
        Some(model) if !model.has(service) => format!("no service {service} is in the files (--remove-orphans)"),
        _ => format!("fewer containers are wanted of the service {service}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured with compose 2.40: `b` needs `a` and `z`, `c` needs `b`.
    #[test]
    fn down_without_a_file_takes_what_depends_on_the_service() {
        let container = |service: &str, needs: &str| Container {
            names: vec![format!("/demo-{service}-1")],
            labels: [(PROJECT, "demo"), (SERVICE, service), (DEPENDS_ON, needs)]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            state: "running".to_owned(),
            ..Container::default()
        };
        let containers = vec![
            container("c", "b:service_started:true"),
            container("b", "z:service_healthy:false,a:service_started:true"),
            container("a", ""),
            container("z", ""),
        ];
        let inventory = Inventory { containers, ..Inventory::default() };
        let names = |change: &ProjectChange| -> String {
            let mut names: Vec<String> = taken(change, &inventory)
                .containers
                .iter()
                .filter_map(|it| inventory.containers.get(it.at)?.label(SERVICE).map(str::to_owned))
                .collect();
            names.sort();
            names.concat()
        };
        let model = Model {
            services: ["a", "b", "c", "z"]
                .map(|name| ServiceModel { name: name.to_owned(), ..Default::default() })
                .to_vec(),
            ..Model::default()
        };
        for (service, without, with) in [("a", "abc", "a"), ("b", "bc", "b"), ("c", "c", "c"), ("z", "bcz", "z")] {
            let mut change =
                ProjectChange { down: true, services: Some(vec![service.to_owned()]), ..ProjectChange::default() };
            change.project.name = "demo".to_owned();
            assert_eq!(names(&change), without, "down {service}, by name alone");
            change.project.model = Some(model.clone());
            assert_eq!(names(&change), with, "down {service}, with a file");
            change.project.model = None;
            (change.down, change.rm, change.stop) = (false, true, true);
            assert_eq!(names(&change), with, "rm -s {service}");
        }
    }
}
