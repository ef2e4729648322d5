//! Everything is copied before the dependencies are installed, so that each change installs them again.

use super::fix::{DockerfileFix, DockerfilePart, Fixing, Grade, Proposal};
use super::manifests::names_nothing;
use super::package_lists::{ListStep, list_steps};
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::context::ContextRequest;
use crate::files::dockerfile::{CommandForm, Directive, Dockerfile, Instruction, mounts};
use crate::host::Host;
use crate::lower::Build;
use crate::text::{has_one_of, part};
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: "cache-busting-order",
    title: "dependencies are installed again after each change",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    why: "A build step comes from the cache only while all files that were copied before it are unchanged. Here a \
          change of any file makes the next build install all dependencies again.",
    instead: "copy the files that list the dependencies, install them, then copy the rest",
    references: &["https://docs.docker.com/build/cache/optimize/#order-your-layers"],
    fires: &["build examples/cache-busting-order/0/bad"],
    quiet: &["build examples/cache-busting-order/0/good"],
    files: &[
        Example {
            name: "Dockerfile",
            bad: "FROM node:24.11.1\nWORKDIR /app\nCOPY . .\nRUN npm ci\nUSER node\n",
            good: "FROM node:24.11.1\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\nUSER node\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM python:3.14.0\nCOPY . /app\nRUN pip install --no-cache-dir -r /app/requirements.txt\nUSER 10001\n",
            good: "FROM python:3.14.0\nCOPY requirements.txt /app/\nRUN pip install --no-cache-dir -r /app/requirements.txt\nCOPY . /app\nUSER 10001\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM golang:1.25.4\nCOPY . .\nRUN go build -o /server .\nUSER 10001\n",
            good: "FROM golang:1.25.4\nCOPY . .\nRUN --mount=type=cache,target=/go/pkg/mod go build -o /server .\nUSER 10001\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM debian:13.1\nRUN apt-get update\nRUN apt-get install -y curl=8.14.1-2\nUSER 10001\n",
            good: "FROM debian:13.1\nRUN apt-get update && apt-get install -y curl=8.14.1-2\nUSER 10001\n",
        },
    ],
    check,
    dockerfile_fix: Some(DockerfileFix { part: DockerfilePart::Order, propose: names_first }),
    ..COMMON
};

/// What installs dependencies, and the files that name them.
struct Ecosystem {
    programs: &'static [&'static str],
    /// Words after the program that install and do nothing else; the empty one is the program alone.
    installs: &'static [&'static str],
    /// Words that install on the way to something else.
    builds: &'static [&'static str],
    names: &'static [&'static str],
    /// The command that installs and needs nothing but these files.
    alone: &'static str,
}

const ECOSYSTEMS: &[Ecosystem] = &[
    Ecosystem {
        programs: &["npm"],
        installs: &["ci", "install", "i", "clean-install"],
        builds: &[],
        names: &["package.json", "package-lock.json", "npm-shrinkwrap.json", ".npmrc"],
        alone: "npm ci",
    },
    Ecosystem {
        programs: &["yarn"],
        installs: &["", "install"],
        builds: &[],
        names: &["package.json", "yarn.lock", ".yarnrc.yml"],
        alone: "yarn install",
    },
    Ecosystem {
        programs: &["pnpm"],
        installs: &["install", "i"],
        builds: &[],
        names: &["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"],
        alone: "pnpm install --frozen-lockfile",
    },
    Ecosystem {
        programs: &["pip", "pip3"],
        installs: &["install"],
        builds: &[],
        names: &["requirements.txt"],
        alone: "pip install -r requirements.txt",
    },
    Ecosystem {
        programs: &["poetry"],
        installs: &["install"],
        builds: &[],
        names: &["pyproject.toml", "poetry.lock"],
        alone: "poetry install --no-root",
    },
    Ecosystem {
        programs: &["uv"],
        installs: &["sync"],
        builds: &[],
        names: &["pyproject.toml", "uv.lock"],
        alone: "uv sync --no-install-project",
    },
    Ecosystem {
        programs: &["bundle", "bundler"],
        installs: &["", "install"],
        builds: &[],
        names: &["Gemfile", "Gemfile.lock"],
        alone: "bundle install",
    },
    Ecosystem {
        programs: &["go"],
        installs: &["mod"],
        builds: &["build", "install", "test"],
        names: &["go.mod", "go.sum"],
        alone: "go mod download",
    },
    Ecosystem {
        programs: &["cargo"],
        installs: &["fetch"],
        builds: &["build", "install", "test"],
        names: &["Cargo.toml", "Cargo.lock"],
        alone: "cargo fetch",
    },
    Ecosystem {
        programs: &["mvn", "mvnw"],
        installs: &["dependency:go-offline", "dependency:resolve"],
        builds: &["package", "install", "verify", "compile"],
        names: &["pom.xml"],
        alone: "mvn dependency:go-offline",
    },
    Ecosystem {
        programs: &["gradle", "gradlew"],
        installs: &["dependencies"],
        builds: &["build", "assemble", "bootJar", "shadowJar", "installDist", "jar"],
        names: &["build.gradle", "settings.gradle", "build.gradle.kts", "settings.gradle.kts", "gradle.properties"],
        alone: "gradle dependencies",
    },
    Ecosystem {
        programs: &["composer"],
        installs: &["install"],
        builds: &[],
        names: &["composer.json", "composer.lock"],
        alone: "composer install --no-scripts --no-autoloader",
    },
    Ecosystem {
        programs: &["dotnet"],
        installs: &["restore"],
        builds: &["build", "publish"],
        names: &["*.csproj"],
        alone: "dotnet restore",
    },
];

/// A broad copy and the step behind it that installs.
pub struct Order<'a> {
    pub copy: &'a Instruction,
    pub run: &'a Instruction,
    /// The files that name the dependencies, as far as they are in the context.
    pub names: Vec<String>,
    /// The step does nothing but install, and needs only these files.
    pub only_installs: bool,
    /// What installs and needs only these files.
    pub alone: String,
    /// Where the copy puts them.
    pub target: String,
}

impl Order<'_> {
    /// `COPY package.json ./`
    pub fn first_copy(&self) -> String {
        format!("COPY {} {}", self.names.join(" "), self.target)
    }
}

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        for order in orders(build, file, case.host) {
            let install = if order.only_installs { script_of(order.run).into_owned() } else { order.alone.clone() };
            let copy = part(&file.text.text, order.copy.span.clone());
            let mut finding = RULE.found(&build.origins).in_file(file.place(&order.copy.span));
            finding.instead = format!("{}, then RUN {install}, then {copy}", order.first_copy());
            findings.push(finding);
        }
        for step in list_steps(file, &build.needed) {
            let ListStep { run, command, later } = step;
            let mut finding = RULE
                .found(&build.origins)
                .titled(format!("{command} in a step of its own"))
                .weighed_as(Class::Outage)
                .in_file(file.place(&run.span));
            finding.why = format!(
                "While this line stays as it is, the step comes from the cache, however old its list of packages is by then. {later} \
                 in a later step then gets old packages, or fails because the server has them no more."
            );
            finding.instead = format!("both in one step: RUN {command} && {later} …");
            findings.push(finding);
        }
    }
    findings
}

fn script_of(run: &Instruction) -> Cow<'_, str> {
    match &run.what {
        Directive::Run(command) => command.script(),
        _ => Cow::Borrowed(""),
    }
}

/// Every such pair of the stages that are built, the first of each stage.
pub fn orders<'a>(build: &Build, file: &'a Dockerfile, host: &dyn Host) -> Vec<Order<'a>> {
    file.stages_at(&build.needed).filter_map(|stage| in_stage(build, &stage.instructions, host)).collect()
}

fn in_stage<'a>(build: &Build, instructions: &'a [Instruction], host: &dyn Host) -> Option<Order<'a>> {
    let own = || instructions.iter().filter(|instruction| !instruction.on_build);
    let copy_at = own().position(|instruction| is_broad(&instruction.what))?;
    let copy = own().nth(copy_at)?;
    let Directive::Copy { target, .. } = &copy.what else { return None };
    let installed: Vec<&Ecosystem> = own()
        .take(copy_at)
        .filter_map(|it| match &it.what {
            Directive::Run(command) => Some(installing(command)?.0),
            _ => None,
        })
        .collect();
    let is_installed: Vec<bool> =
        ECOSYSTEMS.iter().map(|it| installed.iter().any(|other| std::ptr::eq(*other, it))).collect();
    for run in own().skip(copy_at + 1) {
        let Directive::Run(command) = &run.what else { continue };
        let cached = mounts(run).iter().any(|mount| mount.iter().any(|(key, value)| key == "type" && value == "cache"));
        if cached {
            continue;
        }
        let Some((ecosystem, words, is_install)) = installing(command) else { continue };
        // Installed before, from fewer files: this only makes it complete.
        if ECOSYSTEMS.iter().zip(&is_installed).any(|(it, known)| *known && std::ptr::eq(it, ecosystem)) {
            continue;
        }
        let folder = build.context.as_ref().map(|wanted| wanted.folder.as_str());
        if is_local(ecosystem, &words, instructions, run, build, host) {
            continue;
        }
        let names = names(ecosystem, &words, folder, host);
        let target = if target.text.ends_with('/') { target.text.clone() } else { format!("{}/", target.text) };
        let single = commands(&command.script()).len() == 1;
        return Some(Order {
            copy,
            run,
            names,
            only_installs: is_install && single,
            alone: ecosystem.alone.to_owned(),
            target,
        });
    }
    None
}

/// `COPY . .`
fn is_broad(what: &Directive) -> bool {
    let Directive::Copy { from: None, sources, .. } = what else { return false };
    sources.iter().any(|source| matches!(source.text.trim_end_matches('/'), "." | "" | "*" | "./*"))
}

/// The files that name the dependencies: those that are in the context, else the usual ones.
fn names(ecosystem: &Ecosystem, words: &[String], folder: Option<&str>, host: &dyn Host) -> Vec<String> {
    let named: Vec<String> = words
        .windows(2)
        .filter_map(|pair| match pair {
            [flag, file] if matches!(flag.as_str(), "-r" | "--requirement") => file.rsplit('/').next(),
            _ => None,
        })
        .map(str::to_owned)
        .collect();
    if !named.is_empty() {
        return named;
    }
    let usual = || ecosystem.names.iter().take(2).map(|name| (*name).to_owned()).collect();
    let Some(folder) = folder else { return usual() };
    let there: Vec<String> = host.list(folder);
    let fits = |name: &str| match name.strip_prefix('*') {
        Some(end) => there.iter().find(|it| it.ends_with(end)).cloned(),
        None => there.iter().find(|it| *it == name).cloned(),
    };
    let found: Vec<String> = ecosystem.names.iter().filter_map(|name| fits(name)).collect();
    if found.is_empty() { usual() } else { found }
}

/// Whether the step fetches nothing: the dependencies lie in the context, the step says so, or the files that name them name none.
fn is_local(
    ecosystem: &Ecosystem,
    words: &[String],
    instructions: &[Instruction],
    run: &Instruction,
    build: &Build,
    host: &dyn Host,
) -> bool {
    let has = |options: &[&str]| words.iter().any(|word| options.contains(&word.as_str()));
    let program = |name: &str| ecosystem.programs.contains(&name);
    if has(&["--offline", "--no-index", "-mod=vendor"])
        || program("cargo") && has(&["--frozen"])
        || program("bundle") && has(&["--local"])
        || program("mvn") && has(&["-o"])
    {
        return true;
    }
    let before = instructions.iter().take_while(|it| !std::ptr::eq(*it, run));
    let Some(context) = &build.context else { return false };
    // A folder of its own of the context: `npm --prefix web ci`.
    let below = words.windows(2).find_map(|pair| match pair {
        [option, folder] if matches!(option.as_str(), "--prefix" | "-C" | "--cwd") => Some(folder.as_str()),
        _ => None,
    });
    let root = context.folder.trim_end_matches('/');
    let root = match below.map(|folder| folder.trim_start_matches("./").trim_end_matches('/')) {
        Some(folder) if folder.starts_with('/') || folder.contains('$') => return false,
        Some(folder) if !folder.is_empty() => format!("{root}/{folder}"),
        _ => root.to_owned(),
    };
    if program("go") {
        let by_flags = before.into_iter().any(|it| {
            let is_copied = matches!(&it.what, Directive::Copy { from: None, sources, .. }
                if sources.iter().any(|source| source.text.trim_matches(['/', '.']) == "vendor"));
            let is_set = matches!(&it.what, Directive::Env(list)
                if list.iter().any(|(name, value)| name.text == "GOFLAGS" && value.contains("-mod=vendor")));
            is_copied || is_set
        });
        // Go takes `vendor` by itself where it lies beside the module.
        let lies_there = || {
            let wanted = ContextRequest { copied: None, ..context.clone() };
            host.exists(&format!("{root}/vendor/modules.txt"))
                && host.survey(&wanted).is_ok_and(|survey| survey.holds("vendor/modules.txt"))
        };
        if by_flags || !has(&["-mod=mod"]) && !words.iter().any(|word| word == "download") && lies_there() {
            return true;
        }
    }
    let named: Vec<&String> = words
        .windows(2)
        .filter_map(|pair| match pair {
            [flag, file] if matches!(flag.as_str(), "-r" | "--requirement") => Some(file),
            _ => None,
        })
        .collect();
    if program("pip") {
        // The path is one of the image: the file lies below the context under the last parts of it.
        let is_empty = |path: &&String| {
            let path = path.trim_start_matches("./");
            let mut ends =
                std::iter::once(path).chain(path.match_indices('/').filter_map(|(at, _)| path.get(at + 1..)));
            ends.find(|end| host.exists(&format!("{root}/{end}")))
                .is_some_and(|end| names_nothing(&format!("{root}/{end}"), host))
        };
        return !named.is_empty() && named.iter().all(is_empty);
    }
    let there = host.list(&root);
    let manifests: Vec<&String> = match ecosystem.names.first() {
        Some(name) => {
            let fits = |file: &&String| name.strip_prefix('*').map_or(*file == name, |end| file.ends_with(end));
            there.iter().filter(fits).collect()
        }
        None => Vec::new(),
    };
    !manifests.is_empty() && manifests.iter().all(|name| names_nothing(&format!("{root}/{name}"), host))
}

/// The commands of a script.
fn commands(script: &str) -> Vec<Vec<String>> {
    let split = script.split(['\n', ';', '&', '|']).map(str::trim).filter(|part| !part.is_empty());
    split.map(|part| part.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()).collect()
}

/// Which dependencies a step installs, by which words, and whether that is all that the words do.
fn installing(command: &CommandForm) -> Option<(&'static Ecosystem, Vec<String>, bool)> {
    let script = command.script();
    // Most steps name none of these programs and need not be cut into words.
    if !ECOSYSTEMS.iter().any(|it| has_one_of(&script, it.programs)) {
        return None;
    }
    for words in commands(&script) {
        let mut words: &[String] = &words;
        // `NAME=value npm ci`, `python -m pip …`, `sudo …`
        while let [first, after @ ..] = words {
            let is_setting = first.contains('=') && !first.starts_with('-');
            let before = matches!(first.as_str(), "sudo" | "env" | "exec" | "time" | "set" | "-m" | "command");
            let python = first.starts_with("python") && after.first().is_some_and(|next| next == "-m");
            if !(is_setting || before || python) {
                break;
            }
            words = after;
        }
        let Some(program) = words.first().map(|first| first.rsplit('/').next().unwrap_or_default()) else { continue };
        let Some(ecosystem) = ECOSYSTEMS.iter().find(|it| it.programs.contains(&program)) else { continue };
        let flags_with_value = ["--prefix", "-C", "--cwd", "-f", "--file", "-p"];
        let mut rest: Vec<&str> = Vec::new();
        let mut skip = false;
        for word in words.iter().skip(1) {
            if skip || word.starts_with('-') {
                skip = !skip && flags_with_value.contains(&word.as_str());
                continue;
            }
            rest.push(word);
        }
        let verb = rest.first().copied().unwrap_or_default();
        if ecosystem.builds.contains(&verb)
            || verb == "clean" && rest.iter().any(|word| ecosystem.builds.contains(word))
        {
            return Some((ecosystem, words.to_vec(), false));
        }
        if !ecosystem.installs.contains(&verb) {
            continue;
        }
        let from_file = words.iter().any(|word| word == "-r" || word == "--requirement");
        let fits = match program {
            "npm" => rest.len() == 1 && !words.iter().any(|word| matches!(word.as_str(), "-g" | "--global")),
            "pip" | "pip3" => from_file,
            "go" => matches!(rest.get(1), Some(&("download" | "tidy" | "verify"))),
            "yarn" | "pnpm" | "bundle" | "bundler" => rest.len() <= 1,
            _ => true,
        };
        if fits {
            return Some((ecosystem, words.to_vec(), true));
        }
    }
    None
}

/// Copies the files that list the dependencies and installs them before the rest is copied. No file says for sure that the
/// installation reads nothing else, so this fix is never safe.
fn names_first(fixing: &Fixing) -> Vec<Proposal> {
    let (build, file, host) = (fixing.build, fixing.file, fixing.host);
    let Some(context) = &build.context else { return Vec::new() };
    let end = fixing.line_end();
    let mut proposals = Vec::new();
    for order in orders(build, file, host) {
        if fixing.is_allowed(&order.copy.span) || !installs_from_names_alone(&order.names, &context.folder, host) {
            continue;
        }
        let names_are_sent = {
            let mut wanted = context.clone();
            wanted.copied = None;
            let survey = host.survey(&wanted).unwrap_or_default();
            let own_modules = survey.paths.iter().any(|path| path.starts_with("node_modules/"));
            let soon_ignored = fixing.ignored.iter().any(|change| {
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
        let indent = part(&file.text.text, start..order.copy.span.start);
        let copy = order.first_copy();
        if order.only_installs {
            if !nothing_between(fixing, order.copy, order.run) {
                continue;
            }
            let run = part(&file.text.text, order.run.span.clone());
            let edits = [
                (start..start, format!("{indent}{copy}{end}{indent}{run}{end}")),
                (fixing.whole_lines(&order.run.span), String::new()),
            ];
            proposals.push(fixing.proposal(&order.copy.span, Grade::Unsafe, &edits));
        } else if order.alone == "go mod download" {
            let edits = [(start..start, format!("{indent}{copy}{end}{indent}RUN {}{end}", order.alone))];
            proposals.push(fixing.proposal(&order.copy.span, Grade::Unsafe, &edits));
        }
    }
    proposals
}

/// Whether the step can be moved before the copy: only what does not matter to it stands between.
fn nothing_between(fixing: &Fixing, copy: &Instruction, run: &Instruction) -> bool {
    fixing.instructions().filter(|it| it.span.start > copy.span.start && it.span.start < run.span.start).all(|it| {
        matches!(
            it.what,
            Directive::Other
                | Directive::Cmd(_)
                | Directive::Entrypoint(_)
                | Directive::Healthcheck(_)
                | Directive::Label(_)
                | Directive::Volume(_)
        )
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
                let scripts =
                    json.get("scripts").is_some_and(|scripts| runs.iter().any(|name| scripts.get(name).is_some()));
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
