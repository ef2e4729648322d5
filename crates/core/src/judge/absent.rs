//! A command that changes nothing is left to docker, because many scripts begin with a command that removes old objects if there are any.
//! If the named objects do not exist, or the command would delete nothing, there is no question.
//!
//! What a policy refuses is refused in any case, because the objects may exist a moment later.

use super::Complaint;
use crate::docker_files::context_folder;
use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::{Effect, Lowered, Request};
use crate::plan::{Facts, ObjectKind, Plan, Step};
use crate::policy::Action;
use crate::rules::{Class, is_about_volumes};

/// The complaints about what the command can change on this engine as it is now.
pub fn about_what_is_there(
    mut complaints: Vec<Complaint>,
    invocation: &Invocation,
    lowered: &Lowered,
    facts: &dyn Facts,
    host: &dyn Host,
    deletions: &dyn Fn() -> Vec<Step>,
) -> Vec<Complaint> {
    let strongest = complaints.iter().map(|complaint| complaint.decision.action).max().unwrap_or(Action::Allow);
    let refused = |complaint: &Complaint| complaint.decision.action == Action::Refuse;
    if strongest < Action::Note || lowered.blind || lowered.refusal.is_some() {
        return complaints;
    }
    if names_nothing_that_is_there(invocation, lowered, facts, host) {
        complaints.retain(refused);
        return complaints;
    }
    if strongest < Action::Ask || !crate::plan::deletes(lowered) {
        return complaints;
    }
    // The first question to the engine: where it stays open, no other is asked.
    if facts.protections().is_err() {
        return complaints;
    }
    let plan = facts.plan(&deletions());
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
        refused(complaint) || !((nothing_goes && about_deleting) || (no_volume_goes && about_volumes))
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
    if invocation.canonical() == "context rm" {
        return no_context_is_there(invocation, host);
    }
    let mut asks = false;
    lowered.effects.iter().all(|effect| match effect {
        Effect::Request(request) => {
            asks = true;
            is_for_nothing(request, facts)
        }
        // Read to be sent along.
        Effect::ReadsFile { .. } => true,
        _ => false,
    }) && asks
}

fn no_context_is_there(invocation: &Invocation, host: &dyn Host) -> bool {
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let gone =
        |name: &str| host.read_own(&format!("{folder}/contexts/meta/{}/meta.json", context_folder(name))) == Ok(None);
    !invocation.operands.is_empty() && invocation.operands.iter().all(|word| gone(&invocation.words[*word]))
}

/// Whether the engine has nothing that this request could change.
fn is_for_nothing(request: &Request, facts: &dyn Facts) -> bool {
    if request.path == "/swarm/leave" {
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
        "services" | "secrets" | "configs" if name != "create" => Some(format!("/{kind}/{name}")),
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
            ("/services/create", None),
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
