//! Asks the engine, when a rule needs to know, and reads what it holds, when something is to be deleted.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bollard_stubs::models::{ContainerInspectResponse, ImageInspect, SystemInfo, SystemVersion};
use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::Printer;
use super::state;
use super::stock::{Info, read, survey, volumes_of};
use super::wire::{Link, Wire, nothing, segment, value};
use crate::api::{Problem, Version, parse_version};
use crate::effects::model_words;
use crate::engine::{ContainerFacts, EngineFacts, ImageFacts, Inspect, Known, MountFacts};
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::plan::compose::Project;
use crate::plan::inventory::{Inventory, Volume};
use crate::plan::protect::{LABEL, Pattern};
use crate::plan::{Facts, Needs, Plan, Protections, Step};
use crate::target::Target;

/// How long an engine may take before it counts as one that does not answer, where only a word depends on it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Where a deletion depends on it.
const MORE_PATIENCE: Duration = Duration::from_secs(120);

/// An engine that is connected to at the first question.
pub struct Engine {
    target: Target,
    /// The real client, for endpoints that are not a local socket, and to read compose files.
    client: Option<OsString>,
    /// What `DOCKER_API_VERSION` says.
    wanted_api: Option<Version>,
    /// What the policy protects.
    patterns: Vec<Pattern>,
    wire: OnceCell<Option<Wire>>,
    /// It did not answer once, and is not asked again.
    silent: Cell<bool>,
    images: RefCell<HashMap<String, Known<ImageFacts>>>,
    itself: OnceCell<Known<EngineFacts>>,
    protections: RefCell<Option<Result<Rc<Protections>, Problem>>>,
    plans: RefCell<Vec<(Vec<Step>, Rc<Plan>)>>,
    project: OnceCell<Known<Project>>,
    /// Reads compose files and the like.
    printer: Printer,
    /// Says what is being waited for, until what it returns is dropped.
    waiting: fn(&'static str) -> Box<dyn Any>,
}

impl Engine {
    pub fn new(target: Target, client: Option<OsString>, wanted_api: Option<&str>, patterns: Vec<Pattern>) -> Engine {
        let printer = Printer::new(client.clone());
        Engine {
            target,
            client,
            wanted_api: wanted_api.and_then(parse_version),
            patterns,
            wire: OnceCell::new(),
            silent: Cell::new(false),
            images: RefCell::default(),
            itself: OnceCell::new(),
            protections: RefCell::default(),
            plans: RefCell::default(),
            project: OnceCell::new(),
            printer,
            waiting: |_| Box::new(()),
        }
    }

    /// Who says what is being waited for where it takes long; without it nobody does.
    pub fn with_waiting(mut self, waiting: fn(&'static str) -> Box<dyn Any>) -> Engine {
        self.waiting = waiting;
        self
    }

    /// Who else prints what is in files, where that is not the client.
    pub fn with_printer(mut self, printer: Printer) -> Engine {
        self.printer = printer;
        self
    }

    fn wire(&self) -> Option<&Wire> {
        self.wire.get_or_init(|| Wire::open(&self.target, self.client.clone())).as_ref()
    }

    /// One question without a version in its path, and so in the engine's own.
    fn ask<T: DeserializeOwned>(&self, path: &str) -> Known<T> {
        let Some(wire) = self.wire().filter(|_| !self.silent.get()) else { return Known::Untold };
        // Remote engines are given time for the connection itself.
        let patience = if self.target.is_local() { PATIENCE } else { PATIENCE * 5 };
        let answer = wire
            .within(patience, async { wire.link.send_as_is(Method::GET, path, nothing(), None).await?.bytes().await });
        match answer {
            Ok(bytes) => serde_json::from_slice(&bytes).map_or(Known::Untold, Known::Is),
            Err(Problem::Said { status: 404, .. }) => Known::Missing,
            Err(Problem::Said { .. }) => Known::Untold,
            Err(_) => {
                self.silent.set(true);
                Known::Untold
            }
        }
    }

    fn must(&self) -> Result<&Wire, Problem> {
        self.wire().ok_or_else(|| Problem::Unreachable(format!("nothing listens at {}", self.target.host)))
    }

    /// The line itself, for deletions.
    pub fn line(&self) -> Option<&Wire> {
        self.wire()
    }

    /// What the engine holds, without sizes.
    pub fn stock(&self, needs: Needs, volumes: bool) -> Result<Inventory, Problem> {
        let wire = self.must()?;
        wire.within(MORE_PATIENCE, async {
            let mut stock = read(&wire.link, needs, self.wanted_api).await?;
            if volumes {
                stock.volumes = volumes_of(&wire.link).await?;
            }
            Ok(stock)
        })
    }

    fn read_protections(&self) -> Result<Protections, Problem> {
        let wire = self.must()?;
        let mut all = Protections { patterns: self.patterns.clone(), ..Protections::default() };
        wire.within(MORE_PATIENCE, async {
            all.labelled = labelled(&wire.link, "/containers/json?all=1").await?
                || labelled(&wire.link, "/volumes?").await?
                || labelled(&wire.link, "/networks?").await?
                || labelled(&wire.link, "/images/json?all=1").await?;
            if state::any_locks() {
                let info: Info = wire.link.get("/info").await?;
                let locks = state::locks(&info.id).map_err(Problem::Silent)?;
                all.locks = locks.locked;
                all.released = locks.released;
            }
            Ok(())
        })?;
        Ok(all)
    }
}

/// Whether anything in this list has the label that protects.
async fn labelled(link: &Arc<Link>, path: &str) -> Result<bool, Problem> {
    let filters = value(&json!({ "label": [LABEL] }).to_string());
    let answer: Value = match link.get(&format!("{path}&filters={filters}")).await {
        // A proxy in front of the engine that shows no such objects lets nobody delete them either.
        Err(Problem::Said { status: 403 | 404 | 405 | 501, .. }) => return Ok(false),
        answer => answer?,
    };
    let list = answer.get("Volumes").unwrap_or(&answer);
    Ok(list.as_array().is_some_and(|list| !list.is_empty()))
}

impl Inspect for Engine {
    fn image(&self, name: &str) -> Known<ImageFacts> {
        if let Some(known) = self.images.borrow().get(name) {
            return known.clone();
        }
        let answer: Known<ImageInspect> = self.ask(&format!("/images/{}/json", segment(name)));
        let known = answer.map(|image| {
            let config = image.config.unwrap_or_default();
            ImageFacts {
                id: image.id.unwrap_or_default(),
                user: config.user.unwrap_or_default(),
                entrypoint: config.entrypoint.unwrap_or_default(),
                command: config.cmd.unwrap_or_default(),
                volumes: config.volumes.unwrap_or_default(),
                digests: image.repo_digests.unwrap_or_default(),
            }
        });
        self.images.borrow_mut().insert(name.to_owned(), known.clone());
        known
    }

    fn container(&self, name: &str, with_size: bool) -> Known<ContainerFacts> {
        let size = if with_size { "?size=1" } else { "" };
        let answer: Known<ContainerInspectResponse> = self.ask(&format!("/containers/{}/json{size}", segment(name)));
        answer.map(|container| ContainerFacts {
            name: container.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: container.config.and_then(|config| config.image).unwrap_or_default(),
            running: container.state.and_then(|state| state.running).unwrap_or(false),
            layer_bytes: container.size_rw,
            mounts: container
                .mounts
                .unwrap_or_default()
                .into_iter()
                .map(|mount| MountFacts {
                    volume: mount.name.filter(|name| !name.is_empty()),
                    source: mount.source.unwrap_or_default(),
                    destination: mount.destination.unwrap_or_default(),
                    writable: mount.rw.unwrap_or(true),
                })
                .collect(),
        })
    }

    fn engine(&self) -> Known<EngineFacts> {
        let ask = || {
            self.ask::<SystemInfo>("/info").map(|info| EngineFacts {
                name: info.name.unwrap_or_default(),
                labels: info.labels.unwrap_or_default(),
                memory: info.mem_total.unwrap_or(0),
            })
        };
        self.itself.get_or_init(ask).clone()
    }

    fn api_version(&self) -> Known<Version> {
        match self.ask::<SystemVersion>("/version") {
            Known::Is(answer) => {
                let versions = answer.api_version.as_deref().and_then(parse_version).into_iter().chain(self.wanted_api);
                versions.min().map_or(Known::Untold, Known::Is)
            }
            // What the words of the environment say holds, whatever the engine.
            _ => self.wanted_api.map_or(Known::Untold, Known::Is),
        }
    }

    fn printed(&self, words: &[String], _: &dyn Host) -> Known<Vec<u8>> {
        self.printer.printed(words)
    }
}

impl Facts for Engine {
    fn protections(&self) -> Result<Rc<Protections>, Problem> {
        let known = self.protections.borrow().clone();
        if let Some(known) = known {
            return known;
        }
        let read = self.read_protections().map(Rc::new);
        *self.protections.borrow_mut() = Some(read.clone());
        read
    }

    fn plan(&self, steps: &[Step]) -> Result<Rc<Plan>, Problem> {
        if let Some((_, plan)) = self.plans.borrow().iter().find(|(known, _)| known == steps) {
            return Ok(plan.clone());
        }
        let protections = self.protections()?;
        let wire = self.must()?;
        let _waiting = (self.waiting)("reading what the engine holds");
        let plan = wire.within(MORE_PATIENCE, survey(&wire.link, steps, &protections, self.wanted_api))?;
        let plan = Rc::new(plan);
        self.plans.borrow_mut().push((steps.to_vec(), plan.clone()));
        Ok(plan)
    }

    fn protected_volume(&self, name: &str) -> Option<String> {
        let volume: Volume = self.ask(&format!("/volumes/{}", segment(name))).is()?;
        self.protections().ok()?.volume(&volume).map(|protected| protected.why)
    }

    fn project(&self, invocation: &Invocation, host: &dyn Host) -> Known<Project> {
        self.project.get_or_init(|| read_project(&self.printer, invocation, host)).clone()
    }
}

/// Compose's own reading of its files, with the words that stand before its command; else the name that they give.
fn read_project(printer: &Printer, invocation: &Invocation, host: &dyn Host) -> Known<Project> {
    let set = |name: &str| invocation.above.iter().rev().find(|set| set.flag.name == name).map(|set| set.value.clone());
    let named = set("project-name").or_else(|| host.env("COMPOSE_PROJECT_NAME")).filter(|name| !name.is_empty());
    let by_name = || match &named {
        Some(name) => Known::Is(Project { name: name.to_lowercase(), model: None }),
        None => Known::Untold,
    };
    let Some(words) = model_words(invocation) else { return by_name() };
    let model: Option<Value> = printer.printed(&words).is().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(mut project) = model.as_ref().and_then(Project::from_model) else { return by_name() };
    if invocation.on("remove-orphans")
        && let Some(model) = &mut project.model
    {
        // Compose knows the services of all profiles; its model shows the active ones.
        let mut words = words[..words.len() - 3].to_vec();
        words.extend(["--profile", "*", "config", "--services"].map(str::to_owned));
        let all = printer.printed(&words).is().unwrap_or_default();
        let all = String::from_utf8_lossy(&all).into_owned();
        model.inactive = all.lines().map(str::to_owned).filter(|name| !model.has(name)).collect();
    }
    Known::Is(project)
}
