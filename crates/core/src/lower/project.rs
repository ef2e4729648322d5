//! What compose would ask of the engine for its model: docker/compose `pkg/compose/create.go`, in the API's own fields.
//! compose itself reads the files and prints the model. The positions of its parts in the files are found separately.

use crate::order::PutInOrder as _;
use std::collections::{BTreeSet, HashMap, HashSet};

use bollard_stubs::models::{ContainerCreateBody, ExecConfig, NetworkCreateRequest, VolumeCreateRequest};
use serde_json::Value;

use super::build::{Dockerfiles, Said};
use super::model::*;
use super::{Body, Build, Effect, Origin, Origins, Parts, PredictedOperation, Request, Runs};
use crate::files::context::Sender;
use crate::files::dockerfile::Given;
use crate::files::ignore::clean;
use crate::files::text::Place;
use crate::host::Host;
use crate::lower::sources::{PathStep, Sources};

/// Which containers are wanted of the model.
#[derive(Clone, Debug, Default)]
pub struct WantedServices {
    /// Empty for all.
    pub services: Vec<String>,
    /// Services that the named ones depend on, too.
    pub dependencies: bool,
    /// `--scale web=3`.
    pub scale: HashMap<String, usize>,
    /// Which images it builds.
    pub builds: Builds,
    /// Containers are made, not only built for.
    pub creates: bool,
    /// Whether it watches files and builds again.
    pub watches: bool,
    /// `run`: the service whose container is described by the words as well.
    pub run: Option<String>,
}

/// Which images a compose command builds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Builds {
    /// What is not there yet.
    #[default]
    Missing,
    /// All that have a build section.
    Always,
    /// None.
    Never,
}

/// A project and what it would do.
pub struct ProjectLowering<'a> {
    /// The project as compose prints it.
    pub model: &'a Value,
    /// The project's files, to point into.
    pub sources: &'a Sources,
    /// The machine.
    pub host: &'a dyn Host,
    /// Whether the engine has an image.
    pub has_image: &'a dyn Fn(&str) -> bool,
    /// What the project's services would do.
    pub effects: Vec<Effect>,
    /// The words of the command, where a place cannot be found.
    pub origins: Origins,
    /// The Dockerfiles that were read, and the builds that were seen.
    dockerfiles: Dockerfiles,
    built: HashSet<String>,
    /// Where the files of bake carry Dockerfiles, by the files' names.
    carried: HashMap<String, Vec<usize>>,
    /// How many parts of containers more are told apart from those of other replicas.
    room: usize,
}

/// More containers of one service are not told apart.
const MOST_REPLICAS: usize = 1000;
/// Nor are those of all services together once they have so many parts.
const MOST_PARTS: usize = 3_000;

impl<'a> ProjectLowering<'a> {
    /// Starts with a model and its files.
    pub fn new(
        model: &'a Value,
        sources: &'a Sources,
        host: &'a dyn Host,
        has_image: &'a dyn Fn(&str) -> bool,
        origins: &Origins,
    ) -> Self {
        ProjectLowering {
            model,
            sources,
            host,
            has_image,
            effects: Vec::new(),
            origins: origins.clone(),
            dockerfiles: Dockerfiles::default(),
            built: HashSet::new(),
            carried: HashMap::new(),
            room: MOST_PARTS,
        }
    }

    /// The project's name.
    pub fn name(&self) -> String {
        text(self.model, "name")
    }

    pub(super) fn service(&self, name: &str) -> Option<&Value> {
        self.model.get("services")?.get(name)
    }

    /// The services that are wanted, with what they depend on.
    pub fn chosen(&self, wanted: &WantedServices) -> Vec<String> {
        chosen(self.model, wanted)
    }

    pub(super) fn point(&self, place: Option<Place>) -> Origins {
        place.map_or_else(|| self.origins.clone(), |place| vec![Origin::File(place)])
    }

    /// Where the files say it; where they do not, the service.
    pub(super) fn at(&mut self, service: &str, path: &[PathStep], value: Option<&Value>) -> Origins {
        let place = self.sources.of_service(service, path, value, self.host);
        let place = place.or_else(|| self.sources.of_service(service, &[], None, self.host));
        self.point(place)
    }

    /// The part of a service, where the files say it; nothing where they do not.
    pub(super) fn at_said(&mut self, service: &str, path: &[PathStep], value: Option<&Value>) -> Option<Origins> {
        let place = self.sources.of_service(service, path, value, self.host)?;
        Some(self.point(Some(place)))
    }

    /// Everything that the command would do with the model.
    pub fn lower(&mut self, wanted: &WantedServices) {
        for (address, place) in self.sources.remote() {
            let origins = self.point(Some(place));
            self.effects.push(Effect::Does { operation: PredictedOperation::RemoteContext(address), origins });
        }
        let chosen = self.chosen(wanted);
        if wanted.creates {
            self.networks(&chosen);
            self.volumes(&chosen);
        }
        for name in &chosen {
            let Some(service) = self.service(name).cloned() else { continue };
            self.build(name, &service, wanted);
            for (path, place) in self.sources.env_files(name, self.host) {
                let origins = self.point(Some(place));
                self.effects.push(Effect::ReadsFile { path, origins });
            }
            if wanted.creates && service.get("models").is_some_and(|models| !models.is_null()) {
                let origins = self.at(name, &[PathStep::Key("models")], None);
                self.effects.push(Effect::Runs(Runs { program: "docker-model".to_owned(), origins, known: true }));
            }
            if wanted.creates {
                self.containers(name, &service, wanted);
            }
            if wanted.watches {
                for rule in list(field(&service, "develop"), "watch") {
                    let path = text(rule, "path");
                    let origins = self.at(
                        name,
                        &[PathStep::Key("develop"), PathStep::Key("watch"), PathStep::Item(&text(rule, "target"))],
                        None,
                    );
                    self.effects.push(Effect::ReadsFile { path, origins });
                }
            }
        }
    }

    pub(super) fn networks(&mut self, chosen: &[String]) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for name in chosen {
            used.extend(
                self.service(name)
                    .into_iter()
                    .flat_map(|service| entries(service, "networks"))
                    .map(|(name, _)| name.clone()),
            );
        }
        let networks: Vec<(String, Value)> =
            entries(self.model, "networks").map(|(name, network)| (name.clone(), network.clone())).collect();
        for (key, network) in
            networks.into_iter().filter(|(key, network)| used.contains(key) && !on(network, "external"))
        {
            let place = self.sources.find(&[PathStep::Key("networks"), PathStep::Key(&key)], self.host);
            let origins = self.point(place);
            let body = NetworkCreateRequest {
                name: text(&network, "name"),
                driver: spoken(&network, "driver"),
                internal: network.get("internal").and_then(Value::as_bool),
                attachable: network.get("attachable").and_then(Value::as_bool),
                options: Some(map_of(&network, "driver_opts")).filter(|options| !options.is_empty()),
                labels: Some(self.labels(&network, &[("com.docker.compose.network", &key)])),
                ..NetworkCreateRequest::default()
            };
            let request = Request::new("POST", "/networks/create", origins).body(Body::Network(Box::new(body)));
            self.effects.push(Effect::Request(request));
        }
    }

    pub(super) fn labels(&self, of: &Value, more: &[(&str, &str)]) -> HashMap<String, String> {
        let mut labels = map_of(of, "labels");
        labels.insert("com.docker.compose.project".to_owned(), self.name());
        labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        labels
    }

    pub(super) fn volumes(&mut self, chosen: &[String]) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for service in chosen.iter().filter_map(|name| self.service(name)) {
            used.extend(
                list(service, "volumes")
                    .filter(|volume| text(volume, "type") == "volume")
                    .map(|volume| text(volume, "source")),
            );
        }
        let volumes: Vec<(String, Value)> =
            entries(self.model, "volumes").map(|(name, volume)| (name.clone(), volume.clone())).collect();
        for (key, volume) in volumes.into_iter().filter(|(key, volume)| used.contains(key) && !on(volume, "external")) {
            let place = self.sources.find(&[PathStep::Key("volumes"), PathStep::Key(&key)], self.host);
            let origins = self.point(place);
            let mut request = Request::new("POST", "/volumes/create", origins);
            for (part, step) in [("DriverOpts", "device"), ("Driver", "driver")] {
                let path: &[PathStep] = match part {
                    "Driver" => &[PathStep::Key("volumes"), PathStep::Key(&key), PathStep::Key(step)],
                    _ => &[
                        PathStep::Key("volumes"),
                        PathStep::Key(&key),
                        PathStep::Key("driver_opts"),
                        PathStep::Item(step),
                    ],
                };
                if let Some(place) = self.sources.find(path, self.host) {
                    let origins = self.point(Some(place));
                    request = request.part(part, origins);
                }
            }
            let body = VolumeCreateRequest {
                name: spoken(&volume, "name"),
                driver: spoken(&volume, "driver"),
                driver_opts: Some(map_of(&volume, "driver_opts")).filter(|options| !options.is_empty()),
                labels: Some(self.labels(&volume, &[("com.docker.compose.volume", &key)])),
                ..VolumeCreateRequest::default()
            };
            self.effects.push(Effect::Request(request.body(Body::Volume(Box::new(body)))));
        }
    }

    /// The image's name, which compose makes up where the service only builds.
    pub(super) fn image(&self, name: &str, service: &Value) -> String {
        spoken(service, "image").unwrap_or_else(|| format!("{}-{name}", self.name()))
    }

    pub(super) fn build(&mut self, name: &str, service: &Value, wanted: &WantedServices) {
        let Some(build) = service.get("build").filter(|build| build.is_object()) else { return };
        let policy = text(service, "pull_policy");
        let builds = match wanted.builds {
            Builds::Never => false,
            Builds::Always => true,
            Builds::Missing => policy == "build" || !(self.has_image)(&self.image(name, service)),
        };
        if !builds {
            return;
        }
        let origins = self.at(name, &[PathStep::Key("build")], None);
        let operation = PredictedOperation::NamesImage(self.image(name, service));
        self.effects.push(Effect::Does { operation, origins: origins.clone() });
        for effect in of_build(self, name, build, origins, &[PathStep::Key("build")]) {
            self.effects.push(effect);
        }
    }

    pub(super) fn containers(&mut self, name: &str, service: &Value, wanted: &WantedServices) {
        if let Some(provider) = service.get("provider").filter(|provider| provider.is_object()) {
            let origins = self.at(name, &[PathStep::Key("provider"), PathStep::Key("type")], None);
            self.effects.push(Effect::Runs(Runs { program: text(provider, "type"), origins, known: false }));
            return;
        }
        let replicas = match (wanted.scale.get(name), service.get("scale"), service["deploy"].get("replicas")) {
            (Some(scale), _, _) => *scale,
            (None, Some(_), _) => usize::try_from(number(service, "scale")).unwrap_or(1),
            (None, None, Some(_)) => usize::try_from(number(&service["deploy"], "replicas")).unwrap_or(1),
            _ => 1,
        };
        if wanted.run.as_deref() == Some(name) || replicas == 0 {
            return;
        }
        let (mut body, parts) = self.container(name, service);
        let whole = self.at(name, &[], None);
        let each = 1 + parts.iter().count() + body.env.as_ref().map_or(0, Vec::len);
        for number in 1..=replicas.min(MOST_REPLICAS) {
            // One of each service is always looked at.
            if number > 1 {
                let Some(left) = self.room.checked_sub(each) else { break };
                self.room = left;
            }
            let container =
                spoken(service, "container_name").unwrap_or_else(|| format!("{}-{name}-{number}", self.name()));
            if let Some(labels) = &mut body.labels {
                labels.insert("com.docker.compose.container-number".to_owned(), number.to_string());
            }
            let mut request = Request::new("POST", "/containers/create", whole.clone()).with("name", container.clone());
            let platform = text(service, "platform");
            request = request.with_if(!platform.is_empty(), "platform", platform);
            request.parts.clone_from(&parts);
            self.effects.push(Effect::Request(request.body(Body::Container(Box::new(body.clone())))));
            if number == 1 {
                self.hooks(name, service, &container);
            }
        }
    }

    /// Commands that compose runs in the container after it starts and before it stops.
    pub(super) fn hooks(&mut self, name: &str, service: &Value, container: &str) {
        for key in ["post_start", "pre_stop"] {
            for hook in list(service, key) {
                let command = texts(hook, "command");
                let first = command.first().cloned().unwrap_or_default();
                let origins = self.at(name, &[PathStep::Key(key), PathStep::Item(&first)], None);
                let privileged = on(hook, "privileged");
                let body = ExecConfig {
                    user: spoken(hook, "user"),
                    privileged: Some(privileged),
                    working_dir: spoken(hook, "working_dir"),
                    cmd: Some(command),
                    ..ExecConfig::default()
                };
                let request = Request::new("POST", format!("/containers/{container}/exec"), origins);
                self.effects.push(Effect::Request(request.body(Body::Exec(Box::new(body)))));
            }
        }
    }

    /// The request for the container of `run`, as the file describes it.
    pub fn described(&mut self, name: &str) -> Option<(ContainerCreateBody, Parts)> {
        let service = self.service(name)?.clone();
        Some(self.container(name, &service))
    }
}

/// The services of a model that are wanted, with what they depend on.
pub fn chosen(model: &Value, wanted: &WantedServices) -> Vec<String> {
    let all: Vec<String> = entries(model, "services").map(|(name, _)| name.clone()).collect();
    if wanted.services.is_empty() {
        return all;
    }
    let services = field(model, "services");
    let named: HashSet<&String> = wanted.services.iter().collect();
    let mut chosen: Vec<String> = all.iter().filter(|name| named.contains(name)).cloned().collect();
    let mut is_chosen: HashSet<String> = chosen.iter().cloned().collect();
    let mut at = 0;
    while wanted.dependencies
        && let Some(next) = chosen.get(at).cloned()
    {
        for (name, _) in entries(field(services, &next), "depends_on") {
            if services.get(name).is_some() && is_chosen.insert(name.clone()) {
                chosen.push(name.clone());
            }
        }
        at += 1;
    }
    chosen.put_in_order();
    chosen
}

/// Where the text of an inline Dockerfile stands: behind its key, or for bake behind the target's first line.
fn carrier(project: &mut ProjectLowering, service: &str, below: &[PathStep], origins: &Origins) -> Option<Place> {
    let mut path = below.to_vec();
    path.push(PathStep::Key("dockerfile_inline"));
    if let Some(place) = project.sources.of_service(service, &path, None, project.host) {
        return Some(place);
    }
    let target = origins.iter().find_map(Origin::place)?;
    let key = "dockerfile-inline";
    let text = &target.text;
    let found = project
        .carried
        .entry(text.path.clone())
        .or_insert_with(|| text.text.match_indices(key).map(|(at, _)| at).collect());
    let span = match found.get(found.partition_point(|at| *at < target.span.start)) {
        Some(at) => *at..at + key.len(),
        None => target.span.clone(),
    };
    Some(Place::new(text, span))
}

/// The effects of one `build` section, or of one target of bake, whose keys are the same but for some names.
pub fn of_build(
    project: &mut ProjectLowering,
    service: &str,
    build: &Value,
    origins: Origins,
    below: &[PathStep],
) -> Vec<Effect> {
    let mut effects = Vec::new();
    let context = text(build, "context");
    let at = |key: &str, item: Option<&str>| {
        let mut path = below.to_vec();
        path.push(PathStep::Key(key));
        path.extend(item.map(PathStep::Item));
        let place = project.sources.of_service(service, &path, None, project.host);
        project.point(place)
    };
    if on(build, "privileged") {
        let origins = at("privileged", None);
        effects.push(Effect::Does {
            operation: PredictedOperation::BuildEntitlement("security.insecure".to_owned()),
            origins,
        });
    }
    for name in texts(build, "entitlements") {
        let origins = at("entitlements", Some(&name));
        effects.push(Effect::Does { operation: PredictedOperation::BuildEntitlement(name), origins });
    }
    if text(build, "network") == "host" {
        let origins = at("network", None);
        effects.push(Effect::Does { operation: PredictedOperation::HostNetworkBuild, origins });
    }
    let mut arguments: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in entries(build, "args") {
        let origins = at("args", Some(name));
        let value = value.as_str().map(str::to_owned).or_else(|| (!value.is_null()).then(|| value.to_string()));
        let operation = PredictedOperation::BuildArgument { name: name.clone(), value: value.clone() };
        effects.push(Effect::Does { operation, origins });
        arguments.push((name.clone(), value));
    }
    let mut named = BTreeSet::new();
    for key in ["additional_contexts", "contexts"] {
        for (name, place) in entries(build, key) {
            named.insert(name.clone());
            let place = place.as_str().unwrap_or_default();
            if crate::lower::sources::is_remote(place) {
                let origins = at(key, Some(name));
                effects.push(Effect::Does { operation: PredictedOperation::RemoteContext(place.to_owned()), origins });
            }
        }
    }
    if crate::lower::sources::is_remote(&context) {
        let origins = at("context", None);
        effects.push(Effect::Does { operation: PredictedOperation::RemoteContext(context), origins });
        return effects;
    }
    let inline = spoken(build, "dockerfile_inline").or_else(|| spoken(build, "dockerfile-inline"));
    let file = spoken(build, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    // As compose and buildx join them, before any link is followed.
    let path = if file.starts_with('/') { file } else { clean(&format!("{}/{file}", context.trim_end_matches('/'))) };
    let directory = format!("{}/", project.host.directory());
    let shown = path.strip_prefix(&directory).unwrap_or(&path).to_owned();
    let carrier = inline.as_ref().and_then(|_| carrier(project, service, below, &origins));
    let given = Given { arguments, target: spoken(build, "target") };
    effects.push(Effect::ReadsFile { path: context.clone(), origins: origins.clone() });
    let key = format!("{context:?} {shown:?} {inline:?} {given:?} {named:?} {:?}", carrier.as_ref().map(Place::name));
    // What several services build in the same way is looked at once.
    if !project.built.insert(key) {
        return effects;
    }
    let said = Said {
        folder: Some(&context),
        dockerfile: inline.is_none().then_some(shown),
        text: inline.map(String::into_bytes),
        carrier,
        given,
        named,
        sender: Sender::BuildKit,
        origins,
    };
    if let Some(read) = Build::read(said, &mut project.dockerfiles, project.host) {
        for (name, place) in ["additional_contexts", "contexts"].iter().flat_map(|key| entries(build, key)) {
            let place = place.as_str().unwrap_or_default();
            if project.host.is_directory(place)
                && let Some(other) = read.from_named(name, place, read.origins.clone())
            {
                effects.push(Effect::Builds(Box::new(other)));
            }
        }
        effects.push(Effect::Builds(Box::new(read)));
    }
    effects
}
