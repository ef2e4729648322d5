//! `fender rules [ID]`, and the same texts as `docs/rules.md`.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr, stdout};

use crate::ui::screen::Screen;
use fender_core::policy::preset;
use fender_core::rules::{Class, RULES, Rule, rule};

pub fn run(id: Option<&str>) -> u8 {
    let screen = Screen::new(stdout().is_terminal());
    let text = match id {
        None => table(&screen),
        Some(id) => match rule(id) {
            Some(rule) => page(rule, &screen),
            None => {
                let near: Vec<&str> =
                    RULES.iter().map(|rule| rule.id).filter(|known| known.contains(id) || id.contains(known)).collect();
                let hint = if near.is_empty() {
                    "fender rules lists them".to_owned()
                } else {
                    format!("did you mean {}?", near.join(", "))
                };
                let _ = writeln!(stderr(), "fender: there is no rule {id:?}: {hint}");
                return super::USAGE;
            }
        },
    };
    let _ = stdout().write_all(text.as_bytes());
    0
}

fn actions(class: Class) -> [&'static str; 3] {
    ["dev", "ci", "prod"].map(|name| preset(name).map_or("", |preset| preset.action(class).name()))
}

fn table(screen: &Screen) -> String {
    let mut out = String::new();
    for class in Class::ALL {
        let [dev, ci, prod] = actions(class);
        let heading = format!("{}: {}", class.name(), class.meaning());
        let _ =
            writeln!(out, "{}\n{}", screen.bold(&heading), screen.dim(&format!("  dev {dev}, ci {ci}, prod {prod}")));
        for rule in RULES.iter().filter(|rule| rule.class == class) {
            let _ = writeln!(out, "  {:<26}{}", rule.id, rule.title);
        }
        out.push('\n');
    }
    out.push_str("fender rules ID shows one, with an example and how to allow it.\n");
    out
}

fn page(rule: &Rule, screen: &Screen) -> String {
    let [dev, ci, prod] = actions(rule.class);
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
    let class = format!("{}: {}; dev {dev}, ci {ci}, prod {prod}", rule.class.name(), rule.class.meaning());
    out.push_str(&screen.filled("  class      ", &class));
    if !rule.references.is_empty() {
        out.push_str(&screen.filled("  see        ", &rule.references.join(", ")));
    }
    let _ = write!(
        out,
        "\n  to allow it where you work, in ~/.config/fender/policy.toml (for everybody, and not to be weakened, in\n  /etc/fender/policy.toml):\n\n    [environments.dev.rules]\n    {} = \"allow\"\n",
        rule.id
    );
    out
}

/// `docs/rules.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Rules\n\nMade from the rules' own declarations in `crates/core/src/rules/`; a test keeps it current. `fender rules ID` shows the same.\n\n| class | means | dev | ci | prod |\n| --- | --- | --- | --- | --- |\n",
    );
    for class in Class::ALL {
        let [dev, ci, prod] = actions(class);
        let _ = writeln!(out, "| {} | {} | {dev} | {ci} | {prod} |", class.name(), class.meaning());
    }
    out.push_str("\nA container that goes away with its command (`--rm`, not detached) is judged one step milder in class hygiene.\n");
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
