//! `fender --help`: all commands in groups, the variables that fender reads, the exit codes, and where to read on.

use std::fmt::Write as _;

use clap::Command;

use crate::environment::variables::VARIABLES;
use crate::exit::CODES;
use crate::ui::screen::Screen;

/// The commands in the order in which a person needs them; each command's line is its own `about`.
static GROUPS: &[(&str, &[&str])] = &[
    ("Judge a command or a file; nothing is run", &["explain", "why", "plan", "lint", "context"]),
    ("Delete and undo", &["undo", "trash", "protect", "unprotect"]),
    ("Set up", &["doctor", "policy", "completions", "docker"]),
    ("Learn", &["rules", "help"]),
];

const READ_ON: &str = "\
fender help COMMAND   the options of a command
fender rules ID       why a rule exists, an example, and how to allow it
README.md, docs/      in fender's source: policies, deletion, limits, rules
";

/// The whole text.
pub fn text(command: &Command) -> String {
    let screen = Screen::plain();
    let mut out = screen.filled(
        "",
        "fender stands in front of docker. It works out what a command would do, and then allows it, prints a note, rewrites it, asks \
         or refuses.",
    );
    out.push_str("\nUsage: fender COMMAND [ARGS]\n");
    for (title, names) in GROUPS {
        let _ = writeln!(out, "\n{title}");
        for name in *names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map_or_else(|| "Show the options of a command".to_owned(), ToString::to_string);
            out.push_str(&screen.filled(&format!("  {name:<13}"), &about));
        }
    }
    out.push_str("\nVariables that fender reads\n");
    for variable in VARIABLES {
        out.push_str(&screen.filled(&format!("  {:<31}", variable.shown), variable.meaning));
    }
    out.push_str("\nExit codes; every other one is docker's own\n");
    for (code, meaning) in CODES {
        out.push_str(&screen.filled(&format!("  {code:<5}"), meaning));
    }
    out.push_str("\nRead on\n");
    for line in READ_ON.lines() {
        let _ = writeln!(out, "  {line}");
    }
    out
}
