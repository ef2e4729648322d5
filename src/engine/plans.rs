//! Plans of an engine, and everything else that is asked about all that it holds.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use super::changes::changed;
use super::compose_project::read_project;
use super::connection::Client;
use super::inventory::{Info, Volumes, listed, sizes_within, survey};
use super::labelled::labelled;
use super::{Engine, MORE_PATIENCE, READS_FILES, paths};
use crate::environment::state;
use fender_core::api::EngineProblem;
use fender_core::engine::{Inspect as _, Lookup, Reach};
use fender_core::grammar::parse::Invocation;
use fender_core::host::Host;
use fender_core::plan::compose::{PROJECT, Project};
use fender_core::plan::inventory::Volume;
use fender_core::plan::preview::{Preview, preview_words};
use fender_core::plan::protect::LABEL;
use fender_core::plan::{Change, ChangeStep, Facts, Plan, Protections, Step, needs};

/// A plan that was made, and what protects the objects that it was made of.
#[derive(Clone)]
pub(super) struct KnownPlan {
    steps: Vec<Step>,
    plan: Rc<Plan>,
    protections: Rc<Protections>,
}

impl Engine {
    /// What protects objects of the engine with this id besides labels; None where nothing asks for its id.
    fn locks_of(&self, id: Option<&str>) -> Result<Protections, EngineProblem> {
        let mut all = Protections { patterns: self.patterns.clone(), ..Protections::default() };
        if let Some(id) = id {
            let locks = state::locks(id).map_err(|error| EngineProblem::Unanswered(format!("{error:#}")))?;
            all.locks = locks.locked;
            all.released = locks.released;
        }
        Ok(all)
    }

    /// What protects any object of this engine.
    async fn read_protections(&self, client: &Arc<Client>) -> Result<Protections, EngineProblem> {
        let labelled = labelled(client).await?;
        let info = if state::any_locks() { Some(client.get::<Info>(paths::INFO).await?) } else { None };
        Ok(Protections { labelled, ..self.locks_of(info.as_ref().map(|info| info.id.as_str()))? })
    }

    /// The plan, with what protects what it is made of: all requests for both in one batch. Only what the plan's lists have can go or hold what
    /// goes, so that no other object is asked for its labels.
    async fn read_plan(&self, client: &Arc<Client>, steps: &[Step]) -> Result<KnownPlan, EngineProblem> {
        client.version().await?;
        let needs = needs(steps);
        let started = Instant::now();
        let inventory = listed(client, &needs, self.wanted_api, &self.lists).await?;
        let known = self.protections.borrow().clone();
        let mut protections = match known {
            Some(known) => (*known?).clone(),
            None => self.locks_of(Some(inventory.engine.as_str()).filter(|_| state::any_locks()))?,
        };
        let within = self.sizes_within.map(|least| sizes_within(least, started.elapsed()));
        protections.labelled |= inventory.has_label(LABEL);
        let plan = survey(client, steps, &protections, inventory, within).await?;
        Ok(KnownPlan { steps: steps.to_vec(), plan: Rc::new(plan), protections: Rc::new(protections) })
    }

    fn known_plan(&self, steps: &[Step]) -> Result<KnownPlan, EngineProblem> {
        if let Some(known) = self.plans.borrow().iter().find(|known| known.steps == steps) {
            return Ok(known.clone());
        }
        let connection = self.connection()?;
        let _waiting = (self.waiting)(format!("reading what the engine at {} holds", self.target.host));
        let read = connection.within(MORE_PATIENCE, self.read_plan(&connection.client, steps))?;
        self.plans.borrow_mut().push(read.clone());
        Ok(read)
    }
}

impl Facts for Engine {
    fn protections(&self) -> Result<Rc<Protections>, EngineProblem> {
        let known = self.protections.borrow().clone();
        if let Some(known) = known {
            return known;
        }
        let connection = self.connection()?;
        let _waiting = self.says_what_it_waits_for();
        let read = connection.within(MORE_PATIENCE, self.read_protections(&connection.client)).map(Rc::new);
        *self.protections.borrow_mut() = Some(read.clone());
        read
    }

    fn protections_of(&self, steps: &[Step]) -> Result<Rc<Protections>, EngineProblem> {
        if steps.is_empty() {
            return self.protections();
        }
        if let Some(Err(problem)) = &*self.protections.borrow() {
            return Err(problem.clone());
        }
        match self.known_plan(steps) {
            Ok(known) => Ok(known.protections),
            Err(EngineProblem::Said { .. }) => self.protections(),
            Err(problem) => {
                // Who does not answer is not asked once more.
                self.protections.borrow_mut().get_or_insert(Err(problem.clone()));
                Err(problem)
            }
        }
    }

    fn plan(&self, steps: &[Step]) -> Result<Rc<Plan>, EngineProblem> {
        Ok(self.known_plan(steps)?.plan)
    }

    fn changes(&self, steps: &[ChangeStep]) -> Result<Vec<Change>, EngineProblem> {
        let protections = self.protections()?;
        let connection = self.connection()?;
        let _waiting = (self.waiting)(format!("reading what the engine at {} holds", self.target.host));
        connection.within(MORE_PATIENCE, changed(&connection.client, steps, &protections, self.wanted_api, &self.lists))
    }

    fn preview(&self, invocation: &Invocation, _: &dyn Host) -> Lookup<Rc<Preview>> {
        let ask = || {
            // Compose could only say that there is no engine.
            if self.reach() != Reach::Open {
                return Lookup::NoEngine;
            }
            let Some(words) = preview_words(invocation) else {
                return Lookup::Unknown("its words name no command of compose".to_owned());
            };
            let _waiting = (self.waiting)("waiting for docker compose to say what it would change".to_owned());
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.printer
                .said(&words)
                .map(|said| Rc::new(Preview::read(&text(&said.output), &text(&said.errors), said.success)))
        };
        self.preview.get_or_init(ask).clone()
    }

    fn project_holds_anything(&self, name: &str) -> Lookup<bool> {
        let filters = json!({ "label": [format!("{PROJECT}={name}")] });
        self.of_project_named(name).then(|containers| match containers.0.is_empty() {
            true => self.ask::<Volumes>(&paths::volumes_where(&filters)).map(|volumes| !volumes.volumes.is_empty()),
            false => Lookup::Found(true),
        })
    }

    fn protected_volume(&self, name: &str) -> Lookup<Option<String>> {
        self.ask::<Volume>(&paths::volume(name)).then(|volume| match self.protections() {
            Ok(protections) => Lookup::Found(protections.volume(&volume).map(|protected| protected.why)),
            Err(problem) => problem.as_lookup(),
        })
    }

    fn project(&self, invocation: &Invocation, host: &dyn Host) -> Lookup<Project> {
        let _waiting = (self.waiting)(READS_FILES.to_owned());
        self.project.get_or_init(|| read_project(&self.printer, invocation, host)).clone()
    }
}
