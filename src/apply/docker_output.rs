//! The output that docker would print, in docker's words and format, so that scripts that read it keep working.
//! docker/cli `cli/command/*/prune.go`, `remove.go`; buildx `commands/prune.go`; compose's plain progress.

use std::fmt::Write as _;

use super::{Cause, ItemOutcome, Outcome, typed_names};
use fender_core::plan::freed::total;
use fender_core::plan::{Item, ObjectKind, Plan, Step};

/// Both streams, and the exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovalMessages {
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
    /// The exit code that docker would have.
    pub code: u8,
}

impl RemovalMessages {
    /// For a command, such as `system prune`.
    pub fn of(command: &str, plan: &Plan, outcome: &Outcome) -> RemovalMessages {
        let mut words = RemovalMessages::default();
        match command.rsplit_once(' ').map_or(command, |(_, last)| last) {
            _ if command.starts_with("compose ") => words.compose(plan, outcome),
            "prune" if command.starts_with("build") => words.cache_table(plan, outcome),
            "prune" => words.pruned(command, plan, outcome),
            _ if command.starts_with("stack ") => words.stack(plan, outcome),
            _ => words.removed(plan, outcome),
        }
        words
    }

    fn line(&mut self, text: &str) {
        self.output.push_str(text);
        self.output.push('\n');
    }

    /// What the engine itself answered.
    fn error(&mut self, text: &str) {
        let _ = writeln!(self.errors, "Error response from daemon: {text}");
        self.code = 1;
    }

    /// Why something named is still there that the engine was not asked to delete.
    fn left(&mut self, kind: &str, name: &str, why: &str) {
        let (name, why) = (crate::ui::screen::shown(name), crate::ui::screen::shown(why));
        let _ = writeln!(self.errors, "fender: not deleted: {kind} {name}: {why}");
        self.code = 1;
    }

    fn pruned(&mut self, command: &str, plan: &Plan, outcome: &Outcome) {
        let gone = |kind: ObjectKind| {
            plan.deletes.iter().enumerate().filter(move |(at, item)| item.kind == kind && outcome.gone(*at))
        };
        for (kind, head) in [
            (ObjectKind::Container, "Deleted Containers:"),
            (ObjectKind::Network, "Deleted Networks:"),
            (ObjectKind::Volume, "Deleted Volumes:"),
        ] {
            let text = |item: &Item| if kind == ObjectKind::Container { item.id.clone() } else { item.name.clone() };
            let lines: Vec<String> = gone(kind).map(|(_, item)| text(item)).collect();
            self.section(head, &lines);
        }
        let mut lines = Vec::new();
        for (at, item) in plan.deletes.iter().enumerate() {
            if matches!(item.kind, ObjectKind::Image | ObjectKind::Tag) {
                let said = outcome.said.get(&at).into_iter().flatten();
                lines.extend(said.map(|(key, text)| format!("{}: {text}", key.to_lowercase())));
            }
        }
        self.section("Deleted Images:", &lines);
        let lines: Vec<String> = gone(ObjectKind::BuildCache).map(|(_, item)| item.id.clone()).collect();
        self.section("Deleted build cache objects:", &lines);
        if command != "network prune" {
            let _ = writeln!(self.output, "Total reclaimed space: {}", human(reclaimed(plan, outcome)));
        }
    }

    fn section(&mut self, head: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        self.line(head);
        for line in lines {
            self.line(line);
        }
        self.line("");
    }

    /// `builder prune` and `buildx prune`.
    fn cache_table(&mut self, plan: &Plan, outcome: &Outcome) {
        let gone: Vec<&Item> =
            plan.deletes.iter().enumerate().filter(|(at, _)| outcome.gone(*at)).map(|(_, item)| item).collect();
        if !gone.is_empty() {
            self.line("ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED");
        }
        for item in &gone {
            let size = human(item.size.unwrap_or(0));
            let used = item.used.map_or_else(String::new, |used| since(crate::trash::now() - used));
            let _ = writeln!(self.output, "{:<40}\t{:<5}\t{size:<10}\t{used}", item.id, "true");
        }
        let _ = writeln!(self.output, "Total:\t{}", human(total(gone.iter().filter_map(|item| item.size))));
    }

    /// Commands that name what goes: in their order, each by the name it was typed with.
    fn removed(&mut self, plan: &Plan, outcome: &Outcome) {
        let typed = typed_names(plan);
        for (step, what) in plan.steps.iter().enumerate() {
            let Some(name) = typed.get(&step) else { continue };
            let mine: Vec<usize> = (0..plan.deletes.len())
                .filter(|at| {
                    plan.deletes[*at].step == step && plan.deletes[*at].kind != ObjectKind::Volume
                        || is_volume(what, &plan.deletes[*at], step)
                })
                .collect();
            let failed = mine.iter().map(|at| &outcome.items[*at]).find(|ended| **ended != ItemOutcome::Gone);
            let skipped = plan.skipped.iter().find(|it| it.step == step && !it.protected);
            match (failed, skipped) {
                (Some(ItemOutcome::WasGone), _) => self.not_there(what, name, step, outcome),
                (Some(ended), _) => match ended.engine_said() {
                    Some(text) => self.error(text),
                    // Why it was left is said once for every object.
                    None => self.code = 1,
                },
                (None, Some(it)) if it.reason.to_lowercase().starts_with("no such") => {
                    let code = self.code;
                    self.not_there(what, name, step, outcome);
                    if matches!(what, Step::Container { force: true, .. } | Step::Image { force: true, .. }) {
                        self.code = code;
                    }
                }
                (None, Some(it)) => self.left(it.kind.name(), name, &it.reason),
                (None, None) if matches!(what, Step::Image { .. }) => {
                    for at in &mine {
                        for (key, text) in outcome.said.get(at).into_iter().flatten() {
                            let _ = writeln!(self.output, "{key}: {text}");
                        }
                    }
                }
                // An earlier word named the same object.
                (None, None) if mine.is_empty() && !matches!(what, Step::Volume { force: true, .. }) => {
                    self.not_there(what, name, step, outcome);
                }
                (None, None) => self.line(name),
            }
        }
        let networks = plan.steps.iter().any(|step| matches!(step, Step::Network { .. }));
        if networks && self.code != 0 {
            // docker/cli `cli/command/network/remove.go` ends with the status itself for a message.
            self.errors.push_str("exit status 1\n");
        }
    }

    /// A name for which nothing went, in the engine's words.
    fn not_there(&mut self, what: &Step, name: &str, step: usize, outcome: &Outcome) {
        match outcome.missing.get(&step) {
            Some(text) => self.error(text),
            None => self.left(kind_of(what), name, "it was not there when the list was made"),
        }
    }

    fn stack(&mut self, plan: &Plan, outcome: &Outcome) {
        for kind in [ObjectKind::Service, ObjectKind::Secret, ObjectKind::Config, ObjectKind::Network] {
            for (at, item) in plan.deletes.iter().enumerate().filter(|(_, item)| item.kind == kind) {
                self.line(&format!("Removing {} {}", kind.name(), item.name));
                if let Some(why) = outcome.items[at].why() {
                    let _ = writeln!(self.errors, "Failed to remove {} {}: {why}", kind.name(), item.id);
                    self.code = 1;
                }
            }
        }
        for it in &plan.skipped {
            if it.reason.starts_with("nothing found") {
                let _ = writeln!(self.errors, "Nothing found in stack: {}", it.name);
            }
        }
    }

    /// Compose speaks on standard error; its lines came while it was done.
    fn compose(&mut self, plan: &Plan, outcome: &Outcome) {
        for (item, ended) in outcome.left(plan) {
            if let ItemOutcome::Failed(Cause::Engine(why)) = ended
                && !matches!(item.kind, ObjectKind::Network | ObjectKind::Volume | ObjectKind::Image | ObjectKind::Tag)
            {
                self.error(why);
            }
        }
    }
}

/// What compose says of one object: `Container demo-web-1  Removed`, and what comes before it.
pub fn compose_lines(item: &Item, item_outcome: &ItemOutcome) -> Option<String> {
    let (what, steps): (&str, &[&str]) = match item.kind {
        ObjectKind::Container => ("Container", &["Stopping", "Stopped", "Removing"]),
        ObjectKind::Network => ("Network", &["Removing"]),
        ObjectKind::Volume if item.name.len() != 64 => ("Volume", &["Removing"]),
        ObjectKind::Image => ("Image", &["Removing"]),
        _ => return None,
    };
    let end = match item_outcome {
        ItemOutcome::Gone | ItemOutcome::WasGone => "Removed",
        ItemOutcome::Left(_) | ItemOutcome::InUse(_) | ItemOutcome::Failed(_) => "Resource is still in use",
    };
    let name = crate::ui::screen::shown(&item.name);
    Some(steps.iter().chain(&[end]).map(|how| format!(" {what} {name}  {how}\n")).collect())
}

fn is_volume(step: &Step, item: &Item, at: usize) -> bool {
    matches!(step, Step::Volume { .. }) && item.step == at && item.kind == ObjectKind::Volume
}

fn kind_of(step: &Step) -> &'static str {
    match step {
        Step::Volume { .. } => "volume",
        Step::Network { .. } => "network",
        Step::Image { .. } => "image",
        Step::Service { .. } => "service",
        Step::Secret { .. } => "secret",
        Step::Config { .. } => "config",
        _ => "container",
    }
}

/// Bytes that the objects which went freed.
pub fn reclaimed(plan: &Plan, outcome: &Outcome) -> i64 {
    total(plan.deletes.iter().enumerate().filter(|(at, _)| outcome.gone(*at)).map(|(_, item)| item.frees))
}

/// docker/go-units `HumanSize`: four digits, in steps of 1000.
fn human(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    let before = if size >= 1000.0 {
        4
    } else if size >= 100.0 {
        3
    } else if size >= 10.0 {
        2
    } else {
        1
    };
    let text = format!("{size:.*}", 4 - before);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}

/// docker/go-units `HumanDuration`, with `ago`.
fn since(seconds: i64) -> String {
    let text = match seconds {
        i64::MIN..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{} minutes", seconds / 60),
        3600..7200 => "About an hour".to_owned(),
        7200..172_800 => format!("{} hours", seconds / 3600),
        172_800..1_209_600 => format!("{} days", seconds / 86_400),
        1_209_600..5_184_000 => format!("{} weeks", seconds / 604_800),
        5_184_000..63_072_000 => format!("{} months", seconds / 2_592_000),
        _ => format!("{} years", seconds / 31_536_000),
    };
    format!("{text} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dockers() {
        for (bytes, text) in [
            (0, "0B"),
            (56, "56B"),
            (1000, "1kB"),
            (1234, "1.234kB"),
            (12_345, "12.35kB"),
            (2_746_000, "2.746MB"),
            (999_000_000, "999MB"),
            (31_400_000_000, "31.4GB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
