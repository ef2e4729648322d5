//! fender's own commands, one file each.

mod completions;
mod context;
mod doctor;
mod explain;
mod help;
mod kept;
mod lint;
mod plan;
mod policy;
mod protect;
pub mod rules;
mod trash;
mod undo;
mod usage;
mod why;

use std::ffi::OsString;
use std::io::{Write, stderr, stdout};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use crate::exit::{DONE, FailureKind, Running};
use crate::failure::ended;
use crate::trash::{WATCH, watch};

#[derive(Debug, Parser)]
#[command(name = "fender", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Show what a docker command would do, and what fender would say
    Explain(explain::Explain),
    /// Explain the last command that fender had something to say about
    Why(why::Why),
    /// Show what a docker command would delete, and what is lost
    Plan(plan::PlanCommand),
    /// Find and fix problems in Dockerfiles, compose and bake files
    Lint(lint::Lint),
    /// Show which files a build would send, and which are secrets
    Context(context::ContextCommand),
    /// Restore what the last deletion on this engine took
    Undo,
    /// List, restore or remove what was kept of deletions
    Trash {
        #[command(subcommand)]
        command: trash::TrashCommand,
    },
    /// Protect something from deletion; alone: list what is protected
    Protect(protect::Protect),
    /// Allow deletion again of something that is protected
    Unprotect(protect::Unprotect),
    /// List the rules, or explain one and how to allow it
    Rules {
        /// The rule's id, such as docker-socket
        id: Option<String>,
        /// How to allow it in this environment; without it, in the one of the engine that docker reaches here
        #[arg(long, value_name = "NAME", requires = "id")]
        environment: Option<String>,
    },
    /// Test a policy by the examples that it contains
    Policy {
        #[command(subcommand)]
        command: policy::PolicyCommand,
    },
    /// Check the installation, and say how to fix what is not right
    Doctor,
    /// Print completions for a shell
    Completions {
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Guard one docker command, whatever fender's file is called
    Docker {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORDS")]
        words: Vec<OsString>,
    },
}

/// fender's own command line, with the help that it shows.
pub fn command() -> Command {
    let command = Cli::command();
    let help = help::text(&command);
    command.override_help(help)
}

/// Runs one of fender's own commands; the first argument is the name it was called by.
pub fn run(arguments: &[OsString]) -> u8 {
    // No command of a person's: fender starts itself so.
    if arguments.get(1).is_some_and(|word| word == WATCH) {
        return watch();
    }
    let parsed = command().try_get_matches_from(arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    let command = match parsed {
        Ok(cli) => cli.command,
        Err(error) => return not_parsed(&error),
    };
    ended(match command {
        Commands::Explain(explain) => explain.run(),
        Commands::Why(why) => why.run(),
        Commands::Plan(plan) => plan.run(),
        Commands::Context(context) => context.run(),
        Commands::Lint(lint) => lint.run(),
        Commands::Undo => undo::undo(),
        Commands::Trash { command } => command.run(),
        Commands::Protect(protect) => protect.run(),
        Commands::Unprotect(unprotect) => unprotect.run(),
        Commands::Rules { id, environment } => rules::run(id.as_deref(), environment.as_deref()),
        Commands::Policy { command } => command.run(),
        Commands::Doctor => Ok(doctor::run()),
        Commands::Completions { shell } => completions::run(shell, Cli::command()),
        Commands::Docker { words } => Ok(crate::shim::run(&words)),
    })
}

/// What was asked for is help or the version, or it cannot be understood.
fn not_parsed(error: &clap::Error) -> u8 {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = stdout().write_all(error.to_string().as_bytes());
        return DONE;
    }
    let text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => error.to_string(),
        _ => format!("fender: {}\n", usage::message(error, &command())),
    };
    let _ = stderr().write_all(text.as_bytes());
    FailureKind::User.code(Running::Own)
}

/// The completions for a shell, as they are checked in.
pub fn completions_for(shell: Shell) -> String {
    completions::text(shell, Cli::command())
}
