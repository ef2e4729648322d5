//! `CMD` and `ENTRYPOINT` in exec form, if the command does not need a shell.

use super::{Grade, Proposal, allowed};
use crate::files::dockerfile::{CommandForm, Directive, Dockerfile};
use crate::files::magic::is_program;
use crate::host::Host;
use crate::lower::Build;
use crate::plan::Facts;
use crate::rules::{PID1_SIGNALS, replaces_itself};

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
pub(super) fn exec_form(build: &Build, file: &Dockerfile, facts: &dyn Facts, host: &dyn Host) -> Vec<Proposal> {
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
    let own = file.stages[build.stage].instructions.iter().any(|it| std::ptr::eq(it, instruction));
    if shell.is_some()
        || !own
        || replaces_itself(script)
        || super::is_windows(build, file)
        || allowed(file, &instruction.keyword, PID1_SIGNALS.id)
    {
        return Vec::new();
    }
    let Some(words) = plain_words(script) else { return Vec::new() };
    let starts = match starts_alone(build, file, &words[0], host) {
        Some(false) => return Vec::new(),
        starts => starts == Some(true),
    };
    // An entry point of the base is handed the words: it may do something else for them than for a shell.
    let safe = starts && (is_entrypoint || has_no_entrypoint(build, file, facts));
    let list: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    let edit = (span.clone(), format!("[{}]", list.join(", ")));
    let line = file.text.position(instruction.keyword.start).0;
    let grade = if safe { Grade::Safe } else { Grade::Unsafe };
    vec![Proposal::new(PID1_SIGNALS.id, &file.text.path, line, grade, &[edit])]
}

/// Whether the kernel can start the program without a shell: true and false where its first bytes say so, or its name
/// does; None where nothing does.
fn starts_alone(build: &Build, file: &Dockerfile, program: &str, host: &dyn Host) -> Option<bool> {
    let name = program.rsplit('/').next().unwrap_or(program);
    // What the Dockerfile copies from the context can be looked at.
    let mut sources = Vec::new();
    for instruction in super::instructions(build, file) {
        let Directive::Copy { from: None, sources: copied, target, here, .. } = &instruction.what else { continue };
        let end = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        if *here > 0 && end(&target.text) == name {
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
    let folder = build.context.as_ref().map(|context| context.folder.trim_end_matches('/').to_owned());
    let mut known = None;
    for source in sources {
        let Some(folder) = &folder else { continue };
        let path = format!("{folder}/{}", source.trim_start_matches('/').trim_start_matches("./"));
        if host.is_directory(&path) {
            continue;
        }
        match host.start(&path, 4) {
            Ok(start) if is_program(&start) => known = known.or(Some(true)),
            Ok(_) => return Some(false),
            Err(_) => {}
        }
    }
    known.or_else(|| PROGRAMS.contains(&name).then_some(true))
}

/// Whether nothing of the base takes the command as its arguments.
fn has_no_entrypoint(build: &Build, file: &Dockerfile, facts: &dyn Facts) -> bool {
    let first = &file.stages[file.line(build.stage).last().copied().unwrap_or(build.stage)];
    if let crate::engine::Lookup::Found(image) = facts.image(&first.image) {
        return image.entrypoint.is_empty();
    }
    super::official(&first.image).is_some_and(|name| TRANSPARENT.contains(&name))
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
    let words = shell_words::split(script).ok().filter(|words| !words.is_empty())?;
    let first = &words[0];
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
