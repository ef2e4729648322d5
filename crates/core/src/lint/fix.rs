//! Mends what can be mended without changing what a file means, and keeps the rest of it to the byte. Pure: the new
//! texts are handed back.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use crate::engine::Lookup;
use crate::files::allowance::is_allowed;
use crate::files::context::Survey;
use crate::files::dockerfile::{self, CommandForm, Directive, Dockerfile, Given, Instruction};
use crate::files::ignore::Matcher;
use crate::files::text::Text;
use crate::grammar::values::reference;
use crate::host::Host;
use crate::lower::Build;
use crate::plan::Facts;
use crate::rules::{
    ADD_INSTEAD_OF_COPY, CACHE_BUSTING_ORDER, MUTABLE_TAG, PID1_SIGNALS, ROOT_USER, copies_plainly, dependency_orders,
    drops_root, is_root_user, replaces_itself,
};

/// A file before and after; it was not there where nothing is before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    pub path: String,
    pub before: Option<String>,
    pub after: String,
}

type TextEdit = (Range<usize>, String);

/// Every change that these builds allow.
pub fn changes(builds: &[Build], facts: &dyn Facts, host: &dyn Host) -> Vec<FileChange> {
    let mut changes: BTreeMap<String, FileChange> = BTreeMap::new();
    for build in builds {
        if let Some(change) = ignore_file(build, changes.values(), host) {
            changes.insert(change.path.clone(), change);
        }
    }
    let ignored: Vec<FileChange> = changes.values().cloned().collect();
    for build in builds {
        let Some(file) = build.file().filter(|_| build.problem.is_none()) else { continue };
        let path = file.text.path.clone();
        if changes.contains_key(&path) || !host.exists(&path) {
            continue;
        }
        let after = mended(build, file, &ignored, facts, host);
        if after != file.text.text {
            changes.insert(path.clone(), FileChange { path, before: Some(file.text.text.clone()), after });
        }
    }
    changes.into_values().collect()
}

/// One kind of mistake after the other, the file read again in between.
fn mended(build: &Build, file: &Dockerfile, ignored: &[FileChange], facts: &dyn Facts, host: &dyn Host) -> String {
    let mut build = build.clone();
    let mut text = file.text.text.clone();
    type Pass<'a> = &'a dyn Fn(&Build, &Dockerfile) -> Vec<TextEdit>;
    let order: Pass = &|build, file| order(build, file, ignored, host);
    let digests: Pass = &|build, file| digests(build, file, facts);
    let user: Pass = &|build, file| user(build, file, facts);
    let passes: [Pass; 5] = [&copies, &exec_form, order, user, digests];
    for pass in passes {
        let current = dockerfile::read(&Text::new(file.text.path.clone(), text.clone()), &Given::default());
        if current.problem.is_some() || current.stages.len() != file.stages.len() {
            return file.text.text.clone();
        }
        let edits = pass(&build, &current);
        build.dockerfile = Some(Rc::new(current));
        let changed = apply(&text, edits);
        // What docker would not take is no mending.
        let again = dockerfile::read(&Text::new(file.text.path.clone(), changed.clone()), &Given::default());
        if again.problem.is_none() && again.stages.len() == file.stages.len() {
            text = changed;
        }
    }
    text
}

fn apply(text: &str, mut edits: Vec<TextEdit>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let mut out = text.to_owned();
    for (span, with) in edits.into_iter().rev() {
        out.replace_range(span, &with);
    }
    out
}

/// How lines end in this file.
fn line_end(file: &Dockerfile) -> &'static str {
    if file.text.text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Instructions of the stages that are built.
fn instructions<'a>(build: &'a Build, file: &'a Dockerfile) -> impl Iterator<Item = &'a Instruction> {
    build.needed.iter().flat_map(|stage| &file.stages[*stage].instructions)
}

fn allowed(file: &Dockerfile, span: &Range<usize>, id: &str) -> bool {
    is_allowed(&file.place(span), id)
}

/// `ADD` of plain files.
fn copies(build: &Build, file: &Dockerfile) -> Vec<TextEdit> {
    instructions(build, file)
        .filter(|instruction| {
            copies_plainly(&instruction.what) && !allowed(file, &instruction.keyword, ADD_INSTEAD_OF_COPY.id)
        })
        .map(|instruction| (instruction.keyword.clone(), "COPY".to_owned()))
        .collect()
}

/// Shell form, where the words mean the same without a shell.
fn exec_form(build: &Build, file: &Dockerfile) -> Vec<TextEdit> {
    let entrypoint = file
        .last(build.stage, |it| if let Directive::Entrypoint(command) = &it.what { Some((command, it)) } else { None });
    let command =
        file.last(build.stage, |it| if let Directive::Cmd(command) = &it.what { Some((command, it)) } else { None });
    let shell = file.last(build.stage, |it| matches!(it.what, Directive::Shell(_)).then_some(()));
    // Of two, the second is handed to the first in one form and left out in the other.
    let (command, instruction) = match (entrypoint, command) {
        (Some(first), None) | (None, Some(first)) => first,
        _ => return Vec::new(),
    };
    let CommandForm::Shell(script, span) = command else { return Vec::new() };
    let own = file.stages[build.stage].instructions.iter().any(|it| std::ptr::eq(it, instruction));
    if shell.is_some() || !own || replaces_itself(script) || allowed(file, &instruction.keyword, PID1_SIGNALS.id) {
        return Vec::new();
    }
    let Some(words) = plain_words(script) else { return Vec::new() };
    let list: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    vec![(span.clone(), format!("[{}]", list.join(", ")))]
}

/// The words of a command in which a shell has nothing to do.
fn plain_words(script: &str) -> Option<Vec<String>> {
    const SHELL: &[char] =
        &['$', '`', ';', '&', '|', '<', '>', '(', ')', '{', '}', '*', '?', '[', ']', '~', '#', '!', '\\', '\n'];
    const BUILTIN: &[&str] = &[
        "cd", "export", "set", "source", ".", "exec", "umask", "ulimit", "eval", "read", "trap", "if", "for", "while",
        "until", "case", "wait", "unset", "alias", "time", ":", "return", "exit", "shift", "type", "command",
        "function",
    ];
    let mut quote: Option<char> = None;
    for letter in script.chars() {
        let means_something = match quote {
            None => SHELL.contains(&letter),
            Some('"') => matches!(letter, '$' | '`' | '\\' | '!'),
            Some(_) => false,
        };
        if means_something {
            return None;
        }
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            _ => {}
        }
    }
    let words = shell_words::split(script).ok().filter(|words| !words.is_empty())?;
    let first = &words[0];
    (!first.contains('=') && !BUILTIN.contains(&first.as_str())).then_some(words)
}

/// What names the dependencies is copied and installed before the rest.
fn order(build: &Build, file: &Dockerfile, ignored: &[FileChange], host: &dyn Host) -> Vec<TextEdit> {
    let Some(context) = &build.context else { return Vec::new() };
    let end = line_end(file);
    let mut edits = Vec::new();
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
            edits.push((start..start, format!("{indent}{copy}{end}{indent}{run}{end}")));
            edits.push((whole_lines(file, &order.run.span), String::new()));
        } else if order.alone == "go mod download" {
            edits.push((start..start, format!("{indent}{copy}{end}{indent}RUN {}{end}", order.alone)));
        }
    }
    edits
}

/// The lines of an instruction, with the end of the last one.
fn whole_lines(file: &Dockerfile, span: &Range<usize>) -> Range<usize> {
    let text = &file.text.text;
    let start = file.text.line_start(span.start);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
    start..end
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

/// A user of its own for the last stage, and from then on that one.
fn user(build: &Build, file: &Dockerfile, facts: &dyn Facts) -> Vec<TextEdit> {
    let stage = &file.stages[build.stage];
    let said = file.last(build.stage, |it| if let Directive::User(user) = &it.what { Some((user, it)) } else { None });
    let first = &file.stages[file.line(build.stage).last().copied().unwrap_or(build.stage)];
    let needless = match said {
        Some((user, _)) => !is_root_user(&user.text),
        None => match facts.image(&first.image) {
            Lookup::Found(image) => !image.user.is_empty() && !is_root_user(&image.user),
            _ => ["nonroot", "unprivileged", "rootless"].iter().any(|word| first.image.contains(word)),
        },
    };
    let place = said.map_or(&stage.base.span, |(user, _)| &user.span);
    if needless || allowed(file, place, ROOT_USER.id) || drops_root(file, build.stage) {
        return Vec::new();
    }
    let end = line_end(file);
    let shell_less = first.image == "scratch"
        || ["distroless", "/static", "chainguard"].iter().any(|word| first.image.contains(word));
    let name = if shell_less { "10001:10001" } else { "app" };
    // Works wherever there is a shell: not every image has a program for it.
    let make =
        "RUN echo 'app:x:10001:10001::/nonexistent:/sbin/nologin' >> /etc/passwd && echo 'app:x:10001:' >> /etc/group";
    let lines = if shell_less { format!("USER {name}{end}") } else { format!("{make}{end}USER {name}{end}") };
    // Behind the last step that may need root.
    let last = stage.instructions.iter().rfind(|it| {
        matches!(
            it.what,
            Directive::Run(_)
                | Directive::Copy { .. }
                | Directive::Workdir(_)
                | Directive::Volume(_)
                | Directive::User(_)
                | Directive::Env(_)
                | Directive::Arg(_)
        )
    });
    let text = &file.text.text;
    let mut edits = Vec::new();
    let mut at = match last {
        Some(last) => whole_lines(file, &last.span).end,
        None => text[stage.base.span.end..].find('\n').map_or(text.len(), |at| stage.base.span.end + at + 1),
    };
    // A last `USER root` gives way to it.
    if let Some((_, instruction)) = said
        && last.is_some_and(|last| std::ptr::eq(last, instruction))
    {
        let lines = whole_lines(file, &instruction.span);
        at = lines.start;
        edits.push((lines, String::new()));
    }
    let before = if at == text.len() && !text.ends_with('\n') { end } else { "" };
    if let Some((span, with)) = edits.last_mut().filter(|(span, _)| span.start == at) {
        let _ = span;
        with.push_str(&lines);
    } else {
        edits.push((at..at, format!("{before}{lines}")));
    }
    edits
}

/// The digest that the engine knows for a tag that moves.
fn digests(build: &Build, file: &Dockerfile, facts: &dyn Facts) -> Vec<TextEdit> {
    let mut edits = Vec::new();
    for stage in build.needed.iter().map(|stage| &file.stages[*stage]).filter(|stage| stage.parent.is_none()) {
        let written = &file.text.text[stage.base.span.clone()];
        if written.contains('$') || build.is_own(&stage.image) || allowed(file, &stage.base.span, MUTABLE_TAG.id) {
            continue;
        }
        let Ok(parsed) = reference(&stage.image) else { continue };
        if parsed.digest.is_some() || parsed.tag_or_latest() != Some("latest") {
            continue;
        }
        let Lookup::Found(image) = facts.image(&stage.image) else { continue };
        let prefix = format!("{}@", parsed.familiar());
        let Some(digest) = image.digests.iter().find_map(|digest| digest.strip_prefix(&prefix)) else { continue };
        edits.push((stage.base.span.clone(), format!("{written}@{digest}")));
    }
    edits
}

/// The ignore file, written or completed for what was found in the context.
fn ignore_file<'a>(build: &Build, before: impl Iterator<Item = &'a FileChange>, host: &dyn Host) -> Option<FileChange> {
    let wanted = build.context.as_ref()?;
    let survey = host.survey(wanted).ok()?;
    let patterns = new_patterns(build, &survey);
    let folder = wanted.folder.trim_end_matches('/');
    let path = match &survey.ignore {
        Some(path) => shown(path.to_string_lossy().as_ref(), host),
        None if folder == "." || folder.is_empty() => ".dockerignore".to_owned(),
        None => format!("{folder}/.dockerignore"),
    };
    let path = shown(&path, host);
    let known = before.into_iter().find(|change| change.path == path);
    let current = match known {
        Some(change) => Some(change.after.clone()),
        None => match host.read(&path) {
            Ok(bytes) => Some(String::from_utf8(bytes).ok()?),
            Err(_) => None,
        },
    };
    let mut after = current.clone().unwrap_or_default();
    let end = if after.contains("\r\n") { "\r\n" } else { "\n" };
    let missing: Vec<&String> =
        patterns.iter().filter(|pattern| !after.lines().any(|line| line.trim() == pattern.as_str())).collect();
    if missing.is_empty() {
        return None;
    }
    if !after.is_empty() && !after.ends_with('\n') {
        after.push_str(end);
    }
    for pattern in missing {
        after.push_str(pattern);
        after.push_str(end);
    }
    let before = known.map_or(current, |change| change.before.clone());
    Some(FileChange { path, before, after })
}

/// A path below the working directory without it.
fn shown(path: &str, host: &dyn Host) -> String {
    let here = format!("{}/", host.directory());
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

/// What is to be ignored: secrets, and what is made again; never what the Dockerfile copies by name.
fn new_patterns(build: &Build, survey: &Survey) -> Vec<String> {
    let sources: Vec<String> = build
        .file()
        .into_iter()
        .flat_map(|file| build.needed.iter().flat_map(|stage| &file.stages[*stage].instructions))
        .filter_map(|instruction| match &instruction.what {
            Directive::Copy { from: None, sources, .. } => Some(sources),
            _ => None,
        })
        .flatten()
        .map(|source| crate::files::ignore::clean(&format!("/{}", source.text)).trim_start_matches('/').to_owned())
        .filter(|source| !matches!(source.as_str(), "" | "*"))
        .collect();
    let is_named = |path: &str| {
        let path = path.trim_end_matches('/');
        sources.iter().any(|source| {
            let one = Matcher::new(&[(0, source.clone())]).unwrap_or_default();
            one.matches_alone(path) || source.starts_with(&format!("{path}/"))
        })
    };
    let mut patterns: Vec<String> = survey.secrets.iter().map(|(path, _)| path.clone()).collect();
    patterns.extend(survey.needless().into_iter().map(|entry| entry.path.trim_end_matches('/').to_owned()));
    patterns.retain(|path| !is_named(path));
    let mut patterns: Vec<String> = patterns.iter().filter_map(|path| literal(path)).collect();
    // One line for the same name in many folders.
    for name in ["node_modules", "__pycache__"] {
        if patterns.iter().filter(|pattern| pattern.rsplit('/').next() == Some(name)).count() > 1 {
            patterns.retain(|pattern| pattern.rsplit('/').next() != Some(name));
            patterns.push(format!("**/{name}"));
        }
    }
    patterns.sort();
    patterns.dedup();
    patterns
}

/// A pattern that matches this path and nothing else; None where there is none.
fn literal(path: &str) -> Option<String> {
    // An exclamation mark at the start would be an exception, whatever stands before it.
    if path.starts_with('!') || path.contains(['\n', '\r']) || path.trim() != path {
        return None;
    }
    let mut out = if path.starts_with('#') { "./".to_owned() } else { String::new() };
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_with_nothing_to_do() {
        assert_eq!(
            plain_words("httpd -f -p 8080"),
            Some(vec!["httpd".into(), "-f".into(), "-p".into(), "8080".into()])
        );
        assert_eq!(plain_words("nginx -g 'daemon off;'").unwrap(), ["nginx", "-g", "daemon off;"]);
        assert_eq!(plain_words("echo \"$A\""), None);
        assert_eq!(plain_words("echo 'a b' \"c\"").unwrap(), ["echo", "a b", "c"]);
        for script in ["a && b", "echo $HOME", "cd /x", "A=1 b", "a > b", "exec a", "a *.txt", "", "a # b"] {
            assert_eq!(plain_words(script), None, "{script}");
        }
    }

    #[test]
    fn patterns_for_paths() {
        assert_eq!(literal("a/[b]*").as_deref(), Some("a/\\[b\\]\\*"));
        assert_eq!(literal("#a").as_deref(), Some("./#a"));
        assert_eq!(literal("!a"), None);
    }
}
