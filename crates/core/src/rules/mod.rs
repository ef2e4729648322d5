//! The rules: one file each, listed here. A rule looks at a [`Case`] and returns what is wrong with it. Pure: what it
//! must know of the engine or the host it asks through the case.

mod offers;
mod places;

pub use add_instead_of_copy::RULE as ADD_INSTEAD_OF_COPY;
pub use add_instead_of_copy::is_plain as copies_plainly;
pub use build_context_leak::RULE as BUILD_CONTEXT_LEAK;
pub use cache_busting_order::RULE as CACHE_BUSTING_ORDER;
pub use cache_busting_order::orders as dependency_orders;
pub use mutable_tag::RULE as MUTABLE_TAG;
pub use no_memory_limit::RULE as NO_MEMORY_LIMIT;
pub use not_understood::RULE as NOT_UNDERSTOOD;
pub use offers::Offers;
pub use pid1_signals::RULE as PID1_SIGNALS;
pub use pid1_signals::replaces_itself;
pub use reads_host_file::RULE as READS_HOST_FILE;
pub use root_user::RULE as ROOT_USER;
pub use root_user::{drops_root, is_root as is_root_user};

use std::cell::OnceCell;

use crate::engine::{ImageFacts, Lookup};
use crate::files::context::Survey;
use crate::files::text::Place;
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::fields::Field;
use crate::lower::{Build, Deed, Effect, Lowered, Request, Words, Workload};
use crate::plan::{Facts, Step, steps};
use crate::target::Target;

macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*
        /// All rules, in the order in which they are listed and shown.
        pub static RULES: &[&Rule] = &[$(&$module::RULE),*];
    };
}

rules! {
    // escape
    docker_socket, host_mount, privileged, added_capability, unconfined, host_device, privileged_exec, plugin_install,
    plugin_disable, raw_api, build_entitlement, build_context_leak, reads_host_file, writes_host_file,
    // loss
    protected, touches_protected, prune_all, removes_volume, removes_anonymous_volumes, removes_swarm_object, swarm_membership, removes_context,
    // outage
    removes_running, removes_container, removes_image, removes_network, prune, stops_containers, cuts_network,
    network_reach, scales_to_zero, context_switch, retags, host_namespace, joined_namespace, kernel_setting,
    runtime_override, volume_driver, inherits_mounts, unknown_program, not_understood, remote_context, untrusted_frontend,
    // hygiene
    root_user, no_memory_limit, mutable_tag, pid1_signals, unsaved_data, published_port, secret_in_env,
    secret_in_build_arg, limits_off, cache_busting_order, add_instead_of_copy,
}

/// Whether a rule only speaks of volumes that go: where none goes it has nothing to say.
pub fn is_about_volumes(rule: &Rule) -> bool {
    [removes_volume::RULE.id, removes_anonymous_volumes::RULE.id].contains(&rule.id)
}

/// What a rule is about, which decides what a preset does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Gives root on the host or control of the engine.
    Escape,
    /// Deletes data that may not be recoverable.
    Loss,
    /// Stops, removes or redirects something in use.
    Outage,
    /// Careless defaults.
    Hygiene,
}

impl Class {
    pub const ALL: [Class; 4] = [Class::Escape, Class::Loss, Class::Outage, Class::Hygiene];

    pub fn name(self) -> &'static str {
        match self {
            Class::Escape => "escape",
            Class::Loss => "loss",
            Class::Outage => "outage",
            Class::Hygiene => "hygiene",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Class::Escape => "gives root on the host or control of the engine",
            Class::Loss => "deletes data that may not be recoverable",
            Class::Outage => "stops, removes or redirects something in use",
            Class::Hygiene => "careless defaults",
        }
    }
}

/// One rule. `fender rules ID`, `docs/rules.md` and the messages are all made from this.
#[derive(Debug)]
pub struct Rule {
    pub id: &'static str,
    pub title: &'static str,
    pub class: Class,
    /// What happens, and why it matters.
    pub why: &'static str,
    /// What to do instead.
    pub instead: &'static str,
    /// CIS Docker Benchmark 1.6 numbers, CVEs, documentation.
    pub references: &'static [&'static str],
    /// Command lines that it finds; the first one is the example.
    pub fires: &'static [&'static str],
    /// Command lines that it does not; the first one is the better example.
    pub quiet: &'static [&'static str],
    /// Files that it finds something in, and how they would be better.
    pub files: &'static [Example],
    pub check: fn(&Case) -> Vec<Finding>,
    /// Rules that say nothing more where this one has found something at the same place.
    pub supersedes: &'static [&'static Rule],
    /// Whether environments and policies decide what a finding does.
    pub decided: Decided,
    /// A finding says that something is deleted: the plan shows what, and an empty plan answers it.
    pub about_deletion: bool,
    /// What the finding points at is a secret: a message shows its place and hides its text.
    pub hides: bool,
}

/// Who decides what a rule's finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The policy, by rule or by class.
    ByPolicy,
    /// Nobody: it is refused in every environment, and no policy allows it.
    AlwaysRefused,
    /// Nobody: it is a note in every environment.
    AlwaysNoted,
}

/// What most rules have in common; a rule's declaration names the rest.
const COMMON: Rule = Rule {
    id: "",
    title: "",
    class: Class::Hygiene,
    why: "",
    instead: "",
    references: &[],
    fires: &[],
    quiet: &[],
    files: &[],
    check: |_| Vec::new(),
    supersedes: &[],
    decided: Decided::ByPolicy,
    about_deletion: false,
    hides: false,
};

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// A file, before and after.
#[derive(Debug)]
pub struct Example {
    /// `Dockerfile` or `compose.yaml`.
    pub name: &'static str,
    pub bad: &'static str,
    pub good: &'static str,
}

impl Rule {
    /// A finding with the rule's own words.
    pub fn found(&'static self, words: &[usize]) -> Finding {
        Finding {
            rule: self,
            class: self.class,
            words: words.to_vec(),
            title: self.title.to_owned(),
            why: self.why.to_owned(),
            instead: self.instead.to_owned(),
            edits: Vec::new(),
            milder: false,
            places: Vec::new(),
            calm: false,
            unsure: false,
        }
    }
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// One rule's complaint about one effect.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    /// The rule's class, but for `unsaved-data`, which is a loss at removal.
    pub class: Class,
    /// The words behind it.
    pub words: Words,
    /// What it is.
    pub title: String,
    /// Why it matters here.
    pub why: String,
    pub instead: String,
    /// How the command could be changed so that this is gone.
    pub edits: Vec<Edit>,
    /// The container goes away with its command: one step milder.
    pub milder: bool,
    /// Where it stands in files.
    pub places: Vec<Place>,
    /// What a file says about how an image is built stops no build, unless a policy names the rule.
    pub calm: bool,
    /// The engine did not tell: it may be nothing.
    pub unsure: bool,
}

impl Finding {
    pub fn titled(mut self, title: impl Into<String>) -> Finding {
        self.title = title.into();
        self
    }

    pub fn because(mut self, why: impl Into<String>) -> Finding {
        self.why = why.into();
        self
    }

    pub fn edit(mut self, edit: Edit) -> Finding {
        self.edits.push(edit);
        self
    }

    /// It stands in a Dockerfile.
    pub fn in_file(mut self, place: Place) -> Finding {
        self.places.push(place);
        self.calm = true;
        self
    }

    /// It stops a build, too.
    pub fn grave(mut self) -> Finding {
        self.calm = false;
        self
    }

    /// Milder for a container that goes away with its command.
    pub fn about(mut self, workload: &Workload) -> Finding {
        self.milder = workload.goes_with_its_command();
        self
    }
}

/// A change of the command's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    /// Gives the field this value by docker's flag for it, or sets a switch (no value).
    Set { field: &'static Field, flag: &'static str, value: Option<String> },
    /// Puts something else for the value that starts at this byte of this word.
    Replace { word: usize, from: usize, with: String },
    /// Another command in its place; the words before the command stay.
    Command { words: Vec<String> },
}

impl Edit {
    /// Gives a container's field this value; none for a switch.
    #[must_use]
    pub fn set(field: &'static Field, value: Option<String>) -> Edit {
        Edit::Set { field, flag: field.flags.first().copied().unwrap_or_default(), value }
    }

    /// The same for a service.
    #[must_use]
    pub fn set_for_service(field: &'static Field, value: Option<String>) -> Edit {
        match field.service_flag {
            Some(flag) => Edit::Set { field, flag, value },
            None => Edit::set(field, value),
        }
    }
}

/// Everything a rule may look at.
pub struct Case<'a> {
    pub invocation: &'a Invocation,
    pub lowered: &'a Lowered,
    pub target: &'a Target,
    pub facts: &'a dyn Facts,
    pub host: &'a dyn Host,
    pub offers: &'a Offers,
    /// The caller's own ids.
    pub ids: (u32, u32),
    workloads: OnceCell<Vec<Workload>>,
    surveys: OnceCell<Vec<Option<Survey>>>,
    steps: OnceCell<Vec<Step>>,
}

impl<'a> Case<'a> {
    pub fn new(
        invocation: &'a Invocation,
        lowered: &'a Lowered,
        target: &'a Target,
        facts: &'a dyn Facts,
        host: &'a dyn Host,
        offers: &'a Offers,
        ids: (u32, u32),
    ) -> Case<'a> {
        Case {
            invocation,
            lowered,
            target,
            facts,
            host,
            offers,
            ids,
            workloads: OnceCell::new(),
            surveys: OnceCell::new(),
            steps: OnceCell::new(),
        }
    }

    /// Whether the command deletes anything that a plan covers.
    pub fn deletes(&self) -> bool {
        crate::plan::deletes(self.lowered)
    }

    /// Its deletions, in docker's order. A compose project is read for it.
    pub fn steps(&self) -> &[Step] {
        self.steps.get_or_init(|| {
            steps(self.invocation, self.lowered, self.host, &|| self.facts.project(self.invocation, self.host))
        })
    }

    pub fn requests(&self) -> impl Iterator<Item = &'a Request> {
        self.lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Request(request) => Some(request),
            _ => None,
        })
    }

    pub fn deeds(&self) -> impl Iterator<Item = (&'a Deed, &'a Words)> {
        self.lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Does { deed, words } => Some((deed, words)),
            _ => None,
        })
    }

    /// Every image that would be built from files that are here.
    pub fn builds(&self) -> impl Iterator<Item = &'a Build> {
        self.lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Builds(build) => Some(&**build),
            _ => None,
        })
    }

    /// The builds with what each would send; None where that is not known.
    pub fn contexts(&self) -> impl Iterator<Item = (&'a Build, Option<&Survey>)> {
        let looked =
            || self.builds().map(|build| build.context.as_ref().and_then(|wanted| self.host.survey(wanted).ok()));
        self.builds().zip(self.surveys.get_or_init(|| looked().collect()).iter().map(Option::as_ref))
    }

    /// The words of the deeds that are this one.
    pub fn words_of_deed(&self, wanted: &Deed) -> Option<Words> {
        let mut words: Vec<usize> = Vec::new();
        let mut found = false;
        for (_, these) in self.deeds().filter(|(deed, _)| *deed == wanted) {
            found = true;
            words.extend(these);
        }
        found.then_some(words)
    }

    /// Every container that would run, whichever request brings it.
    pub fn workloads(&self) -> &[Workload] {
        self.workloads.get_or_init(|| {
            let described = |effect: &Effect| match effect {
                Effect::Request(request) => Workload::of(request),
                Effect::Describes(workload) => Some((**workload).clone()),
                _ => None,
            };
            self.lowered.effects.iter().filter_map(described).collect()
        })
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

    /// One finding for all requests with this method and path.
    pub fn one_for(&self, rule: &'static Rule, method: &str, pattern: &str) -> Vec<Finding> {
        let words: Vec<usize> = self
            .requests()
            .filter(|request| request.is(method, pattern))
            .flat_map(|request| request.words.clone())
            .collect();
        match self.requests().any(|request| request.is(method, pattern)) {
            true => vec![rule.found(&words)],
            false => Vec::new(),
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

/// Runs every rule.
pub fn check(case: &Case) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| (rule.check)(case)).collect()
}
