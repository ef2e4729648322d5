//! Every environment variable that fender reads. A test compares this list with the source.
//!
//! Not here: the variables that a compose file, a bake file, or `--env NAME` and `--build-arg NAME` name, which are looked up as docker
//! looks them up.

/// One variable, or several that are read for the same.
#[derive(Debug)]
pub struct Variable {
    /// Their names.
    pub names: &'static [&'static str],
    /// How they are shown in `fender --help`.
    pub shown: &'static str,
    /// What they change.
    pub meaning: &'static str,
}

/// In the order in which `fender --help` lists them.
pub static VARIABLES: &[Variable] = &[
    Variable { names: &["FENDER_NOTES"], shown: "FENDER_NOTES=always", meaning: "print notes without a terminal, too" },
    Variable { names: &["CI"], shown: "CI", meaning: "set, and not false or 0: a local engine is ci" },
    Variable {
        names: &["CLAUDECODE", "CURSOR_AGENT"],
        shown: "CLAUDECODE, CURSOR_AGENT",
        meaning: "set by a coding agent: no question is answered",
    },
    Variable {
        names: &["CODEX_SANDBOX", "CODEX_THREAD_ID"],
        shown: "CODEX_SANDBOX, CODEX_THREAD_ID",
        meaning: "the same",
    },
    Variable {
        names: &["GEMINI_CLI", "OPENCODE", "AI_AGENT"],
        shown: "GEMINI_CLI, OPENCODE, AI_AGENT",
        meaning: "the same",
    },
    Variable { names: &["COPILOT_"], shown: "COPILOT_*", meaning: "the same, where there is no terminal" },
    Variable { names: &["NO_COLOR", "TERM"], shown: "NO_COLOR, TERM=dumb", meaning: "no colours" },
    Variable { names: &["PAGER"], shown: "PAGER", meaning: "the program that shows long lists (less -R)" },
    Variable {
        names: &["XDG_CONFIG_HOME", "HOME"],
        shown: "XDG_CONFIG_HOME, HOME",
        meaning: "your policy: ~/.config/fender/policy.toml",
    },
    Variable {
        names: &["XDG_STATE_HOME"],
        shown: "XDG_STATE_HOME",
        meaning: "trash, locks, fender why: ~/.local/state/fender",
    },
    Variable { names: &["PATH"], shown: "PATH", meaning: "where the real docker client is looked for" },
    Variable { names: &["SHELL"], shown: "SHELL", meaning: "the shell that doctor checks" },
    Variable {
        names: &["SUDO_UID", "SUDO_GID"],
        shown: "SUDO_UID, SUDO_GID",
        meaning: "whose ids --user is offered with under sudo",
    },
    Variable {
        names: &[
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
            "DOCKER_TLS",
            "DOCKER_TLS_VERIFY",
            "DOCKER_API_VERSION",
            "DOCKER_BUILDKIT",
            "DOCKER_DEFAULT_PLATFORM",
            "BUILDX_BUILDER",
            "BUILDX_CONFIG",
            "COMPOSE_FILE",
            "COMPOSE_PATH_SEPARATOR",
            "COMPOSE_REMOVE_ORPHANS",
            "COMPOSE_PROJECT_NAME",
        ],
        shown: "DOCKER_*, BUILDX_*, COMPOSE_*",
        meaning: "as docker, buildx and compose read them",
    },
    Variable { names: &["FENDER_CHAIN"], shown: "FENDER_CHAIN", meaning: "set by fender, to end loops of wrappers" },
];
