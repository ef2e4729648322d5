//! Compose, as far as the arguments show it. `written` adds what the files contain.

use super::create::capability;
use super::workload::OpenPorts;
use super::{Effect, Effects, Origins, PredictedOperation, Runs, Typed, Workload, copy};
use crate::grammar::parse::{Invocation, Set};
use crate::grammar::values;
use crate::host::Host;
use crate::lower::sources::is_remote;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let mut effects = Vec::new();
    let canonical = invocation.canonical();
    for set in invocation.above.iter().filter(|set| matches!(set.flag.name, "file" | "env-file") && set.value != "-") {
        if is_remote(&set.value) {
            effects.push(Effect::Does {
                operation: PredictedOperation::RemoteContext(set.value.clone()),
                origins: set.origins(),
            });
        } else {
            effects.push(Effect::ReadsFile { path: set.value.clone(), origins: set.origins() });
        }
    }
    effects.push(Effect::Runs(Runs {
        program: "docker-compose".to_owned(),
        origins: invocation.named_by.origins(),
        known: true,
    }));
    // Compose's own dry run talks to the engine only to read.
    if invocation.on_above("dry-run") || invocation.on("dry-run") || canonical.starts_with("compose alpha dry-run") {
        return Ok(effects);
    }
    let command = canonical.strip_prefix("compose ").unwrap_or_default();
    let origins = |names: &[&str]| super::origins_of(invocation, names);
    let mut does = |operation: PredictedOperation, origins: Origins| effects.push(Effect::Does { operation, origins });
    let named = invocation.named_by.origins();
    let orphans = || match invocation.last("remove-orphans") {
        Some(set) => set.origins(),
        None => invocation.named_by.origins(),
    };
    match command {
        "down" => {
            does(PredictedOperation::RemovesRunning, named.clone());
            does(PredictedOperation::RemovesNetworks, named);
            if invocation.on("volumes") {
                does(PredictedOperation::RemovesVolumes, origins(&["volumes"]));
            }
            if !invocation.text("rmi").is_empty() {
                does(PredictedOperation::RemovesImages, origins(&["rmi"]));
            }
            if no_grace(invocation) {
                does(PredictedOperation::KillsContainers, origins(&["timeout"]));
            }
        }
        "rm" => {
            let stops = invocation.on("stop");
            does(if stops { PredictedOperation::RemovesRunning } else { PredictedOperation::RemovesContainers }, named);
            if invocation.on("volumes") {
                does(PredictedOperation::RemovesVolumes, origins(&["volumes"]));
            }
        }
        "up" | "create" => {
            does(PredictedOperation::MakesContainers, named);
            if invocation.on("renew-anon-volumes") {
                does(PredictedOperation::RemovesVolumes, origins(&["renew-anon-volumes"]));
            }
            if takes_orphans(invocation, host) {
                does(PredictedOperation::RemovesContainers, orphans());
            }
            scaled_to_zero(invocation.all(&["scale"]), &mut does);
        }
        "scale" | "alpha scale" => {
            does(PredictedOperation::MakesContainers, named);
            for word in &invocation.operands {
                if is_zero(invocation.arg(*word)) {
                    does(PredictedOperation::ScalesToZero, word.origins());
                }
            }
        }
        "kill" => does(PredictedOperation::KillsContainers, named),
        "stop" | "restart" if no_grace(invocation) => does(PredictedOperation::KillsContainers, origins(&["timeout"])),
        "stop" | "restart" | "pause" => {
            let how = match command {
                "stop" => "stops",
                "restart" => "restarts",
                _ => "pauses",
            };
            does(PredictedOperation::StopsServices { how, services: invocation.operand_texts() }, named);
        }
        "wait" if invocation.on("down-project") => {
            does(PredictedOperation::RemovesRunning, origins(&["down-project"]));
        }
        "exec" if invocation.on("privileged") => does(PredictedOperation::PrivilegedExec, origins(&["privileged"])),
        "commit" if invocation.operands.len() > 1 => {
            does(PredictedOperation::Retags, invocation.operand_at(1).origins())
        }
        "run" => {
            let workload = run(invocation, host)?;
            does(PredictedOperation::MakesContainers, named);
            effects.push(Effect::Describes(Box::new(workload)));
        }
        "cp" => copied(invocation, &mut effects),
        "config" | "convert" | "export" => effects.extend(super::container::written_file(invocation, "output")),
        "bridge convert" => effects.extend(super::container::written_file(invocation, "output")),
        "bridge transformations create" => effects.push(Effect::WritesFile {
            path: invocation.operand(0).to_owned(),
            origins: invocation.operand_at(0).origins(),
        }),
        "push" => does(PredictedOperation::Publishes("the project's images".to_owned()), named),
        "publish" | "alpha publish" => {
            let what = format!("the project's files to {}", invocation.operand(0));
            does(PredictedOperation::Publishes(what), named);
        }
        "watch" | "alpha watch" if !invocation.on("no-up") => does(PredictedOperation::MakesContainers, named),
        "pull" => does(PredictedOperation::PullsTags, named),
        "build" => {
            if invocation.on("push") {
                does(PredictedOperation::Publishes("what is built".to_owned()), origins(&["push"]));
            }
            for set in invocation.all(&["build-arg"]) {
                let operation = PredictedOperation::build_argument(&set.value);
                effects.push(Effect::Does { operation, origins: set.origins() });
            }
        }
        _ => {}
    }
    Ok(effects)
}

/// Whether containers of services that are not in the files are removed: by the flag, or where it is not typed by the variable that is its
/// default (compose `cmd/compose/down.go`; Go's `strconv.ParseBool` of the lower case). `down` does not take it from `.env`, as
/// measured with 2.40; what `up` and `create` take is in their dry run.
pub fn takes_orphans(invocation: &Invocation, host: &dyn Host) -> bool {
    let by_variable = || {
        let value = host.env("COMPOSE_REMOVE_ORPHANS").unwrap_or_default().trim().to_lowercase();
        matches!(value.as_str(), "1" | "t" | "true")
    };
    match invocation.last("remove-orphans") {
        Some(_) => invocation.on("remove-orphans"),
        None => by_variable(),
    }
}

fn no_grace(invocation: &Invocation) -> bool {
    invocation.last("timeout").is_some_and(|set| values::int(&set.value) == Ok(0))
}

fn is_zero(text: &str) -> bool {
    text.rsplit_once('=').is_some_and(|(_, count)| values::int(count) == Ok(0))
}

fn scaled_to_zero<'a>(sets: impl Iterator<Item = &'a Set>, does: &mut impl FnMut(PredictedOperation, Origins)) {
    for set in sets.filter(|set| is_zero(&set.value)) {
        does(PredictedOperation::ScalesToZero, set.origins());
    }
}

/// `compose cp SERVICE:PATH PATH` and the other way round.
fn copied(invocation: &Invocation, effects: &mut Vec<Effect>) {
    let (source, destination) = (invocation.operand(0), invocation.operand(1));
    if copy::split(source).0.is_empty() && source != "-" && !source.is_empty() {
        effects.push(Effect::ReadsFile { path: source.to_owned(), origins: invocation.operand_at(0).origins() });
    } else if copy::split(destination).0.is_empty() && destination != "-" && !destination.is_empty() {
        effects.push(Effect::WritesFile { path: destination.to_owned(), origins: invocation.operand_at(1).origins() });
    }
}

/// What the flags of `compose run` add to the service.
fn run(invocation: &Invocation, host: &dyn Host) -> Result<Workload, String> {
    let mut workload = Workload { partial: true, ..Workload::default() };
    for set in invocation.all(&["volume"]) {
        let spec = values::volume(&set.value)?;
        workload.add_bind(&spec, &host.directory(), set.origins());
    }
    for set in invocation.all(&["cap-add"]) {
        workload.cap_add.push((capability(&set.value), set.origins()));
    }
    for set in invocation.all(&["env"]) {
        workload.add_env(&set.value, set.origins());
    }
    if let Some(set) = invocation.last("user") {
        workload.user = Some(set.value.clone());
        workload.user_origins = set.origins();
    }
    for set in invocation.all(&["publish"]) {
        let published = values::to_standard_notation(&set.value).and_then(|spec| values::publish(&spec))?;
        workload.ports.push(OpenPorts::of(&published, set.origins()));
    }
    workload.auto_remove = invocation.on("rm");
    Ok(workload)
}

/// Whether compose reads no file: commands that make nothing go by the labels of a project whose name is typed, wherever they are typed
/// (compose `cmd/compose/compose.go`, `projectOrName`; measured with 2.26 and 2.40). A name or a file in a variable does not count.
pub fn goes_by_name(invocation: &Invocation) -> bool {
    const MAKE_NOTHING: [&str; 8] = ["down", "stop", "start", "restart", "rm", "kill", "pause", "unpause"];
    let typed = |name: &str| invocation.above.iter().rev().find(|set| set.flag.name == name);
    let command = invocation.canonical().strip_prefix("compose ");
    command.is_some_and(|command| MAKE_NOTHING.contains(&command))
        && typed("project-name").is_some_and(|set| !set.value.is_empty())
        && typed("file").is_none()
}

const PRINTS_MODEL: [&str; 3] = ["config", "--format", "json"];
/// So many words at the end of [`model_words`] are not those that were typed.
pub const MODEL_WORDS: usize = PRINTS_MODEL.len();

/// The words with which compose prints its model: those that stand before its command.
pub fn model_words(invocation: &Invocation) -> Option<Vec<String>> {
    let command = *invocation.named_by.get(1)?;
    let mut words = invocation.words.iter().take(command).cloned().collect::<Vec<_>>();
    words.extend(PRINTS_MODEL.map(str::to_owned));
    Some(words)
}
