//! fender's own commands, one file each.

mod completions;
mod doctor;
mod explain;
pub mod rules;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// The code for words that fender itself does not take.
const USAGE: u8 = 2;

/// fender stands in front of docker: it works out what a command would do, and warns, changes, asks or refuses.
/// Installed under the name docker, it does so for every command, and then becomes the real client.
///
/// Next:  fender doctor                       is it in front, and of what?
///        fender explain 'docker run nginx'   what would this do?
///        fender rules                        what does it look for?
#[derive(Debug, Parser)]
#[command(name = "fender", version, verbatim_doc_comment, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    /// Show what a docker command would do, and what fender would say; runs nothing
    Explain(explain::Explain),
    /// List the rules, or show one
    Rules {
        /// The rule's id, such as docker-socket
        id: Option<String>,
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

/// Runs one of fender's own commands.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Commands::Explain(explain) => explain.run(),
        Commands::Rules { id } => rules::run(id.as_deref()),
        Commands::Doctor => doctor::run(),
        Commands::Completions { shell } => completions::run(shell),
        Commands::Docker { words } => crate::shim::run(&words),
    }
}

/// The completions for a shell, as they are checked in.
pub fn completions_for(shell: Shell) -> String {
    completions::text(shell, Cli::command())
}
