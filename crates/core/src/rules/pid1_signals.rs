//! Process 1 of the container, and what it does with signals.

use super::entry_script::{SHELLS, entry_script, is_shell};
use super::fix::{DockerfileFix, DockerfilePart, Fixing, Grade, Proposal, official};
use super::{COMMON, Case, Class, Confidence, Edit, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::Dockerfile;
use crate::files::dockerfile::{CommandForm, Directive, Span};
use crate::files::magic::is_program;
use crate::lower::Build;
use crate::lower::fields;
use crate::plan::Facts;
use crate::text::part;

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
    confidence: Confidence::Possible,
    hadolint: &[("DL3025", |marked| !marked.contains('['))],
    buildkit: &["JSONArgsRecommended"],
    of_services: "run a program that handles no signals as PID 1",
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
    dockerfile_fix: Some(DockerfileFix { part: DockerfilePart::Process, propose: exec_form }),
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
                let why =
                    if image == Lookup::Missing { "it is not on this engine" } else { "the engine did not answer" };
                format!("no init; whether the image has one is not known, because {why}")
            }
        };
        let mut finding = RULE.found(&workload.origins).titled(title).about(workload);
        if workload.service || has_init(case) {
            finding = finding.edit(Edit::set(&fields::INIT, None));
        }
        finding.image_unknown = !known && matches!(shape(&words), Shape::Other);
        findings.push(finding);
    }
    findings.extend(case.builds().filter_map(|build| in_dockerfile(case, build)));
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

/// The last stage's first process: in shell form, a shell by its own words, or a package manager that starts the program through one.
fn in_dockerfile(case: &Case, build: &Build) -> Option<Finding> {
    let file = build.file()?;
    let entrypoint = file.last(build.stage, |it| {
        if let Directive::Entrypoint(command) = &it.what { Some((command, &it.keyword)) } else { None }
    });
    let command = file.last(build.stage, |it| {
        if let Directive::Cmd(command) = &it.what { Some((command, &it.keyword)) } else { None }
    });
    let found = |command: &CommandForm, keyword: &Span, what: &str| {
        let place = file.place(&(keyword.start..command.span().end));
        let name = part(&file.text.text, keyword.clone()).to_uppercase();
        Some(RULE.found(&build.origins).titled(format!("{name} {what}")).in_file(place))
    };
    let shell = |found: &Option<(&CommandForm, &Span)>| {
        found.is_some_and(|(command, _)| matches!(command, CommandForm::Shell(..)))
    };
    if shell(&entrypoint) || shell(&command) {
        let (first, keyword) = entrypoint.filter(|_| shell(&entrypoint)).or(command)?;
        let chosen =
            file.last(build.stage, |it| if let Directive::Shell(words) = &it.what { Some(words) } else { None });
        // Windows has no signals.
        if chosen.is_some_and(|words| !is_shell(words)) || replaces_itself(&first.script()) {
            return None;
        }
        return found(first, keyword, "in shell form: PID 1 is a shell");
    }
    let (first, keyword) = entrypoint.or(command)?;
    let CommandForm::Exec(words, _) = first else { return None };
    if matches!(shape(words), Shape::Shell) && !script_of(words).is_some_and(replaces_itself) {
        return found(first, keyword, "runs a shell with -c: PID 1 is a shell");
    }
    let more: &[String] = match command {
        Some((CommandForm::Exec(words, _), _)) if entrypoint.is_some() => words,
        _ => &[],
    };
    let all: Vec<&str> = words.iter().chain(more).map(String::as_str).collect();
    if let Some(manager) = manager(&all) {
        return found(first, keyword, &format!("starts the program through {manager}, which is PID 1"));
    }
    let script = entry_script(case.host, build, words)?;
    hands_over_nothing(&script).then(|| found(first, keyword, "is a script that stays PID 1: it has no exec")).flatten()
}

/// The package manager that starts a script of its manifest, through a shell of its own.
fn manager<'a>(words: &[&'a str]) -> Option<&'a str> {
    let (first, rest) = words.split_first()?;
    let name = first.rsplit('/').next()?;
    let verb = rest.iter().find(|word| !word.starts_with('-'))?;
    let starts = match name {
        "npm" | "pnpm" => matches!(*verb, "start" | "run" | "run-script" | "test" | "exec"),
        "yarn" => !matches!(*verb, "node" | "exec"),
        _ => false,
    };
    starts.then_some(name)
}

/// Whether a script ends with a program that it waits for. One that hands over, or that handles signals itself, does not.
fn hands_over_nothing(script: &str) -> bool {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let has_own_way = |line: &str| {
        let mut words = line.split(|letter: char| letter.is_whitespace() || ";&|(){}".contains(letter));
        words.any(|word| matches!(word, "trap" | "wait" | "." | "source" | "eval"))
            || starts_another(line)
            || INITS.iter().any(|init| line.split_whitespace().any(|word| word.rsplit('/').next() == Some(*init)))
    };
    let mut any = false;
    lines.all(|line| {
        any = true;
        !has_own_way(line)
    }) && any
}

/// Whether `exec` of a line starts a program. With redirections alone it stays the shell: `exec 2>&1`.
fn starts_another(line: &str) -> bool {
    let words: Vec<&str> = line.split(|letter: char| letter.is_whitespace() || ";(){}".contains(letter)).collect();
    words.iter().zip(words.iter().skip(1)).any(|(word, next)| {
        let target = next.trim_start_matches(|letter: char| letter.is_ascii_digit());
        word.trim_start_matches(['&', '|']) == "exec" && !next.is_empty() && !target.starts_with(['>', '<', '&'])
    })
}

/// Whether the script's last command takes the shell's place.
pub fn replaces_itself(script: &str) -> bool {
    let last = script.trim_end().rsplit(['\n', ';', '&', '|']).next().unwrap_or_default().trim_start();
    last.starts_with("exec ") || last.starts_with("exec\t")
}

/// What a shell is given behind `-c`.
fn script_of(words: &[String]) -> Option<&str> {
    let at = words.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
    words.get(at + 1).map(String::as_str)
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
    if !SHELLS.contains(&first.as_str()) {
        return Shape::Other;
    }
    match script_of(words).map(str::trim_start) {
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

/// Programs that are ELF files or scripts with `#!` wherever they are installed. Any other name may be a script without
/// `#!`, which only a shell can start.
const PROGRAMS: &[&str] = &[
    "apache2ctl",
    "apachectl",
    "bundle",
    "caddy",
    "celery",
    "daphne",
    "deno",
    "bun",
    "dotnet",
    "elixir",
    "flask",
    "gunicorn",
    "haproxy",
    "httpd",
    "hypercorn",
    "java",
    "lighttpd",
    "memcached",
    "mix",
    "mongod",
    "mysqld",
    "nginx",
    "node",
    "nodejs",
    "npm",
    "npx",
    "perl",
    "php",
    "php-fpm",
    "pnpm",
    "postgres",
    "puma",
    "python",
    "python2",
    "python3",
    "rails",
    "redis-server",
    "ruby",
    "sleep",
    "streamlit",
    "tail",
    "top",
    "traefik",
    "unicorn",
    "uvicorn",
    "uwsgi",
    "varnishd",
    "yarn",
];

/// Official images without an entry point, or with one that runs whatever it is given.
const TRANSPARENT: &[&str] = &[
    "almalinux",
    "alpine",
    "amazoncorretto",
    "amazonlinux",
    "archlinux",
    "buildpack-deps",
    "busybox",
    "debian",
    "eclipse-temurin",
    "elixir",
    "erlang",
    "fedora",
    "golang",
    "httpd",
    "node",
    "openjdk",
    "oraclelinux",
    "perl",
    "php",
    "pypy",
    "python",
    "rockylinux",
    "ruby",
    "rust",
    "swift",
    "ubuntu",
];

/// The proposal for the first process of the image, if its shell does nothing.
fn exec_form(fixing: &Fixing) -> Vec<Proposal> {
    let (build, file) = (fixing.build, fixing.file);
    let entrypoint = file
        .last(build.stage, |it| if let Directive::Entrypoint(command) = &it.what { Some((command, it)) } else { None });
    let command =
        file.last(build.stage, |it| if let Directive::Cmd(command) = &it.what { Some((command, it)) } else { None });
    let shell = file.last(build.stage, |it| matches!(it.what, Directive::Shell(_)).then_some(()));
    let is_entrypoint = entrypoint.is_some();
    // Of two, the second is handed to the first in one form and left out in the other.
    let (command, instruction) = match (entrypoint, command) {
        (Some(first), None) | (None, Some(first)) => first,
        _ => return Vec::new(),
    };
    let CommandForm::Shell(script, span) = command else { return Vec::new() };
    let own = file.instructions_of(&[build.stage]).any(|it| std::ptr::eq(it, instruction));
    if shell.is_some()
        || !own
        || replaces_itself(script)
        || fixing.is_windows()
        || fixing.is_allowed(&instruction.keyword)
    {
        return Vec::new();
    }
    let Some(words) = plain_words(script) else { return Vec::new() };
    let Some(program) = words.first() else { return Vec::new() };
    let starts = match starts_alone(fixing, program) {
        Some(false) => return Vec::new(),
        starts => starts == Some(true),
    };
    // An entry point of the base is handed the words: it may do something else for them than for a shell.
    let safe = starts && (is_entrypoint || has_no_entrypoint(build, file, fixing.facts));
    let list: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    let edit = (span.clone(), format!("[{}]", list.join(", ")));
    let grade = if safe { Grade::Safe } else { Grade::Unsafe };
    vec![fixing.proposal(&instruction.keyword, grade, &[edit])]
}

/// Whether the kernel can start the program without a shell: true and false where its first bytes say so, or its name
/// does; None where nothing does.
fn starts_alone(fixing: &Fixing, program: &str) -> Option<bool> {
    let name = program.rsplit('/').next().unwrap_or(program);
    // What the Dockerfile copies from the context can be looked at.
    let mut sources = Vec::new();
    for instruction in fixing.instructions() {
        let Directive::Copy { from: None, sources: copied, target, here, .. } = &instruction.what else { continue };
        let end = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        if !here.is_empty() && end(&target.text) == name {
            // A script that is written down here begins as it is written; it is not taken apart.
            return None;
        }
        for source in copied {
            let renamed = end(&target.text) == name && !target.text.ends_with('/');
            if end(&source.text) == name || renamed {
                sources.push(source.text.clone());
            } else if !program.contains("/bin/") && program.contains('/') {
                // A folder that holds it: the rest of the path is searched below it.
                let inside = program.trim_start_matches('/').trim_start_matches("./");
                let target = target.text.trim_start_matches('/').trim_end_matches('/');
                let below = inside.strip_prefix(target).unwrap_or(inside).trim_start_matches('/');
                sources.push(format!("{}/{below}", source.text.trim_end_matches('/')));
            }
        }
    }
    let folder = fixing.build.context.as_ref().map(|context| context.folder.trim_end_matches('/').to_owned());
    let mut known = None;
    for source in sources {
        let Some(folder) = &folder else { continue };
        let path = format!("{folder}/{}", source.trim_start_matches('/').trim_start_matches("./"));
        if fixing.host.is_directory(&path) {
            continue;
        }
        match fixing.host.start(&path, 4) {
            Ok(start) if is_program(&start) => known = known.or(Some(true)),
            Ok(_) => return Some(false),
            Err(_) => {}
        }
    }
    known.or_else(|| PROGRAMS.contains(&name).then_some(true))
}

/// Whether nothing of the base takes the command as its arguments.
fn has_no_entrypoint(build: &Build, file: &Dockerfile, facts: &dyn Facts) -> bool {
    let Some(first) = file.first_of(build.stage) else { return false };
    if let Lookup::Found(image) = facts.image(&first.image) {
        return image.entrypoint.is_empty();
    }
    official(&first.image).is_some_and(|name| TRANSPARENT.contains(&name))
}

/// The words of a command in which a shell has nothing to do.
fn plain_words(script: &str) -> Option<Vec<String>> {
    const SHELL: &[char] =
        &['$', '`', ';', '&', '|', '<', '>', '(', ')', '{', '}', '*', '?', '[', ']', '~', '#', '!', '\\', '\n'];
    // What a shell does itself, or does otherwise than the program of that name.
    const BUILTIN: &[&str] = &[
        "echo", "printf", "test", "kill", "pwd", "jobs", "hash", "getopts", "times", "local", "declare", "let", "true",
        "false", "bg", "fg", "cd", "export", "set", "source", ".", "exec", "umask", "ulimit", "eval", "read", "trap",
        "if", "for", "while", "until", "case", "wait", "unset", "alias", "time", ":", "return", "exit", "shift",
        "type", "command", "function",
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
    let words = shell_words::split(script).ok()?;
    let first = words.first()?;
    (!first.contains('=') && !BUILTIN.contains(&first.as_str())).then_some(words)
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
        assert_eq!(plain_words("server 'a b' \"c\"").unwrap(), ["server", "a b", "c"]);
        for script in ["a && b", "echo $HOME", "cd /x", "A=1 b", "a > b", "exec a", "a *.txt", "", "a # b", "echo -e x"]
        {
            assert_eq!(plain_words(script), None, "{script}");
        }
    }
}
