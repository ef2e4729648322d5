//! Carries out a plan: deletes exactly the objects that were shown, by their ids, several of a kind at once, and nothing that was created later. Without
//! force the engine refuses to delete an object that is in use now. It does not check names, so fender looks at a name right before.

mod allow_here;
mod docker_output;
mod guarded;
mod new_contexts;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hyper::Method;
use serde_json::json;

use crate::engine::answers::{
    Anything, ContainerNow, EngineIdentity, Identified, ImageNow, ListedContainer, PrunedCache, VolumeNow,
};
use crate::engine::connection::{Client, Connection};
use crate::engine::list::List;
use crate::engine::paths;
use crate::trash::some_at_once;
use crate::ui::progress::{Bar, StepCount};
pub use allow_here::{AllowedHere, allow_here};
pub use docker_output::RemovalMessages;
use fender_core::api::EngineProblem;
use fender_core::plan::inventory::short;
use fender_core::plan::{Item, ObjectKind, Plan, Step};
use fender_core::text::part;
pub use guarded::{Guard, Next, goes_unasked};
pub use new_contexts::only_new_contexts;

/// What became of one object of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// fender deleted it.
    Gone,
    /// Somebody else had taken it already.
    WasGone,
    /// It is not what was shown any more: why.
    Left(String),
    /// The engine refuses, because it has come into use.
    InUse(Cause),
    /// The engine could not.
    Failed(Cause),
}

/// Why something did not go, and whose words these are: what the engine never said is not shown as its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The engine's own words.
    Engine(String),
    /// fender's, where the engine gave no reason.
    Own(String),
}

impl Cause {
    fn of(problem: &EngineProblem) -> Cause {
        match problem {
            EngineProblem::Said { message, .. } => Cause::Engine(message.clone()),
            problem => Cause::Own(problem.to_string()),
        }
    }

    fn text(&self) -> &str {
        match self {
            Cause::Engine(text) | Cause::Own(text) => text,
        }
    }
}

impl ItemOutcome {
    /// Why it is still there, if it is.
    pub fn why(&self) -> Option<&str> {
        match self {
            ItemOutcome::Left(why) => Some(why),
            ItemOutcome::InUse(why) | ItemOutcome::Failed(why) => Some(why.text()),
            ItemOutcome::Gone | ItemOutcome::WasGone => None,
        }
    }

    /// What the engine itself said against it, if it did.
    pub fn engine_said(&self) -> Option<&str> {
        match self {
            ItemOutcome::InUse(Cause::Engine(text)) | ItemOutcome::Failed(Cause::Engine(text)) => Some(text),
            _ => None,
        }
    }
}

/// What was done, in the plan's order.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What became of each object of the plan, at its position.
    pub items: Vec<ItemOutcome>,
    /// What the engine said of each image: `Untagged: …`, `Deleted: …`.
    pub said: BTreeMap<usize, Vec<(String, String)>>,
    /// What it said of a name for which nothing went, by the plan's step: `No such container: web`.
    pub missing: BTreeMap<usize, String>,
}

impl Outcome {
    /// Whether fender deleted the object at this position of the plan.
    pub fn gone(&self, at: usize) -> bool {
        self.items.get(at) == Some(&ItemOutcome::Gone)
    }

    /// Objects that did not go though they were to.
    pub fn left<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = (&'a Item, &'a ItemOutcome)> {
        let together = plan.deletes.iter().zip(&self.items);
        together.filter(|(_, item_outcome)| item_outcome.why().is_some())
    }
}

/// Whether the connection still leads to the engine that the plan was made on.
///
/// # Errors
/// It leads to another one, or the engine does not say which one it is.
pub fn same_engine(connection: &Connection, plan: &Plan) -> anyhow::Result<()> {
    let now: EngineIdentity = connection.block_on(connection.client.get(paths::INFO))?;
    if now.id != plan.engine {
        anyhow::bail!("a different engine answers now, not the one whose objects were shown");
    }
    Ok(())
}

/// Deletes what the plan lists. `report` is called for each object once its outcome is known, to print what docker prints.
pub fn carry_out(connection: &Connection, plan: &Plan, report: &mut dyn FnMut(&Item, &ItemOutcome)) -> Outcome {
    connection.block_on(async {
        let work = Work { client: connection.client.clone(), plan, at_once: connection.objects_at_once() };
        let mut outcome = Outcome { items: vec![ItemOutcome::WasGone; plan.deletes.len()], ..Outcome::default() };
        work.all(&mut outcome, report).await;
        work.ask_for_missing(&mut outcome).await;
        outcome
    })
}

struct Work<'a> {
    client: Arc<Client>,
    plan: &'a Plan,
    /// So many objects of one kind at a time.
    at_once: usize,
}

/// What the engine said while an image was deleted: `Untagged: …`, `Deleted: …`.
type ImageMessages = Vec<(String, String)>;

impl Work<'_> {
    async fn all(&self, outcome: &mut Outcome, report: &mut dyn FnMut(&Item, &ItemOutcome)) {
        let plan = self.plan;
        let mut waiting: Vec<usize> = (0..plan.deletes.len()).collect();
        let steps = StepCount::new("deleting", waiting.len(), Bar::new("deleting", None));
        // What is refused because of another object that goes is tried again after it.
        loop {
            let mut refused = Vec::new();
            let before = waiting.len();
            for together in waiting.chunk_by(|one, next| self.go_together(*one, *next)) {
                let work = together.iter().map(|at| {
                    let (at, steps) = (*at, &steps);
                    let item = &plan.deletes[at];
                    async move {
                        steps.begin(&format!("{} {}", item.kind.name(), item.name));
                        let (item_outcome, said) = self.one(item).await;
                        steps.end();
                        (at, item_outcome, said)
                    }
                });
                for (at, item_outcome, said) in some_at_once(self.at_once, work, |_| false).await {
                    if !said.is_empty() {
                        outcome.said.entry(at).or_default().extend(said);
                    }
                    if matches!(item_outcome, ItemOutcome::InUse(_) | ItemOutcome::Failed(_)) {
                        refused.push((at, item_outcome));
                        continue;
                    }
                    steps.suspend(|| report(&plan.deletes[at], &item_outcome));
                    outcome.items[at] = item_outcome;
                }
            }
            if refused.is_empty() || refused.len() == before {
                for (at, item_outcome) in refused {
                    report(&plan.deletes[at], &item_outcome);
                    outcome.items[at] = item_outcome;
                }
                return;
            }
            waiting = refused.into_iter().map(|(at, _)| at).collect();
        }
    }

    /// Whether two objects that follow each other in the plan are deleted at once: those of one kind that do not need each other. Images and their
    /// names do, and compose stops containers in their order.
    fn go_together(&self, one: usize, next: usize) -> bool {
        let [one, next] = [one, next].map(|at| &self.plan.deletes[at]);
        let is_alone = match one.kind {
            ObjectKind::Container => matches!(self.plan.steps.get(one.step), Some(Step::Compose(_))),
            ObjectKind::Volume | ObjectKind::Network => false,
            _ => true,
        };
        one.kind == next.kind && one.step == next.step && !is_alone
    }

    async fn one(&self, item: &Item) -> (ItemOutcome, ImageMessages) {
        let mut said = ImageMessages::new();
        let outcome = match item.kind {
            ObjectKind::Container => self.container(item).await,
            ObjectKind::Volume => self.volume(item).await,
            ObjectKind::Network => self.call_delete(&paths::network(&item.id)).await.map(|()| ItemOutcome::Gone),
            ObjectKind::Tag => self.tag(item, &mut said).await,
            ObjectKind::Image => self.image(item, &mut said).await,
            ObjectKind::BuildCache => self.cache(item).await,
            ObjectKind::Service => self.call_delete(&paths::service(&item.id)).await.map(|()| ItemOutcome::Gone),
            ObjectKind::Secret => self.call_delete(&paths::secret(&item.id)).await.map(|()| ItemOutcome::Gone),
            ObjectKind::Config => self.call_delete(&paths::config(&item.id)).await.map(|()| ItemOutcome::Gone),
        };
        let item_outcome = match outcome {
            Ok(item_outcome) => item_outcome,
            Err(problem) if problem.is(404) => ItemOutcome::WasGone,
            Err(problem) if problem.is(409) || problem.is(403) => ItemOutcome::InUse(Cause::of(&problem)),
            Err(problem) => ItemOutcome::Failed(Cause::of(&problem)),
        };
        (item_outcome, said)
    }

    /// Names for which nothing went are looked up once more, so that the engine itself says that they are not there.
    async fn ask_for_missing(&self, outcome: &mut Outcome) {
        let plan = self.plan;
        for (step, name) in typed_names(plan) {
            let mut items = plan.deletes.iter().zip(&outcome.items).filter(|(item, _)| item.step == step).peekable();
            let nothing = items.peek().is_none();
            if !nothing && !items.any(|(_, ended)| *ended == ItemOutcome::WasGone) {
                continue;
            }
            let path = match plan.steps.get(step) {
                Some(Step::Container { .. }) => paths::container(name),
                Some(Step::Volume { .. }) => paths::volume(name),
                Some(Step::Network { .. }) => paths::network(name),
                Some(Step::Image { .. }) => paths::image(name),
                Some(Step::Service { .. }) => paths::service(name),
                Some(Step::Secret { .. }) => paths::secret(name),
                Some(Step::Config { .. }) => paths::config(name),
                _ => continue,
            };
            if let Err(EngineProblem::Said { status: 404, message }) = self.client.get::<Anything>(&path).await {
                // Engine 20.10 says it twice here, and once if it is asked to delete.
                let at = message.rfind("No such image: ").unwrap_or(0);
                outcome.missing.insert(step, part(&message, at..).to_owned());
            }
        }
    }

    async fn call_delete(&self, path: &str) -> Result<(), EngineProblem> {
        self.client.call(Method::DELETE, path, None).await.map(|_| ())
    }

    async fn container(&self, item: &Item) -> Result<ItemOutcome, EngineProblem> {
        let now: ContainerNow = self.client.get(&paths::container(&item.id)).await?;
        let runs = now.state.running;
        let ran = matches!(item.mark.as_str(), "running" | "paused" | "restarting");
        if runs && !ran {
            return Ok(ItemOutcome::Left("it has been started since".to_owned()));
        }
        let name = now.name.trim_start_matches('/');
        if name != item.name {
            return Ok(ItemOutcome::Left(format!("it is called {name} now")));
        }
        if let Some(timeout) = self.stop_first(item).filter(|_| runs) {
            self.client.call(Method::POST, &paths::stop(&item.id, timeout), None).await?;
        }
        // Its anonymous volumes are objects of the plan by themselves.
        self.call_delete(&paths::delete_container(&item.id, item.force)).await?;
        Ok(ItemOutcome::Gone)
    }

    /// Compose stops before it removes; the seconds it gives, or the container's own.
    fn stop_first(&self, item: &Item) -> Option<Option<i64>> {
        match self.plan.steps.get(item.step) {
            Some(Step::Compose(change)) => Some(change.timeout),
            _ => None,
        }
    }

    async fn volume(&self, item: &Item) -> Result<ItemOutcome, EngineProblem> {
        let path = paths::volume(&item.name);
        let now: VolumeNow = self.client.get(&path).await?;
        // Some drivers do not say when: then they did not when it was shown either.
        if now.created_at != item.mark {
            return Ok(ItemOutcome::Left("another volume has that name now".to_owned()));
        }
        self.call_delete(&path).await?;
        Ok(ItemOutcome::Gone)
    }

    /// Deletes a name of an image if it still means that image.
    async fn unname(
        &self,
        said: &mut ImageMessages,
        name: &str,
        id: &str,
        force: bool,
    ) -> Result<ItemOutcome, EngineProblem> {
        let now: Identified = self.client.get(&paths::image(name)).await?;
        if now.id != id {
            return Ok(ItemOutcome::Left(format!("{name} means another image now")));
        }
        self.delete_image(said, name, force).await?;
        Ok(ItemOutcome::Gone)
    }

    async fn delete_image(&self, said: &mut ImageMessages, name: &str, force: bool) -> Result<(), EngineProblem> {
        // Parents that go are objects of the plan by themselves.
        let path = paths::delete_image(name, force);
        let answer = self.client.call(Method::DELETE, &path, None).await?;
        let lines: Vec<BTreeMap<String, String>> =
            serde_json::from_slice(&answer).map_err(EngineProblem::unanswered)?;
        said.extend(lines.into_iter().flatten());
        Ok(())
    }

    fn forced(&self, item: &Item) -> bool {
        matches!(self.plan.steps.get(item.step), Some(Step::Image { force: true, .. }))
    }

    async fn tag(&self, item: &Item, said: &mut ImageMessages) -> Result<ItemOutcome, EngineProblem> {
        let forced = self.forced(item);
        self.unname(said, &item.name, &item.id, forced).await
    }

    async fn image(&self, item: &Item, said: &mut ImageMessages) -> Result<ItemOutcome, EngineProblem> {
        let path = paths::image(&item.id);
        let now: ImageNow = self.client.get(&path).await?;
        let forced = self.forced(item);
        if forced && let Some(user) = self.new_user(item).await? {
            return Ok(ItemOutcome::Left(format!("the container {user} was made from it since")));
        }
        if let Some(name) = now.tags().find(|name| !item.tags.contains(name)) {
            return Ok(ItemOutcome::Left(format!("it was given the name {name} since")));
        }
        for tag in &item.tags {
            match self.unname(said, tag, &item.id, forced).await {
                Ok(ItemOutcome::Left(why)) => return Ok(ItemOutcome::Left(why)),
                Ok(_) => {}
                Err(problem) if problem.is(404) => {}
                Err(problem) => return Err(problem),
            }
        }
        // Names by digest, and an image without any name.
        for _ in 0..2 {
            let now: ImageNow = match self.client.get(&path).await {
                Ok(now) => now,
                Err(problem) if problem.is(404) => return Ok(ItemOutcome::Gone),
                Err(problem) => return Err(problem),
            };
            if let Some(name) = now.tags().next() {
                return Ok(ItemOutcome::Left(format!("it was given the name {name} since")));
            }
            if now.digests().count() > 1 {
                for digest in now.digests() {
                    self.unname(said, digest, &item.id, forced).await?;
                }
            } else {
                match self.delete_image(said, &item.id, forced).await {
                    Err(problem) if !problem.is(404) => return Err(problem),
                    _ => return Ok(ItemOutcome::Gone),
                }
            }
        }
        Ok(ItemOutcome::Gone)
    }

    /// A container of this image that the plan did not know: force would take the image from under it.
    async fn new_user(&self, item: &Item) -> Result<Option<String>, EngineProblem> {
        let filters = json!({ "ancestor": [item.id] });
        let users: List<ListedContainer> = self.client.get(&paths::containers_where(&filters)).await?;
        let is_new = |user: &&ListedContainer| user.image_id == item.id && !item.users.contains(&user.id);
        Ok(users.0.iter().find(is_new).map(|user| short(&user.id).to_owned()))
    }

    /// One record of the build cache; one that stands under another is passed over silently by the engine.
    async fn cache(&self, item: &Item) -> Result<ItemOutcome, EngineProblem> {
        let filters = json!({ "id": [item.id] });
        let answer = self.client.call(Method::POST, &paths::prune_cache(&filters), None).await?;
        let pruned: PrunedCache = serde_json::from_slice(&answer).map_err(EngineProblem::unanswered)?;
        let gone = !pruned.caches_deleted.is_empty();
        Ok(if gone { ItemOutcome::Gone } else { ItemOutcome::InUse(Cause::Own("a build is using it".to_owned())) })
    }
}

/// The names that a command typed, by what the engine calls them.
pub fn typed_names(plan: &Plan) -> HashMap<usize, &str> {
    plan.steps
        .iter()
        .enumerate()
        .filter_map(|(at, step)| match step {
            Step::Container { name, .. }
            | Step::Volume { name, .. }
            | Step::Network { name }
            | Step::Image { name, .. }
            | Step::Service { name }
            | Step::Secret { name }
            | Step::Config { name } => Some((at, name.as_str())),
            _ => None,
        })
        .collect()
}
