//! `fender lint` and its fixes with the real client and on a real engine. `build_checks.rs` compares with what BuildKit's own checks say.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support;
use crate::support::engine::Engine;
use crate::support::lint::{fender, out, rules, write};
use crate::support::place::Place;
use crate::support::process::{client, program, system_path, without_terminal};
use serde_json::Value;

/// The issue's own end: all mistakes in one file, mended, built, run and stopped.
#[test]
fn all_mistakes_are_mended_and_the_image_works() {
    let engine = Engine::start("lint-fix", "new", "");
    engine.registry();
    engine.image("localhost:5000/base:latest", &[]);
    engine.plain(&["push", "--quiet", "localhost:5000/base:latest"]);
    let place = tempfile::tempdir().unwrap();
    write(
        place.path(),
        &[
            ("package.json", "{\"name\": \"a\", \"dependencies\": {\"b\": \"1\"}}"),
            ("package-lock.json", "{}"),
            ("node_modules/x/index.js", "x"),
            ("server.key", "-----BEGIN PRIVATE KEY-----\nMII\n"),
            (".env", "API_TOKEN=hunter2\n"),
            ("server.sh", "#!/bin/sh\ntrap 'exit 0' TERM\nid -u\nls -A /app\nwhile :; do sleep 0.1; done\n"),
            // Something that is called npm, and what it installs.
            ("tools/npm", "#!/bin/sh\ncat package.json package-lock.json >/dev/null && echo done >/installed\n"),
            (
                "Dockerfile",
                "FROM localhost:5000/base\nCOPY tools/npm /bin/npm\nWORKDIR /app\nADD . /app\nRUN npm ci\nENTRYPOINT /app/server.sh\n",
            ),
        ],
    );
    for name in ["server.sh", "tools/npm"] {
        let path = place.path().join(name);
        support::place::script(&path, &fs::read_to_string(&path).unwrap());
    }
    let before = rules(place.path());
    for rule in
        ["mutable-tag", "root-user", "add-instead-of-copy", "cache-busting-order", "pid1-signals", "build-context-leak"]
    {
        assert!(before.contains(&rule.to_owned()), "{rule}: {before:?}");
    }
    let output = fender(place.path(), &["lint", "--fix", "--unsafe-fixes"], &[("DOCKER_HOST", engine.host())]);
    assert_eq!(rules(place.path()), [""; 0], "{}", out(&output));
    assert!(fs::read_to_string(place.path().join("Dockerfile")).unwrap().contains("FROM localhost:5000/base@sha256:"));
    let docker = |words: &[&str]| {
        let output = client(&engine.host()).env("HOME", place.path()).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?} {}", out(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    docker(&["build", "-q", "-t", "mended", &place.path().to_string_lossy()]);
    docker(&["run", "-d", "--name", "mended", "mended"]);
    std::thread::sleep(Duration::from_millis(700));
    let start = Instant::now();
    docker(&["stop", "mended"]);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let logs = docker(&["logs", "mended"]);
    let lines: Vec<&str> = logs.lines().collect();
    assert_eq!(lines[0], "10001", "{logs}");
    assert!(lines.contains(&"server.sh") && !lines.contains(&"server.key") && !lines.contains(&".env"), "{logs}");
    // The order that keeps the cache: a changed file installs nothing again.
    fs::write(place.path().join("other.txt"), "changed").unwrap();
    let again = client(&engine.host())
        .env("HOME", place.path())
        .args(["build", "--progress=plain", "-t", "mended"])
        .arg(place.path())
        .output()
        .unwrap();
    let said = out(&again);
    let step = said.lines().position(|line| line.contains("RUN npm ci")).unwrap();
    let number = said.lines().nth(step).unwrap().split(' ').next().unwrap().to_owned();
    assert!(said.lines().any(|line| line == format!("{number} CACHED")), "{said}");
}

/// `docker compose up` on a file that hides a privileged service behind `extends` and a variable.
#[test]
fn compose_up_stops_and_points_at_the_line() {
    let place = Place::new().with_real_client();
    let folder = place.path("home");
    write(
        &folder,
        &[
            ("base.yaml", "services:\n  base:\n    image: alpine:3.22\n    privileged: ${DEBUG:-true}\n"),
            ("compose.yaml", "services:\n  worker:\n    extends:\n      file: base.yaml\n      service: base\n"),
        ],
    );
    let docker = || {
        let mut command = place.docker();
        command.env("DOCKER_CONFIG", support::cache().join("config")).current_dir(&folder);
        command
    };
    let output = docker().args(["compose", "up", "-d"]).output().unwrap();
    let text = out(&output);
    assert_eq!(output.status.code(), Some(125), "{text}");
    for expected in
        ["privileged", "service worker", "base.yaml:4:17", "^^^^^^^^^^^^^^ true: DEBUG is not set", "compose.yaml:3:5"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    // Set to something else it is nothing; docker then says that there is no engine.
    let output = docker().args(["compose", "up", "-d"]).env("DEBUG", "false").output().unwrap();
    assert_ne!(output.status.code(), Some(125), "{}", out(&output));
    // From standard input; what is let through has every byte of it.
    let file = folder.join("in.yaml");
    write(&folder, &[("in.yaml", "services:\n  web:\n    image: alpine:3.22\n    pid: host\n    privileged: true\n")]);
    let input = || Stdio::from(fs::File::open(&file).unwrap());
    let output = docker().args(["compose", "-f", "-", "up", "-d"]).stdin(input()).output().unwrap();
    assert!(output.status.code() == Some(125) && out(&output).contains("standard input:5:17"), "{}", out(&output));
    let mut pipe = program("cat").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let output = docker().args(["compose", "-f", "-", "config"]).stdin(pipe.stdout.take().unwrap()).output().unwrap();
    pipe.wait().unwrap();
    assert!(output.status.success() && out(&output).contains("privileged: true"), "{}", out(&output));
    let harmless = "services:\n  web:\n    image: alpine:3.22\n";
    write(&folder, &[("in.yaml", harmless)]);
    let mut pipe = program("cat").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let output = docker().args(["compose", "-f", "-", "create"]).stdin(pipe.stdout.take().unwrap()).output().unwrap();
    pipe.wait().unwrap();
    // Compose has read the file, and found no engine.
    assert!(out(&output).contains("Cannot connect to the Docker daemon"), "{}", out(&output));
    // Under the name docker-compose it is the same.
    let compose = place.path("front/docker-compose");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_fender"), &compose).unwrap();
    std::os::unix::fs::symlink(support::programs().join("docker-compose"), place.path("real/docker-compose")).unwrap();
    let alone = |words: &[&str]| {
        let mut command = without_terminal(&compose);
        place.surround(&mut command);
        command.args(words).current_dir(&folder);
        command.output().unwrap()
    };
    let output = alone(&["up", "-d"]);
    assert!(output.status.code() == Some(125) && out(&output).contains("base.yaml:4:17"), "{}", out(&output));
    let output = alone(&["config", "--services"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "worker\n", "{}", out(&output));
}

/// Compose's reason is said at the place that it means, and the rest of the file is judged all the same.
#[test]
fn compose_files_that_need_something_are_judged() {
    let client = [
        ("PATH", format!("{}:{}", support::programs().display(), system_path())),
        ("DOCKER_CONFIG", support::cache().join("config").display().to_string()),
    ];
    let service =
        |more: &str| format!("services:\n  web:\n    image: a:1\n    mem_limit: 1g\n    privileged: true\n{more}");
    for (name, text, refusal) in [
        (
            "compose.yaml",
            service("    hostname: ${X:?set X}\n"),
            Some((6, "required variable X is missing a value: set X")),
        ),
        ("compose.yaml", service("    env_file: gone.env\n"), Some((6, "gone.env not found"))),
        ("compose.yaml", service("    shiny: 1\n"), Some((6, "'shiny' not allowed"))),
        (
            "docker-compose.prod.yml",
            service("").replace("    image: a:1\n", ""),
            Some((2, "neither an image nor a build")),
        ),
        // Compose cannot print this one as JSON.
        ("compose.yaml", service("    build: {context: ., ssh: [name=/tmp/x]}\n"), None),
        ("compose.yaml", service("    build: {context: ., ssh: [default]}\n"), None),
    ] {
        let place = tempfile::tempdir().unwrap();
        write(place.path(), &[(name, &text)]);
        let output = fender(place.path(), &["lint", "--format", "json"], &client);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found: Vec<&Value> = report["findings"].as_array().unwrap().iter().collect();
        assert!(found.iter().any(|it| it["rule"] == "privileged"), "{text} {found:?}");
        let said = found.iter().find(|it| it["rule"] == "not-understood");
        match refusal {
            Some((line, reason)) => {
                let said = said.unwrap_or_else(|| panic!("{text} {found:?}"));
                assert!(said["title"].as_str().unwrap().contains(reason) && said["line"] == line, "{said}");
            }
            None => assert!(said.is_none(), "{said:?}"),
        }
    }
    // A home folder is nobody's, with compose, too; a bake file without a default has targets all the same.
    let place = tempfile::tempdir().unwrap();
    let volumes = "    volumes: [\"~/data:/d\", \"~/.ssh:/s\", \"${HOME}/.aws:/a\"]\n";
    let bake = "target \"app\" {\n  dockerfile-inline = <<EOT\nFROM a:1\nUSER 5\nENV A\nEOT\n}\n";
    write(place.path(), &[("app/compose.yaml", &service(volumes)), ("app/docker-bake.hcl", bake)]);
    for home in ["/root", "/", "/nonexistent/x"] {
        let more = [client.as_slice(), &[("HOME", home.to_owned())]].concat();
        let output = fender(place.path(), &["lint", "--quiet", "--rule", "host-mount,not-understood"], &more);
        let text = out(&output);
        let places = [
            "app/compose.yaml:6:28: error host-mount: service web: mounts ~/.ssh,",
            "app/docker-bake.hcl:5:1: warning",
        ];
        assert!(
            places.iter().all(|place| text.contains(place)) && text.contains("3 problems in 2 files"),
            "{home}: {text}"
        );
    }
    // In the shim such a project is judged, too.
    let place = Place::new().with_real_client();
    let folder = place.path("home");
    write(
        &folder,
        &[("compose.yaml", &service("    build: {context: ., ssh: [name=/tmp/x]}\n")), ("Dockerfile", "FROM a:1\n")],
    );
    let mut command = place.docker();
    command.env("DOCKER_CONFIG", support::cache().join("config")).current_dir(&folder);
    let output = command.args(["compose", "up", "-d"]).output().unwrap();
    assert!(output.status.code() == Some(125) && out(&output).contains("compose.yaml:5:17"), "{}", out(&output));
}

/// Compose files are read by compose: an exception in a comment holds there, too.
#[test]
fn an_exception_in_a_compose_file() {
    let place = tempfile::tempdir().unwrap();
    let compose = "services:\n  web:\n    image: a:1\n    mem_limit: 1g\n    # fender: allow privileged because it drives the host\n    privileged: true\n";
    let without = compose.replace("because", "");
    let client = [
        ("PATH", format!("{}:{}", support::programs().display(), system_path())),
        ("DOCKER_CONFIG", support::cache().join("config").display().to_string()),
    ];
    for (text, code, expected) in [(compose, 0, None), (&without, 1, Some("privileged"))] {
        write(place.path(), &[("compose.yaml", text)]);
        let output = fender(place.path(), &["lint"], &client);
        assert_eq!(output.status.code(), Some(code), "{}", out(&output));
        assert!(expected.is_none_or(|rule| out(&output).contains(rule)), "{}", out(&output));
    }
}

/// A fix that is right for one build of a file may break another one.
#[test]
fn a_dockerfile_of_several_builds_is_fixed_for_all_of_them() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let client = [
        ("PATH", format!("{}:{}", support::programs().display(), system_path())),
        ("DOCKER_CONFIG", support::cache().join("config").display().to_string()),
    ];
    let dockerfile = "FROM alpine:3.22 AS dev\nADD layer /x/\nUSER 5\nFROM dev\nADD plain /y/\n";
    let build = |name: &str, context: &str, more: &str| {
        format!("  {name}:\n    build: {{context: {context}, dockerfile: ../Dockerfile{more}}}\n")
    };
    let both = format!("services:\n{}{}", build("a", "./a", ""), build("b", "./b", ", target: dev"));
    write(folder, &[("a/plain", "x"), ("a/layer", "x"), ("b/plain", "x"), ("layer", "x"), ("compose.yaml", &both)]);
    assert!(program("tar").args(["-cf", "b/layer", "a"]).current_dir(folder).status().unwrap().success());
    for (paths, expected) in [
        // One build unpacks the layer, the other one does not: it stays for both. Only one has the second stage.
        (&[][..], dockerfile.replace("ADD plain", "COPY plain")),
        // By itself it is built with the folder it lies in, where the layer is no archive, and the other file is missing.
        (&["Dockerfile"][..], dockerfile.replace("ADD layer", "COPY layer")),
    ] {
        write(folder, &[("Dockerfile", dockerfile)]);
        let output = fender(folder, &[&["lint", "--fix"], paths].concat(), &client);
        assert_eq!(fs::read_to_string(folder.join("Dockerfile")).unwrap(), expected, "{}", out(&output));
        // One file has one name, whatever leads to it.
        assert!(!out(&output).contains("../Dockerfile:"), "{}", out(&output));
    }
}

/// An editor's compose file on standard input: compose reads it as if it stood in its folder.
#[test]
fn a_compose_file_on_standard_input_is_judged_in_its_folder() {
    let place = tempfile::tempdir().unwrap();
    write(
        place.path(),
        &[
            ("app/compose.yaml", "services: {}\n"),
            ("app/base.yaml", "services:\n  base:\n    privileged: true\n"),
            ("app/.env", "TAG=3.22\n"),
        ],
    );
    let text = "services:\n  web:\n    extends:\n      file: base.yaml\n      service: base\n    image: alpine:${TAG:?}\n    pid: host\n";
    fs::write(place.path().join("typed"), text).unwrap();
    let mut command = program(env!("CARGO_BIN_EXE_fender"));
    command.env("PATH", support::programs()).env("HOME", place.path()).current_dir(place.path());
    command.env("DOCKER_CONFIG", support::cache().join("config"));
    command.args(["lint", "--format", "json", "-", "--path", "app/compose.yaml"]);
    command.stdin(Stdio::from(fs::File::open(place.path().join("typed")).unwrap()));
    let output = command.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let findings = report["findings"].as_array().unwrap();
    let has = |rule: &str, path: &str, line: u64| {
        findings.iter().any(|it| it["rule"] == rule && it["path"] == path && it["line"] == line)
    };
    assert!(has("host-namespace", "app/compose.yaml", 7) && has("privileged", "app/base.yaml", 3), "{}", out(&output));
}

/// What is careless in several services is one finding for their file, and a baseline knows each of them.
#[test]
fn careless_services_of_one_file_are_one_finding() {
    let place = tempfile::tempdir().unwrap();
    let service = |name: &str| format!("  {name}:\n    image: registry.example.com/{name}:1.4\n");
    let file = |names: &[&str]| {
        let services: String = names.iter().map(|name| service(name)).collect();
        format!(
            "services:\n{services}  small:\n    image: registry.example.com/small:1.4\n    mem_limit: 1g\n    privileged: true\n"
        )
    };
    let lint = |words: &[&str]| -> Vec<String> {
        let more = [
            ("PATH", format!("{}:{}", support::programs().display(), system_path())),
            ("DOCKER_CONFIG", support::cache().join("config").display().to_string()),
        ];
        let output = fender(place.path(), &[&["lint", "--format", "json"], words].concat(), &more);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
        let findings = report["findings"].as_array().unwrap().iter();
        let of_limits = findings.filter(|it| it["rule"] == "no-memory-limit" || it["rule"] == "privileged");
        of_limits.map(|it| format!("{} {}", it["level"].as_str().unwrap(), it["title"].as_str().unwrap())).collect()
    };
    write(place.path(), &[("compose.yaml", &file(&["web", "db"]))]);
    let found = lint(&[]);
    assert!(found.contains(&"note 2 of 3 services have no memory limit: web, db".to_owned()), "{found:?}");
    assert!(found.len() == 2 && found.iter().any(|it| it.starts_with("error ")), "{found:?}");
    let more = [
        ("PATH", format!("{}:{}", support::programs().display(), system_path())),
        ("DOCKER_CONFIG", support::cache().join("config").display().to_string()),
    ];
    let written = fender(place.path(), &["lint", "--baseline", "known", "--write-baseline"], &more);
    assert!(written.status.success(), "{}", out(&written));
    assert_eq!(lint(&["--baseline", "known"]), [""; 0]);
    write(place.path(), &[("compose.yaml", &file(&["web", "cache", "db", "queue"]))]);
    assert_eq!(lint(&["--baseline", "known"]), ["note 2 of 5 services have no memory limit: cache, queue"]);
    write(place.path(), &[("compose.yaml", &file(&["web", "queue", "db"]))]);
    assert_eq!(lint(&["--baseline", "known"]), ["note no memory limit"]);
}
