//! What a rule is, and what it finds.

use std::collections::HashSet;
use std::ops::Range;

use super::case::Case;
use super::fix::{DockerfileFix, IgnorePatterns};
use crate::files::text::Place;
use crate::lower::fields::Field;
use crate::lower::{Origin, Origins, Workload, positions};
use crate::target::Target;

/// What a rule is about, which decides what a preset does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// All of them, the gravest first.
    pub const ALL: [Class; 4] = [Class::Escape, Class::Loss, Class::Outage, Class::Hygiene];

    /// Its name in policies and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Class::Escape => "escape",
            Class::Loss => "loss",
            Class::Outage => "outage",
            Class::Hygiene => "hygiene",
        }
    }

    /// Whether the host or data is at stake.
    pub fn is_severe(self) -> bool {
        matches!(self, Class::Escape | Class::Loss)
    }

    /// What it means, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Class::Escape => "gives root on the host or control of the engine",
            Class::Loss => "deletes data that may not be recoverable",
            Class::Outage => "stops, removes or redirects something in use",
            Class::Hygiene => "careless defaults",
        }
    }
}

/// A rule of hadolint, and whether it finds a marked text.
pub type HadolintRule = (&'static str, fn(&str) -> bool);

/// One rule. `fender rules ID`, `docs/rules.md` and the messages are all made from this.
#[derive(Debug)]
pub struct Rule {
    /// Its name, such as `docker-socket`.
    pub id: &'static str,
    /// What it finds, in one line.
    pub title: &'static str,
    /// How grave it is.
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
    /// Looks at a case; one finding for each thing that is wrong.
    pub check: fn(&Case) -> Vec<Finding>,
    /// The fix in a Dockerfile. Fixes of arguments are edits of a finding.
    pub dockerfile_fix: Option<DockerfileFix>,
    /// Patterns that an ignore file should have for a build that sends this.
    pub ignored: Option<IgnorePatterns>,
    /// Rules that say nothing more where this one has found something at the same place.
    pub supersedes: &'static [&'static Rule],
    /// Whether environments and policies decide what a finding does.
    pub decided: Decided,
    /// A finding says that something is deleted: the plan shows what, and an empty plan answers it.
    pub about_deletion: bool,
    /// What the finding points at is a secret: a message shows its place and hides its text.
    pub hides: bool,
    /// Hadolint's rules that find the same, and of which marked texts they find it: a comment for hadolint quiets it, too.
    pub hadolint: &'static [HadolintRule],
    /// BuildKit's checks that find the same.
    pub buildkit: &'static [&'static str],
    /// What several services of a compose file do or have, behind their number: `have no memory limit`.
    pub of_services: &'static str,
    /// Whether the same sentence about several lines of one file is one finding in lint.
    pub once_a_file: bool,
    /// How often a finding in a file is one to act on.
    pub confidence: Confidence,
    /// A note says the finding's title and not the rule's id: the reader needs what it says at once.
    pub said_in_full: bool,
}

/// How an action that the preset gives to a finding's class is applied to the finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// As it stands.
    Full,
    /// One step less strict, for example because the container is removed when its command ends (`--rm`, not detached).
    OneLess,
    /// As it stands, but where it would be a note, nothing is said.
    WithoutNotes,
    /// As it stands, but where a name would have to be typed, a yes is enough.
    WithoutTyping,
    /// A note, where it would be more.
    AtMostNoted,
    /// A question, where it would be less.
    AtLeastAsked,
    /// A note in dev, if nothing else of class escape was found: what a debugger or a development container needs.
    NotedAloneInDev,
    /// A note for a script, which has no terminal.
    NotedForScripts,
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

/// How sure a rule is: how often a finding in a file is one that its author would act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It depends on what the author wants: an image for tests may run as root.
    Possible,
    /// Mostly.
    Likely,
    /// What is found is as it is described.
    Certain,
}

impl Confidence {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        }
    }
}

/// What most rules have in common; a rule's declaration names the rest.
pub const COMMON: Rule = Rule {
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
    dockerfile_fix: None,
    ignored: None,
    supersedes: &[],
    decided: Decided::ByPolicy,
    about_deletion: false,
    hides: false,
    hadolint: &[],
    buildkit: &[],
    of_services: "",
    once_a_file: false,
    confidence: Confidence::Likely,
    said_in_full: false,
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
    /// A text in which the rule finds something.
    pub bad: &'static str,
    /// The same without the problem.
    pub good: &'static str,
}

impl Rule {
    /// Whether the comment above a place allows this rule there: by its own id, or as the same rule of hadolint.
    pub fn is_allowed_at(&self, place: &Place) -> bool {
        place.is_allowed(self.id) || self.is_allowed_for_hadolint(place)
    }

    /// Whether a comment for hadolint above a place allows the same rule of hadolint there.
    fn is_allowed_for_hadolint(&self, place: &Place) -> bool {
        self.hadolint.iter().any(|(code, finds)| place.is_allowed(code) && finds(place.marked()))
    }

    /// A finding with the rule's own texts.
    pub fn found(&'static self, origins: &[Origin]) -> Finding {
        Finding {
            rule: self,
            class: self.class,
            origins: origins.to_vec(),
            title: self.title.to_owned(),
            why: self.why.to_owned(),
            instead: self.instead.to_owned(),
            edits: Vec::new(),
            strictness: Strictness::Full,
            places: Vec::new(),
            note_only: false,
            image_unknown: false,
            unanswered: false,
            only_alone: false,
            elsewhere: None,
            subject: None,
            services: Vec::new(),
            weighed_as: None,
            exceptions: Vec::new(),
        }
    }

    /// One finding for all requests with this method and path.
    pub fn one_for(&'static self, case: &Case, method: &str, pattern: &str) -> Vec<Finding> {
        let origins: Origins = case
            .requests()
            .filter(|request| request.is(method, pattern))
            .flat_map(|request| request.origins.clone())
            .collect();
        match case.requests().any(|request| request.is(method, pattern)) {
            true => vec![self.found(&origins)],
            false => Vec::new(),
        }
    }
}

/// One rule's complaint about one effect.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule that found it.
    pub rule: &'static Rule,
    /// The rule's class, or a graver one: `unsaved-data` is a loss at removal.
    pub class: Class,
    /// What it comes from.
    pub origins: Origins,
    /// What it is.
    pub title: String,
    /// Why it matters here.
    pub why: String,
    /// What to do instead.
    pub instead: String,
    /// How the command could be changed so that this is gone.
    pub edits: Vec<Edit>,
    /// Whether the class decides as it stands.
    pub strictness: Strictness,
    /// Where it stands in files.
    pub places: Vec<Place>,
    /// It is in a Dockerfile, so it is a note and stops a build only if a policy names the rule.
    pub note_only: bool,
    /// The engine did not describe the image, so there may be no problem. `fender lint` leaves such a finding out.
    pub image_unknown: bool,
    /// It stands for an answer that did not come: with the answer there may be no problem.
    pub unanswered: bool,
    /// Its fix is not right for everybody, so it is offered as a single fix only, never together with others.
    pub only_alone: bool,
    /// It is about another engine than the one that the command reaches: that one's environment decides.
    pub elsewhere: Option<Elsewhere>,
    /// What it is about that its place in a file does not show, such as the secret files that a build sends: with another subject it
    /// is another finding.
    pub subject: Option<String>,
    /// The services that have it in common, because they share the lines of a compose file where it stands; empty for any other finding.
    pub services: Vec<String>,
    /// The class by whose level a report about files weighs it, where that is another than its own. It decides nothing about a command.
    pub weighed_as: Option<Class>,
    /// The exceptions of the policy, by their number, that are about it.
    pub exceptions: Vec<usize>,
}

/// From which engine a command leads away, and to which ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The engine before; None for the one that the command reaches.
    pub from: Option<Target>,
    /// The engines after.
    pub to: Vec<Target>,
}

impl Finding {
    /// Positions of the arguments behind it.
    pub fn args(&self) -> Vec<usize> {
        positions(&self.origins)
    }

    /// Whether a comment allows it: one above its place, or one for hadolint above another place that it names, which may be the one that
    /// hadolint points at.
    pub fn is_allowed(&self) -> bool {
        let mut places = self.places.iter();
        places.next().is_some_and(|place| self.rule.is_allowed_at(place))
            || places.any(|place| self.rule.is_allowed_for_hadolint(place))
    }

    /// The same with another title.
    pub fn titled(mut self, title: impl Into<String>) -> Finding {
        self.title = title.into();
        self
    }

    /// The same with another reason.
    pub fn because(mut self, why: impl Into<String>) -> Finding {
        self.why = why.into();
        self
    }

    /// The same with one more change that fixes it.
    pub fn edit(mut self, edit: Edit) -> Finding {
        self.edits.push(edit);
        self
    }

    /// It stands in a Dockerfile.
    pub fn in_file(mut self, place: Place) -> Finding {
        self.places.push(place);
        self.note_only = true;
        self
    }

    /// The same about something that its place does not show.
    pub fn about_subject(mut self, subject: &str) -> Finding {
        self.subject = Some(subject.to_owned());
        self
    }

    /// It stops a build too.
    pub fn stops_build(mut self) -> Finding {
        self.note_only = false;
        self
    }

    /// Judged less strictly if the container is removed when its command ends.
    pub fn about(mut self, workload: &Workload) -> Finding {
        if workload.goes_with_its_command() {
            self.strictness = Strictness::OneLess;
        }
        self
    }

    /// Judged one step less strictly: what asks on production is a note there, and nothing is said on a developer's machine.
    pub fn less_strict(mut self) -> Finding {
        self.strictness = Strictness::OneLess;
        self
    }

    /// Judged as its class says where somebody is asked, and not mentioned where it would be a note.
    pub fn without_notes(mut self) -> Finding {
        self.strictness = Strictness::WithoutNotes;
        self
    }

    /// Judged as its class says, but for the name that would have to be typed: a yes is enough.
    pub fn without_typing(mut self) -> Finding {
        self.strictness = Strictness::WithoutTyping;
        self
    }

    /// A note wherever its class would say more.
    pub fn at_most_noted(mut self) -> Finding {
        self.strictness = Strictness::AtMostNoted;
        self
    }

    /// A note in dev where no other finding gives the host away.
    pub fn noted_alone_in_dev(mut self) -> Finding {
        self.strictness = Strictness::NotedAloneInDev;
        self
    }

    /// A note for a script.
    pub fn noted_for_scripts(mut self) -> Finding {
        self.strictness = Strictness::NotedForScripts;
        self
    }

    /// A question wherever its class would say less.
    pub fn at_least_asked(mut self) -> Finding {
        self.strictness = Strictness::AtLeastAsked;
        self
    }

    /// Weighed as a finding of this class in a report about files. A command is judged as before.
    pub fn weighed_as(mut self, class: Class) -> Finding {
        self.weighed_as = Some(class);
        self
    }

    /// Judged as another class than the rule's own.
    pub fn of_class(mut self, class: Class) -> Finding {
        self.class = class;
        self
    }
}

/// A change of the command's arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Edit {
    /// Gives the field this value by docker's flag for it, or sets a switch (no value).
    Set {
        /// The field.
        field: &'static Field,
        /// docker's flag for it here, without the dashes.
        flag: &'static str,
        /// The value; None for a switch.
        value: Option<String>,
    },
    /// Puts something else for these bytes of an argument, or for the whole of it.
    Replace {
        /// The argument's position.
        position: usize,
        /// Which bytes of it; None for all of them.
        bytes: Option<Range<usize>>,
        /// What is put there.
        with: String,
        /// JSON pointers into the bodies of requests: what this may change.
        changes: &'static [&'static str],
    },
    /// Another command in its place; the arguments before the command stay.
    Command {
        /// The other command's own arguments.
        words: Vec<String>,
    },
}

impl Edit {
    /// Gives a container's field this value; none for a switch.
    #[must_use]
    pub fn set(field: &'static Field, value: Option<String>) -> Edit {
        Edit::Set { field, flag: field.flags.first().copied().unwrap_or_default(), value }
    }

    /// Puts something else for the value that these origins show: the bytes of a flag's value, or an operand. None where no
    /// argument says it. `changes` are JSON pointers into the bodies of requests: the rewrite is made only if nothing else changes.
    #[must_use]
    pub fn replace(origins: &[Origin], with: String, changes: &'static [&'static str]) -> Option<Edit> {
        let value = |origin: &&Origin| matches!(origin, Origin::Arg { bytes: Some(_), .. });
        match (origins.iter().rev().find(value), origins) {
            (Some(Origin::Arg { position, bytes }), _) | (None, [Origin::Arg { position, bytes }]) => {
                Some(Edit::Replace { position: *position, bytes: bytes.clone(), with, changes })
            }
            _ => None,
        }
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

/// Findings that were there before: what says the same at the same place is said once.
#[derive(Debug, Default)]
pub struct Seen(HashSet<(&'static str, String, Vec<String>, Vec<PlaceKey>)>);

/// A place by its file, its bytes, and what it belongs to.
type PlaceKey = (String, usize, usize, Option<String>);

impl Seen {
    /// Whether it is the first one with this rule, title, origins and places.
    pub fn is_new(&mut self, finding: &Finding) -> bool {
        self.is_new_by(finding, &finding.title, &finding.origins)
    }

    /// Whether it is the first one of its rule with these origins, whatever it says.
    pub fn is_new_by_origin(&mut self, finding: &Finding) -> bool {
        self.0.insert((finding.rule.id, String::new(), keys(&finding.origins), Vec::new()))
    }

    /// Whether it is the first one with this rule, title and places.
    pub fn is_new_in_files(&mut self, finding: &Finding) -> bool {
        self.is_new_by(finding, &finding.title, &[])
    }

    fn is_new_by(&mut self, finding: &Finding, title: &str, origins: &[Origin]) -> bool {
        self.0.insert((finding.rule.id, title.to_owned(), keys(origins), places_of(finding)))
    }

    /// Whether one with this rule, title, origins and places was there before.
    pub fn has(&self, finding: &Finding) -> bool {
        self.0.contains(&(finding.rule.id, finding.title.clone(), keys(&finding.origins), places_of(finding)))
    }
}

fn places_of(finding: &Finding) -> Vec<PlaceKey> {
    let key = |place: &Place| (place.path().to_owned(), place.span.start, place.span.end, place.of.clone());
    finding.places.iter().map(key).collect()
}

/// Origins as texts that are equal where they are.
fn keys(origins: &[Origin]) -> Vec<String> {
    let key = |origin: &Origin| match origin {
        Origin::File(place) => format!("{} {:?} {:?}", place.path(), place.span, place.of),
        other => format!("{other:?}"),
    };
    origins.iter().map(key).collect()
}
