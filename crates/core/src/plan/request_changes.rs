//! What requests change besides deletions: containers that are renamed, updated or ended, tags that move, services, a node that leaves its
//! swarm. Which requests a command makes is known without an engine; what they change depends on what the engine holds.

use serde_json::Value;

use super::Needs;
use super::ObjectKind;
use super::change::{Change, ChangeKind, lost, lost_container};
use super::images::ImageStore;
use super::inventory::{Container, Image, Inventory, find_container, find_network, is_anonymous_name, short};
use super::signal::{A_SIGNAL_WAKES, ITS_PROGRAM_DECIDES, Kill, kill};
use super::swarm::Service;
use super::swarm_changes::{
    STACK, TO_ZERO, drained, drains, left_swarm, service, taken_by_deploying, taken_by_updating, tasks, updated_service,
};
use crate::files::image_archive::ArchiveTag;
use crate::grammar::values::reference;
use crate::lower::{Body, Effect, PredictedOperation, Request};

/// Which image gets a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaggedImage {
    /// This one, by name or id.
    Known(String),
    /// One that is made by the command, and so is no other one's.
    New,
    /// Only the command shows: it may be the one that has the name now.
    Open,
    /// What the registry has, which only the pull shows: it may be the one that has the name now.
    Pulled,
    /// The one of this name in an archive.
    Archived(ArchiveTag),
}

/// One change that a request, or what is known of a program, asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestChange {
    /// `container stop`, `kill`, `attach`: the container ends, for certain or perhaps.
    Ends {
        /// The name or id that was typed.
        name: String,
        /// Why it may end, where that is not certain.
        perhaps: Option<&'static str>,
    },
    /// `container restart`.
    Restarts {
        /// The name or id that was typed.
        name: String,
    },
    /// `container unpause`, and a signal to one that is paused.
    Unpauses {
        /// The name or id that was typed.
        name: String,
        /// Why it may, where that is not certain.
        perhaps: Option<&'static str>,
    },
    /// `container rename`.
    Renames {
        /// The name or id that was typed.
        name: String,
        /// The new name.
        to: String,
    },
    /// `container update`.
    Restricts {
        /// The name or id that was typed.
        name: String,
        /// Its restart policy, too.
        policy: bool,
    },
    /// `network connect`, `network disconnect`.
    Networks {
        /// The container's name or id as it was typed.
        name: String,
        /// The network's name or id as it was typed.
        network: String,
        /// Whether it is in the network afterwards.
        joins: bool,
    },
    /// `tag`, `commit`, `import`, `pull`, `build -t`: a tag, with the registry where it is not Docker Hub.
    Tags {
        /// The tag.
        name: String,
        /// Which image gets it.
        image: TaggedImage,
    },
    /// `pull --all-tags`: every tag of this repository.
    TagsOfRepository {
        /// The repository, with the registry where it is not Docker Hub.
        name: String,
    },
    /// `load` of an archive that could not be read: the names in it may be any.
    TagsOfArchive {
        /// Why they are not known.
        why: String,
    },
    /// An image without a name.
    MakesImage,
    /// `network create`, `volume create`, `secret create`, `config create`.
    Makes {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
    },
    /// `service create`, and the services of a stack.
    MakesService {
        /// The service's name.
        name: String,
        /// One that is there is updated, as `stack deploy` does.
        updates: bool,
        /// Why the tasks of one that is there go by it, or its protection.
        takes: Option<&'static str>,
    },
    /// `service update`, `service scale`, `service rollback`.
    UpdatesService {
        /// The name or id that was typed.
        name: String,
        /// Why its tasks go by it, or its protection. None where it is updated as a deployment does.
        takes: Option<&'static str>,
    },
    /// `node update --availability drain`.
    DrainsNode {
        /// The node's name or id as it was typed.
        name: String,
    },
    /// `stack deploy --prune`: the services of the stack that are not among these go.
    PrunesStack {
        /// The stack's name.
        name: String,
        /// The names of the services that stay.
        services: Vec<String>,
    },
    /// `swarm leave`.
    LeavesSwarm {
        /// Also if it is a manager.
        force: bool,
    },
}

/// The changes that effects show, in docker's order.
pub fn of_effects(effects: &[Effect]) -> Vec<RequestChange> {
    let mut out: Vec<RequestChange> = Vec::new();
    for effect in effects {
        match effect {
            Effect::Request(request) => out.extend(of_request(request, effects)),
            // It stands behind the request that does it.
            Effect::Does { operation: PredictedOperation::ScalesToZero, .. } => {
                if let Some(RequestChange::UpdatesService { takes, .. }) = out.last_mut() {
                    *takes = Some(TO_ZERO);
                }
            }
            Effect::Does { operation: PredictedOperation::NamesImage(name), .. } => {
                out.extend(tag(name).map(|name| RequestChange::Tags { name, image: TaggedImage::Open }));
            }
            Effect::Does { operation: PredictedOperation::RemovesServices(stack), .. } => {
                let services = effects.iter().filter_map(made_service).collect();
                out.push(RequestChange::PrunesStack { name: stack.clone(), services });
            }
            _ => {}
        }
    }
    out
}

fn made_service(effect: &Effect) -> Option<String> {
    let Effect::Request(request) = effect else { return None };
    match &request.body {
        Body::Service(body) if request.is("POST", "/services/create") => body.name.clone(),
        _ => None,
    }
}

fn of_request(request: &Request, effects: &[Effect]) -> Vec<RequestChange> {
    let text = |name: &str| request.value(name).filter(|value| !value.is_empty());
    let container = |end: &str| {
        let name = request.object("/containers/", end).filter(|_| request.method == "POST")?;
        Some(name.to_owned())
    };
    let one = |change: RequestChange| vec![change];
    if let Some(name) = container("/stop") {
        return one(RequestChange::Ends { name, perhaps: None });
    }
    if let Some(name) = container("/kill") {
        let goes_on = RequestChange::Unpauses { name: name.clone(), perhaps: Some(A_SIGNAL_WAKES) };
        return match kill(text("signal").unwrap_or("KILL")) {
            Kill::Ends => one(RequestChange::Ends { name, perhaps: None }),
            Kill::May => vec![RequestChange::Ends { name, perhaps: Some(ITS_PROGRAM_DECIDES) }, goes_on],
            Kill::Stays => one(goes_on),
        };
    }
    if let Some(name) = container("/attach") {
        return one(RequestChange::Ends { name, perhaps: Some("Ctrl-C stops it") });
    }
    if let Some(name) = container("/restart") {
        return one(RequestChange::Restarts { name });
    }
    if let Some(name) = container("/unpause") {
        return one(RequestChange::Unpauses { name, perhaps: None });
    }
    if let Some(name) = container("/rename") {
        return text("name")
            .map(|to| RequestChange::Renames { name, to: to.trim_start_matches('/').to_owned() })
            .into_iter()
            .collect();
    }
    if let Some(name) = container("/update") {
        let body = request.body_json();
        let policy = body.pointer("/RestartPolicy/Name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
        return one(RequestChange::Restricts { name, policy });
    }
    for (end, joins) in [("/connect", true), ("/disconnect", false)] {
        let network = request.object("/networks/", end).filter(|_| request.method == "POST");
        if let Some(network) = network.map(str::to_owned) {
            return one(RequestChange::Networks { name: text_of_body(request, "Container"), network, joins });
        }
    }
    if let Some(source) = request.object("/images/", "/tag").filter(|_| request.method == "POST") {
        return named_image(request, TaggedImage::Known(source.to_owned()));
    }
    if request.is("POST", "/commit") || request.is("POST", "/images/create") && text("fromSrc").is_some() {
        return named_image(request, TaggedImage::New);
    }
    if request.is("POST", "/images/create") {
        return pulled(request);
    }
    if request.is("POST", "/images/load") {
        return match &request.body {
            Body::Images(Ok(tags)) => tags.iter().map(archived).collect(),
            Body::Images(Err(why)) => one(RequestChange::TagsOfArchive { why: why.clone() }),
            _ => one(RequestChange::TagsOfArchive { why: "it is not read here".to_owned() }),
        };
    }
    if request.is("POST", "/build") {
        let tags = request.query.iter().filter(|(key, _)| key == "t").filter_map(|(_, value)| tag(value));
        let tags: Vec<RequestChange> =
            tags.map(|name| RequestChange::Tags { name, image: TaggedImage::Open }).collect();
        return if tags.is_empty() { one(RequestChange::MakesImage) } else { tags };
    }
    for (path, kind) in [
        ("/networks/create", ObjectKind::Network),
        ("/volumes/create", ObjectKind::Volume),
        ("/secrets/create", ObjectKind::Secret),
        ("/configs/create", ObjectKind::Config),
    ] {
        if request.is("POST", path) {
            return one(RequestChange::Makes { kind, name: text_of_body(request, "Name") });
        }
    }
    if request.is("POST", "/services/create") {
        let (name, takes) = match &request.body {
            Body::Service(body) => (body.name.clone().unwrap_or_default(), taken_by_deploying(body)),
            _ => (String::new(), None),
        };
        // A stack has many of them, and says which it is.
        let is_stack =
            |effect: &Effect| matches!(effect, Effect::Does { operation: PredictedOperation::DeploysStack, .. });
        return one(RequestChange::MakesService { name, updates: effects.iter().any(is_stack), takes });
    }
    if let Some(name) = request.object("/services/", "/update").filter(|_| request.method == "POST") {
        let takes = taken_by_updating(request);
        return one(RequestChange::UpdatesService { name: name.to_owned(), takes });
    }
    if let Some(name) = request.object("/nodes/", "/update").filter(|_| drains(request)) {
        return one(RequestChange::DrainsNode { name: name.to_owned() });
    }
    if request.is("POST", "/swarm/leave") {
        return one(RequestChange::LeavesSwarm { force: matches!(request.value("force"), Some("1" | "true")) });
    }
    Vec::new()
}

/// A name that an archive gives.
fn archived(tag: &ArchiveTag) -> RequestChange {
    RequestChange::Tags { name: tag.name.clone(), image: TaggedImage::Archived(tag.clone()) }
}

fn text_of_body(request: &Request, key: &str) -> String {
    request.body_json().get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// `repo` and `tag` of a request; an image without a name where it has none.
fn named_image(request: &Request, image: TaggedImage) -> Vec<RequestChange> {
    let text = |name: &str| request.value(name).filter(|value| !value.is_empty());
    let name = match (text("repo"), text("tag")) {
        (Some(repo), Some(with)) => tag(&format!("{repo}:{with}")),
        (Some(repo), None) => tag(repo),
        (None, _) => None,
    };
    vec![name.map_or(RequestChange::MakesImage, |name| RequestChange::Tags { name, image })]
}

fn pulled(request: &Request) -> Vec<RequestChange> {
    let Some(from) = request.value("fromImage") else { return Vec::new() };
    match request.value("tag").filter(|tag| !tag.is_empty()) {
        // A digest is no name that could move.
        Some(digest) if digest.contains(':') => vec![RequestChange::MakesImage],
        Some(with) => tag(&format!("{from}:{with}"))
            .map(|name| RequestChange::Tags { name, image: TaggedImage::Pulled })
            .into_iter()
            .collect(),
        None => {
            let name = reference(from).map_or_else(|_| from.to_owned(), |reference| reference.familiar());
            vec![RequestChange::TagsOfRepository { name }]
        }
    }
}

/// The tag as an engine lists it.
fn tag(text: &str) -> Option<String> {
    reference(text).ok().map(|reference| reference.familiar_with_tag())
}

impl RequestChange {
    /// Whether an object may lose its name or cease to exist by it.
    pub fn may_take(&self) -> bool {
        match self {
            RequestChange::Ends { .. }
            | RequestChange::Renames { .. }
            | RequestChange::Tags { .. }
            | RequestChange::TagsOfRepository { .. }
            | RequestChange::TagsOfArchive { .. }
            | RequestChange::UpdatesService { .. }
            | RequestChange::PrunesStack { .. }
            | RequestChange::LeavesSwarm { .. } => true,
            RequestChange::MakesService { updates, .. } => *updates,
            // The swarm starts its tasks elsewhere.
            RequestChange::DrainsNode { .. }
            | RequestChange::Restarts { .. }
            | RequestChange::Unpauses { .. }
            | RequestChange::Restricts { .. }
            | RequestChange::Networks { .. }
            | RequestChange::MakesImage
            | RequestChange::Makes { .. } => false,
        }
    }

    /// What has to be read of the engine for it, besides its containers.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self {
            RequestChange::Tags { .. }
            | RequestChange::TagsOfRepository { .. }
            | RequestChange::TagsOfArchive { .. } => {
                needs.images = true;
            }
            RequestChange::Makes { kind: ObjectKind::Network, .. } | RequestChange::Networks { .. } => {
                needs.networks = true;
            }
            RequestChange::Makes { kind: ObjectKind::Secret | ObjectKind::Config, .. } => needs.swarm = true,
            RequestChange::Makes { .. } => needs.volumes = true,
            RequestChange::MakesService { .. }
            | RequestChange::UpdatesService { .. }
            | RequestChange::DrainsNode { .. }
            | RequestChange::PrunesStack { .. } => needs.swarm = true,
            RequestChange::LeavesSwarm { .. } => {
                needs.swarm = true;
                needs.networks = true;
            }
            RequestChange::Ends { .. }
            | RequestChange::Restarts { .. }
            | RequestChange::Unpauses { .. }
            | RequestChange::Renames { .. }
            | RequestChange::Restricts { .. }
            | RequestChange::MakesImage => {}
        }
        needs
    }

    /// The container of which it has to be known whether it was made with `--rm`: one that ends goes then, and gets no restart policy.
    pub fn asks_about_rm(&self) -> Option<&str> {
        match self {
            RequestChange::Ends { name, .. } | RequestChange::Restricts { name, policy: true } => Some(name),
            _ => None,
        }
    }

    /// What it changes on this engine. What is not there, or already as it is wanted, is not among it.
    pub fn on(&self, inventory: &Inventory) -> Vec<Change> {
        match self {
            RequestChange::Ends { name, perhaps } => {
                let found = find_container(&inventory.containers, name).filter(|it| it.is_running());
                found.map(|it| ended(it, *perhaps, inventory)).unwrap_or_default()
            }
            RequestChange::Restarts { name } => {
                let found = find_container(&inventory.containers, name);
                let change = |it: &Container| if it.is_running() { ChangeKind::Restart } else { ChangeKind::Start };
                found.map(|it| Change::of_container(it, change(it))).into_iter().collect()
            }
            RequestChange::Unpauses { name, perhaps } => {
                let found = find_container(&inventory.containers, name).filter(|it| it.state == "paused");
                found.map(|it| unpaused(it, *perhaps)).into_iter().collect()
            }
            RequestChange::Renames { name, to } => {
                let found = find_container(&inventory.containers, name);
                // Docker refuses a name that another one has, and its own.
                let is_taken = inventory.containers.iter().any(|it| it.name() == to);
                let renamed = |it| Change::of_container(it, ChangeKind::Rename).because(format!("to {to}"));
                found.filter(|_| !is_taken).map(renamed).into_iter().collect()
            }
            RequestChange::Restricts { name, policy } => {
                let found = find_container(&inventory.containers, name);
                // Docker refuses a restart policy for what goes when it ends.
                let found = found.filter(|it| !(*policy && it.auto_remove == Some(true)));
                let what = if *policy { "its restart policy or its limits" } else { "its limits" };
                found.map(|it| Change::of_container(it, ChangeKind::Update).because(what)).into_iter().collect()
            }
            RequestChange::Networks { name, network, joins } => networked(name, network, *joins, inventory),
            RequestChange::Tags { name, image } => tagged(name, image, inventory).into_iter().collect(),
            RequestChange::TagsOfRepository { name } => {
                let of_it = |tag: &&str| tag.rsplit_once(':').is_some_and(|(repository, _)| repository == name);
                let tags = inventory.images.iter().flat_map(Image::tags).filter(of_it);
                tags.filter_map(|tag| tagged(tag, &TaggedImage::Pulled, inventory)).collect()
            }
            RequestChange::TagsOfArchive { why } => {
                let tags = inventory.images.iter().flat_map(|image| image.tags().map(move |tag| (image, tag)));
                let moved = |(image, tag): (&Image, &str)| Change {
                    certain: false,
                    ..Change::new(ObjectKind::Tag, &image.id, tag, ChangeKind::Retag)
                        .because(format!("if it is in the archive, whose names are not known: {why}"))
                };
                tags.map(moved).collect()
            }
            RequestChange::MakesImage => {
                vec![Change { certain: false, ..Change::new(ObjectKind::Image, "", "", ChangeKind::Create) }]
            }
            RequestChange::Makes { kind, name } => {
                let is_there = match kind {
                    ObjectKind::Network => inventory.networks.iter().any(|it| it.name == *name),
                    ObjectKind::Secret => inventory.secrets.iter().any(|it| it.spec.name == *name),
                    ObjectKind::Config => inventory.configs.iter().any(|it| it.spec.name == *name),
                    _ => inventory.volumes.iter().any(|it| it.name == *name),
                };
                let new = Change::new(*kind, "", name, ChangeKind::Create);
                if is_there { Vec::new() } else { vec![new] }
            }
            RequestChange::MakesService { name, updates, takes } => match service(inventory, name) {
                Some(it) if *updates => updated_service(it, *takes, inventory),
                Some(_) => Vec::new(),
                None => vec![Change::new(ObjectKind::Service, "", name, ChangeKind::Create)],
            },
            RequestChange::UpdatesService { name, takes } => {
                service(inventory, name).map(|it| updated_service(it, *takes, inventory)).unwrap_or_default()
            }
            RequestChange::DrainsNode { name } => drained(name, inventory),
            RequestChange::PrunesStack { name, services } => {
                let of_stack = |it: &&Service| it.spec.labels.get(STACK).is_some_and(|stack| stack == name);
                let gone = inventory.services.iter().filter(of_stack).filter(|it| !services.contains(&it.spec.name));
                gone.flat_map(|it| {
                    let gone =
                        lost(ObjectKind::Service, &it.id, &it.spec.name).because("it is not in the file any more");
                    std::iter::once(gone).chain(tasks(it, inventory).map(|task| lost_container(task, "")))
                })
                .collect()
            }
            RequestChange::LeavesSwarm { force } => left_swarm(*force, inventory),
        }
    }
}

/// One that was made with `--rm` goes when it ends, and its anonymous volumes with it.
fn ended(container: &Container, perhaps: Option<&str>, inventory: &Inventory) -> Vec<Change> {
    let certain = perhaps.is_none();
    let because = |reason: &str| match perhaps {
        Some(perhaps) if reason.is_empty() => perhaps.to_owned(),
        Some(perhaps) => format!("{reason}; {perhaps}"),
        None => reason.to_owned(),
    };
    if container.auto_remove == Some(false) {
        let stops = Change::of_container(container, ChangeKind::Stop).because(because(""));
        return vec![Change { certain, ..stops }];
    }
    let certain = certain && container.auto_remove == Some(true);
    let mut out = vec![lost_container(container, &because("it was made with --rm"))];
    let used = |name: &str| {
        let others = inventory.containers.iter().filter(|other| other.id != container.id);
        others.into_iter().any(|other| other.volumes().any(|volume| volume == name))
    };
    for volume in container.volumes().filter(|name| is_anonymous_name(name) && !used(name)) {
        let reason = because(&format!("anonymous volume of the container {}", container.name()));
        out.push(lost(ObjectKind::Volume, volume, volume).because(reason));
    }
    out.into_iter().map(|change| Change { certain, ..change }).collect()
}

/// A paused container that goes on, for certain or perhaps.
pub fn unpaused(container: &Container, perhaps: Option<&str>) -> Change {
    let change = Change::of_container(container, ChangeKind::Start).because(perhaps.unwrap_or_default());
    Change { certain: perhaps.is_none(), ..change }
}

fn networked(name: &str, network: &str, joins: bool, inventory: &Inventory) -> Vec<Change> {
    let container = find_container(&inventory.containers, name);
    let (Some(container), Some(network)) = (container, find_network(&inventory.networks, network)) else {
        return Vec::new();
    };
    let is_in = container.networks().any(|(name, id)| id == network.id || name == network.name);
    let how = if joins { "joins the network" } else { "leaves the network" };
    let update = Change::of_container(container, ChangeKind::Update).because(format!("{how} {}", network.name));
    if is_in == joins { Vec::new() } else { vec![update] }
}

/// A tag that an image gets, and that another one loses.
fn tagged(name: &str, image: &TaggedImage, inventory: &Inventory) -> Option<Change> {
    let source = match image {
        TaggedImage::Known(source) => {
            let (at, _) = ImageStore::new(inventory).resolve(inventory, source)?;
            Some(inventory.image(at).id.as_str())
        }
        TaggedImage::New | TaggedImage::Open | TaggedImage::Pulled | TaggedImage::Archived(_) => None,
    };
    let certain = match image {
        TaggedImage::Open | TaggedImage::Pulled => false,
        TaggedImage::Archived(tag) => tag.certain,
        TaggedImage::Known(_) | TaggedImage::New => true,
    };
    let Some(old) = inventory.images.iter().find(|it| it.tags().any(|tag| tag == name)) else {
        return Some(Change { certain, ..Change::new(ObjectKind::Tag, "", name, ChangeKind::Create) });
    };
    let is_same = matches!(image, TaggedImage::Archived(tag) if tag.is(&old.id, inventory.containerd));
    if is_same || source == Some(old.id.as_str()) {
        return None;
    }
    let users = inventory.containers.iter().filter(|it| it.image_id == old.id).count();
    let mut reason = match image {
        TaggedImage::Pulled => {
            format!("from the image {}, if the registry has another one (known only after the pull)", short(&old.id))
        }
        _ => format!("from the image {}", short(&old.id)),
    };
    if old.tags().count() == 1 {
        reason.push_str(match users {
            0 => ", which has no other name and goes by the next prune",
            _ => ", which has no other name",
        });
    }
    if users > 0 {
        reason.push_str(&format!(
            "; {} it",
            match users {
                1 => "1 container uses".to_owned(),
                several => format!("{several} containers use"),
            }
        ));
    }
    Some(Change { certain, ..Change::new(ObjectKind::Tag, &old.id, name, ChangeKind::Retag).because(reason) })
}
