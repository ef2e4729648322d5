//! `fender rules [ID]`, and the same texts as `docs/rules.md`.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stdout};

use super::doctor::{environment_here, with_place};
use super::explain::environment_named;
use crate::environment::caller;
use crate::environment::policy::{SYSTEM, read_layers, user_path};
use crate::exit::DONE;
use crate::failure::Failure;
use crate::ui::screen::{Screen, shown};
use fender_core::policy::{Action, CallerKind, Policy, preset};
use fender_core::rules::{Class, Decided, RULES, Rule, rule, unknown_rule};

/// Lists the rules, or shows one of them.
pub fn run(id: Option<&str>, environment: Option<&str>) -> Result<u8, Failure> {
    let screen = Screen::new(stdout().is_terminal());
    let text = match id {
        None => table(&screen),
        Some(id) => {
            let rule = rule(id).ok_or_else(|| Failure::user(unknown_rule(id)))?;
            page(rule, &screen) + &how_to_allow(rule, environment)?
        }
    };
    stdout().write_all(text.as_bytes())?;
    Ok(DONE)
}

/// What a class is for a person in dev, ci and prod, and for a script in prod. In dev and ci a script differs only in that nobody
/// answers a question.
pub fn actions(class: Class) -> [&'static str; 4] {
    use CallerKind::{Person, Script};
    [("dev", Person), ("ci", Person), ("prod", Person), ("prod", Script)]
        .map(|(name, caller)| preset(name).map_or("", |preset| caller.limited(preset.action(class, caller)).name()))
}

fn in_words(class: Class) -> String {
    let [dev, ci, prod, script] = actions(class);
    format!("dev {dev}, ci {ci}, prod {prod} (a script: {script})")
}

fn table(screen: &Screen) -> String {
    let mut out = String::new();
    for class in Class::ALL {
        let heading = format!("{}: {}", class.name(), class.meaning());
        let _ = writeln!(out, "{}\n{}", screen.bold(&heading), screen.dim(&format!("  {}", in_words(class))));
        for rule in RULES.iter().filter(|rule| rule.class == class) {
            let _ = writeln!(out, "  {:<26}{}", rule.id, rule.title);
        }
        out.push('\n');
    }
    out.push_str("fender rules ID shows one, with an example and how to allow it.\n");
    out
}

fn page(rule: &Rule, screen: &Screen) -> String {
    let mut out = format!("{}  {}\n\n", screen.bold(rule.id), rule.title);
    out.push_str(&screen.filled("  ", rule.why));
    let _ = writeln!(out, "\n  found      docker {}\n  not found  docker {}\n", rule.fires[0], rule.quiet[0]);
    if let Some(example) = rule.files.first() {
        for (what, text) in [("found", example.bad), ("not found", example.good)] {
            let _ = writeln!(out, "  {what} in a {}:", example.name);
            for line in text.lines() {
                let _ = writeln!(out, "    {line}");
            }
            out.push('\n');
        }
    }
    out.push_str(&screen.filled("  instead    ", rule.instead));
    let class = format!("{}: {}; {}", rule.class.name(), rule.class.meaning(), in_words(rule.class));
    out.push_str(&screen.filled("  class      ", &class));
    if !rule.references.is_empty() {
        out.push_str(&screen.filled("  see        ", &rule.references.join(", ")));
    }
    out
}

/// How a rule is allowed where it was found: in the environment of this engine or the one that was named, and in the file
/// whose word counts there.
fn how_to_allow(rule: &Rule, environment: Option<&str>) -> Result<String, Failure> {
    match rule.decided {
        Decided::AlwaysRefused => {
            return Ok("\n  Nothing allows it, neither a policy nor an answer. fender protect lists what is protected and why; fender unprotect\n  \
                       removes a lock.\n"
                .to_owned());
        }
        Decided::AlwaysNoted => {
            return Ok("\n  It is a note in every environment; no policy changes that.\n".to_owned());
        }
        Decided::ByPolicy => {}
    }
    let (policy, mut out) = match read_layers() {
        Ok(layers) => (Policy { layers }, String::new()),
        Err(problem) => {
            (Policy::default(), format!("\n  the policy cannot be used: {}\n", shown(&problem.to_string())))
        }
    };
    let environment = match environment {
        None => environment_here(&policy),
        Some(name) => environment_named(&policy, name)?,
    };
    let decision = policy.decide_in(rule, rule.class, &environment, &caller::here(CallerKind::Person, &policy));
    let by = decision.source.map_or_else(String::new, |source| format!(", set by {source}"));
    let (name, because) = (shown(&environment.name), shown(&environment.because));
    let _ = writeln!(out, "\n  here: {} in {name}{by} ({because})", decision.action);
    if decision.action == Action::Allow {
        return Ok(out);
    }
    // Which engine it is matters only to the system's file, which may know it under another name.
    let ways = match policy.layers.iter().any(|layer| layer.is_system) {
        true => {
            with_place(&policy, |place| {
                let is_here = policy.environment(place).name == environment.name;
                policy.allowing(rule, &environment, Some(place).filter(|_| is_here))
            })
            .1
        }
        false => policy.allowing(rule, &environment, None),
    };
    let Some(ways) = ways else {
        out.push_str("  No line of your own policy or the system's allows it: another user's policy binds root too.\n");
        return Ok(out);
    };
    let mut lead = "to allow it there, in";
    for lines in &ways {
        let (file, why) = match user_path().filter(|_| !lines.is_system) {
            Some(path) => (path.display().to_string(), ""),
            None => (SYSTEM.to_owned(), " (the system's policy decides here; a user's policy can only be stricter)"),
        };
        let _ = writeln!(out, "  {lead} {}{why}:\n", shown(&file));
        for line in lines.text.lines() {
            let _ = writeln!(out, "    {line}");
        }
        lead = "and, in";
    }
    Ok(out)
}

/// `docs/rules.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Rules\n\nMade from the rules' own declarations in `crates/core/src/rules/`; a test keeps it current. `fender rules ID` shows the same.\n\n| class | means | dev | ci | prod | prod, for a script |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for class in Class::ALL {
        let [dev, ci, prod, script] = actions(class);
        let _ = writeln!(out, "| {} | {} | {dev} | {ci} | {prod} | {script} |", class.name(), class.meaning());
    }
    out.push_str("\nFor a container that is removed when its command ends (`--rm`, not detached), findings of class hygiene are judged one step less strictly.\nWho the caller is, and what holds for scripts and agents, is in [policy.md](policy.md).\n");
    for class in Class::ALL {
        let _ = writeln!(out, "\n## {}", class.name());
        for rule in RULES.iter().filter(|rule| rule.class == class) {
            let _ = writeln!(out, "\n### {}\n\n{}. {}\n", rule.id, sentence(rule.title), rule.why);
            let _ = writeln!(out, "Instead: {}.\n", rule.instead.trim_end_matches('.'));
            let _ = writeln!(out, "| found | not found |\n| --- | --- |");
            for at in 0..rule.fires.len().max(rule.quiet.len()) {
                let cell = |list: &[&str]| {
                    list.get(at).map_or(String::new(), |line| format!("`docker {}`", line.replace('|', "\\|")))
                };
                let _ = writeln!(out, "| {} | {} |", cell(rule.fires), cell(rule.quiet));
            }
            for example in rule.files {
                let block = |text: &str| format!("```\n{text}```");
                let _ = writeln!(
                    out,
                    "\nFound in a {}:\n\n{}\n\nNot found:\n\n{}",
                    example.name,
                    block(example.bad),
                    block(example.good)
                );
            }
            if !rule.references.is_empty() {
                let _ = writeln!(out, "\nSee {}.", rule.references.join(", "));
            }
        }
    }
    out
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
