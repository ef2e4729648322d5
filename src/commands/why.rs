//! `fender why`: explains the last command that fender had something to say about, without asking the engine again.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::environment::caller;
use crate::environment::last_command::{CommandOutcome, JudgedCommand, JudgedFinding, last};
use crate::environment::memory::ago;
use crate::environment::policy::{read_layers, user_path};
use crate::exit::DONE;
use crate::failure::Failure;
use crate::ui::screen::{Screen, command_line, list, quoted, shown};
use fender_core::policy::{Action, CallerKind, Environment, Policy};
use fender_core::rules::{Decided, rule};
use fender_core::text::count;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhyFormat {
    Text,
    Json,
}

#[derive(Args, Debug)]
pub struct Why {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: WhyFormat,
}

/// Lines of a policy file after which rules are allowed.
#[derive(Serialize)]
struct ToAllow {
    file: String,
    text: String,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct WhyJson<'a> {
    #[serde(flatten)]
    command: &'a JudgedCommand,
    /// Whether it was typed on this terminal.
    this_terminal: bool,
    age_seconds: u64,
    to_allow: Vec<ToAllow>,
}

impl Why {
    pub fn run(self) -> Result<u8, Failure> {
        let Some((command, here)) = last() else {
            let what = "no command of yours is known about which fender had something to say";
            return Err(Failure::internal(what).hint("fender explain -- COMMAND judges one without running it"));
        };
        let to_allow = to_allow(&command)?;
        let text = match self.format {
            WhyFormat::Json => {
                let age_seconds = command.age();
                let value = WhyJson { command: &command, this_terminal: here, age_seconds, to_allow };
                serde_json::to_string_pretty(&value)? + "\n"
            }
            WhyFormat::Text => as_text(&command, here, &to_allow, &Screen::new(stdout().is_terminal())),
        };
        stdout().write_all(text.as_bytes())?;
        Ok(DONE)
    }
}

fn as_text(command: &JudgedCommand, here: bool, to_allow: &[ToAllow], screen: &Screen) -> String {
    let mut out = format!("{}\n", screen.bold(&command_line(&command.argv)));
    let place = if here { "on this terminal" } else { "not on this terminal" };
    let folder = shown(&command.folder);
    out.push_str(&screen.filled("  ", &format!("{}, {place}, in {folder}", ago(command.age()))));
    let engine = &command.engine;
    let because = format!("{} ({})", shown(&engine.environment), shown(&engine.because));
    let context = format!("on {}, context {}: {because}", shown(&engine.host), shown(&engine.context));
    out.push_str(&screen.filled("  ", &context));
    out.push_str(&screen.filled("  ", &format!("{}.", became(command))));
    for finding in &command.findings {
        out.push('\n');
        let id = &finding.rule;
        out.push_str(&screen.filled(&format!("  {id}  "), &shown(&finding.title)).replacen(id, &screen.marked(id), 1));
        for place in &finding.places {
            let _ = writeln!(out, "      {}", shown(place));
        }
        out.push_str(&screen.filled("      ", &shown(&finding.why)));
        if !finding.instead.is_empty() {
            out.push_str(&screen.filled("      instead    ", &shown(&finding.instead)));
        }
        out.push_str(&screen.dim(&screen.filled("      decided    ", &decided(command, finding))));
    }
    if command.more > 0 {
        let _ = writeln!(out, "\n  and {}", count(command.more, "more finding"));
    }
    if let Some(better) = command.better.as_ref().filter(|better| **better != command.argv) {
        out.push_str(&format!("\n  {}  {}\n", "better", screen.good(&command_line(better))));
    }
    out.push('\n');
    out.push_str(&allowing(command, to_allow, screen));
    out
}

/// What fender did, and what became of the command.
fn became(command: &JudgedCommand) -> String {
    let ids = |wanted: Action| -> String {
        let mut ids: Vec<&str> =
            command.findings.iter().filter(|it| it.wanted == wanted).map(|it| it.rule.as_str()).collect();
        ids.dedup();
        list(&ids)
    };
    let said = match (command.wanted, command.action) {
        (Action::Allow, _) => return "Fender said nothing".to_owned(),
        (Action::Note, _) => "Fender printed a note".to_owned(),
        (Action::Fix, _) => format!("Fender changed the command ({})", ids(Action::Fix)),
        (Action::Refuse, _) => format!("Fender refused it ({})", ids(Action::Refuse)),
        (wanted @ (Action::Ask | Action::Type), action) => {
            let what = if wanted == Action::Ask { "asked" } else { "asked for the engine's name" };
            match (action, command.caller) {
                (Action::Refuse, CallerKind::Script) => {
                    format!("Fender {what} ({}), and a script cannot answer", ids(wanted))
                }
                (Action::Refuse, _) => format!("Fender {what} ({}), and an agent cannot answer", ids(wanted)),
                _ => format!("Fender {what} ({})", ids(wanted)),
            }
        }
    };
    match &command.outcome {
        None => format!("{said}; no answer is known"),
        Some(CommandOutcome::Ran) => format!("{said}; docker ran it as it was typed"),
        Some(CommandOutcome::RanAs(args)) => format!("{said}; docker ran {}", command_line(args)),
        Some(CommandOutcome::NotRun) => format!("{said}; it was not run"),
        Some(CommandOutcome::CarriedOut(0)) => format!("{said}; fender carried it out"),
        Some(CommandOutcome::CarriedOut(code)) => format!("{said}; fender carried it out, with exit code {code}"),
    }
}

/// What decided about one finding.
fn decided(command: &JudgedCommand, finding: &JudgedFinding) -> String {
    let JudgedFinding { wanted, class, rule: id, source, .. } = finding;
    match (source, rule(id).map(|rule| rule.decided)) {
        (Some(source), _) => format!("{wanted}, by {}", shown(source)),
        (None, Some(Decided::AlwaysRefused | Decided::AlwaysNoted)) => format!("{wanted}, in every environment"),
        (None, _) => format!("{wanted}, by the preset {} (class {class})", command.engine.preset),
    }
}

fn allowing(command: &JudgedCommand, to_allow: &[ToAllow], screen: &Screen) -> String {
    // Nobody writes a policy because an agent was told how.
    if caller::kind() == CallerKind::Agent {
        return String::new();
    }
    let mut out = String::new();
    for ToAllow { file, text } in to_allow {
        let _ = writeln!(out, "  to allow all of it, in {}:\n", shown(file));
        for line in text.lines() {
            let _ = writeln!(out, "    {line}");
        }
        out.push('\n');
    }
    let first = command.findings.iter().max_by_key(|it| it.wanted).map(|it| it.rule.as_str()).unwrap_or("ID");
    let page = format!("fender rules {first} --environment {}", quoted(&command.engine.environment));
    out.push_str(&screen.filled("  more       ", &page));
    out
}

/// The lines that allow every finding, where they all go into the caller's own file.
fn to_allow(command: &JudgedCommand) -> Result<Vec<ToAllow>, Failure> {
    let policy = Policy { layers: read_layers()? };
    // The system's file may know this engine under another name: `fender rules ID` works out what is to be written there.
    let (Some(path), false) = (user_path(), policy.layers.iter().any(|layer| layer.is_system)) else {
        return Ok(Vec::new());
    };
    let engine = &command.engine;
    let environment = policy.named(&engine.environment).unwrap_or_else(|| Environment {
        name: engine.environment.clone(),
        preset: engine.preset.clone(),
        because: engine.because.clone(),
        source: None,
        open: false,
    });
    let mut lines: Vec<String> = Vec::new();
    for finding in &command.findings {
        let by_policy = rule(&finding.rule).filter(|rule| rule.decided == Decided::ByPolicy);
        let ways = by_policy.and_then(|rule| policy.allowing(rule, &environment, None));
        // What nothing allows is not allowed by lines for the others.
        let Some(ways) = ways else { return Ok(Vec::new()) };
        for line in ways.iter().flat_map(|way| way.text.lines()) {
            if !lines.iter().any(|known| known == line) {
                lines.push(line.to_owned());
            }
        }
    }
    let text = lines.join("\n");
    Ok(if text.is_empty() { Vec::new() } else { vec![ToAllow { file: path.display().to_string(), text }] })
}
