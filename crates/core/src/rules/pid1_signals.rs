//! Process 1 of the container, and what it does with signals.

use super::{COMMON, Case, Class, Edit, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::{CommandForm, Directive};
use crate::lower::Build;
use crate::lower::fields;

/// Programs made to be process 1.
const INITS: &[&str] = &[
    "tini",
    "tini-static",
    "dumb-init",
    "docker-init",
    "catatonit",
    "s6-svscan",
    "s6-overlay-suexec",
    "init",
    "systemd",
    "runit",
    "runsvdir",
    "my_init",
    "supervisord",
    "pid1",
    "yelp-init",
    "minit",
    "go-init",
    "horust",
    "multirun",
    "runit-init",
];

/// The rule.
pub static RULE: Rule = Rule {
    id: "pid1-signals",
    title: "PID 1 does not forward signals or reap children",
    class: Class::Hygiene,
    why: "PID 1 of a container gets only signals that it handles, and it has to reap ended processes. A shell as \
          PID 1 forwards no signals: docker stop waits 10 s and then kills the container.",
    instead: "--init, or the exec form of ENTRYPOINT and CMD with a program that handles SIGTERM",
    references: &[
        "https://docs.docker.com/reference/cli/docker/container/run/#init",
        "https://docs.docker.com/reference/build-checks/json-args-recommended/",
    ],
    fires: &["run tools:1.4", "run tools:1.4 sh -c 'cd / && server'", "run --entrypoint sh tools:1.4"],
    quiet: &["run --init tools:1.4", "run safe:1", "run --entrypoint /sbin/tini tools:1.4 -- server"],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM alpine:3.22\nUSER 10001\nCMD httpd -f -p 8080\n",
        good: "FROM alpine:3.22\nUSER 10001\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\"]\n",
    }],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.whole_workloads().filter(|workload| workload.init != Some(true)) {
        let image = case.image(workload);
        let (entrypoint, image_command) = match (&workload.entrypoint, &image) {
            (Some(own), _) => (own.clone(), Vec::new()),
            (None, Lookup::Found(image)) => (image.entrypoint.clone(), image.command.clone()),
            (None, _) => (Vec::new(), Vec::new()),
        };
        let known = workload.entrypoint.is_some() || matches!(image, Lookup::Found(_));
        let command = if workload.command.is_empty() { image_command } else { workload.command.clone() };
        let words: Vec<String> = entrypoint.into_iter().chain(command).filter(|word| !word.is_empty()).collect();
        let title = match (shape(&words), known) {
            (Shape::Init, _) => continue,
            (Shape::Shell, _) => "PID 1 is a shell".to_owned(),
            (Shape::Other, true) => RULE.title.to_owned(),
            (Shape::Other, false) => {
                "no init; whether the image has one is not known, because the engine did not answer".to_owned()
            }
        };
        let mut finding = RULE.found(&workload.origins).titled(title).about(workload);
        if workload.service || has_init(case) {
            finding = finding.edit(Edit::set(&fields::INIT, None));
        }
        finding.image_unknown = !known && matches!(shape(&words), Shape::Other);
        findings.push(finding);
    }
    findings.extend(case.builds().filter_map(in_dockerfile));
    findings
}

/// Whether `--init` works on this engine. One that was asked and did not say is not offered it; where none is, the command
/// fails whatever it says.
fn has_init(case: &Case) -> bool {
    match case.facts.engine() {
        Lookup::Found(engine) => engine.has_init,
        Lookup::Missing | Lookup::NoEngine => true,
        Lookup::Unknown(_) => false,
    }
}

/// The last stage's first process, in shell form.
fn in_dockerfile(build: &Build) -> Option<Finding> {
    let file = build.file()?;
    // Who chose a shell knows that there is one.
    let chosen = |it: &crate::files::dockerfile::Instruction| matches!(it.what, Directive::Shell(_)).then_some(());
    if file.last(build.stage, chosen).is_some() {
        return None;
    }
    let entrypoint = file.last(build.stage, |it| {
        if let Directive::Entrypoint(command) = &it.what { Some((command, &it.keyword)) } else { None }
    });
    let command = file.last(build.stage, |it| {
        if let Directive::Cmd(command) = &it.what { Some((command, &it.keyword)) } else { None }
    });
    let shell = |found: &Option<(&CommandForm, &std::ops::Range<usize>)>| {
        found.is_some_and(|(command, _)| matches!(command, CommandForm::Shell(..)))
    };
    let (first, keyword) = match (shell(&entrypoint), shell(&command)) {
        (true, _) => entrypoint?,
        (false, true) => command?,
        (false, false) => return None,
    };
    let CommandForm::Shell(script, span) = first else { return None };
    if replaces_itself(script) {
        return None;
    }
    let place = file.place(&(keyword.start..span.end));
    let name = file.text.text[keyword.clone()].to_uppercase();
    Some(RULE.found(&build.origins).titled(format!("{name} in shell form: PID 1 is a shell")).in_file(place))
}

/// Whether the script's last command takes the shell's place.
pub fn replaces_itself(script: &str) -> bool {
    let last = script.trim_end().rsplit(['\n', ';', '&', '|']).next().unwrap_or_default().trim_start();
    last.starts_with("exec ") || last.starts_with("exec\t")
}

enum Shape {
    Init,
    /// `sh -c "…"` that does not replace itself with the program.
    Shell,
    Other,
}

fn shape(words: &[String]) -> Shape {
    let base = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
    let Some(first) = words.first().map(base) else { return Shape::Other };
    if INITS.contains(&first.as_str()) {
        return Shape::Init;
    }
    if !matches!(first.as_str(), "sh" | "bash" | "ash" | "dash" | "zsh" | "busybox") {
        return Shape::Other;
    }
    let script =
        words.iter().position(|word| word.starts_with('-') && word.ends_with('c')).and_then(|at| words.get(at + 1));
    match script.map(|script| script.trim_start()) {
        Some(script) => match script.strip_prefix("exec ") {
            Some(rest)
                if INITS.contains(&base(&rest.split_whitespace().next().unwrap_or_default().to_owned()).as_str()) =>
            {
                Shape::Init
            }
            Some(_) => Shape::Other,
            None => Shape::Shell,
        },
        None => Shape::Other,
    }
}
