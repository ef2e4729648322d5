//! `exec`: docker/cli `cli/command/container/exec.go`.

use bollard_stubs::models::ExecConfig;

use super::{Body, Effect, Effects, Request, Typed, filled_env, key_values, origins_of, trim_id};
use crate::grammar::parse::Invocation;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let mut effects = Vec::new();
    let typed = filled_env(host, invocation.list("env"));
    let env = key_values(host, invocation.all(&["env-file"]).collect(), typed, true, &mut effects)?;
    let container = trim_id("container", invocation.operand(0))?;
    let attached = !invocation.on("detach");
    let body = ExecConfig {
        user: Some(invocation.text("user").to_owned()),
        privileged: Some(invocation.on("privileged")),
        tty: Some(invocation.on("tty")),
        attach_stdin: Some(attached && invocation.on("interactive")),
        attach_stdout: Some(attached),
        attach_stderr: Some(attached),
        detach_keys: Some(invocation.text("detach-keys").to_owned()),
        env: (!env.is_empty()).then_some(env),
        working_dir: Some(invocation.text("workdir").to_owned()),
        cmd: Some(invocation.operand_texts().into_iter().skip(1).collect()),
        console_size: None,
    };
    let mut request = Request::new("POST", format!("/containers/{container}/exec"), invocation.operand_at(0).origins())
        .body(Body::Exec(Box::new(body)))
        .part("Privileged", origins_of(invocation, &["privileged"]))
        .part("User", origins_of(invocation, &["user"]));
    request.beyond.push(("Detach".to_owned(), false.into()));
    effects.push(Effect::Request(request));
    Ok(effects)
}
