//! A container that runs as root.

use super::base_user::{has_user, is_for_tools, steps_down, steps_down_itself};
use super::entry_script::{SHELLS, entry_script};
use super::fix::{DockerfileFix, DockerfilePart, Fixing, Grade, Proposal, is_windows, official};
use super::needs_root::needs_root;
use super::not_deployed::is_not_deployed;
use super::{COMMON, Case, Class, Confidence, Edit, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::{CommandForm, Directive, Dockerfile, Instruction, Span};
use crate::grammar::values;
use crate::lower::Build;
use crate::lower::fields;
use crate::text::part;
use std::borrow::Cow;

/// The rule.
pub static RULE: Rule = Rule {
    id: "root-user",
    title: "runs as root",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    hadolint: &[("DL3002", |marked| marked != "sudo"), ("DL3004", |marked| marked == "sudo")],
    of_services: "run as root",
    once_a_file: true,
    why: "If an attacker takes over this program, the attacker is root in the container, and root on the host if a \
          way out of the container is found.",
    instead: "--user with an id that owns the files it needs, or USER in the image",
    references: &["CIS Docker Benchmark 4.1", "https://docs.docker.com/build/building/best-practices/#user"],
    fires: &["run tools:1.4", "run -u 0 safe:1", "run --user root:root safe:1", "run -u 00:5 safe:1"],
    quiet: &["run --user 1000:1000 tools:1.4", "run safe:1"],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM alpine:3.22\nCOPY server /usr/local/bin/\nENTRYPOINT [\"server\"]\n",
        good: "FROM alpine:3.22\nRUN adduser -D -H -u 10001 app\nCOPY server /usr/local/bin/\nUSER app\nENTRYPOINT [\"server\"]\n",
    }],
    check,
    dockerfile_fix: Some(DockerfileFix { part: DockerfilePart::User, propose: own_user }),
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let (title, origins) = match &workload.user {
            Some(user) if is_root(user) => (format!("runs as root (--user {user})"), workload.user_origins.clone()),
            Some(_) => continue,
            None if workload.partial => continue,
            None => match case.image(workload) {
                Lookup::Found(image) if !image.user.is_empty() && !is_root(&image.user) => continue,
                Lookup::Found(_) => {
                    ("the image sets no user, so the process is root".to_owned(), workload.image_origins.clone())
                }
                Lookup::Missing => (
                    "--user is not set; whether the image sets a user is not known, because it is not on this engine"
                        .to_owned(),
                    workload.image_origins.clone(),
                ),
                Lookup::NoEngine | Lookup::Unknown(_) => (
                    "--user is not set; whether the image sets a user is not known, because the engine did not answer"
                        .to_owned(),
                    workload.image_origins.clone(),
                ),
            },
        };
        let user = case.offers.user.clone().unwrap_or_else(|| own(case.ids));
        let mut finding = RULE.found(&origins).titled(title).about(workload);
        let image = match case.image(workload) {
            Lookup::Found(image) => Some(image),
            Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => None,
        };
        // With another user these do not start.
        if !needs_root(workload.image.as_deref().unwrap_or_default(), image.as_ref()) {
            finding = finding.edit(Edit::set(&fields::USER, Some(user)));
        }
        finding.image_unknown = workload.user.is_none() && !matches!(case.image(workload), Lookup::Found(_));
        findings.push(finding);
    }
    findings.extend(case.builds().filter_map(|build| in_dockerfile(case, build)));
    findings.extend(case.builds().filter_map(becomes_root));
    findings
}

/// Whether the stage only holds files that are taken out of it: it starts from nothing and starts nothing.
fn only_holds_files(file: &Dockerfile, stage: usize) -> bool {
    let starts = |it: &Instruction| matches!(it.what, Directive::Entrypoint(_) | Directive::Cmd(_)).then_some(());
    file.first_of(stage).is_some_and(|first| first.image == "scratch") && file.last(stage, starts).is_none()
}

/// Whether the official base steps down when it starts what this image starts.
fn base_steps_down(file: &Dockerfile, stage: usize, base: &str) -> bool {
    let (entrypoint, command) = started(file, stage);
    // Its own entry point may be named once more.
    let is_own = entrypoint.is_none_or(|entrypoint| match entrypoint {
        CommandForm::Exec(words, _) => words.first().is_some_and(|first| first.ends_with("docker-entrypoint.sh")),
        CommandForm::Shell(..) => false,
    });
    let is_replaced = file.instructions_of(&file.line(stage)).any(|it| {
        let Directive::Copy { sources, .. } = &it.what else { return false };
        sources.iter().any(|source| source.text.ends_with("docker-entrypoint.sh"))
    });
    let program = match command {
        None => Some(None),
        Some(CommandForm::Exec(words, _)) => words.first().map(|first| Some(first.as_str())),
        // Its shell is what the entry point is given.
        Some(CommandForm::Shell(..)) => None,
    };
    is_own && !is_replaced && program.is_some_and(|program| steps_down(base, program))
}

/// A user who becomes root without a password, and `sudo` where everything is root's already.
fn becomes_root(build: &Build) -> Option<Finding> {
    let file = build.file()?;
    if is_not_deployed(file, build.stage) {
        return None;
    }
    for instruction in file.instructions_of(&build.needed).filter(|it| !it.on_build) {
        let Directive::Run(command) = &instruction.what else { continue };
        let text = part(&file.text.text, instruction.span.clone());
        let at = |word: &str| {
            text.find(word).map(|at| instruction.span.start + at..instruction.span.start + at + word.len())
        };
        let found = |title: &str, why: &str, instead: &str, span: Span| {
            let mut finding = RULE.found(&build.origins).titled(title).because(why).in_file(file.place(&span));
            instead.clone_into(&mut finding.instead);
            finding
        };
        let script = command.script();
        if script.contains("NOPASSWD") && script.contains("sudoers") {
            let why = "Who takes over the program of this user is root in the container with one more command. The user then protects nothing.";
            let instead = "do as root what needs root before USER, and no line in sudoers";
            return Some(found("the user becomes root by sudo without a password", why, instead, at("NOPASSWD")?));
        }
        if runs_sudo(&script) {
            let why = "sudo changes the environment and how signals arrive, and whoever is the image's user can become root with it.";
            let instead = "USER root before the step, and USER again behind it";
            return Some(found("sudo in RUN", why, instead, at("sudo")?));
        }
    }
    None
}

/// Whether `sudo` is a command of the script, not a package or a file of this name.
fn runs_sudo(script: &str) -> bool {
    script.split(['\n', ';', '&', '|', '(', '`', '{']).any(|command| {
        let mut words = command.split_whitespace().skip_while(|word| {
            matches!(*word, "then" | "do" | "else" | "if" | "!" | "exec" | "time" | "env")
                || word.split_once('=').is_some_and(|(name, _)| !name.contains(['/', '-']))
        });
        words.next().is_some_and(|word| word.rsplit('/').next() == Some("sudo")) && words.next().is_some()
    })
}

/// A Dockerfile whose last stage never leaves root.
fn in_dockerfile(case: &Case, build: &Build) -> Option<Finding> {
    let file = build.file()?;
    let user = file.last(build.stage, |it| if let Directive::User(user) = &it.what { Some(user) } else { None });
    if let Some(user) = user {
        let found = || RULE.found(&build.origins).titled("the last USER is root").in_file(file.place(&user.span));
        return is_root(&user.text).then(found);
    }
    let first = file.first_of(build.stage)?;
    if is_windows(file, build.stage)
        || drops_root(file, build.stage)
        || is_not_deployed(file, build.stage)
        || only_holds_files(file, build.stage)
        || script_drops_root(case, build, file)
        || program_steps_down(file, build.stage)
    {
        return None;
    }
    let known = match case.facts.image(&first.image) {
        Lookup::Found(image) if first.image != "scratch" && !first.image.is_empty() => Some(image),
        _ => None,
    };
    let base_has_user = match &known {
        Some(image) => !image.user.is_empty() && !is_root(&image.user),
        None => has_user(&first.image),
    };
    // Nothing is known of what a base does that has a name only where the caller gives one.
    let is_nameless = first.image.is_empty() && starts_nothing(file, build.stage);
    if base_has_user
        || is_nameless
        || base_steps_down(file, build.stage, &first.image)
        || is_for_tools(&first.image) && starts_nothing(file, build.stage) && holds_no_program(case, build, file)
    {
        return None;
    }
    let base = &file.stages.get(build.stage)?.base;
    let title = if known.is_some() || official(&first.image).is_some_and(|name| !name.contains('$') && !name.is_empty())
    {
        "no USER: the image runs as root"
    } else {
        "no USER: the image runs as root if its base names no user"
    };
    Some(RULE.found(&build.origins).titled(title).in_file(file.place(&base.span)))
}

/// What the image starts, as the Dockerfile says it: the entry point and the command.
fn started(file: &Dockerfile, stage: usize) -> (Option<&CommandForm>, Option<&CommandForm>) {
    let entrypoint = file.last(stage, |it| if let Directive::Entrypoint(it) = &it.what { Some(it) } else { None });
    let command = file.last(stage, |it| if let Directive::Cmd(it) = &it.what { Some(it) } else { None });
    (entrypoint, command)
}

/// Whether the Dockerfile has no program of its own for a container, or nothing but a shell: an image in which somebody works.
fn starts_nothing(file: &Dockerfile, stage: usize) -> bool {
    let is_shell_alone = |command: &CommandForm| {
        let script = command.script();
        let mut words = script.split_whitespace().skip_while(|word| *word == "exec");
        let first = words.next().is_none_or(|first| SHELLS.contains(&first.rsplit('/').next().unwrap_or(first)));
        first && words.all(|word| word.starts_with('-') && !word.contains('c'))
    };
    let (entrypoint, command) = started(file, stage);
    entrypoint.into_iter().chain(command).all(is_shell_alone)
}

/// Whether the image has no program of the project, as far as the Dockerfile shows: it takes nothing but single files, none of them into
/// a folder for programs. Such are images with tools, whose scripts are run by their own steps.
fn holds_no_program(case: &Case, build: &Build, file: &Dockerfile) -> bool {
    let folder = build.context.as_ref().map(|context| context.folder.trim_end_matches('/'));
    let line = file.line(build.stage);
    let is_single = |source: &str| {
        let path = source.trim_start_matches('/').trim_start_matches("./").trim_end_matches('/');
        let is_whole = path.is_empty() || path == "." || path.contains(['*', '?', '$', '[']);
        !is_whole && folder.is_some_and(|folder| !case.host.is_directory(&format!("{folder}/{path}")))
    };
    file.instructions_of(&line).all(|it| match &it.what {
        Directive::Copy { sources, here, target, from, .. } => {
            from.is_none()
                && here.is_empty()
                && !target.text.split('/').any(|part| part == "bin")
                && sources.iter().all(|source| is_single(&source.text))
        }
        _ => true,
    })
}

/// Whether the program that the image starts gives root up by itself.
fn program_steps_down(file: &Dockerfile, stage: usize) -> bool {
    let first = |command: Option<&CommandForm>| match command {
        Some(CommandForm::Exec(words, _)) => words.first().cloned(),
        _ => None,
    };
    // A script that is the entry point is handed the command, and starts it in the end.
    let is_script = |program: &str| program.ends_with(".sh") || program.ends_with("entrypoint");
    match (started(file, stage), first(started(file, stage).0)) {
        ((None, command), _) => first(command).is_some_and(|program| steps_down_itself(&program)),
        ((_, command), Some(script)) if is_script(&script) => {
            first(command).is_some_and(|program| steps_down_itself(&program))
        }
        (_, program) => program.is_some_and(|program| steps_down_itself(&program)),
    }
}

/// Whether the script that the image starts hands over to another user.
fn script_drops_root(case: &Case, build: &Build, file: &Dockerfile) -> bool {
    let (entrypoint, command) = started(file, build.stage);
    let Some(CommandForm::Exec(words, _)) = entrypoint.or(command) else { return false };
    let Some(script) = entry_script(case.host, build, words) else { return false };
    let lines = script.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| line.split(|letter: char| letter.is_whitespace() || ";&|(){}`\"'".contains(letter))).any(
        |word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            DROPPERS.contains(&name) || matches!(name, "su" | "sudo" | "start-stop-daemon")
        },
    )
}

/// Programs that start another one as another user.
const DROPPERS: &[&str] =
    &["gosu", "su-exec", "setpriv", "s6-setuidgid", "setuidgid", "runuser", "chroot", "chpst", "capsh"];

/// What an image made by this instruction would start, as a script.
fn script_of(instruction: &Instruction) -> Option<Cow<'_, str>> {
    match &instruction.what {
        Directive::Entrypoint(command) | Directive::Cmd(command) => Some(command.script()),
        _ => None,
    }
}

/// Programs that start as root to become somebody else.
pub fn drops_root(file: &Dockerfile, stage: usize) -> bool {
    let line = file.line(stage);
    let scripts = file.instructions_of(&line).filter_map(script_of);
    let words: Vec<String> =
        scripts.flat_map(|script| script.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    words.iter().any(|word| {
        DROPPERS.contains(&word.rsplit_once('/').map_or(word.as_str(), |(_, name)| name))
            || matches!(word.as_str(), "/init" | "/sbin/init")
    })
}

/// The caller's own ids; for root a plain user's, since its own would change nothing.
fn own((user, group): (u32, u32)) -> String {
    if user == 0 { "1000:1000".to_owned() } else { format!("{user}:{group}") }
}

/// `0`, `root`, `0:0`, `00`, `+0`: the part before the colon decides.
pub fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    name == "root" || name.is_empty() || (values::int(name) == Ok(0)) || name.bytes().all(|b| b == b'0')
}

/// Official images whose entry point starts as root and steps down by itself, or that bind and write as root by design.
const START_AS_ROOT: &[&str] = &[
    "caddy",
    "cassandra",
    "chronograf",
    "couchbase",
    "couchdb",
    "docker",
    "elasticsearch",
    "ghost",
    "haproxy",
    "httpd",
    "influxdb",
    "kapacitor",
    "mariadb",
    "memcached",
    "mongo",
    "mongo-express",
    "mysql",
    "neo4j",
    "nextcloud",
    "nginx",
    "percona",
    "postgres",
    "rabbitmq",
    "redis",
    "registry",
    "solr",
    "sonarqube",
    "telegraf",
    "teamspeak",
    "traefik",
    "valkey",
    "vault",
    "wordpress",
    "zookeeper",
    "kong",
    "drupal",
    "joomla",
    "matomo",
    "odoo",
    "redmine",
    "rocket.chat",
    "xwiki",
    "consul",
    "nats",
    "unit",
];

/// Programs that have to start as root, or whose work is to change users.
const NEED_ROOT: &[&str] = &[
    "nginx",
    "httpd",
    "httpd-foreground",
    "apache2",
    "apache2ctl",
    "apachectl",
    "apache2-foreground",
    "supervisord",
    "cron",
    "crond",
    "sshd",
    "dockerd",
    "containerd",
    "systemd",
    "init",
    "s6-svscan",
    "runit",
    "runsvdir",
    "my_init",
    "dnsmasq",
    "named",
    "postfix",
    "dovecot",
    "rsyslogd",
    "smbd",
    "vsftpd",
    "openvpn",
    "wg-quick",
    "squid",
    "php-fpm",
    "mysqld",
    "mariadbd",
    "postgres",
    "rpcbind",
    "chronyd",
    "ntpd",
    "keepalived",
    "haproxy",
    "iptables",
    "mount",
    "useradd",
    "adduser",
    "usermod",
    "chown",
    "su",
    "sudo",
    "gosu",
    "su-exec",
    "setpriv",
    "runuser",
    "chroot",
    "s6-setuidgid",
    "setuidgid",
    "/init",
    "capsh",
];

/// Adds a user of its own to the image. No file says what the program writes, binds and starts, so this fix is never safe. It is not
/// offered if it is known to fail.
fn own_user(fixing: &Fixing) -> Vec<Proposal> {
    let (build, file) = (fixing.build, fixing.file);
    let (Some(stage), Some(first)) = (file.stages.get(build.stage), file.first_of(build.stage)) else {
        return Vec::new();
    };
    let said = file.last(build.stage, |it| if let Directive::User(user) = &it.what { Some((user, it)) } else { None });
    let needless = match said {
        Some((user, _)) => !is_root(&user.text),
        None => match fixing.facts.image(&first.image) {
            Lookup::Found(image) => !image.user.is_empty() && !is_root(&image.user),
            _ => has_user(&first.image),
        },
    };
    let place = said.map_or(&stage.base.span, |(user, _)| &user.span);
    if needless
        || fixing.is_allowed(place)
        || drops_root(file, build.stage)
        || fixing.is_windows()
        || starts_as_root(fixing)
    {
        return Vec::new();
    }
    // Who said root, said it for something.
    if said.is_some() {
        return Vec::new();
    }
    let end = fixing.line_end();
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
                | Directive::Env(_)
                | Directive::Arg(_)
        )
    });
    let text = &file.text.text;
    let at = match last {
        Some(last) => fixing.whole_lines(&last.span).end,
        None => fixing.whole_lines(&stage.base.span).end,
    };
    let before = if at == text.len() && !text.ends_with('\n') { end } else { "" };
    let edit = (at..at, format!("{before}{lines}"));
    vec![fixing.proposal(&stage.base.span, Grade::Unsafe, &[edit])]
}

/// Whether the image is known to need root at its start, or is none that starts anything.
fn starts_as_root(fixing: &Fixing) -> bool {
    let (build, file, host) = (fixing.build, fixing.file, fixing.host);
    let line = file.line(build.stage);
    // What cannot be told may start as root.
    let Some(first) = file.first_of(build.stage) else { return true };
    // A base whose name is not known may be any of them.
    if first.image.is_empty() || official(&first.image).is_some_and(|name| START_AS_ROOT.contains(&name)) {
        return true;
    }
    let instructions = || file.instructions_of(&line);
    let commands: Vec<Cow<str>> = instructions().filter(|it| !it.on_build).filter_map(script_of).collect();
    // Nothing is started: a stage from which files are taken, or a base for others.
    if commands.is_empty() {
        return true;
    }
    let needs_it = |script: &str| {
        let words = script.split(|letter: char| letter.is_whitespace() || ";&|()\"'`".contains(letter));
        words
            .filter(|word| !word.is_empty())
            .any(|word| NEED_ROOT.contains(&word.rsplit('/').next().unwrap_or(word)) || NEED_ROOT.contains(&word))
    };
    if commands.iter().any(|script| needs_it(script)) {
        return true;
    }
    // What the entry point's own script does, where it comes from the context.
    let folder = build.context.as_ref().map(|context| context.folder.trim_end_matches('/').to_owned());
    let named: Vec<&str> = commands.iter().flat_map(|script| script.split_whitespace()).collect();
    fixing.instructions().any(|it| {
        let Directive::Copy { from: None, sources, .. } = &it.what else { return false };
        let Some(folder) = &folder else { return false };
        sources.iter().any(|source| {
            let path = format!("{folder}/{}", source.text.trim_start_matches('/').trim_start_matches("./"));
            let names = if host.is_directory(&path) { host.list(&path) } else { Vec::new() };
            let inside = names.iter().map(|name| format!("{}/{name}", path.trim_end_matches('/')));
            std::iter::once(path.clone()).chain(inside).any(|path| {
                let name = path.rsplit('/').next().unwrap_or_default();
                let is_named = named.iter().any(|word| word.rsplit('/').next() == Some(name));
                let script = || host.start(&path, 64 * 1024).ok().filter(|start| start.starts_with(b"#!"));
                is_named && script().is_some_and(|start| needs_it(&String::from_utf8_lossy(&start)))
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::runs_sudo;

    #[test]
    fn sudo_as_a_command() {
        for script in [
            "sudo make install",
            "make && sudo make install",
            "A=b sudo x",
            "if sudo true; then x; fi",
            "/usr/bin/sudo -u a b",
            "x | sudo tee y",
            "(sudo x)",
            "$(sudo x)",
        ] {
            assert!(runs_sudo(script), "{script}");
        }
        for script in [
            "apt-get install -y sudo",
            "apk add sudo bash",
            "rm /usr/bin/sudo",
            "echo sudo x",
            "pseudo x",
            "sudoku x",
            "usermod -aG sudo app",
            "adduser app sudo && true",
            "which sudo",
        ] {
            assert!(!runs_sudo(script), "{script}");
        }
    }
}
