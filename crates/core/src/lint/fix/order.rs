//! Copies the files that list the dependencies and installs them before the rest is copied. No file says for sure that the installation
//! reads nothing else, so this fix is never safe.

use std::ops::Range;

use super::{FileChange, Grade, Proposal, allowed, instructions, line_end, whole_lines};
use crate::files::dockerfile::{Directive, Dockerfile, Instruction};
use crate::host::Host;
use crate::lower::Build;
use crate::rules::{CACHE_BUSTING_ORDER, dependency_orders};

/// What names the dependencies is copied and installed before the rest.
pub(super) fn order(build: &Build, file: &Dockerfile, ignored: &[FileChange], host: &dyn Host) -> Vec<Proposal> {
    let Some(context) = &build.context else { return Vec::new() };
    let end = line_end(file);
    let mut proposals = Vec::new();
    for order in dependency_orders(build, file, host) {
        if allowed(file, &order.copy.span, CACHE_BUSTING_ORDER.id)
            || !installs_from_names_alone(&order.names, &context.folder, host)
        {
            continue;
        }
        let names_are_sent = {
            let mut wanted = context.clone();
            wanted.copied = None;
            let survey = host.survey(&wanted).unwrap_or_default();
            let own_modules = survey.files.iter().any(|file| file.path.starts_with("node_modules/"));
            let soon_ignored = ignored.iter().any(|change| {
                change
                    .after
                    .lines()
                    .any(|line| line.trim_end_matches('/') == "node_modules" || line == "**/node_modules")
            });
            order.names.iter().all(|name| survey.holds(name)) && (!own_modules || soon_ignored)
        };
        if !names_are_sent {
            continue;
        }
        let start = file.text.line_start(order.copy.span.start);
        let indent = &file.text.text[start..order.copy.span.start];
        let copy = order.first_copy();
        if order.only_installs {
            if !nothing_between(build, file, order.copy, order.run) {
                continue;
            }
            let run = &file.text.text[order.run.span.clone()];
            let edits = [
                (start..start, format!("{indent}{copy}{end}{indent}{run}{end}")),
                (whole_lines(file, &order.run.span), String::new()),
            ];
            proposals.push(proposal(file, &order.copy.span, &edits));
        } else if order.alone == "go mod download" {
            let edits = [(start..start, format!("{indent}{copy}{end}{indent}RUN {}{end}", order.alone))];
            proposals.push(proposal(file, &order.copy.span, &edits));
        }
    }
    proposals
}

fn proposal(file: &Dockerfile, span: &Range<usize>, edits: &[(Range<usize>, String)]) -> Proposal {
    let line = file.text.position(span.start).0;
    Proposal::new(CACHE_BUSTING_ORDER.id, &file.text.path, line, Grade::Unsafe, edits)
}

/// Whether the step can be moved before the copy: only what does not matter to it stands between.
fn nothing_between(build: &Build, file: &Dockerfile, copy: &Instruction, run: &Instruction) -> bool {
    instructions(build, file).filter(|it| it.span.start > copy.span.start && it.span.start < run.span.start).all(|it| {
        matches!(it.what, Directive::Other | Directive::Cmd(_) | Directive::Entrypoint(_) | Directive::Volume(_))
    })
}

/// Whether these files are enough: what they name is not in the folder itself, and no script of the folder runs.
fn installs_from_names_alone(names: &[String], folder: &str, host: &dyn Host) -> bool {
    names.iter().all(|name| {
        let Ok(bytes) = host.read(&format!("{}/{name}", folder.trim_end_matches('/'))) else { return false };
        let text = String::from_utf8_lossy(&bytes);
        let lines = || text.lines().map(str::trim);
        match name.as_str() {
            "package.json" => {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
                let runs = ["preinstall", "install", "postinstall", "prepare", "prepublish"];
                let scripts = runs.iter().any(|script| json["scripts"].get(script).is_some());
                json.is_object()
                    && !scripts
                    && json.get("workspaces").is_none()
                    && !text.contains("\"file:")
                    && !text.contains("\"link:")
                    && !text.contains("\"workspace:")
            }
            "go.mod" => !lines().any(|line| line.contains("=> .") || line.contains("=> /")),
            "Gemfile" => !lines()
                .any(|line| line.contains("path:") || line.starts_with("gemspec") || line.contains("eval_gemfile")),
            "pyproject.toml" | "Cargo.toml" | "pom.xml" | "composer.json" => false,
            name if name.ends_with(".gradle") || name.ends_with(".kts") || name.ends_with(".csproj") => false,
            name if name.ends_with(".txt") => !lines().any(|line| {
                line.starts_with("-r")
                    || line.starts_with("-e")
                    || line.starts_with("-c")
                    || line.starts_with('.')
                    || line.starts_with("file:")
                    || line.starts_with("--")
            }),
            _ => true,
        }
    })
}
