//! `cp`: docker/cli `cli/command/container/cp.go`.

use super::{Body, Effect, Effects, Request, Typed};
use crate::grammar::parse::Invocation;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let (source, destination) = (invocation.operand(0), invocation.operand(1));
    if source.is_empty() {
        return Err("source can not be empty".to_owned());
    }
    if destination.is_empty() {
        return Err("destination can not be empty".to_owned());
    }
    let (from, from_path) = split(source);
    let (to, to_path) = split(destination);
    match (from.is_empty(), to.is_empty()) {
        (false, false) => Err("copying between containers is not supported".to_owned()),
        (true, true) => Err("must specify at least one container source".to_owned()),
        (false, true) => Ok(match to_path {
            "-" => Vec::new(),
            path => vec![Effect::WritesFile { path: path.to_owned(), origins: invocation.operand_at(1).origins() }],
        }),
        (true, false) => {
            let mut effects = Vec::new();
            if from_path != "-" {
                if !host.exists(from_path) {
                    let path = absolute(host, from_path);
                    return Err(format!("lstat {path}: no such file or directory"));
                }
                effects.push(Effect::ReadsFile {
                    path: from_path.to_owned(),
                    origins: invocation.operand_at(0).origins(),
                });
            }
            let request = Request::new("PUT", format!("/containers/{to}/archive"), invocation.operand_at(1).origins())
                .with("path", to_path)
                .with("noOverwriteDirNonDir", "true")
                .with_if(invocation.on("archive"), "copyUIDGID", "true")
                .body(Body::Stream);
            effects.push(Effect::Request(request));
            Ok(effects)
        }
    }
}

/// Container and path; no container for a path of the host.
pub fn split(word: &str) -> (&str, &str) {
    if word.starts_with('/') {
        return ("", word);
    }
    match word.split_once(':') {
        Some((container, path)) if !container.starts_with('.') => (container, path),
        _ => ("", word),
    }
}

fn absolute(host: &dyn Host, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", host.directory()) }
}
