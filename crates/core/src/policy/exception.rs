//! Exceptions in a policy file: what one rule allows, where, and until when.

use serde::Serialize;

use super::caller::Caller;
use super::exception_file::{ExceptionFile, day};
use super::names::Globs;
use super::{Environment, PolicyLayer};
use crate::engine::Lookup;
use crate::rules::Rule;
use crate::text::count;

/// What of a command an exception is about: each set of patterns that is not empty has to fit.
#[derive(Clone, Copy, Debug)]
pub struct ExceptionSubjects<'a> {
    /// Images.
    pub image: &'a Globs,
    /// Containers.
    pub container: &'a Globs,
    /// Services.
    pub service: &'a Globs,
    /// Projects.
    pub project: &'a Globs,
    /// Paths of the host.
    pub source: &'a Globs,
    /// Volumes.
    pub volume: &'a Globs,
}

impl ExceptionSubjects<'_> {
    /// Whether it is about a container, its image or its service.
    pub fn names_workloads(&self) -> bool {
        [self.image, self.container, self.service, self.project].iter().any(|globs| !globs.is_empty())
    }

    /// Whether it is about something that is mounted.
    pub fn names_mounts(&self) -> bool {
        !self.source.is_empty() || !self.volume.is_empty()
    }

    /// Whether it is about whole commands: none of their parts is named.
    pub fn is_whole(&self) -> bool {
        !self.names_workloads() && !self.names_mounts()
    }
}

/// Where and for whom a command runs, as far as an exception looks at it.
pub struct ExceptionConditions<'a> {
    /// docker's command, `compose up`; empty where there is none.
    pub command: &'a str,
    /// Who runs it.
    pub caller: &'a Caller,
    /// Every environment that the engine may belong to.
    pub environments: &'a dyn Fn() -> Vec<Environment>,
    /// The engine's id.
    pub engine: &'a dyn Fn() -> Lookup<String>,
    /// Days since 1970-01-01, in UTC.
    pub today: i64,
}

/// One exception of a file.
#[derive(Clone, Debug)]
pub struct Exception {
    /// What the file says.
    pub file: ExceptionFile,
    /// `path:line`.
    pub source: String,
    /// Whether it stands in a system's file.
    pub is_system: bool,
}

/// What allowed a finding, or would have until it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllowedBy {
    /// `path:line` of the exception.
    pub source: String,
    /// Its reason.
    pub reason: String,
    /// The last day, `2027-01-31`.
    pub until: Option<String>,
    /// So many days are left, the last one included; 0 or less where it has ended. None where it does not end.
    pub days_left: Option<i64>,
    /// Whether it stands in a system's file.
    #[serde(skip)]
    pub is_system: bool,
}

impl AllowedBy {
    /// Whether it holds no more.
    pub fn has_ended(&self) -> bool {
        self.days_left.is_some_and(|days| days <= 0)
    }

    /// What is said of it where it counts.
    pub fn said(&self) -> String {
        let AllowedBy { source, reason, until, days_left, .. } = self;
        match (until, days_left) {
            (Some(until), _) if self.has_ended() => format!("{source} allowed it until {until} ({reason})"),
            (Some(until), Some(days)) if self.ends_soon() => {
                let left = count(usize::try_from(*days).unwrap_or_default(), "day");
                format!("allowed until {until} by {source}, {left} left: {reason}")
            }
            (Some(until), _) => format!("allowed until {until} by {source}: {reason}"),
            (None, _) => format!("allowed by {source}: {reason}"),
        }
    }

    /// Whether it ends within two weeks.
    pub fn ends_soon(&self) -> bool {
        self.days_left.is_some_and(|days| (1..=SOON).contains(&days))
    }
}

/// Days before its end in which an exception is said to end soon.
const SOON: i64 = 14;

impl Exception {
    /// The exceptions of a file, in their order.
    pub fn of(layer: &PolicyLayer) -> impl Iterator<Item = Exception> {
        layer.file.allow.iter().map(|it| Exception {
            file: it.get_ref().clone(),
            source: layer.at(it.span().start),
            is_system: layer.is_system,
        })
    }

    /// Whether it is about a rule.
    pub fn is_about(&self, rule: &Rule) -> bool {
        self.file.rule.name() == rule.id
    }

    /// The id of the rule.
    pub fn rule(&self) -> &str {
        self.file.rule.name()
    }

    /// The first of its images that is named by a name alone: what the name means can change.
    pub fn moving_image(&self) -> Option<&str> {
        self.file.image.0.iter().map(String::as_str).find(|image| !image.contains("sha256:"))
    }

    /// What of a command it is about.
    pub fn subjects(&self) -> ExceptionSubjects<'_> {
        let ExceptionFile { image, container, service, project, source, volume, .. } = &self.file;
        ExceptionSubjects { image, container, service, project, source, volume }
    }

    /// Whether it holds for this command; its last day does not count here. What is not known does not fit.
    pub fn fits(&self, conditions: &ExceptionConditions) -> bool {
        let ExceptionFile { command, user, group, environment, engine, .. } = &self.file;
        let fits = |globs: &Globs, text: &str| globs.is_empty() || globs.matching(text).is_some();
        (fits(command, conditions.command) || short(conditions.command).is_some_and(|short| fits(command, short)))
            && fits(user, &conditions.caller.user)
            && (group.is_empty() || conditions.caller.groups.iter().any(|name| group.matching(name).is_some()))
            && (environment.is_empty() || {
                let all = (conditions.environments)();
                !all.is_empty() && all.iter().all(|it| environment.matching(&it.name).is_some())
            })
            && (engine.is_empty()
                || matches!((conditions.engine)(), Lookup::Found(id) if engine.matching(&id).is_some()))
    }

    /// What it says of itself on a day.
    pub fn allowed_by(&self, today: i64) -> AllowedBy {
        let until = self.file.until.as_ref().and_then(|until| until.get_ref().date);
        AllowedBy {
            source: self.source.clone(),
            reason: self.file.reason.get_ref().trim().to_owned(),
            until: until.map(|date| date.to_string()),
            days_left: until.map(|date| day(date) - today + 1),
            is_system: self.is_system,
        }
    }
}

/// The short form of one of docker's commands: `run` for `container run`, `rmi` for `image rm`.
fn short(command: &str) -> Option<&str> {
    match command {
        "image rm" => Some("rmi"),
        "container inspect" => None,
        _ => {
            let of_image = ["build", "import", "load", "pull", "push", "save", "tag"];
            let image = command.strip_prefix("image ").filter(|rest| of_image.contains(rest));
            command.strip_prefix("container ").or(image)
        }
    }
}
