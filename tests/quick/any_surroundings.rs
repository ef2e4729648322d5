//! What is set where the tests run changes no result: CI, agents, a developer's docker, colours and folders. Its name comes early, and so it
//! starts early: it takes long.

use std::fs;
use std::path::Path;

use crate::support::process::{program, root};

/// What developers, CI and agents have set, each to the value that would do most harm.
const SET: &[(&str, &str)] = &[
    ("CI", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITLAB_CI", "true"),
    ("JENKINS_URL", "http://ci.example.com/"),
    ("BUILDKITE", "true"),
    ("TF_BUILD", "True"),
    ("CLAUDECODE", "1"),
    ("CLAUDE_CODE_ENTRYPOINT", "cli"),
    ("CURSOR_AGENT", "1"),
    ("CURSOR_TRACE_ID", "1"),
    ("CODEX_SANDBOX", "seatbelt"),
    ("CODEX_SANDBOX_NETWORK_DISABLED", "1"),
    ("CODEX_THREAD_ID", "1"),
    ("GEMINI_CLI", "1"),
    ("OPENCODE", "1"),
    ("OPENCODE_CLIENT", "cli"),
    ("AI_AGENT", "yes"),
    ("AGENT", "yes"),
    ("COPILOT_AGENT_ID", "1"),
    ("COPILOT_MODEL", "x"),
    ("GH_COPILOT", "1"),
    ("REPL_ID", "1"),
    ("DOCKER_HOST", "tcp://production.example.com:2375"),
    ("DOCKER_CONTEXT", "production"),
    ("DOCKER_CONFIG", "/nonexistent/docker"),
    ("DOCKER_API_VERSION", "1.12"),
    ("DOCKER_BUILDKIT", "0"),
    ("DOCKER_CERT_PATH", "/nonexistent/certificates"),
    ("DOCKER_TLS", "1"),
    ("DOCKER_TLS_VERIFY", "1"),
    ("DOCKER_DEFAULT_PLATFORM", "windows/amd64"),
    ("DOCKER_CONTENT_TRUST", "1"),
    ("DOCKER_HIDE_LEGACY_COMMANDS", "1"),
    ("DOCKER_CLI_HINTS", "true"),
    ("BUILDKIT_PROGRESS", "rawjson"),
    ("BUILDX_BUILDER", "production"),
    ("BUILDX_CONFIG", "/nonexistent/buildx"),
    ("COMPOSE_FILE", "/nonexistent/compose.yaml"),
    ("COMPOSE_PROJECT_NAME", "production"),
    ("COMPOSE_PROFILES", "*"),
    ("COMPOSE_ENV_FILES", "/nonexistent/env"),
    ("XDG_CONFIG_HOME", "/nonexistent/config"),
    ("XDG_CONFIG_DIRS", "/nonexistent/config"),
    ("XDG_STATE_HOME", "/nonexistent/state"),
    ("XDG_CACHE_HOME", "/nonexistent/cache"),
    ("XDG_DATA_HOME", "/nonexistent/data"),
    ("XDG_RUNTIME_DIR", "/nonexistent/run"),
    ("HOME", "/nonexistent/home"),
    ("USER", "production"),
    ("LOGNAME", "production"),
    ("HOSTNAME", "production"),
    ("SHELL", "/bin/false"),
    ("SUDO_USER", "nobody"),
    ("SUDO_UID", "65534"),
    ("NO_COLOR", "1"),
    ("CLICOLOR", "0"),
    ("CLICOLOR_FORCE", "1"),
    ("FORCE_COLOR", "3"),
    ("TERM", "dumb"),
    ("COLUMNS", "20"),
    ("LINES", "3"),
    ("LANG", "tr_TR.UTF-8"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("TZ", "Pacific/Kiritimati"),
    ("PAGER", "/bin/false"),
    ("EDITOR", "/bin/false"),
    ("http_proxy", "http://proxy.example.com:3128"),
    ("HTTPS_PROXY", "http://proxy.example.com:3128"),
    ("NO_PROXY", "*"),
    ("SSH_AUTH_SOCK", "/nonexistent/agent"),
    ("FENDER_CHAIN", "9:/usr/bin/docker"),
    ("FENDER_NOTES", "always"),
    ("FENDER_POLICY", "/nonexistent/policy.toml"),
];

/// With `FENDER_SURROUNDINGS` all quick tests once more, with everything set; but the seeds, what is timed, what waits for silent engines, and
/// the house's own, which read no variable of fender's. Without it those that look at who and where the caller is.
#[test]
fn nothing_that_is_set_changes_a_result() {
    let mut again = program(std::env::current_exe().unwrap());
    again.args(["--quiet", "--test-threads=4"]);
    let all = [
        "any_surroundings::",
        "house::",
        "seeds::",
        "scaling::",
        "scaling_files::",
        "numbers::",
        "properties::",
        "answers_that_do_not_come::",
        "shim::a_policy_knows_an_engine",
    ];
    again.args(all.iter().flat_map(|skipped| ["--skip", skipped]));
    if std::env::var_os("FENDER_SURROUNDINGS").is_none() {
        again.args(["shim::", "callers::", "help::", "terminal::", "rules::", "redirects::", "owned::"]);
    }
    again.envs(SET.iter().copied()).current_dir(root());
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// That holds for every test because one file starts all programs, with an empty environment.
#[test]
fn programs_are_started_in_one_place() {
    let mut others = Vec::new();
    look(&root().join("tests"), &mut |path, text| {
        // Built from two parts: this file is looked at, too.
        if text.contains(concat!("Command::", "new(")) && !path.ends_with("support/process.rs") {
            others.push(path.display().to_string());
        }
    });
    assert!(
        others.is_empty(),
        "these start programs by themselves; support/process.rs has functions for it: {others:?}"
    );
}

fn look(folder: &Path, each: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            look(&path, each);
        } else if path.extension().is_some_and(|end| end == "rs") {
            each(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
