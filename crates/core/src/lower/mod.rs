//! What a command line or a raw HTTP request would do: an [`Invocation`] lowered to requests to the Engine API, host files that the client
//! reads or writes, and programs it runs.
//!
//! Pure: the environment and the files that the client reads for `-e NAME`, `--env-file` or `-v ./x:/y` come from the [`Host`] of the
//! caller. There is one file for each family of commands.

mod body;
pub mod build;
mod buildx;
mod checkpoint;
mod compose;
mod compose_files;
mod container;
mod context;
mod copy;
mod create;
mod despite;
mod docker_build;
mod effect;
mod endpoints;
mod exec;
pub mod fields;
mod http;
mod http_body;
mod image;
mod model;
mod network;
mod node;
mod operation;
mod origin;
mod other_project;
mod own_reading;
mod parts;
mod plugin;
mod ports;
pub mod project;
mod project_container;
mod read;
mod redirection;
mod request;
mod secret;
mod service;
mod shared;
pub mod sources;
mod stack;
mod swarm;
mod system;
mod tell;
mod volume;
pub mod workload;
mod written;

use crate::grammar::parse::{Invocation, Refusal, Shows};
use crate::host::Host;
pub use body::Body;
pub use build::Build;
pub use compose::{MODEL_WORDS, goes_by_name, model_words, takes_orphans};
pub use compose_files::ComposeFiles;
pub use despite::despite;
use effect::Effects;
pub use effect::{Effect, Lowered, Runs, UnknownCommand};
pub use http::lower_http;
pub use model::ComposeModel;
pub use operation::{Difference, OtherProject, PredictedOperation, Redirected, Redirection};
pub use origin::{Origin, Origins, Typed, in_order, positions};
pub use own_reading::OwnReading;
pub use parts::Parts;
pub use ports::Ports;
pub use read::{builder, buildkit_is_off, read};
pub use request::Request;
pub use service::PROTECTION_LABEL;
pub use shared::configured_filters;
use shared::{filled_env, for_each, key_values, origins_of, platform, platform_json, prune_filters, to_map, trim_id};
pub use tell::tell;
pub use workload::Workload;
pub use written::{UNREAD, with_files, without_compose};

/// Lowers a parsed command line.
pub fn lower(invocation: &Invocation, host: &dyn Host) -> Lowered {
    let lowered = effects_of(invocation, host);
    let unknown_command = lowered.refusal.as_ref().and_then(|refusal| unknown_command(invocation, refusal));
    Lowered { command: invocation.named_by.origins(), unknown_command, ..lowered }
}

/// So many words are looked at for the name of a command that docker does not have.
const NAME_WITHIN: usize = 16;

/// The command that a refusal says docker does not have; None where it is about something else.
fn unknown_command(invocation: &Invocation, refusal: &Refusal) -> Option<UnknownCommand> {
    // A line may be judged many times over, so no more of it is looked at than a command's name takes.
    if !refusal.unknown {
        return None;
    }
    let is_name = |at: &usize| invocation.words.get(*at).is_some_and(|word| !word.starts_with('-'));
    let groups = invocation.command.is_some_and(|command| command.group);
    // A flag may be what docker complains about first, where the word in front of it is no command of the group either.
    let after = || {
        let last = *invocation.named_by.last().filter(|_| groups)?;
        (last + 1..invocation.words.len()).take(NAME_WITHIN).find(is_name)
    };
    let at = refusal.word.filter(is_name).or_else(after)?;
    let names: Vec<usize> = invocation.named_by.iter().copied().filter(|name| *name < at).chain([at]).collect();
    let words = invocation.words.iter().skip(*names.first()?).take(NAME_WITHIN).cloned().collect();
    Some(UnknownCommand { words, origins: names.origins() })
}

fn effects_of(invocation: &Invocation, host: &dyn Host) -> Lowered {
    if let Some(refusal) = &invocation.refusal {
        return Lowered { refusal: Some(refusal.clone()), ..Lowered::default() };
    }
    if matches!(invocation.shows, Some(Shows::Help | Shows::Version | Shows::Completion)) {
        return Lowered::default();
    }
    if let Some(name) = &invocation.plugin {
        let origins = invocation.named_by.origins();
        let config = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
        if !host.has_plugin(name, &config) {
            let text = format!("docker: unknown command: docker {name}");
            let refusal = Refusal { text, unknown: true, word: invocation.named_by.first().copied() };
            return Lowered { refusal: Some(refusal), ..Lowered::default() };
        }
        let runs = Runs { program: format!("docker-{name}"), origins, known: false };
        return Lowered { effects: vec![Effect::Runs(runs)], blind: true, ..Lowered::default() };
    }
    let family = invocation.canonical().split(' ').next().unwrap_or_default();
    let outcome = match family {
        "container" | "commit" | "attach" | "wait" => container::lower(invocation, host),
        "image" | "manifest" | "trust" | "search" => image::lower(invocation, host),
        "volume" => volume::lower(invocation, host),
        "network" => network::lower(invocation, host),
        "system" | "builder" | "login" | "logout" => system::lower(invocation, host),
        "plugin" => plugin::lower(invocation, host),
        "swarm" => swarm::lower(invocation, host),
        "node" => node::lower(invocation),
        "service" => service::lower(invocation, host),
        "stack" => stack::lower(invocation, host),
        "secret" | "config" => secret::lower(invocation, host),
        "context" => context::lower(invocation, host),
        "checkpoint" => checkpoint::lower(invocation),
        "compose" => compose::lower(invocation, host),
        "buildx" => buildx::lower(invocation, host),
        _ => Ok(Vec::new()),
    };
    match outcome.map(|effects| effects.into_iter().chain(redirection::of_flag(invocation, host)).collect()) {
        Ok(effects) => Lowered { effects, ..Lowered::default() },
        Err(text) => Lowered { refusal: Some(Refusal { text, unknown: false, word: None }), ..Lowered::default() },
    }
}
