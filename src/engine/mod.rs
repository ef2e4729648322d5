//! Asks the engine what a rule needs to know, and reads what it holds before a deletion.

pub mod access;
pub mod answers;
pub mod body;
mod changes;
mod compose_project;
pub mod connection;
mod containers;
pub mod inventory;
mod labelled;
pub mod later;
mod layers;
pub mod list;
pub mod many;
pub mod named;
mod offline;
mod other;
pub mod paths;
mod plans;
pub mod reach;

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bollard_stubs::models::{ContainerInspectResponse, ImageInspect, SystemVersion};
use hyper::Method;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use list::List;
pub use offline::Offline;
pub use other::OtherClient;

use crate::environment::client::Printer;
use crate::environment::memory;
use compose_project::begin;
use connection::{Client, Connection, nothing};
use fender_core::api::{EngineProblem, Version, parse_version};
use fender_core::engine::{
    ContainerFacts, EngineFacts, ImageFacts, Inspect, Labels, Lookup, MountFacts, ProjectContainer, Reach, nano_cpus,
};
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::plan::compose::{PROJECT, Project, of_project};
use fender_core::plan::inventory::{Container, Inventory, Network, ObjectLabels};
use fender_core::plan::preview::Preview;
use fender_core::plan::protect::ProtectPattern;
use fender_core::plan::{Needs, Protections};
use fender_core::policy::words_of_production;
use fender_core::target::Target;
use inventory::{Info, KnownLists, Volumes, read};
use later::{LateAnswers, LeftOpen, answers};
use plans::KnownPlan;

/// How long an engine may take before it counts as one that does not answer, where only a note depends on it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Where the environment of a finding depends on it that hands the host over or destroys data.
const LONGER: Duration = Duration::from_secs(10);
/// How much longer a remote engine may take, which is reached through ssh or a tunnel.
const REMOTE: u32 = 4;
/// Where a deletion depends on it. Each request has its own, shorter limit; this one is for all of them together.
const MORE_PATIENCE: Duration = Duration::from_secs(180);

/// What is being waited for while the client prints what is in files.
const READS_FILES: &str = "waiting for docker to read its files";

/// An engine that is connected to at the first question.
pub struct Engine {
    target: Target,
    /// The real client, for endpoints that are not a local socket, and to read compose files.
    docker: Option<OsString>,
    /// What `DOCKER_API_VERSION` says.
    wanted_api: Option<Version>,
    /// What the policy protects.
    patterns: Vec<ProtectPattern>,
    connection: OnceCell<Result<Connection, EngineProblem>>,
    /// Why it did not answer once; it is not asked again where only a note depends on it.
    silent: RefCell<Option<EngineProblem>>,
    images: RefCell<HashMap<String, Lookup<ImageFacts>>>,
    /// By what was asked for.
    containers: RefCell<HashMap<String, Lookup<ContainerFacts>>>,
    itself: RefCell<Option<Lookup<EngineFacts>>>,
    /// The containers of compose's projects, by the project's name.
    projects: RefCell<HashMap<String, Rc<List<Container>>>>,
    volumes: RefCell<Option<Rc<Volumes>>>,
    protections: RefCell<Option<Result<Rc<Protections>, EngineProblem>>>,
    plans: RefCell<Vec<KnownPlan>>,
    lists: KnownLists,
    /// How long sizes of volumes are waited for at least; None: to the end.
    sizes_within: Option<Duration>,
    project: OnceCell<Lookup<Project>>,
    preview: OnceCell<Lookup<Rc<Preview>>>,
    /// Reads compose files and the like.
    printer: Printer,
    /// Says what is being waited for, until what it returns is dropped.
    waiting: fn(String) -> Box<dyn Any>,
}

impl Engine {
    /// The engine at this target, reached through the client `docker` where it is not local; `wanted_api` is what
    /// `DOCKER_API_VERSION` says, and `patterns` are those of protected objects. Nothing is asked yet.
    pub fn new(
        target: Target,
        docker: Option<OsString>,
        wanted_api: Option<&str>,
        patterns: Vec<ProtectPattern>,
    ) -> Engine {
        let printer = Printer::new(docker.clone());
        Engine {
            target,
            docker,
            // What cannot be read is taken for the version in which a prune takes most.
            wanted_api: wanted_api.filter(|text| !text.is_empty()).map(|text| client_version(text).unwrap_or((1, 0))),
            patterns,
            connection: OnceCell::new(),
            silent: RefCell::default(),
            images: RefCell::default(),
            containers: RefCell::default(),
            itself: RefCell::default(),
            projects: RefCell::default(),
            volumes: RefCell::default(),
            protections: RefCell::default(),
            plans: RefCell::default(),
            lists: KnownLists::default(),
            sizes_within: None,
            project: OnceCell::new(),
            preview: OnceCell::new(),
            printer,
            waiting: |_| Box::new(()),
        }
    }

    /// Who says what is being waited for where it takes long; without it nobody does.
    pub fn with_waiting(mut self, waiting: fn(String) -> Box<dyn Any>) -> Engine {
        self.waiting = waiting;
        self
    }

    /// Who else prints what is in files, where that is not the client.
    pub fn with_printer(mut self, printer: Printer) -> Engine {
        self.printer = printer;
        self
    }

    /// A person waits for the question: how large volumes are is asked, and not waited for longer than this.
    pub fn with_sizes_within(mut self, within: Duration) -> Engine {
        self.sizes_within = Some(within);
        self
    }

    /// What a plan leaves open; what takes long is waited for.
    pub fn left_open(&self, open: &LeftOpen) -> Result<LateAnswers, EngineProblem> {
        let connection = self.connection()?;
        let _waiting = (self.waiting)("waiting for the engine to say how large what is deleted is".to_owned());
        connection.within(MORE_PATIENCE, answers(&connection.client, open))
    }

    /// The connection to the engine, opened by the first call.
    pub fn connection(&self) -> Result<&Connection, EngineProblem> {
        self.connection
            .get_or_init(|| Connection::open(&self.target, self.docker.clone()))
            .as_ref()
            .map_err(EngineProblem::clone)
    }

    /// One question without a version in its path, and so in the engine's own.
    fn ask<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Lookup<T> {
        if let Some(problem) = &*self.silent.borrow() {
            return problem.as_lookup();
        }
        match self.ask_within(self.patience(PATIENCE), path) {
            Ok(answer) => Lookup::Found(answer),
            Err(problem) => {
                if !matches!(problem, EngineProblem::Said { .. }) {
                    *self.silent.borrow_mut() = Some(problem.clone());
                }
                problem.as_lookup()
            }
        }
    }

    /// A question on whose answer it depends whether a command is asked about.
    fn ask_longer<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Lookup<T> {
        if let Some(problem) = &*self.silent.borrow() {
            return problem.as_lookup();
        }
        match self.ask_within(self.patience(LONGER), path) {
            Ok(answer) => Lookup::Found(answer),
            Err(problem) => problem.as_lookup(),
        }
    }

    fn ask_within<T: DeserializeOwned + Send + 'static>(
        &self,
        patience: Duration,
        path: &str,
    ) -> Result<T, EngineProblem> {
        let connection = self.connection()?;
        let _waiting = self.says_what_it_waits_for();
        connection.within(patience, async {
            connection.client.send_as_is(Method::GET, path, nothing(), None).await?.parsed(body::SMALL).await
        })
    }

    /// The containers of a project.
    fn of_project_named(&self, name: &str) -> Lookup<Rc<List<Container>>> {
        if let Some(known) = self.projects.borrow().get(name) {
            return Lookup::Found(known.clone());
        }
        let filters = json!({ "label": [format!("{PROJECT}={name}")] });
        let asked = self.ask_longer::<List<Container>>(&paths::containers_where(&filters)).map(Rc::new);
        if let Lookup::Found(containers) = &asked {
            self.projects.borrow_mut().insert(name.to_owned(), containers.clone());
        }
        asked
    }

    /// Asks while compose's programs run what will be wanted after them: `project` is the one of this folder. What is not answered now is asked when it
    /// is wanted.
    fn ask_ahead(&self, project: &str, invocation: &Invocation) {
        let Ok(connection) = self.connection() else { return };
        // Over ssh each request at once is a login.
        if !self.target.is_local() {
            return;
        }
        async fn one<T: DeserializeOwned + Send + 'static>(client: &Arc<Client>, path: &str) -> Option<T> {
            let Ok(answer) = client.send_as_is(Method::GET, path, nothing(), None).await else { return None };
            let Ok(parsed) = answer.parsed(body::SMALL).await else { return None };
            Some(parsed)
        }
        let client = &connection.client;
        let containers = paths::containers_where(&json!({ "label": [format!("{PROJECT}={project}")] }));
        let makes = matches!(invocation.canonical(), "compose up" | "compose create" | "compose run");
        let all = async {
            let volumes = async { if makes { one::<Volumes>(client, paths::VOLUMES).await } else { None } };
            let (info, containers) = (one::<Info>(client, paths::INFO), one::<List<Container>>(client, &containers));
            Ok(tokio::join!(info, containers, volumes))
        };
        let Ok((info, containers, volumes)) = connection.within(PATIENCE, all) else { return };
        if let Some(info) = info {
            memory::learn(&self.target.host, &info.id, &info.labels);
            *self.itself.borrow_mut() = Some(Lookup::Found(info.facts()));
        }
        if let Some(containers) = containers {
            self.projects.borrow_mut().insert(project.to_owned(), Rc::new(containers));
        }
        *self.volumes.borrow_mut() = volumes.map(Rc::new);
    }

    /// Whether a container passes these filters.
    fn lists_any(&self, filters: &Value) -> Lookup<()> {
        match self.ask::<List<Container>>(&paths::containers_where(filters)) {
            Lookup::Found(containers) if containers.0.is_empty() => Lookup::Missing,
            other => other.map(drop),
        }
    }

    fn says_what_it_waits_for(&self) -> Box<dyn Any> {
        (self.waiting)(format!("waiting for the engine at {} to answer", self.target.host))
    }

    /// Remote engines are given time for the connection itself.
    fn patience(&self, local: Duration) -> Duration {
        if self.target.is_local() { local } else { local * REMOTE }
    }

    /// What the engine says about itself; what is learned is remembered.
    fn itself(&self, patience: Duration) -> Result<EngineFacts, EngineProblem> {
        // A plan may have asked it already.
        let known = self.lists.borrow().as_ref().map(|(.., info)| Ok(info.clone()));
        let info: Info = known.unwrap_or_else(|| self.ask_within(patience, paths::INFO))?;
        memory::learn(&self.target.host, &info.id, &info.labels);
        let facts = info.facts();
        *self.itself.borrow_mut() = Some(Lookup::Found(facts.clone()));
        Ok(facts)
    }

    /// Whether it answers on a socket of this machine.
    pub fn is_local(&self) -> bool {
        self.target.is_local()
    }

    /// What the engine holds, without sizes.
    pub fn inventory(&self, needs: &Needs) -> Result<Inventory, EngineProblem> {
        let connection = self.connection()?;
        connection.within(MORE_PATIENCE, read(&connection.client, needs, self.wanted_api))
    }
}

/// The API leaves out what is empty. Only for what is shown, or what is stricter when empty.
// `unwrap_or_default` is forbidden here, so that no default stands for an answer.
#[allow(clippy::manual_unwrap_or_default)]
fn left_out<T: Default>(value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => T::default(),
    }
}

/// `DOCKER_API_VERSION` as the client takes it: moby `client/options.go` cuts a `v` off.
fn client_version(text: &str) -> Option<Version> {
    parse_version(text.strip_prefix('v').unwrap_or(text))
}

impl Inspect for Engine {
    fn reach(&self) -> Reach {
        let answer = self.connection().and_then(|connection| {
            let _waiting = self.says_what_it_waits_for();
            connection.within(self.patience(PATIENCE), connection.client.answers())
        });
        match answer {
            Err(EngineProblem::NoEngine(_)) => Reach::NoEngine,
            Err(EngineProblem::NotAllowed(_)) => Reach::NotAllowed,
            Ok(()) | Err(EngineProblem::Unanswered(_) | EngineProblem::Said { .. }) => Reach::Open,
        }
    }

    fn may_open(&self) -> bool {
        !self.target.socket().is_some_and(reach::is_denied)
    }

    fn image(&self, name: &str) -> Lookup<ImageFacts> {
        if let Some(known) = self.images.borrow().get(name) {
            return known.clone();
        }
        let answer: Lookup<ImageInspect> = self.ask(&paths::image(name));
        let known = answer.then(|image| {
            let Some(id) = image.id else { return Lookup::Unknown("it does not say which image it is".to_owned()) };
            let config = left_out(image.config);
            Lookup::Found(ImageFacts {
                id,
                user: left_out(config.user),
                entrypoint: left_out(config.entrypoint),
                command: left_out(config.cmd),
                volumes: left_out(config.volumes),
                digests: left_out(image.repo_digests),
                env: left_out(config.env),
            })
        });
        self.images.borrow_mut().insert(name.to_owned(), known.clone());
        known
    }

    fn container(&self, name: &str) -> Lookup<ContainerFacts> {
        if let Some(known) = self.containers.borrow().get(name) {
            return known.clone();
        }
        let known = self.ask(&paths::container(name)).then(|container: ContainerInspectResponse| {
            let (Some(name), Some(state), Some(mounts)) = (container.name, container.state, container.mounts) else {
                return Lookup::Unknown("it does not say what the container is".to_owned());
            };
            let mounts = mounts.into_iter().map(|mount| MountFacts {
                volume: mount.name.filter(|name| !name.is_empty()),
                source: left_out(mount.source),
                destination: left_out(mount.destination),
                writable: mount.rw != Some(false),
            });
            let (config, host) = (left_out(container.config), left_out(container.host_config));
            Lookup::Found(ContainerFacts {
                name: name.trim_start_matches('/').to_owned(),
                image: left_out(config.image),
                env: left_out(config.env),
                auto_remove: host.auto_remove == Some(true),
                memory: left_out(host.memory),
                pids_limit: left_out(host.pids_limit),
                nano_cpus: nano_cpus(left_out(host.nano_cpus), left_out(host.cpu_quota), left_out(host.cpu_period)),
                running: state.running != Some(false),
                started_at: left_out(state.started_at),
                stop_timeout: config.stop_timeout,
                mounts: mounts.collect(),
            })
        });
        self.containers.borrow_mut().insert(name.to_owned(), known.clone());
        known
    }

    fn engine(&self) -> Lookup<EngineFacts> {
        if let Some(known) = &*self.itself.borrow() {
            return known.clone();
        }
        if let Some(problem) = &*self.silent.borrow() {
            return problem.as_lookup();
        }
        let known = match self.itself(self.patience(PATIENCE)) {
            Ok(facts) => Lookup::Found(facts),
            Err(problem) => {
                if !matches!(problem, EngineProblem::Said { .. }) {
                    *self.silent.borrow_mut() = Some(problem.clone());
                }
                match problem {
                    // Every engine has this answer.
                    EngineProblem::Said { .. } => Lookup::Unknown(problem.to_string()),
                    problem => problem.as_lookup(),
                }
            }
        };
        *self.itself.borrow_mut() = Some(known.clone());
        known
    }

    fn there(&self, path: &str) -> Lookup<()> {
        if let Some(problem) = &*self.silent.borrow() {
            return problem.as_lookup();
        }
        match self.ask_within::<IgnoredAny>(self.patience(PATIENCE), &paths::encoded(path)) {
            Ok(_) => Lookup::Found(()),
            Err(problem) if problem.is(404) || problem.is(503) => Lookup::Missing,
            Err(problem) => problem.as_lookup(),
        }
    }

    fn runs_any(&self, labels: &[String]) -> Lookup<()> {
        self.lists_any(&json!({ "label": labels, "status": ["running", "paused", "restarting"] }))
    }

    fn uses_image(&self, id: &str) -> Lookup<()> {
        self.lists_any(&json!({ "ancestor": [id] }))
    }

    fn project_containers(&self, project: &str) -> Lookup<Vec<ProjectContainer>> {
        self.of_project_named(project).map(|containers| containers.0.iter().map(of_project).collect())
    }

    fn project_names(&self) -> Lookup<Vec<String>> {
        let filters = json!({ "label": [PROJECT] });
        let mut names = BTreeSet::new();
        let named = |labels: &ObjectLabels| labels.get(PROJECT).cloned();
        let containers = self.ask_longer::<List<Container>>(&paths::containers_where(&filters));
        containers
            .then(|list| {
                names.extend(list.0.iter().filter_map(|it| named(&it.labels)));
                self.ask_longer::<Volumes>(&paths::volumes_where(&filters))
            })
            .then(|list| {
                names.extend(list.volumes.iter().filter_map(|it| named(&it.labels)));
                self.ask_longer::<List<Network>>(&paths::networks_where(&filters))
            })
            .map(|list| {
                names.extend(list.0.iter().filter_map(|it| named(&it.labels)));
                names.into_iter().collect()
            })
    }

    fn volume_names(&self) -> Lookup<Vec<String>> {
        let known = self.volumes.borrow().clone();
        let volumes = known.map_or_else(|| self.ask::<Volumes>(paths::VOLUMES).map(Rc::new), Lookup::Found);
        volumes.map(|list| list.volumes.iter().map(|volume| volume.name.clone()).collect())
    }

    fn in_swarm(&self) -> Lookup<bool> {
        self.ask::<Info>(paths::INFO).then(|info| match info.swarm_state() {
            "" => Lookup::Unknown("it does not say whether it belongs to a swarm".to_owned()),
            state => Lookup::Found(state != "inactive"),
        })
    }

    fn labels(&self, stops: bool) -> Labels {
        let mut asked = self.engine();
        let remembered = memory::recall(&self.target.host);
        let strict = |labels: &[String]| labels.iter().any(|label| words_of_production(label).is_some());
        // What is remembered as production is not waited for: nothing is stricter.
        if stops && matches!(asked, Lookup::Unknown(_)) && !remembered.as_ref().is_some_and(|it| strict(&it.labels)) {
            asked = match self.itself(self.patience(LONGER)) {
                Ok(facts) => Lookup::Found(facts),
                Err(problem) => problem.as_lookup(),
            };
        }
        match (asked, remembered) {
            (Lookup::Found(facts), _) => Labels::Known(facts.labels),
            (Lookup::NoEngine, _) => Labels::NoEngine,
            (Lookup::Missing, None) => Labels::Unknown("it does not say them".to_owned()),
            (Lookup::Unknown(why), None) => Labels::Unknown(why),
            (Lookup::Missing, Some(it)) => {
                Labels::Remembered { labels: it.labels, ago: it.ago, why: "it does not say them".to_owned() }
            }
            (Lookup::Unknown(why), Some(it)) => Labels::Remembered { labels: it.labels, ago: it.ago, why },
        }
    }

    fn labels_at_hand(&self) -> Labels {
        // To connect to another machine may ask for a password, and nothing is wanted of it yet.
        if self.target.is_local() {
            return self.labels(false);
        }
        let why = "it was not asked".to_owned();
        match memory::recall(&self.target.host) {
            Some(it) => Labels::Remembered { labels: it.labels, ago: it.ago, why },
            None => Labels::Unknown(why),
        }
    }

    fn api_version(&self) -> Lookup<Version> {
        match self.ask::<SystemVersion>(paths::VERSION) {
            Lookup::Found(answer) => match answer.api_version.as_deref().and_then(parse_version) {
                Some(version) => Lookup::Found(self.wanted_api.map_or(version, |wanted| wanted.min(version))),
                None => Lookup::Unknown("it does not say which API it speaks".to_owned()),
            },
            other => other.map(|_| (0, 0)),
        }
    }

    fn begin_compose(&self, invocation: &Invocation, host: &dyn Host) {
        let project = begin(&self.printer, invocation, host, |filters| {
            let Lookup::Found(found) = self.ask::<List<Container>>(&paths::containers_where(filters)) else {
                return None;
            };
            found.0.first().map(|container| container.labels.get(PROJECT).cloned())
        });
        if let Some(project) = project.flatten() {
            self.ask_ahead(&project, invocation);
        }
    }

    fn begin_printed(&self, each: &[Vec<String>], _: &dyn Host) {
        self.printer.begin_each(each);
    }

    fn printed(&self, words: &[String], _: &dyn Host) -> Lookup<Vec<u8>> {
        let _waiting = (self.waiting)(READS_FILES.to_owned());
        self.printer.printed(words)
    }
    fn error_of(&self, words: &[String], _: &dyn Host) -> Lookup<String> {
        self.printer.error_of(words)
    }
}
