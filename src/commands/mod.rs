//! fender's own commands, one file each.

mod completions;
mod context;
mod doctor;
mod explain;
mod kept;
mod lint;
mod plan;
mod protect;
pub mod rules;
mod trash;
mod undo;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

const HELP: &str = "\
fender stands in front of docker: it works out what a command would do, and warns, changes, asks or refuses.
  fender doctor                          is it in front of docker, which docker, which environment? rules [ID]: its rules
  fender explain 'docker run nginx'      what would this do, and what would fender say? (--format json, --offline)
  fender plan 'docker system prune -a'   what would this delete? undo and trash bring it back, protect forbids it
  fender docker WORDS…                   guard this one command; fender completions SHELL prints completions
";

#[derive(Debug, Parser)]
#[command(name = "fender", version, override_help = HELP, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Show what a docker command would do, and what fender would say; runs nothing
    Explain(explain::Explain),
    /// Show what a docker command would delete, and what that would mean; deletes nothing
    Plan(plan::PlanCommand),
    /// Find what is wrong in Dockerfiles, ignore files, compose and bake files, and mend it
    Lint(lint::Lint),
    /// Show which files a build would send, which of them are secrets, and what makes it large
    Context(context::ContextCommand),
    /// Bring back what the last deletion on this engine took
    Undo,
    /// See what was deleted and kept, bring it back, or empty it
    Trash {
        #[command(subcommand)]
        command: trash::TrashCommand,
    },
    /// Lock something, so that it is never deleted through fender; alone: list what is protected
    Protect(protect::Protect),
    /// Lift a lock
    Unprotect(protect::Unprotect),
    /// List the rules, or show one
    Rules {
        /// The rule's id, such as docker-socket
        id: Option<String>,
        /// How to allow it in this environment; without it, in the one of the engine that docker reaches here
        #[arg(long, value_name = "NAME", requires = "id")]
        environment: Option<String>,
    },
    /// Check that fender stands in front of docker, and say what to do where it does not
    Doctor,
    /// Print completions for a shell
    Completions {
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Guard one docker command, whatever fender is called
    Docker {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
        words: Vec<OsString>,
    },
}

/// Runs one of fender's own commands; the first argument is the name it was called by.
pub fn run(arguments: &[OsString]) -> u8 {
    match Cli::parse_from(arguments).command {
        Commands::Explain(explain) => explain.run(),
        Commands::Plan(plan) => plan.run(),
        Commands::Context(context) => context.run(),
        Commands::Lint(lint) => lint.run(),
        Commands::Undo => undo::undo(),
        Commands::Trash { command } => command.run(),
        Commands::Protect(protect) => protect.run(),
        Commands::Unprotect(unprotect) => unprotect.run(),
        Commands::Rules { id, environment } => rules::run(id.as_deref(), environment.as_deref()),
        Commands::Doctor => doctor::run(),
        Commands::Completions { shell } => completions::run(shell, Cli::command()),
        Commands::Docker { words } => crate::shim::run(&words),
    }
}

/// The completions for a shell, as they are checked in.
pub fn completions_for(shell: Shell) -> String {
    completions::text(shell, Cli::command())
}
