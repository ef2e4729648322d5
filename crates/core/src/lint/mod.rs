//! What is wrong in the files below a folder, before any command uses them: each file is judged by the command that
//! would use it, with the same rules.

mod baseline;
mod changed;
mod extent;
pub mod fix;
pub mod formats;
mod grouped;
mod looking;
mod reported;

use crate::order::PutInOrder as _;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use crate::files::allowance::allowance;
use crate::files::dockerfile::Dockerfile;
use crate::files::ignore::{self, Matcher};
use crate::files::text::{FileProblem, Place, Text};
use crate::grammar::parse::{Builder, Unknown, parse};
use crate::host::Host;
use crate::lookup::Lookup;
use crate::lower::{Build, Effect, Lowered, OwnReading, UNREAD, lower, model_words, with_files, without_compose};
use crate::plan::Facts;
pub use crate::policy::{Level, LevelSetting};
use crate::rules::{Case, Class, Finding, NOT_UNDERSTOOD, Offers, READS_HOST_FILE, Seen, check, rule, unknown_rule};
use crate::target::Target;
use crate::text::{named, part};
pub use baseline::{Baseline, BaselineEntry};
pub use changed::{ChangedPart, FileChanges};
pub use extent::{extent, stage};
pub use grouped::grouped;
pub use looking::{Looking, SOME_HOME};
pub use reported::{PathRoot, Reported, digest, reported};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A Dockerfile or Containerfile.
    Dockerfile,
    /// An ignore file.
    Ignore,
    /// A compose file.
    Compose,
    /// A bake file.
    Bake,
}

/// What was found below some paths.
#[derive(Default)]
pub struct Report {
    /// Every one has a place.
    pub findings: Vec<Finding>,
    /// What comments in the files allow, of the same form.
    pub allowed: Vec<Finding>,
    /// How many files were looked at.
    pub files: usize,
    /// What can be built, for fixes: its Dockerfile's path and all that is known of it.
    pub builds: Vec<Build>,
}

impl Report {
    /// The same where no comment allows anything: for a check that does not trust who wrote the files.
    pub fn without_allowances(mut self) -> Report {
        self.findings.append(&mut self.allowed);
        self.findings.put_in_order_by_key(position);
        self
    }
}

/// Endings of files that are about Dockerfiles, or make them, and are none.
const NO_DOCKERFILE: &[&str] = &[
    "j2",
    "jinja",
    "jinja2",
    "template",
    "tmpl",
    "tpl",
    "in",
    "erb",
    "ejs",
    "mustache",
    "md",
    "rst",
    "adoc",
    "txt",
    "html",
    "bak",
    "orig",
    "rej",
    "old",
    "swp",
    "go",
    "rs",
    "py",
    "rb",
    "js",
    "ts",
    "java",
    "kt",
    "php",
    "c",
    "h",
    "cpp",
    "sh",
    "json",
    "yaml",
    "yml",
    "toml",
    "xml",
    "lock",
    "log",
    "sum",
    "png",
    "svg",
    "vim",
    "lua",
    "nanorc",
    "tmlanguage",
    "tmpreferences",
    "tmsnippet",
    "snippets",
];

/// The kind of a file by its name; None for another. `dockerfile.rs` and the like are source code, so names with an ending
/// begin with a capital letter, as docker's documentation writes them, and templates and texts have endings of their own.
pub fn kind_of(name: &str) -> Option<FileKind> {
    let lower = name.to_lowercase();
    let yaml = lower.strip_suffix(".yaml").or_else(|| lower.strip_suffix(".yml"));
    if lower.ends_with(".dockerignore") {
        return Some(FileKind::Ignore);
    }
    let is_other = lower.rsplit_once('.').is_some_and(|(_, end)| NO_DOCKERFILE.contains(&end));
    let is_variant = ["Dockerfile", "Containerfile"]
        .iter()
        .filter_map(|known| name.strip_prefix(known))
        .any(|rest| rest.len() > 1 && rest.starts_with(['.', '-', '_']));
    let is_small = ["dockerfile", "containerfile"]
        .iter()
        .filter_map(|known| name.strip_prefix(known))
        .any(|rest| rest.len() > 1 && rest.starts_with(['-', '_']) && !rest.contains('.'));
    if matches!(lower.as_str(), "dockerfile" | "containerfile")
        || (is_variant || is_small) && !is_other
        || lower.ends_with(".dockerfile")
    {
        return Some(FileKind::Dockerfile);
    }
    let is_compose = |stem: &str| {
        let known = ["docker-compose", "compose"].iter().find_map(|known| stem.strip_prefix(known));
        known.is_some_and(|rest| rest.is_empty() || rest.len() > 1 && rest.starts_with(['.', '-', '_']))
    };
    if yaml.is_some_and(is_compose) {
        return Some(FileKind::Compose);
    }
    let bake = ["docker-bake.hcl", "docker-bake.json", "docker-bake.override.hcl", "docker-bake.override.json"];
    bake.contains(&lower.as_str()).then_some(FileKind::Bake)
}

/// The kind of a file by what stands in it; None where it looks like none.
pub fn kind_of_text(text: &str) -> Option<FileKind> {
    let begins = |word: &str| text.lines().any(|line| line.trim_start().to_lowercase().starts_with(word));
    match () {
        () if begins("services:") => Some(FileKind::Compose),
        () if begins("from ") => Some(FileKind::Dockerfile),
        () if begins("target ") => Some(FileKind::Bake),
        () => None,
    }
}

/// Judges all of them. What `host` has looked at already is not looked at again.
pub fn lint(files: &[(String, FileKind)], facts: &dyn Facts, host: &Looking<'_>) -> Report {
    let mut report = Report { files: files.len(), ..Report::default() };
    let mut known = Known { paths: files.iter().map(|(path, _)| path.as_str()).collect(), ..Known::default() };
    let of = |kind: FileKind| files.iter().filter(move |(_, other)| *other == kind).map(|(path, _)| path.as_str());
    for path in of(FileKind::Ignore) {
        report.findings.extend(ignore_problem(path, host));
    }
    let compose: Vec<(&str, Vec<String>)> =
        of(FileKind::Compose).map(|path| (path, compose_words(path, &known.paths, host))).collect();
    let models =
        compose.iter().filter_map(|(_, words)| model_words(&parse(words, Unknown::Refuse, &|| Builder::Buildx)));
    facts.begin_printed(&models.collect::<Vec<_>>(), host);
    for (path, words) in &compose {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(&words, path, host, facts, &mut report, &mut known);
    }
    for path in of(FileKind::Bake) {
        let targets = targets_without_default(path, host);
        let words: Vec<&str> =
            ["buildx", "bake", "-f", path].into_iter().chain(targets.iter().map(String::as_str)).collect();
        run(&words, path, host, facts, &mut report, &mut known);
    }
    for path in of(FileKind::Dockerfile) {
        if known.built.contains(&host.resolve(path)) {
            continue;
        }
        let folder = path.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder });
        run(&["buildx", "build", "-f", path, folder], path, host, facts, &mut report, &mut known);
    }
    let mut builds_of: HashMap<String, Vec<usize>> = HashMap::new();
    for (build, at) in report.builds.iter().zip(0..) {
        if let Some(path) = &build.path {
            builds_of.entry(host.resolve(path)).or_default().push(at);
        }
    }
    for path in of(FileKind::Dockerfile) {
        let builds = builds_of.get(&host.resolve(path)).map_or(&[][..], Vec::as_slice);
        other_targets(path, builds, host, facts, &mut report, &mut known);
    }
    together(&mut report.findings);
    quiet(&mut report, files.iter().map(|(path, _)| path.as_str()), host);
    report.findings.put_in_order_by_key(position);
    report
}

/// Makes one finding of those that services have in common, because they share the lines that an anchor names; all services are named.
fn together(findings: &mut Vec<Finding>) {
    type Line = (&'static str, String, String, usize, usize);
    let mut known: HashMap<Line, (usize, Vec<String>)> = HashMap::new();
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings.drain(..) {
        let service = |place: &Place| place.of.as_ref()?.strip_prefix("service ").map(str::to_owned);
        let place = finding.places.first();
        let key = place.and_then(|place| {
            let service = service(place)?;
            let span = (place.span.start, place.span.end);
            Some(((finding.rule.id, finding.title.clone(), place.path().to_owned(), span.0, span.1), service))
        });
        let Some((line, service)) = key else {
            kept.push(finding);
            continue;
        };
        match known.get_mut(&line) {
            Some((_, services)) => services.push(service),
            None => {
                known.insert(line, (kept.len(), vec![service]));
                kept.push(finding);
            }
        }
    }
    for (at, services) in known.into_values().filter(|(_, services)| services.len() > 1) {
        let Some(finding) = kept.get_mut(at) else { continue };
        if let Some(place) = finding.places.first_mut() {
            place.of = Some(format!("services {}", named(&services)));
        }
        finding.services = services;
    }
    *findings = kept;
}

/// So many stages of a file that nothing builds are looked at as targets.
const MOST_TARGETS: usize = 32;

/// Stages that no build needs can still be chosen with `--target`: those that no other stage needs are judged like the last one.
/// `builds` are those of this file among the builds of the report.
fn other_targets(
    path: &str,
    builds: &[usize],
    host: &Looking<'_>,
    facts: &dyn Facts,
    report: &mut Report,
    known: &mut Known,
) {
    let mut judged: BTreeSet<usize> = BTreeSet::new();
    let mut file = None;
    for build in builds.iter().filter_map(|at| report.builds.get(*at)) {
        judged.extend(&build.needed);
        file = file.or_else(|| build.dockerfile.clone());
    }
    let Some(file) = file else { return };
    let mut targets = Vec::new();
    for (at, stage) in file.stages.iter().enumerate().rev() {
        let Some(name) = stage.name.as_ref().filter(|name| file.find(name) == Some(at)) else { continue };
        if judged.contains(&at) {
            continue;
        }
        if targets.len() == MOST_TARGETS {
            let place = file.place(&stage.keyword);
            let title = format!("only {MOST_TARGETS} of the stages that no other one needs were judged");
            report.findings.push(not_understood_at(place, &title, "A build with --target can choose the others."));
            break;
        }
        judged.extend(file.needed(at));
        targets.push(name.clone());
    }
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder });
    for target in targets {
        run(&["buildx", "build", "--target", &target, "-f", path, folder], path, host, facts, report, known);
    }
}

/// What is known of all files while they are judged one after the other.
#[derive(Default)]
struct Known<'a> {
    paths: HashSet<&'a str>,
    /// The Dockerfiles that are built by what was judged, with links followed.
    built: BTreeSet<String>,
    seen: Seen,
}

fn position(finding: &Finding) -> impl Ord + use<> {
    (finding.places.first().map(|place| (place.path().to_owned(), place.start())), finding.rule.id)
}

/// The targets of a bake file that has no `default`, all of which are built by name.
fn targets_without_default(path: &str, host: &dyn Host) -> Vec<String> {
    let text = String::from_utf8_lossy(&host.read(path).unwrap_or_default()).into_owned();
    let block = |line: &str| {
        let (kind, rest) = line.trim_start().split_once(['"', ' ', '\t'])?;
        let name = rest.trim_start().trim_start_matches('"').split('"').next().filter(|name| !name.is_empty())?;
        matches!(kind, "group" | "target").then(|| (kind.to_owned(), name.to_owned()))
    };
    let mut blocks: Vec<(String, String)> = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(file) => {
            let named = |kind: &'static str| {
                let entries = file.get(kind).and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
                entries.into_iter().map(move |(name, _)| (kind.to_owned(), name))
            };
            named("group").chain(named("target")).collect()
        }
        Err(_) => text.lines().filter_map(block).collect(),
    };
    if blocks.iter().any(|(_, name)| name == "default") {
        return Vec::new();
    }
    blocks.retain(|(kind, name)| kind == "target" && !name.starts_with(['-', '_']));
    blocks.into_iter().map(|(_, name)| name).collect()
}

/// The command that a compose file is judged by: it creates everything of the file, laid over its base.
fn compose_words(path: &str, files: &HashSet<&str>, host: &dyn Host) -> Vec<String> {
    let base = base_of(path, files, host);
    let mut words = vec!["compose", "--profile", "*"];
    for file in base.iter().map(String::as_str).chain([path]) {
        words.extend(["-f", file]);
    }
    words.push("create");
    words.into_iter().map(str::to_owned).collect()
}

/// The file that an override is laid over: the usual one beside it.
fn base_of(path: &str, files: &HashSet<&str>, host: &dyn Host) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let stem = name.split('.').next().unwrap_or_default();
    if name.matches('.').count() < 2 {
        return None;
    }
    let beside = |end: &str| if folder.is_empty() { format!("{stem}.{end}") } else { format!("{folder}/{stem}.{end}") };
    let candidates = [beside("yaml"), beside("yml")];
    candidates.into_iter().find(|base| files.contains(base.as_str()) || host.exists(base) && !host.is_directory(base))
}

/// The findings of one command that point into files.
fn run(words: &[&str], path: &str, host: &Looking<'_>, facts: &dyn Facts, report: &mut Report, known: &mut Known) {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let invocation = parse(&words, Unknown::Refuse, &|| Builder::Buildx);
    let mut lowered: Lowered = lower(&invocation, host);
    with_files(&invocation, &mut lowered, facts, host);
    let unread = lowered
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Runs(runs) if !runs.known && runs.program.ends_with(UNREAD)));
    if unread
        && !invocation.canonical().starts_with("buildx ")
        && let Some(words) = model_words(&invocation)
    {
        let reason = facts.error_of(&words, host);
        let read = without_compose(&invocation, &mut lowered, host);
        // What the files' own reader found is said below, with its place.
        if read.is_some() || lowered.problems.is_empty() {
            let refusal = not_read_by_compose(path, reason, read.as_ref(), host);
            let line =
                |finding: &Finding| finding.places.first().map(|place| (place.path().to_owned(), place.start().0));
            let said = line(&refusal);
            for (what, place) in read.iter().flat_map(|read| read.unresolved(host)) {
                let mut finding = not_understood_at(place, &what, "The file was read without compose.");
                finding.class = Class::Hygiene;
                if line(&finding) != said && known.seen.is_new_in_files(&finding) {
                    report.findings.push(finding);
                }
            }
            report.findings.push(refusal);
        }
        if read.is_none() && lowered.problems.is_empty() {
            return;
        }
    } else if unread || lowered.refusal.is_some() {
        let title = format!("docker cannot read this file, or is not installed: docker {}", words.join(" "));
        let mut finding = not_understood(path, &title, UNREAD_FILE, host);
        "run this command to see docker's error; bake files need docker buildx".clone_into(&mut finding.instead);
        report.findings.push(finding);
        return;
    }
    let problems = lowered.problems.iter().filter_map(|problem| problem_at(problem, host));
    report.findings.extend(problems.filter(|finding| known.seen.is_new_in_files(finding)));
    for effect in &mut lowered.effects {
        let Effect::Builds(build) = effect else { continue };
        let dockerfile = build.dockerfile.clone();
        let found = |problem: &FileProblem| match &dockerfile {
            // A rule of its own says that an image's name has to be given.
            Some(dockerfile) if is_only_without_image(dockerfile, problem) => None,
            // It may stand in another file.
            Some(dockerfile) => Some(problem_in(&dockerfile.text, problem)),
            None => problem_at(problem, host),
        };
        for finding in build.problems.iter().filter_map(found) {
            if known.seen.is_new_in_files(&finding) {
                report.findings.push(finding);
            }
        }
        // The rest of a file that docker refuses is looked at all the same.
        build.is_refused = false;
        known.built.extend(build.path.as_deref().map(|path| host.resolve(path)));
        report.builds.push((**build).clone());
    }
    let target = Target::default();
    let offers = Offers::default();
    // Nothing is deleted by what only reads files.
    let case = Case::new(&lowered, &target, facts, host, &offers, (1000, 1000), &Vec::new);
    for mut finding in check(&case) {
        // Bake's files are not searched: its own file is named.
        if finding.places.is_empty() && invocation.canonical() == "buildx bake" && *finding.rule != READS_HOST_FILE {
            finding.places.extend(start_of(path, host));
        }
        // It is written as people write it.
        if finding.title.contains(SOME_HOME) {
            finding.title = finding.title.replace(SOME_HOME, "~");
        }
        if !finding.places.is_empty() && !finding.image_unknown && known.seen.is_new_in_files(&finding) {
            report.findings.push(finding);
        }
    }
}

/// What compose says where it does not read a file, at the place that it means. Where only something of the person who runs it is missing, it is
/// a note.
fn not_read_by_compose(path: &str, reason: Lookup<String>, read: Option<&OwnReading>, host: &dyn Host) -> Finding {
    let said = match &reason {
        Lookup::Found(text) => text.trim().lines().last().unwrap_or_default().trim().to_owned(),
        Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => String::new(),
    };
    // Where the plugin is missing, the client takes its options for its own, and its last line is where to read more.
    let first = match &reason {
        Lookup::Found(text) => text.trim().lines().next().unwrap_or_default(),
        Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => "",
    };
    // The client's own errors about a command that it does not have.
    let is_absent = said.is_empty()
        || ["is not a docker command", "unknown shorthand flag", "unknown flag", "unknown command"]
            .iter()
            .any(|text| said.contains(text) || first.contains(text));
    let (title, why) = match (is_absent, read.is_some()) {
        (true, true) => (
            "read without docker compose, which is not installed".to_owned(),
            "Anchors, extends, include and defaults of variables were followed. Variables that are not set count as empty, and what env \
             files bring was not read.",
        ),
        (true, false) => {
            ("docker compose is not installed, and the file cannot be read without it".to_owned(), UNREAD_FILE)
        }
        (false, true) => (
            format!("docker compose refuses this file: {said}"),
            "The rest was read without compose. A variable that has to be set counts as its own name in small letters, and what a missing \
             file would bring was not read.",
        ),
        (false, false) => (format!("docker compose refuses this file: {said}"), UNREAD_FILE),
    };
    let place = read.filter(|_| !is_absent).and_then(|read| read.place(&said, host)).or_else(|| start_of(path, host));
    let place = place.unwrap_or_else(|| Place::new(&Text::new(path, String::new()), 0..0));
    let mut finding = not_understood_at(place, &title, why);
    let is_only_missing = ["required variable ", "env file ", "has neither an image nor a build context"];
    if read.is_some() && (is_absent || is_only_missing.iter().any(|text| said.contains(text))) {
        finding.class = Class::Hygiene;
    }
    finding
}

/// The first line of a file.
fn start_of(path: &str, host: &dyn Host) -> Option<Place> {
    let text = Text::from_bytes(path, host.read(path).ok()?).ok()?;
    let end = text.line(1).len();
    Some(Place::new(&text, 0..end))
}

/// What it means that a file cannot be read.
const UNREAD_FILE: &str = "Other problems in this file may not have been found.";

/// A finding about a file as a whole, at its first line. The rule's own texts are about arguments, so `why` says what it means here, and
/// the title says what is wrong.
fn not_understood(path: &str, title: &str, why: &str, host: &dyn Host) -> Finding {
    let place = start_of(path, host).unwrap_or_else(|| Place::new(&Text::new(path, String::new()), 0..0));
    not_understood_at(place, title, why)
}

fn not_understood_at(place: Place, title: &str, why: &str) -> Finding {
    let mut finding = NOT_UNDERSTOOD.found(&[]).titled(title);
    why.clone_into(&mut finding.why);
    finding.instead.clear();
    finding.places.push(place);
    finding
}

/// Whether this is the refusal of a `FROM` that has no image because nobody gives its arguments.
fn is_only_without_image(file: &Dockerfile, problem: &FileProblem) -> bool {
    let refused = file.warnings.no_default.iter().take(64).filter(|it| it.is_refused);
    refused.into_iter().any(|it| file.text.position(it.at.start) == (problem.line, problem.column))
}

/// A file that docker would not take.
fn problem_at(problem: &FileProblem, host: &dyn Host) -> Option<Finding> {
    let text = match Text::from_bytes(&problem.path, host.read(&problem.path).unwrap_or_default()) {
        Ok(text) => text,
        // What is no text is not shown.
        Err(_) => Text::new(problem.path.as_str(), "\n".repeat(problem.line)),
    };
    Some(problem_in(&text, problem))
}

/// The same in a text that was read.
fn problem_in(text: &Rc<Text>, problem: &FileProblem) -> Finding {
    let start = text.byte(problem.line, problem.column.saturating_sub(1));
    let end = text.line_end(start);
    let title = format!("cannot be read: {}", problem.reason);
    let mut finding = not_understood_at(Place::new(text, start..end), &title, UNREAD_FILE);
    if is_template(part(&text.text, start..end)) {
        finding.class = Class::Hygiene;
        "The line is one of a template: another program fills it in before docker reads the file. Other problems in this file may not have been found."
            .clone_into(&mut finding.why);
    }
    finding
}

/// Whether a line has marks of templates: of Jinja, Go and the like (`{{ a }}`, `{% if %}`), or of Maven (`${project.version}`).
fn is_template(line: &str) -> bool {
    let is_property = |rest: &str| {
        let name = rest.split('}').next().unwrap_or_default();
        rest.contains('}')
            && name.contains('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    line.contains("{{") && line.contains("}}") || line.contains("{%") || line.split("${").skip(1).any(is_property)
}

fn ignore_problem(path: &str, host: &dyn Host) -> Option<Finding> {
    let bytes = host.read(path).ok()?;
    let problem = ignore::read(&bytes).and_then(|patterns| Matcher::new(&patterns)).err()?;
    problem_at(&FileProblem { path: path.to_owned(), line: problem.line, column: 1, reason: problem.reason }, host)
}

/// Takes out what is allowed, and adds what is wrong with the allowing, in every file that was looked at.
fn quiet<'a>(report: &mut Report, files: impl Iterator<Item = &'a str>, host: &dyn Host) {
    let findings = &mut report.findings;
    let (mut texts, mut paths): (Vec<Rc<Text>>, HashSet<String>) = (Vec::new(), HashSet::new());
    for place in findings.iter().flat_map(|finding| &finding.places) {
        if paths.insert(place.text.path.clone()) {
            texts.push(place.text.clone());
        }
    }
    for path in files.filter(|path| !paths.contains(*path)) {
        // What cannot be read or is no text has a finding that says so.
        texts.extend(host.read(path).ok().and_then(|bytes| Text::from_bytes(path, bytes).ok()));
    }
    report.allowed = findings.extract_if(.., |finding| finding.is_allowed()).collect();
    for text in texts {
        let mut start = 0;
        for line in text.text.split_inclusive('\n') {
            let span = start..start + line.trim_end().len();
            start += line.len();
            let Some((ids, reasoned)) = allowance(line) else { continue };
            let wrong = match ids.iter().find(|id| rule(id).is_none()) {
                Some(id) => unknown_rule(id),
                None if ids.is_empty() => "this comment names no rule: # fender: allow RULE because …".to_owned(),
                None if !reasoned => {
                    format!("this exception needs a reason: # fender: allow {} because …", ids.join(", "))
                }
                None => continue,
            };
            findings.push(not_understood_at(Place::new(&text, span), &wrong, "The exception has no effect."));
        }
    }
}
