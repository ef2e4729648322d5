//! A container that runs as root.

use super::needs_root::needs_root;
use super::{COMMON, Case, Class, Edit, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::{Directive, Dockerfile};
use crate::grammar::values;
use crate::lower::Build;
use crate::lower::fields;

/// The rule.
pub static RULE: Rule = Rule {
    id: "root-user",
    title: "runs as root",
    class: Class::Hygiene,
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
    findings
}

/// A Dockerfile whose last stage never leaves root.
fn in_dockerfile(case: &Case, build: &Build) -> Option<Finding> {
    let file = build.file()?;
    let user = file.last(build.stage, |it| if let Directive::User(user) = &it.what { Some(user) } else { None });
    if let Some(user) = user {
        let found = || RULE.found(&build.origins).titled("the last USER is root").in_file(file.place(&user.span));
        return is_root(&user.text).then(found);
    }
    let first = &file.stages[*file.line(build.stage).last()?];
    let unprivileged = ["nonroot", "unprivileged", "rootless"].iter().any(|word| first.image.contains(word));
    if unprivileged || drops_root(file, build.stage) {
        return None;
    }
    if first.image != "scratch"
        && !first.image.is_empty()
        && let Lookup::Found(image) = case.facts.image(&first.image)
        && !image.user.is_empty()
        && !is_root(&image.user)
    {
        return None;
    }
    let base = &file.stages[build.stage].base;
    Some(RULE.found(&build.origins).titled("no USER: the image runs as root").in_file(file.place(&base.span)))
}

/// Programs that start as root to become somebody else.
pub fn drops_root(file: &Dockerfile, stage: usize) -> bool {
    let start = |it: &crate::files::dockerfile::Instruction| match &it.what {
        Directive::Entrypoint(command) | Directive::Cmd(command) => Some(command.script()),
        _ => None,
    };
    let line = file.line(stage);
    let scripts = line.iter().flat_map(|stage| file.stages[*stage].instructions.iter()).filter_map(start);
    let words: Vec<String> =
        scripts.flat_map(|script| script.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
    let known = ["gosu", "su-exec", "setpriv", "s6-setuidgid", "runuser", "chroot", "/init", "/sbin/init"];
    words.iter().any(|word| {
        known.contains(&word.rsplit_once('/').map_or(word.as_str(), |(_, name)| name)) || known.contains(&word.as_str())
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
