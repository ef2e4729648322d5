//! Adds a user of its own to an image. No file says what the program writes, binds and starts, so this fix is never safe. It is not
//! offered if it is known to fail.

use super::{Grade, Proposal, allowed, line_end, whole_lines};
use crate::engine::Lookup;
use crate::files::dockerfile::{Directive, Dockerfile};
use crate::host::Host;
use crate::lower::Build;
use crate::plan::Facts;
use crate::rules::{ROOT_USER, drops_root, is_root_user};

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

/// The proposal of a user, at most one.
pub(super) fn user(build: &Build, file: &Dockerfile, facts: &dyn Facts, host: &dyn Host) -> Vec<Proposal> {
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
    if needless
        || allowed(file, place, ROOT_USER.id)
        || drops_root(file, build.stage)
        || super::is_windows(build, file)
        || starts_as_root(build, file, host)
    {
        return Vec::new();
    }
    // Who said root, said it for something.
    if said.is_some() {
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
                | Directive::Env(_)
                | Directive::Arg(_)
        )
    });
    let text = &file.text.text;
    let at = match last {
        Some(last) => whole_lines(file, &last.span).end,
        None => text[stage.base.span.end..].find('\n').map_or(text.len(), |at| stage.base.span.end + at + 1),
    };
    let before = if at == text.len() && !text.ends_with('\n') { end } else { "" };
    let edit = (at..at, format!("{before}{lines}"));
    let line = file.text.position(stage.base.span.start).0;
    vec![Proposal::new(ROOT_USER.id, &file.text.path, line, Grade::Unsafe, &[edit])]
}

/// Whether the image is known to need root at its start, or is none that starts anything.
fn starts_as_root(build: &Build, file: &Dockerfile, host: &dyn Host) -> bool {
    let line = file.line(build.stage);
    let first = &file.stages[line.last().copied().unwrap_or(build.stage)];
    // A base whose name is not known may be any of them.
    if first.image.is_empty() || super::official(&first.image).is_some_and(|name| START_AS_ROOT.contains(&name)) {
        return true;
    }
    let instructions = || line.iter().flat_map(|stage| &file.stages[*stage].instructions);
    let commands = instructions().filter(|it| !it.on_build).filter_map(|it| match &it.what {
        Directive::Entrypoint(command) | Directive::Cmd(command) => Some(command.script()),
        _ => None,
    });
    let commands: Vec<String> = commands.collect();
    // Nothing is started: a stage from which files are taken, or a base for others.
    if commands.is_empty() {
        return true;
    }
    let needs_root = |script: &str| {
        let words = script.split(|letter: char| letter.is_whitespace() || ";&|()\"'`".contains(letter));
        words
            .filter(|word| !word.is_empty())
            .any(|word| NEED_ROOT.contains(&word.rsplit('/').next().unwrap_or(word)) || NEED_ROOT.contains(&word))
    };
    if commands.iter().any(|script| needs_root(script)) {
        return true;
    }
    // What the entry point's own script does, where it comes from the context.
    let folder = build.context.as_ref().map(|context| context.folder.trim_end_matches('/').to_owned());
    let named: Vec<&str> = commands.iter().flat_map(|script| script.split_whitespace()).collect();
    super::instructions(build, file).any(|it| {
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
                is_named && script().is_some_and(|start| needs_root(&String::from_utf8_lossy(&start)))
            })
        })
    })
}
