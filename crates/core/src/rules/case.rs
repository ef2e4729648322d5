//! What a rule looks at.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::offers::Offers;
use crate::engine::{ImageFacts, Lookup};
use crate::files::context::{ContextRequest, Survey};
use crate::host::Host;
use crate::lower::{Build, Effect, Lowered, Origins, PredictedOperation, Request, Workload};
use crate::plan::changes::steps_of_effects;
use crate::plan::request_changes::{RequestChange, TaggedImage};
use crate::plan::{ChangeStep, Facts, Plan, Step};
use crate::target::Target;

/// Everything a rule may look at: effects with their origins, whatever they come from. There is no command line here: a request
/// that nobody typed is judged in the same way.
pub struct Case<'a> {
    /// What they would do.
    pub lowered: &'a Lowered,
    /// The engine that they reach.
    pub target: &'a Target,
    /// What can be asked about the engine.
    pub facts: &'a dyn Facts,
    /// The machine on which the command is typed.
    pub host: &'a dyn Host,
    /// Values for the fixes that are offered.
    pub offers: &'a Offers,
    /// The caller's own ids.
    pub ids: (u32, u32),
    workloads: OnceCell<Vec<Workload>>,
    surveys: OnceCell<Vec<Option<Rc<Survey>>>>,
    deletions: &'a dyn Fn() -> Vec<Step>,
    steps: OnceCell<Vec<Step>>,
}

impl<'a> Case<'a> {
    /// `deletions` gives what is deleted, in docker's order; it is called at most once, and only if a rule wants to know.
    pub fn new(
        lowered: &'a Lowered,
        target: &'a Target,
        facts: &'a dyn Facts,
        host: &'a dyn Host,
        offers: &'a Offers,
        ids: (u32, u32),
        deletions: &'a dyn Fn() -> Vec<Step>,
    ) -> Case<'a> {
        Case {
            lowered,
            target,
            facts,
            host,
            offers,
            ids,
            workloads: OnceCell::new(),
            surveys: OnceCell::new(),
            deletions,
            steps: OnceCell::new(),
        }
    }

    /// The same for a part of the effects, with the containers as they are in that part.
    pub fn of_part<'b>(
        &'b self,
        lowered: &'b Lowered,
        workloads: Vec<Workload>,
        deletions: &'b dyn Fn() -> Vec<Step>,
    ) -> Case<'b> {
        let Case { target, facts, host, offers, ids, .. } = *self;
        let part = Case::new(lowered, target, facts, host, offers, ids, deletions);
        Case { workloads: OnceCell::from(workloads), ..part }
    }

    /// Whether the command deletes or replaces anything that a plan covers. Compose is asked for what it would replace.
    pub fn deletes(&self) -> bool {
        crate::plan::deletes(self.lowered) && !self.steps().is_empty()
    }

    /// Its deletions, in docker's order. A compose project is read for it.
    pub fn steps(&self) -> &[Step] {
        self.steps.get_or_init(self.deletions)
    }

    /// What is deleted on this engine, where that is known for certain. What is protected is asked for first, as everywhere.
    pub fn known_plan(&self) -> Option<Rc<Plan>> {
        if !self.deletes() || self.facts.protections_of(self.steps()).is_err() {
            return None;
        }
        let plan = self.facts.plan(self.steps()).ok()?;
        (plan.unclear.is_empty() && !plan.unknown && !plan.deletes.is_empty()).then_some(plan)
    }

    /// Whether the command itself makes the container of this name, such as another service of its project.
    pub fn makes_container(&self, name: &str) -> bool {
        self.requests().any(|request| request.is("POST", "/containers/create") && request.value("name") == Some(name))
    }

    /// The changes besides deletions by which an object may cease to exist or lose its name. What the engine says of single objects leaves out
    /// those that cannot: containers that were not made with `--rm`, and tags that no image has yet.
    pub fn steps_that_may_take(&self) -> Vec<ChangeStep> {
        let may_take = |step: &ChangeStep| {
            let ChangeStep::Request(request) = step else { return false };
            request.may_take()
                && match request {
                    RequestChange::Ends { name, .. } => match self.facts.container(name) {
                        Lookup::Found(container) => container.auto_remove,
                        Lookup::Missing | Lookup::NoEngine => false,
                        Lookup::Unknown(_) => true,
                    },
                    RequestChange::Tags { name, image } => match (self.facts.image(name), image) {
                        (Lookup::Missing | Lookup::NoEngine, _) => false,
                        (Lookup::Found(now), TaggedImage::Known(source)) => {
                            !matches!(self.facts.image(source), Lookup::Found(image) if image.id == now.id)
                        }
                        _ => true,
                    },
                    _ => true,
                }
        };
        steps_of_effects(&self.lowered.effects).into_iter().filter(may_take).collect()
    }

    /// The requests to the engine.
    pub fn requests(&self) -> impl Iterator<Item = &'a Request> {
        self.lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Request(request) => Some(request),
            _ => None,
        })
    }

    /// What is done besides requests, with its origins.
    pub fn operations(&self) -> impl Iterator<Item = (&'a PredictedOperation, &'a Origins)> {
        self.lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Does { operation, origins } => Some((operation, origins)),
            _ => None,
        })
    }

    /// Every image that would be built from files that are here; what docker refuses is not built.
    pub fn builds(&self) -> impl Iterator<Item = &'a Build> {
        self.lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Builds(build) if !build.is_refused => Some(&**build),
            _ => None,
        })
    }

    /// The builds with what each would send; None where that is not known.
    pub fn contexts(&self) -> impl Iterator<Item = (&'a Build, Option<&Survey>)> {
        let looked = || {
            // Several images may be built from the same files.
            let mut known: HashMap<&ContextRequest, Option<Rc<Survey>>> = HashMap::new();
            self.builds()
                .map(|build| {
                    let wanted = build.context.as_ref()?;
                    known.entry(wanted).or_insert_with(|| self.host.survey(wanted).ok().map(Rc::new)).clone()
                })
                .collect()
        };
        self.builds().zip(self.surveys.get_or_init(looked).iter().map(Option::as_deref))
    }

    /// The origins of every predicted operation that is this one; None where there is none.
    pub fn origins_of_operation(&self, wanted: &PredictedOperation) -> Option<Origins> {
        self.origins_of_operations(|operation| operation == wanted)
    }

    /// The same for several kinds of them.
    pub fn origins_of_operations(&self, wanted: impl Fn(&PredictedOperation) -> bool) -> Option<Origins> {
        let mut found: Option<Origins> = None;
        for (_, these) in self.operations().filter(|(operation, _)| wanted(operation)) {
            found.get_or_insert_default().extend(these.iter().cloned());
        }
        found
    }

    /// Every container that would run, whichever request brings it.
    pub fn workloads(&self) -> &[Workload] {
        self.workloads.get_or_init(|| self.lowered.effects.iter().filter_map(Effect::workload).collect())
    }

    /// Containers described in full.
    pub fn whole_workloads(&self) -> impl Iterator<Item = &Workload> {
        self.workloads().iter().filter(|workload| !workload.partial)
    }

    /// What the engine knows of a container's image.
    pub fn image(&self, workload: &Workload) -> Lookup<ImageFacts> {
        match &workload.image {
            Some(name) if !name.is_empty() => self.facts.image(name),
            _ => Lookup::Unknown("the command does not name it".to_owned()),
        }
    }

    /// The path as the host has it, where the engine is on this host; only cleaned where it is not.
    pub fn on_host(&self, path: &str) -> String {
        if self.target.is_local() { self.host.resolve(path) } else { crate::grammar::values::clean(path) }
    }

    /// The caller's home.
    pub fn home(&self) -> String {
        self.host.env("HOME").unwrap_or_default()
    }
}
