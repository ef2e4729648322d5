//! What the keys of a question would write: lines for ignore files, and exceptions for the caller's own policy.

use super::report::row;
use super::screen::{Screen, cut, list, shown};
use fender_core::judge::fixes::Fixes;

/// The lines that the key m adds to ignore files: `to .dockerignore: .env, id_rsa`, a long list with its number.
pub fn additions(fixes: &Fixes, screen: &Screen) -> String {
    const MOST: usize = 6;
    let mut out = String::new();
    for addition in &fixes.ignored {
        let is_new = if addition.before.is_none() { " (a new file)" } else { "" };
        let lines: Vec<String> = addition.lines.iter().take(MOST).map(|line| cut(&shown(line), 60)).collect();
        let more = addition.lines.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!("to {}{is_new}: {}{more}", shown(&addition.path), lines.join(", "));
        out.push_str(&row(screen, "m adds", &text));
    }
    out
}

/// The exceptions that the key a writes: `docker-socket: image traefik:3.1, environment dev`. Rules with the same keys stand together.
pub fn exceptions(fixes: &Fixes, screen: &Screen) -> String {
    let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
    for it in &fixes.exceptions {
        let said = it.said();
        match alike.iter_mut().find(|(keys, _)| *keys == said) {
            Some((_, rules)) => rules.push(it.rule),
            None => alike.push((said, vec![it.rule])),
        }
    }
    let line = |(keys, rules): &(String, Vec<&str>)| format!("{}: {keys}", list(rules));
    alike.iter().map(|it| row(screen, "a allows", &shown(&line(it)))).collect()
}
