//! `fender lint` and its fixes, without an engine.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support;
use crate::support::lint::{fender, found, out, rules, write};
use crate::support::place::Place;
use crate::support::process::{program, root};
use crate::support::terminal::Terminal;
use serde_json::Value;

const MANY: &[(&str, &str)] = &[
    ("package.json", "{\"name\": \"a\", \"dependencies\": {\"b\": \"1\"}}"),
    ("package-lock.json", "{}"),
    ("node_modules/x/index.js", "x"),
    ("server.key", "-----BEGIN PRIVATE KEY-----\nMII\n"),
    ("Dockerfile", "FROM node\nWORKDIR /app\nADD . /app\nRUN npm ci\nENV API_TOKEN=abcdef0123\nCMD node server.js\n"),
];

#[test]
fn findings_have_lines_levels_and_codes() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), MANY);
    let expected = [
        ("mutable-tag", 1),
        ("root-user", 1),
        ("add-instead-of-copy", 3),
        ("build-context-leak", 3),
        ("build-context-leak", 3),
        ("cache-busting-order", 3),
        ("secret-in-env", 5),
        ("pid1-signals", 6),
    ];
    let expected: Vec<(String, u64)> = expected.iter().map(|(rule, line)| ((*rule).to_owned(), *line)).collect();
    assert_eq!(found(place.path(), &[]), expected);
    assert_eq!(found(place.path(), &["Dockerfile"]), expected);
    let code = |words: &[&str]| fender(place.path(), words, &[]).status.code();
    assert_eq!(code(&["lint"]), Some(1));
    assert_eq!(code(&["lint", "--level", "error"]), Some(1));
    fs::remove_file(place.path().join("server.key")).unwrap();
    assert_eq!(code(&["lint", "--level", "error"]), Some(0));
    assert_eq!(code(&["lint", "nowhere"]), Some(2));
    let text = out(&fender(place.path(), &["lint"], &[]));
    assert!(
        text.contains("Dockerfile:6:1") && text.contains("6 | CMD node server.js") && text.contains("^^^^"),
        "{text}"
    );
    // A secret is not told again.
    assert!(!text.contains("abcdef0123"), "{text}");
    let sarif = fender(place.path(), &["lint", "--format", "sarif"], &[]);
    let sarif: Value = serde_json::from_slice(&sarif.stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 7);
    let region = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (region["artifactLocation"]["uri"].as_str(), region["region"]["startColumn"].as_u64()),
        (Some("Dockerfile"), Some(6))
    );
    assert!(!sarif.to_string().contains("abcdef0123"));
}

#[test]
fn an_exception_needs_its_reason() {
    let place = tempfile::tempdir().unwrap();
    let file = |comment: &str| format!("FROM alpine:3.22\nUSER 1\n# about it\n{comment}\nCMD a b\n");
    for (comment, expected) in [
        ("# nothing", vec!["pid1-signals"]),
        ("# fender: allow pid1-signals because it is a shell's work", vec![]),
        ("# fender: allow root-user, pid1-signals because both are", vec![]),
        ("# fender: allow root-user because another", vec!["pid1-signals"]),
        ("# fender: allow pid1-signals", vec!["not-understood", "pid1-signals"]),
        ("# fender: allow pid1-signals because", vec!["not-understood", "pid1-signals"]),
        ("# fender: allow pid2-signals because x", vec!["not-understood", "pid1-signals"]),
    ] {
        write(place.path(), &[("Dockerfile", &file(comment))]);
        let mut rules = rules(place.path());
        rules.sort();
        assert_eq!(rules, expected, "{comment}");
    }
}

#[test]
fn files_that_docker_would_not_take() {
    let place = tempfile::tempdir().unwrap();
    write(
        place.path(),
        &[
            ("a/Dockerfile", "FROM alpine:3.22\nUSER 1\nCOPPY a b\n"),
            ("b/.dockerignore", "a\n[\n"),
            ("c/compose.yaml", "services:\n  web: [\n"),
            ("d/Dockerfile", "RUN x\n"),
        ],
    );
    fs::create_dir_all(place.path().join("e")).unwrap();
    fs::write(place.path().join("e/Dockerfile"), b"FROM a:1\n\xff\xfe\x00").unwrap();
    // Source code is no Dockerfile.
    fs::write(place.path().join("e/dockerfile.rs"), "//! Reads Dockerfiles.\n").unwrap();
    let found = found(place.path(), &[]);
    let expected = [3, 2, 3, 1, 2].map(|line| ("not-understood".to_owned(), line));
    assert_eq!(found, expected);
}

/// What BuildKit refuses is said at its line, all of it, and the rest of the file is looked at. `tests/engines/refusals.rs` compares with
/// BuildKit.
#[test]
fn what_buildkit_refuses_is_said_at_its_line() {
    let place = tempfile::tempdir().unwrap();
    for line in [
        "ENV A",
        "LABEL a",
        "RUN --foo=1 x",
        "COPY --keep-git-dir a b",
        "COPY --chmod a b",
        "EXPOSE abc",
        "ENV A=\"b",
        "ONBUILD FROM x",
        "RUN --mount=type=foo x",
        "RUN --network=foo x",
        "FROM x:1 AS 1a\nUSER 5",
        "ADD --checksum=x a b",
        "CMD --x y",
        "COPY --from=$X a b",
    ] {
        write(place.path(), &[("Dockerfile", &format!("FROM x:1\nUSER 5\n{line}\n"))]);
        assert_eq!(found(place.path(), &[]), [("not-understood".to_owned(), 3)], "{line}");
    }
    for line in ["ENTRYPOINT []", "RUN", "ONBUILD COPY x", "COPY --chmod=u+x a b", "EXPOSE 80-82/udp $P"] {
        write(place.path(), &[("Dockerfile", &format!("FROM x:1\nUSER 5\n{line}\n"))]);
        assert_eq!(rules(place.path()), [""; 0], "{line}");
    }
    // Each of them is said, and what follows is looked at.
    let many = "FROM alpine\nENV A\nRUN --mount=type=foo \\\n  x\nCOPY a\nENV API_TOKEN=abcdef0123\nCMD a b\n";
    write(place.path(), &[("Dockerfile", many)]);
    let expected = [
        ("mutable-tag", 1),
        ("root-user", 1),
        ("not-understood", 2),
        ("not-understood", 3),
        ("not-understood", 5),
        ("secret-in-env", 6),
        ("pid1-signals", 7),
    ];
    assert_eq!(found(place.path(), &[]), expected.map(|(rule, line)| (rule.to_owned(), line)));
    // Another frontend may read what docker's own refuses.
    write(place.path(), &[("Dockerfile", &format!("# syntax=example.com/other:1\n{many}"))]);
    assert!(!found(place.path(), &[]).contains(&("not-understood".to_owned(), 4)));
}

/// What a variable names is not known, and is one element of a path all the same: a key beside it is not sent.
#[test]
fn a_variable_in_a_path_does_not_send_everything() {
    let place = tempfile::tempdir().unwrap();
    let key = "-----BEGIN PRIVATE KEY-----\nMII\n";
    for (source, leaks) in [
        ("dist/$TARGETPLATFORM/app", None),
        ("target/$JAR", None),
        ("bin/app-${TARGETARCH}", None),
        ("target/$JAR", Some("target/server.key")),
        ("dist/$TARGETPLATFORM/", Some("dist/linux/arm64/server.key")),
        ("$WHERE", Some("server.key")),
    ] {
        let text =
            format!("FROM a:1\nARG JAR\nARG TARGETARCH\nARG TARGETPLATFORM\nARG WHERE\nCOPY {source} /x\nUSER 5\n");
        write(place.path(), &[("Dockerfile", &text), ("server.key", key)]);
        if let Some(path) = leaks {
            write(place.path(), &[(path, key)]);
        }
        let expected = if leaks.is_some() { vec!["build-context-leak"] } else { Vec::new() };
        assert_eq!(rules(place.path()), expected, "{source} {leaks:?}");
        for folder in ["target", "dist"] {
            let _ = fs::remove_dir_all(place.path().join(folder));
        }
    }
}

/// Without compose (pre-commit in a slim container) the YAML itself is read: anchors, merges, extends, defaults, overrides.
#[test]
fn compose_files_are_read_without_compose() {
    let place = tempfile::tempdir().unwrap();
    let base = "x-all: &all\n  privileged: true\nservices:\n  base:\n    <<: *all\n    image: ${IMG-app:1.2}\n    mem_limit: 1g\n    volumes: [\"./data:/data\", \"/:/host:ro\"]\n";
    for (files, expected) in [
        (
            &[
                ("base.yaml", base),
                ("compose.yaml", "services:\n  web:\n    extends: {file: base.yaml, service: base}\n"),
            ][..],
            &["host-mount base.yaml:8", "not-understood compose.yaml:1", "privileged base.yaml:2"][..],
        ),
        (
            &[(
                "compose.yaml",
                "services:\n  web:\n    image: ${REG:?no}/a:1\n    mem_limit: 1g\n    privileged: ${P:-true}\n",
            )],
            &["not-understood compose.yaml:1", "not-understood compose.yaml:3", "privileged compose.yaml:5"],
        ),
        (
            &[(
                "compose.yaml",
                "services:\n  web:\n    image: a:1\n    mem_limit: 1g\n    env_file: [a.env]\n    shiny: 1\n    privileged: yes\n",
            )],
            &["not-understood compose.yaml:1", "not-understood compose.yaml:5", "privileged compose.yaml:7"],
        ),
        (
            &[
                ("compose.yaml", "services:\n  web:\n    image: a:1\n    mem_limit: 1g\n"),
                ("compose.prod.yaml", "services:\n  web:\n    pid: host\n    ports: [\"${PORT}:5432\"]\n"),
            ],
            &[
                "host-namespace compose.prod.yaml:3",
                "not-understood compose.prod.yaml:1",
                "not-understood compose.yaml:1",
                "published-port compose.prod.yaml:4",
            ],
        ),
        (
            &[
                (".env", "SOURCE=/var/run/docker.sock\n"),
                (
                    "compose.yaml",
                    "services:\n  web:\n    image: a:1\n    mem_limit: 1g\n    volumes:\n      - ${SOURCE}:/s\n      - $$x:/y\n",
                ),
            ],
            &["docker-socket compose.yaml:6", "not-understood compose.yaml:1"],
        ),
    ] {
        let place = tempfile::tempdir_in(place.path()).unwrap();
        write(place.path(), files);
        let output = fender(place.path(), &["lint", "--format", "json"], &[]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let named =
            |it: &Value| format!("{} {}:{}", it["rule"].as_str().unwrap(), it["path"].as_str().unwrap(), it["line"]);
        let mut found: Vec<String> = report["findings"].as_array().unwrap().iter().map(named).collect();
        found.sort();
        assert_eq!(found, expected, "{files:?} {}", out(&output));
    }
    // A file that is no YAML has the place of its mistake.
    let broken = tempfile::tempdir_in(place.path()).unwrap();
    write(broken.path(), &[("compose.yaml", "services:\n  web: [\n  x\n")]);
    assert_eq!(rules(broken.path()), ["not-understood"]);
}

/// Each stage that can be a target is judged, once.
#[test]
fn stages_that_can_be_a_target_are_judged() {
    let place = tempfile::tempdir().unwrap();
    for (text, expected) in [
        (
            "FROM node:22.1 AS dev\nUSER 5\nENV API_TOKEN=abcdef0123\nCMD npm run dev\nFROM node:22.1\nUSER 5\nCMD [\"a\"]\n",
            &[("secret-in-env", 3), ("pid1-signals", 4)][..],
        ),
        // A stage that another one needs is no target of its own.
        (
            "FROM a:1 AS base\nUSER 5\nFROM base AS test\nCMD a b\nFROM base AS lint\nADD x /x\nFROM base\nCMD [\"a\"]\n",
            &[("pid1-signals", 4), ("add-instead-of-copy", 6)],
        ),
        ("FROM a:1 AS one\nCMD a b\nFROM one AS two\nUSER 5\nFROM b:1\nUSER 5\n", &[("pid1-signals", 2)]),
        ("FROM a AS one\nFROM a AS two\nUSER 5\n", &[("mutable-tag", 1), ("root-user", 1), ("mutable-tag", 2)]),
    ] {
        write(place.path(), &[("Dockerfile", text), ("x", "")]);
        let expected: Vec<(String, u64)> = expected.iter().map(|(rule, line)| ((*rule).to_owned(), *line)).collect();
        assert_eq!(found(place.path(), &[]), expected, "{text}");
    }
}

/// Which files are read, by their names, and that a path without any is an error.
#[test]
fn files_are_known_by_their_names() {
    use std::os::unix::fs::symlink;
    let place = tempfile::tempdir().unwrap();
    let dockerfile = "FROM a\nUSER 5\n";
    for name in [
        "Dockerfile-dev",
        "Dockerfile_dev",
        "dockerfile-dev",
        "Dockerfile.dev",
        "Dockerfile.1.2",
        "app.dockerfile",
        "Containerfile-x",
    ] {
        let folder = tempfile::tempdir_in(place.path()).unwrap();
        write(folder.path(), &[(name, dockerfile)]);
        assert_eq!(rules(folder.path()), ["mutable-tag"], "{name}");
    }
    for name in
        ["docker-compose-dev.yml", "docker-compose_x.yml", "compose.prod.yaml", "compose-x.yaml", "docker-compose.yml"]
    {
        let folder = tempfile::tempdir_in(place.path()).unwrap();
        write(folder.path(), &[(name, "services:\n  a:\n    image: a:1\n    mem_limit: 1g\n    privileged: true\n")]);
        assert!(rules(folder.path()).contains(&"privileged".to_owned()), "{name}");
    }
    for name in [
        "dockerfile.go",
        "Dockerfile.j2",
        "Dockerfile.template",
        "Dockerfile.5.md",
        "dockerfile.txt",
        "dockerfile-parse.rb",
        "Dockerfile.",
        "composer.yaml",
        "x.yaml",
    ] {
        let folder = tempfile::tempdir_in(place.path()).unwrap();
        write(folder.path(), &[(name, dockerfile)]);
        // A wrong path in CI must not be green.
        let output = fender(place.path(), &["lint", &folder.path().to_string_lossy()], &[]);
        assert!(
            output.status.code() == Some(2) && out(&output).contains("there is no Dockerfile"),
            "{name} {}",
            out(&output)
        );
    }
    // Links to files inside, each file once; not those that lead out.
    let folder = tempfile::tempdir_in(place.path()).unwrap();
    write(folder.path(), &[("build/app", dockerfile), ("a/Dockerfile", "FROM b\nUSER 5\n")]);
    write(place.path(), &[("outside", dockerfile)]);
    symlink("build/app", folder.path().join("Dockerfile")).unwrap();
    symlink("a/Dockerfile", folder.path().join("Dockerfile.b")).unwrap();
    symlink(place.path().join("outside"), folder.path().join("Dockerfile.out")).unwrap();
    assert_eq!(rules(folder.path()), ["mutable-tag", "mutable-tag"]);
    // One file has one name.
    assert_eq!(found(folder.path(), &["./a/Dockerfile", "a/Dockerfile", "a//../a/Dockerfile"]).len(), 1);
}

/// What services share through an anchor is one finding, which names them.
#[test]
fn services_that_share_an_anchor_have_one_finding() {
    let place = tempfile::tempdir().unwrap();
    let text = "x-all: &all\n  image: a:1\n  mem_limit: 1g\n  privileged: true\nservices:\n  one:\n    <<: *all\n  two: *all\n  three:\n    image: a:1\n    mem_limit: 1g\n    privileged: true\n";
    write(place.path(), &[("compose.yaml", text)]);
    let output = fender(place.path(), &["lint", "--format", "json"], &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<(u64, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["rule"] == "privileged")
        .map(|it| (it["line"].as_u64().unwrap(), it["of"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [(4, "services one, two"), (12, "service three")], "{}", out(&output));
}

/// A Dockerfile inside a compose file has the compose file's own lines and columns, for what docker refuses, too.
#[test]
fn an_inline_dockerfile_is_pointed_at_in_its_file() {
    let place = tempfile::tempdir().unwrap();
    let text = "services:\n  a:\n    mem_limit: 1g\n    build:\n      dockerfile_inline: |\n        FROM a:1\n        USER 5\n        ENV A\n        ADD x /x\n";
    // Not in the home folder, which nobody should build from.
    write(place.path(), &[("app/compose.yaml", text), ("app/x", "")]);
    let expected = [("not-understood", 1), ("not-understood", 8), ("add-instead-of-copy", 9)];
    assert_eq!(found(place.path(), &[]), expected.map(|(rule, line)| (rule.to_owned(), line)));
}

/// A home folder is nobody's: what is found does not depend on who runs lint.
#[test]
fn a_home_in_a_compose_file_is_nobodys() {
    let place = tempfile::tempdir().unwrap();
    let text = "services:\n  a:\n    image: a:1\n    mem_limit: 1g\n    volumes: [\"~/data:/d\", \"~/.ssh:/s\", \"${HOME}/.aws:/a\", \"~:/h\"]\n";
    write(place.path(), &[("app/compose.yaml", text)]);
    let linted = |home: &str| {
        let found = fender(place.path(), &["lint", "--quiet", "--rule", "host-mount"], &[("HOME", home.to_owned())]);
        String::from_utf8_lossy(&found.stdout).into_owned()
    };
    let expected = linted("/home/ann");
    assert_eq!(expected.lines().filter(|line| line.contains("host-mount")).count(), 3, "{expected}");
    assert!(expected.contains("mounts ~/.ssh,") && expected.contains("the whole home folder ~"), "{expected}");
    for home in ["/root", "/", "", "/nonexistent/x", "/var/lib/docker", "/etc"] {
        assert_eq!(linted(home), expected, "{home}");
    }
}

/// pre-commit gives lint the files that lint itself would find, and no others.
#[test]
fn the_hook_names_the_files_that_lint_finds() {
    let hook = fs::read_to_string(root().join(".pre-commit-hooks.yaml")).unwrap();
    let pattern = hook.lines().find_map(|line| line.trim().strip_prefix("files: '")?.strip_suffix('\'')).unwrap();
    let stems = [
        "Dockerfile",
        "dockerfile",
        "DOCKERFILE",
        "Containerfile",
        "containerfile",
        "docker-compose",
        "compose",
        "Compose",
        "composer",
        "docker-bake",
        "docker-bake.override",
        "x",
        ".",
        "",
    ];
    let middles = ["", "-dev", "_dev", ".dev", ".dev.2", "-a.b", ".", "-", "dev", "-DEV"];
    let ends = [
        "",
        ".yaml",
        ".yml",
        ".YAML",
        ".hcl",
        ".json",
        ".dockerfile",
        ".Dockerfile",
        ".dockerignore",
        "dockerignore",
        ".go",
        ".j2",
        ".J2",
        ".template",
        ".md",
        ".txt",
        ".amd64",
        ".c",
        ".lock",
        ".tar",
    ];
    let names: Vec<String> = (stems.iter())
        .flat_map(|stem| middles.iter().map(move |middle| format!("{stem}{middle}")))
        .flat_map(|start| ends.iter().map(move |end| format!("{start}{end}")))
        .filter(|name| !matches!(name.as_str(), "" | "." | ".."))
        .collect();
    // Python's own regular expressions, as pre-commit has them.
    let script = "import re, sys\nwanted = re.compile(sys.argv[1])\nfor name in sys.argv[2:]:\n    print(int(bool(wanted.search('a/' + name))), int(bool(wanted.search(name))))";
    let output = program("python3").arg("-c").arg(script).arg(pattern).args(&names).output().unwrap();
    assert!(output.status.success(), "{}", out(&output));
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), names.len());
    for (name, answer) in names.iter().zip(answers.lines()) {
        let expected = u8::from(fender_core::lint::kind_of(name).is_some());
        assert_eq!(answer, format!("{expected} {expected}"), "{name}");
    }
}

/// A Dockerfile that BuildKit refuses is docker's own error: nothing is sent, and there is nothing to ask about.
#[test]
fn a_refused_dockerfile_is_dockers_own_error() {
    let place = Place::new();
    let folder = place.path("home/work");
    let plugins = place.path("home/.docker/cli-plugins");
    fs::create_dir_all(&plugins).unwrap();
    support::place::script(&plugins.join("docker-buildx"), "#!/bin/sh\n");
    let run = |text: &str, buildkit: &str| {
        let _ = fs::remove_file(place.path("out/words"));
        write(&folder, &[("Dockerfile", text), ("deploy/id_rsa", "x")]);
        let mut command = place.docker();
        command.env("DOCKER_BUILDKIT", buildkit).current_dir(&folder).args(["build", "."]);
        let output = command.output().unwrap();
        (place.reached().is_some(), out(&output))
    };
    for (text, buildkit, reaches) in [
        ("FROM alpine:3.22\nCOPY . /app\nUSER 5\n", "1", false),
        ("FROM alpine:3.22\nCOPY . /app\nUSER 5\nENV A\n", "1", true),
        // The classic builder sends everything before it reads the file.
        ("FROM alpine:3.22\nCOPY . /app\nUSER 5\nENV A\n", "0", false),
        // In a stage that is not built a value may be wrong.
        ("FROM alpine:3.22 AS other\nEXPOSE x\nFROM alpine:3.22\nCOPY . /app\nUSER 5\n", "1", false),
        ("FROM alpine:3.22 AS other\nEXPOSE x\nFROM other\nCOPY . /app\nUSER 5\n", "1", true),
        ("# syntax=example.com/other:1\nFROM alpine:3.22\nCOPY . /app\nUSER 5\nENV A\n", "1", false),
    ] {
        let (reached, said) = run(text, buildkit);
        assert_eq!(reached, reaches, "{text} {buildkit} {said}");
    }
}

#[test]
fn one_megabyte_and_rubbish() {
    let place = tempfile::tempdir().unwrap();
    let big = format!("FROM alpine:3.22\nUSER 1\n{}", "RUN echo hello \\\n  # comment\n  world\n".repeat(30_000));
    write(place.path(), &[("Dockerfile", &big)]);
    let start = Instant::now();
    assert_eq!(rules(place.path()), [""; 0]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let mut seed = 88_172_645_463_325_252_u64;
    for case in 0..20 {
        let bytes: Vec<u8> = (0..2000)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                if case % 2 == 0 { seed as u8 } else { b"FROM RUN\n\\#<[\"'$ {}=:-"[(seed % 22) as usize] }
            })
            .collect();
        fs::write(place.path().join("Dockerfile"), bytes).unwrap();
        let output = fender(place.path(), &["lint"], &[]);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", out(&output));
    }
}

#[test]
fn fixes_keep_the_rest_to_the_byte() {
    let place = tempfile::tempdir().unwrap();
    let before = "# syntax=docker/dockerfile:1\r\n\r\nFROM  alpine:3.22   AS x\r\n# a comment\r\nADD  --chown=1:1 a.conf \\\r\n  b.conf   /etc/\r\n\r\nCMD   server -f  # no\r\n";
    write(place.path(), &[("Dockerfile", before), ("a.conf", ""), ("b.conf", "")]);
    let output = fender(place.path(), &["lint", "--fix", "--unsafe-fixes"], &[]);
    let after = fs::read_to_string(place.path().join("Dockerfile")).unwrap();
    let user = "RUN echo 'app:x:10001:10001::/nonexistent:/sbin/nologin' >> /etc/passwd && echo 'app:x:10001:' >> /etc/group\r\nUSER app\r\n";
    // A comment sign in a command is the shell's: this one stays in shell form.
    let expected =
        before.replace("ADD  --chown", "COPY  --chown").replace("\r\n\r\nCMD", &format!("\r\n{user}\r\nCMD"));
    assert_eq!(after, expected, "{}", out(&output));
    assert!(out(&output).contains("-ADD  --chown") && out(&output).contains("+COPY  --chown"), "{}", out(&output));
    // What means something to a shell, or is somebody's choice, stays.
    for (text, same) in [
        ("FROM alpine:3.22\nUSER 1\nCMD a && b\n", true),
        ("FROM alpine:3.22\nUSER 1\nCMD echo $HOME\n", true),
        ("FROM alpine:3.22\nUSER 1\nENTRYPOINT a\nCMD b\n", true),
        ("FROM alpine:3.22\nUSER 1\nSHELL [\"/bin/bash\", \"-c\"]\nCMD a b\n", true),
        ("FROM alpine:3.22\nUSER 1\nADD https://example.com/x /x\nADD x.tar.gz /\n", true),
        ("FROM alpine:3.22\nUSER 1\nCMD nginx -g 'daemon off;'\n", false),
    ] {
        write(place.path(), &[("Dockerfile", text)]);
        fender(place.path(), &["lint", "--fix"], &[]);
        let after = fs::read_to_string(place.path().join("Dockerfile")).unwrap();
        assert_eq!(after == text, same, "{text:?} became {after:?}");
    }
    let after = fs::read_to_string(place.path().join("Dockerfile")).unwrap();
    assert!(after.ends_with("CMD [\"nginx\", \"-g\", \"daemon off;\"]\n"), "{after}");
}

/// What may not be written, or is no file, is left alone; nothing waits for it.
#[test]
fn what_is_not_to_be_written_stays() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let text = "FROM alpine:3.22\nUSER 1\nADD x /x\n";
    write(place.path(), &[("a/Dockerfile", text), ("a/x", ""), ("b/Dockerfile", text), ("b/x", "")]);
    let read_only = place.path().join("a/Dockerfile");
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o444)).unwrap();
    let output = fender(place.path(), &["lint", "--fix"], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    assert_eq!(fs::read_to_string(&read_only).unwrap(), text);
    let said = out(&output);
    assert!(said.contains("a/Dockerfile is not changed: it is read-only") && said.contains("1 fix written"), "{said}");
    let said = out(&fender(place.path(), &["lint", "--fix", "a"], &[]));
    assert!(said.contains("nothing written") && !said.contains("no safe fix"), "{said}");
    assert!(program("mkfifo").arg(place.path().join("Dockerfile")).status().unwrap().success());
    let output = fender(place.path(), &["lint", "Dockerfile"], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    assert!(out(&output).contains("Dockerfile is not a regular file"), "{}", out(&output));
}

/// An exception that has no effect is said, whether or not there is another problem in the file.
#[test]
fn exceptions_are_checked_in_every_file() {
    let place = tempfile::tempdir().unwrap();
    for (comment, problems) in [
        ("# fender: allow roto-user because x", 1),
        ("# fender: allow root-user", 1),
        ("# fender: allow root-user because x", 0),
    ] {
        write(place.path(), &[("Dockerfile", &format!("FROM alpine:3.22\nUSER 1\n{comment}\nCMD [\"a\"]\n"))]);
        assert_eq!(rules(place.path()), vec!["not-understood"; problems], "{comment}");
    }
}

#[test]
fn an_ignore_file_is_completed_and_nothing_needed_is_left_out() {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), MANY);
    write(place.path(), &[(".dockerignore", "*.md"), (".env", "DB_PASSWORD=x1y2\n"), ("we [ird]/id_rsa", "x")]);
    fender(place.path(), &["lint", "--fix"], &[]);
    // Any of them may be what the image needs.
    assert_eq!(fs::read_to_string(place.path().join(".dockerignore")).unwrap(), "*.md");
    write(place.path(), &[("a/__pycache__/b.pyc", "x")]);
    fender(place.path(), &["lint", "--fix"], &[]);
    assert_eq!(fs::read_to_string(place.path().join(".dockerignore")).unwrap(), "*.md\na/__pycache__\n");
    write(place.path(), &[(".dockerignore", "*.md")]);
    fender(place.path(), &["lint", "--fix", "--unsafe-fixes"], &[]);
    let after = fs::read_to_string(place.path().join(".dockerignore")).unwrap();
    let after = after.replace("a/__pycache__\n", "");
    assert_eq!(after, "*.md\n.env\nnode_modules\nserver.key\nwe \\[ird\\]/id_rsa\n");
    assert!(!rules(place.path()).contains(&"build-context-leak".to_owned()));
    // What is copied by name is needed.
    let place = tempfile::tempdir().unwrap();
    write(
        place.path(),
        &[("Dockerfile", "FROM alpine:3.22\nCOPY . /x\nCOPY id_rsa /root/.ssh/\nUSER 1\n"), ("id_rsa", "x")],
    );
    fender(place.path(), &["lint", "--fix", "--unsafe-fixes"], &[]);
    assert!(!place.path().join(".dockerignore").exists());
}

/// `docker build .` in a folder with a private key names the key before anything leaves.
#[test]
fn a_build_names_the_key_before_anything_leaves() {
    let place = Place::new();
    let folder = place.path("home/work");
    write(&folder, &[("Dockerfile", "FROM alpine\nCOPY . /app\n"), ("deploy/id_rsa", "x")]);
    let docker = |words: &[&str], buildkit: &str| {
        let _ = fs::remove_file(place.path("out/words"));
        let mut command = place.docker();
        command.env("DOCKER_BUILDKIT", buildkit).current_dir(&folder).args(words);
        command
    };
    for buildkit in ["0", "1"] {
        let output = docker(&["build", "."], buildkit).output().unwrap();
        assert!(output.status.code() == Some(125) && place.reached().is_none(), "{}", out(&output));
        assert!(out(&output).contains("deploy/id_rsa"), "{}", out(&output));
    }
    // On a terminal it is a question.
    let mut command = place.typed(&["build", "."]);
    command.current_dir(&folder);
    let mut terminal = Terminal::start(&command, None);
    terminal.expect("m: add to .dockerignore and build");
    terminal.send("n\n");
    assert_eq!(terminal.wait().code(), Some(125));
    // Without the key the rest is one line.
    write(&folder, &[(".dockerignore", "deploy\n")]);
    let output = docker(&["build", "."], "0").env("FENDER_NOTES", "always").output().unwrap();
    assert!(place.reached().is_some() && output.status.success(), "{}", out(&output));
    assert!(out(&output).contains("fender: 2 problems in Dockerfile (run: fender lint)\n"), "{}", out(&output));
    // BuildKit is sent what is copied, and no more.
    let plugins = place.path("home/.docker/cli-plugins");
    fs::create_dir_all(&plugins).unwrap();
    support::place::script(&plugins.join("docker-buildx"), "#!/bin/sh\n");
    write(
        &folder,
        &[(".dockerignore", ""), ("Dockerfile", "FROM alpine:3.22\nCOPY src /app\nUSER 1\n"), ("src/a", "x")],
    );
    let output = docker(&["build", "."], "1").output().unwrap();
    assert!(place.reached().is_some() && output.status.success(), "{}", out(&output));
    // A Dockerfile from standard input is judged, and the client gets it.
    let text = "FROM alpine:3.22\nCOPY . /app\nUSER 1\n";
    fs::write(folder.join("other"), text).unwrap();
    let mut pipe = program("cat").arg(folder.join("other")).stdout(Stdio::piped()).spawn().unwrap();
    let output = docker(&["build", "-f", "-", "."], "1").stdin(pipe.stdout.take().unwrap()).output().unwrap();
    pipe.wait().unwrap();
    assert!(place.reached().is_none() && out(&output).contains("deploy/id_rsa"), "{}", out(&output));
    let mut pipe = program("cat").arg(folder.join("other")).stdout(Stdio::piped()).spawn().unwrap();
    let mut command = docker(&["build", "-f", "-", "./src"], "1");
    command.env("STAND_IN_READS", "1").stdin(pipe.stdout.take().unwrap());
    let output = command.output().unwrap();
    pipe.wait().unwrap();
    assert_eq!(fs::read_to_string(place.path("out/input")).unwrap(), text, "{}", out(&output));
}
