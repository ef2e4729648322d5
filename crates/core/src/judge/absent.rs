//! A command that changes nothing is left to docker, because many scripts begin with a command that removes old objects if there are any.
//! If the named objects do not exist, the command would delete nothing, or there is no engine or compose file for it, there is no question:
//! docker prints its own error.
//!
//! What a policy refuses is refused in any case, because the objects may exist a moment later.

use super::Complaint;
use crate::docker_files::context_folder;
use crate::engine::{Lookup, Reach};
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::sources::Sources;
use crate::lower::{Effect, Lowered, MODEL_WORDS, PredictedOperation, Request, UNREAD, model_words};
use crate::plan::compose::{PROJECT, SERVICE};
use crate::plan::steps::other_builder;
use crate::plan::{Facts, ObjectKind, Plan, Step};
use crate::policy::Action;
use crate::rules::{Class, holds_without_deletions, is_about_protection, is_about_volumes};

/// The complaints about what the command can change on this engine as it is now. `asks` where a person would be asked: what is noted for a
/// script instead is not noted of what will not be.
pub fn about_what_is_there(
    mut complaints: Vec<Complaint>,
    asks: bool,
    invocation: &Invocation,
    lowered: &Lowered,
    facts: &dyn Facts,
    host: &dyn Host,
    deletions: &dyn Fn() -> Vec<Step>,
) -> Vec<Complaint> {
    let strongest = complaints.iter().map(|complaint| complaint.decision.action).max().unwrap_or(Action::Allow);
    let refused = |complaint: &Complaint| complaint.decision.action == Action::Refuse;
    if strongest < Action::Note {
        return complaints;
    }
    if !facts.may_open() || has_no_compose_file(invocation, host) {
        complaints.retain(refused);
        return complaints;
    }
    if lowered.blind || lowered.refusal.is_some() {
        return complaints;
    }
    if only_changes_what_is_there(invocation, lowered, host) && facts.reach() == Reach::NoEngine {
        complaints.retain(refused);
        return complaints;
    }
    if names_nothing_that_is_there(invocation, lowered, facts, host) {
        complaints.retain(|complaint| refused(complaint) || holds_without_deletions(complaint.finding.rule));
        return complaints;
    }
    if compose_cannot_read(invocation, lowered, asks || strongest >= Action::Ask, facts, host) {
        // Which objects of the project are protected is the only thing that is not known, and compose will not get so far.
        let unread = facts.plan(&deletions()).is_ok_and(|plan| plan.unknown);
        complaints.retain(|complaint| refused(complaint) && !(unread && is_about_protection(complaint.finding.rule)));
        return complaints;
    }
    if !crate::plan::deletes(lowered) {
        return complaints;
    }
    // The first question to the engine: where it stays open, no other is asked.
    let steps = deletions();
    if facts.protections_of(&steps).is_err() {
        return complaints;
    }
    let plan = facts.plan(&steps);
    let nothing_goes = match &plan {
        Ok(plan) => is_clear(plan) && plan.deletes.is_empty() && !plan.skipped.iter().any(|it| it.protected),
        // Not a manager of a swarm: the engine will not delete what it does not even list.
        Err(problem) => problem.is(503),
    };
    let only_deletes = ["rm", "remove", "prune", "down"].contains(&last_word(invocation));
    let no_volume_goes = plan.as_ref().is_ok_and(|plan| is_clear(plan) && plan.of(ObjectKind::Volume).next().is_none());
    complaints.retain(|complaint| {
        let class = complaint.finding.class;
        let about_deleting = class == Class::Loss || (class == Class::Outage && only_deletes);
        let about_volumes = is_about_volumes(complaint.finding.rule);
        refused(complaint)
            || holds_without_deletions(complaint.finding.rule)
            || !((nothing_goes && about_deleting) || (no_volume_goes && about_volumes))
    });
    complaints
}

fn is_clear(plan: &Plan) -> bool {
    plan.unclear.is_empty() && !plan.unknown
}

fn last_word(invocation: &Invocation) -> &str {
    invocation.canonical().rsplit(' ').next().unwrap_or_default()
}

fn names_nothing_that_is_there(invocation: &Invocation, lowered: &Lowered, facts: &dyn Facts, host: &dyn Host) -> bool {
    match invocation.canonical() {
        "context rm" | "context use" | "context update" => return no_context_is_there(invocation, host),
        "buildx rm" => return no_builder_is_there(invocation, host),
        _ => {}
    }
    let command = invocation.canonical();
    let mut asks = false;
    lowered.effects.iter().all(|effect| match effect {
        Effect::Request(request) => {
            asks = true;
            is_for_nothing(request, facts)
        }
        // What compose does in containers that run.
        Effect::Does {
            operation:
                PredictedOperation::PrivilegedExec
                | PredictedOperation::KillsContainers
                | PredictedOperation::EndsContainers { .. }
                | PredictedOperation::StopsServices { .. },
            ..
        } => {
            asks = true;
            command.starts_with("compose ") && no_service_runs(invocation, facts, host)
        }
        // That there is nothing is no change.
        Effect::Does { operation: PredictedOperation::NamesNoProject { .. }, .. } => true,
        // What a request is for.
        Effect::Describes(_) => command == "service update",
        Effect::Does { operation: PredictedOperation::ScalesToZero, .. } => command == "service scale",
        Effect::Does { operation: PredictedOperation::DeploysStack, .. } => true,
        Effect::Runs(runs) => runs.known,
        // Read to be sent along.
        Effect::ReadsFile { .. } => true,
        _ => false,
    }) && asks
}

/// Whether none of the services that a compose command names has a container that runs; all of them where it names none.
fn no_service_runs(invocation: &Invocation, facts: &dyn Facts, host: &dyn Host) -> bool {
    let Lookup::Found(project) = facts.project(invocation, host) else { return false };
    let project = format!("{PROJECT}={}", project.name);
    let mut services = invocation.operand_texts();
    if invocation.canonical() == "compose exec" {
        services.truncate(1);
    }
    let none_runs = |labels: &[String]| facts.runs_any(labels) == Lookup::Missing;
    if services.is_empty() {
        return none_runs(&[project]);
    }
    services.iter().all(|service| none_runs(&[project.clone(), format!("{SERVICE}={service}")]))
}

/// Whether compose can only say that it cannot read its files. It says so for its model, and also for a command that only reads and
/// needs as little of the files as any other: a missing `env_file` stops the first one alone.
fn compose_cannot_read(
    invocation: &Invocation,
    lowered: &Lowered,
    asks: bool,
    facts: &dyn Facts,
    host: &dyn Host,
) -> bool {
    let command = invocation.canonical();
    if !command.starts_with("compose ") || DOES_WITHOUT_FILES.contains(&command) {
        return false;
    }
    let is_unread = |effect: &Effect| matches!(effect, Effect::Runs(runs) if runs.program.ends_with(UNREAD));
    if !asks && !lowered.effects.iter().any(is_unread) {
        return false;
    }
    let files = invocation.above.iter().filter(|set| set.flag.name == "file");
    // Standard input can be read once.
    if files.clone().any(|set| set.value == "-") || facts.project(invocation, host) != Lookup::Missing {
        return false;
    }
    let Some(mut words) = model_words(invocation) else { return false };
    words.truncate(words.len().saturating_sub(MODEL_WORDS));
    words.extend(["ps", "-q"].map(str::to_owned));
    // Looked at first, so that a change of them is noticed before docker runs.
    drop(Sources::of_words(invocation, host));
    facts.protections().is_ok() && facts.printed(&words, host) == Lookup::Missing
}

/// What compose looks for where no file is named: compose-go `cli/options.go`, `DefaultFileNames` and
/// `DefaultOverrideFileNames`.
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Whether compose can only say that there is no file: none of those that are named is there, or none is named and none lies here or in a
/// folder above. What a variable or an `.env` file may name instead is left to compose.
fn has_no_compose_file(invocation: &Invocation, host: &dyn Host) -> bool {
    if !invocation.canonical().starts_with("compose ") || DOES_WITHOUT_FILES.contains(&invocation.canonical()) {
        return false;
    }
    let above = |name: &str| -> Vec<&str> {
        invocation.above.iter().filter(|set| set.flag.name == name).map(|set| set.value.as_str()).collect()
    };
    let set = |name: &str| host.env(name).is_some_and(|value| !value.is_empty());
    if set("COMPOSE_PROJECT_NAME") || set("COMPOSE_FILE") {
        return false;
    }
    let is_gone = |path: &str| host.read_own(path) == Ok(None);
    let here = host.directory();
    let files = above("file");
    if !files.is_empty() {
        let path = |file: &str| if file.starts_with('/') { file.to_owned() } else { format!("{here}/{file}") };
        return files.iter().any(|file| *file != "-" && !file.contains("://") && is_gone(&path(file)));
    }
    let elsewhere = ["project-name", "project-directory", "workdir", "env-file"];
    if elsewhere.iter().any(|name| !above(name).is_empty()) || !is_gone(&format!("{here}/.env")) {
        return false;
    }
    let mut folder = here.as_str();
    loop {
        if COMPOSE_FILES.iter().any(|name| !is_gone(&format!("{folder}/{name}"))) {
            return false;
        }
        match folder.rsplit_once('/') {
            Some((above, _)) => folder = above,
            None => return true,
        }
    }
}

/// Commands of compose that need no project.
const DOES_WITHOUT_FILES: [&str; 3] = ["compose ls", "compose version", "compose bridge"];

fn no_context_is_there(invocation: &Invocation, host: &dyn Host) -> bool {
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    // The default context is there without a file.
    let gone = |name: &str| {
        name != "default"
            && host.read_own(&format!("{folder}/contexts/meta/{}/meta.json", context_folder(name))) == Ok(None)
    };
    !invocation.operands.is_empty() && invocation.operands.iter().all(|word| gone(invocation.arg(*word)))
}

/// Buildx keeps each builder in a file of its name: buildx `store/store.go`.
fn no_builder_is_there(invocation: &Invocation, host: &dyn Host) -> bool {
    let config = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let folder = host.env("BUILDX_CONFIG").filter(|it| !it.is_empty()).unwrap_or_else(|| format!("{config}/buildx"));
    let gone = |name: &str| host.read_own(&format!("{folder}/instances/{}", name.to_lowercase())) == Ok(None);
    !invocation.operands.is_empty() && invocation.operand_texts().iter().all(|name| gone(name))
}

/// Whether all that the command does is to change, stop, enter or delete what an engine holds already.
fn only_changes_what_is_there(invocation: &Invocation, lowered: &Lowered, host: &dyn Host) -> bool {
    let mut changes = false;
    lowered.effects.iter().all(|effect| match effect {
        Effect::Request(request) => {
            changes = true;
            request.method == "DELETE"
                || ["/prune", "/connect", "/disconnect", "/push"].iter().any(|end| request.path.ends_with(end))
                || OF_A_SWARM.contains(&request.path.as_str())
                || looked_up_at(&request.path).is_some()
        }
        Effect::Does { operation, .. } => {
            changes = true;
            match operation {
                PredictedOperation::RemovesStack(_)
                | PredictedOperation::RemovesServices(_)
                | PredictedOperation::DeploysStack
                | PredictedOperation::RemovesContainers
                | PredictedOperation::RemovesRunning
                | PredictedOperation::RemovesVolumes
                | PredictedOperation::RemovesNetworks
                | PredictedOperation::RemovesImages
                | PredictedOperation::KillsContainers
                | PredictedOperation::EndsContainers { .. }
                | PredictedOperation::StopsServices { .. }
                | PredictedOperation::ScalesToZero
                | PredictedOperation::PrivilegedExec => true,
                // Another builder may have its cache elsewhere.
                PredictedOperation::PrunesCache | PredictedOperation::PrunesAllCache => {
                    other_builder(invocation, host).is_none()
                }
                _ => false,
            }
        }
        Effect::Runs(runs) => runs.known,
        // Read to be sent along.
        Effect::ReadsFile { .. } => true,
        _ => false,
    }) && changes
}

/// What only an engine does that belongs to a swarm.
const OF_A_SWARM: [&str; 2] = ["/swarm/leave", "/swarm/update"];

/// Whether the engine has nothing that this request could change.
fn is_for_nothing(request: &Request, facts: &dyn Facts) -> bool {
    if OF_A_SWARM.contains(&request.path.as_str()) {
        return facts.in_swarm() == Lookup::Found(false);
    }
    looked_up_at(&request.path).is_some_and(|path| facts.there(&path) == Lookup::Missing)
}

/// Where the engine tells of the one object that a request is about.
fn looked_up_at(path: &str) -> Option<String> {
    let (kind, rest) = path.strip_prefix('/')?.split_once('/')?;
    let name = rest.split('/').next().filter(|name| !name.is_empty())?;
    match kind {
        "containers" if !matches!(name, "create" | "prune") => Some(format!("/containers/{name}/json")),
        "nodes" => Some(format!("/nodes/{name}")),
        "networks" if !matches!(name, "create" | "prune") => Some(format!("/networks/{name}")),
        // Only a manager of a swarm has a list of them, and only there one can be added.
        "services" | "secrets" | "configs" if name == "create" => Some(format!("/{kind}")),
        "services" | "secrets" | "configs" => Some(format!("/{kind}/{name}")),
        "plugins" if !matches!(name, "create" | "pull" | "privileges") => {
            // A plugin's name has slashes, and may be followed by what is done with it.
            let actions = ["/enable", "/disable", "/set", "/upgrade", "/push"];
            let name = actions.iter().find_map(|action| rest.strip_suffix(action)).unwrap_or(rest);
            Some(format!("/plugins/{name}/json"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_is_looked_up() {
        for (path, looked_up) in [
            ("/containers/web/exec", Some("/containers/web/json")),
            ("/containers/create", None),
            ("/containers/prune", None),
            ("/nodes/n1/update", Some("/nodes/n1")),
            ("/services/create", Some("/services")),
            ("/networks/net/disconnect", Some("/networks/net")),
            ("/networks/prune", None),
            ("/services/s/update", Some("/services/s")),
            ("/plugins/vieux/sshfs:latest/enable", Some("/plugins/vieux/sshfs:latest/json")),
            ("/plugins/vieux/sshfs", Some("/plugins/vieux/sshfs/json")),
            ("/plugins/pull", None),
            ("/swarm/leave", None),
            ("/volumes/pg", None),
        ] {
            assert_eq!(looked_up_at(path).as_deref(), looked_up, "{path}");
        }
    }
}
