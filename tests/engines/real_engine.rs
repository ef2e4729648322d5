//! fender in front of the real client and the real engine: Docker 28 and the old 20.10.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support;
use crate::support::engine::Engine;
use crate::support::place::Place;
use crate::support::process::{self, program, without_terminal};
use crate::support::terminal::Terminal;
use serde_json::Value;

/// Something in front of the engine: fender or the client itself.
fn docker(place: &Place, front: bool, engine: &Engine) -> Command {
    let mut command = without_terminal(if front { place.path("front/docker") } else { place.path("real/docker") });
    command.env("PATH", place.search_path()).env("HOME", place.path("home")).env("DOCKER_HOST", engine.host());
    command.env("DOCKER_CONFIG", support::cache().join("config"));
    command
}

fn guarded(place: &Place, engine: &Engine, words: &[&str]) -> Output {
    docker(place, true, engine).args(words).output().unwrap()
}

fn explained(place: &Place, host: &str, words: &[&str], also: &[(&str, &str)]) -> Value {
    let mut command = process::fender();
    command.args(["explain", "--format", "json", "--"]).args(words);
    command.env("PATH", place.client_path()).env("HOME", place.path("home"));
    command.env("DOCKER_HOST", host).envs(also.iter().copied());
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn rules(explained: &Value) -> Vec<String> {
    let findings = explained["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn in_front_of_docker_28() {
    let engine = Engine::start("guarded", "new", "");
    let place = Place::new().with_real_client();
    engine.image("plain:1", &[]);
    engine.image("safe:1", &["USER 1000", "ENTRYPOINT [\"/sbin/tini\",\"--\"]", "VOLUME /var/lib/state"]);
    the_same_with_and_without(&place, &engine);
    asks_the_engine(&place, &engine);
    asks_and_runs(&place, &engine);
    production_wants_the_name(&place, &engine);
    reaches_a_remote_engine(&place, &engine);
    plugins_call_back(&place, &engine);
}

/// The transparency suite: what docker prints and how it ends must not differ.
fn the_same_with_and_without(place: &Place, engine: &Engine) {
    let cases: &[(&[&str], &str)] = &[
        (&["version", "--format", "{{.Server.Version}}"], ""),
        (&["ps", "-a"], ""),
        (&["images", "plain", "--format", "{{.Repository}}"], ""),
        (&["run", "--rm", "plain:1", "echo", "hello"], ""),
        (&["run", "--rm", "plain:1", "sh", "-c", "echo out; echo err >&2; exit 7"], ""),
        (&["run", "--rm", "-i", "plain:1", "cat"], "through standard input"),
        (&["run", "--rm", "plain:1", "/nosuch"], ""),
        (&["run", "--rm", "-e", "A=b c", "plain:1", "printenv", "A"], ""),
        (&["run", "--nosuch", "plain:1"], ""),
        (&["nosuch"], ""),
        (&["inspect", "nosuch"], ""),
        (&["rm", "nosuch"], ""),
        (&["run", "-m", "x", "plain:1"], ""),
        (&["network", "create", "n1", "-q"], ""),
        (&["volume", "create", "v1"], ""),
        (&["volume", "inspect", "v1", "--format", "{{.Name}}"], ""),
        (&["tag", "plain:1", "plain:2"], ""),
        (&["rmi", "nosuch:1"], ""),
        (&["compose", "version", "--short"], ""),
        (&["buildx", "version"], ""),
        (&["__complete", "run", "--memo"], ""),
        (&["run", "--help"], ""),
        (&["--version"], ""),
    ];
    for (words, input) in cases {
        let run = |front: bool| {
            let mut command = docker(place, front, engine);
            let mut child = command
                .args(*words)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        let (plain, through) = (run(false), run(true));
        assert_eq!(through.status.code(), plain.status.code(), "docker {words:?}: {}", text(&through.stderr));
        assert_eq!(text(&through.stdout), text(&plain.stdout), "docker {words:?}");
        assert_eq!(text(&through.stderr), text(&plain.stderr), "docker {words:?}");
    }
}

fn asks_the_engine(place: &Place, engine: &Engine) {
    let host = engine.host();
    let found = |words: &[&str]| rules(&explained(place, &host, words, &[]));
    // The image's own settings decide.
    assert_eq!(found(&["run", "-m", "1g", "-v", "state:/var/lib/state", "safe:1"]), Vec::<String>::new());
    assert_eq!(found(&["run", "-m", "1g", "safe:1"]), ["unsaved-data"]);
    assert_eq!(found(&["run", "-m", "1g", "plain:1", "server"]), ["root-user", "pid1-signals"]);
    // A tag that nothing has is nobody's loss.
    assert_eq!(found(&["tag", "plain:1", "new:1"]), Vec::<String>::new());
    assert_eq!(found(&["tag", "safe:1", "plain:1"]), Vec::<String>::new(), "no container stands on it");
    engine.plain(&["create", "--name", "on-plain", "plain:1", "true"]);
    assert_eq!(found(&["tag", "safe:1", "plain:1"]), ["retags"]);
    engine.plain(&["rm", "on-plain"]);
    // What another container mounts is judged.
    engine.plain(&[
        "create",
        "--name",
        "holds-socket",
        "-v",
        &format!("{}:/s", engine.socket.display()),
        "plain:1",
        "true",
    ]);
    engine.plain(&["create", "--name", "holds-volume", "-v", "v1:/v", "plain:1", "true"]);
    assert_eq!(
        found(&["run", "-m", "1g", "-u", "5", "--init", "--volumes-from", "holds-socket", "plain:1"]),
        ["docker-socket"]
    );
    assert_eq!(
        found(&["run", "-m", "1g", "-u", "5", "--init", "--volumes-from", "holds-volume", "plain:1"]),
        Vec::<String>::new()
    );
    // What a container wrote to its own layer is a loss.
    engine.plain(&["run", "--name", "wrote", "plain:1", "dd", "if=/dev/zero", "of=/data", "bs=1M", "count=20"]);
    engine.is_listed_as("wrote", "exited");
    let explained = explained(place, &host, &["rm", "wrote"], &[]);
    assert_eq!(rules(&explained), ["removes-container", "unsaved-data"]);
    assert_eq!(explained["action"], "ask");
    // Whatever command takes it.
    let labels = ["com.docker.compose.project=big", "com.docker.compose.service=db"];
    let writes = ["plain:1", "dd", "if=/dev/zero", "of=/data", "bs=1M", "count=20"];
    engine.plain(&[&["run", "--name", "big-db-1", "-l", labels[0], "-l", labels[1]], &writes[..]].concat());
    engine.is_listed_as("big-db-1", "exited");
    for words in [
        &["rm", "-f", "wrote"][..],
        &["container", "prune"],
        &["system", "prune"],
        &["compose", "-p", "big", "down"],
        &["compose", "-p", "big", "rm", "-fs"],
    ] {
        assert!(found(words).contains(&"unsaved-data".to_owned()), "docker {words:?}: {:?}", found(words));
    }
    engine.plain(&["rm", "big-db-1"]);
    // The API version that is asked for decides what a prune takes.
    engine.plain(&["create", "--name", "leaves-one", "-v", "/x", "plain:1", "true"]);
    engine.plain(&["rm", "leaves-one"]);
    engine.plain(&["volume", "create", "unused"]);
    assert_eq!(found(&["volume", "prune"]), ["removes-anonymous-volumes"]);
    let old = self::explained(place, &host, &["volume", "prune"], &[("DOCKER_API_VERSION", "1.41")]);
    assert_eq!(rules(&old), ["prune-all"]);
}

fn on_terminal(place: &Place, engine: &Engine, words: &[&str]) -> Terminal {
    let mut command = program(place.path("front/docker"));
    command.args(words);
    for (key, value) in docker(place, true, engine).get_envs() {
        if let Some(value) = value {
            command.env(key, value);
        }
    }
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    Terminal::start(&command, None)
}

fn asks_and_runs(place: &Place, engine: &Engine) {
    let socket = format!("{}:/s", engine.socket.display());
    for (answer, runs) in [("\n", false), ("y\n", true)] {
        let mut terminal = on_terminal(place, engine, &["run", "--rm", "-v", &socket, "plain:1", "echo", "it ran"]);
        terminal.expect("Run it? [y/N] ");
        assert!(terminal.seen().contains("docker-socket"), "{}", terminal.seen());
        terminal.send(answer);
        assert_eq!(terminal.wait().code(), Some(if runs { 0 } else { 125 }));
        assert_eq!(terminal.seen().contains("\nit ran"), runs, "{}", terminal.seen());
    }
    // No fix makes a container with the socket harmless: none is offered.
    place.policy(
        "[environments.dev]\nhostname = \"*\"\n[environments.dev.rules]\nno-memory-limit = \"ask\"\npid1-signals = \"ask\"\n",
    );
    let mut terminal = on_terminal(place, engine, &["run", "-v", &socket, "plain:1", "echo", "it ran"]);
    terminal.expect("Run it? [y/N] ");
    assert!(!terminal.seen().contains("f: run the fixed command"), "{}", terminal.seen());
    terminal.send("n\n");
    assert_eq!(terminal.wait().code(), Some(125));
    // The third answer: what runs is what the line with the + says.
    let words = ["run", "--name", "mended", "plain:1", "echo", "it ran"];
    let mut terminal = on_terminal(place, engine, &words);
    terminal.expect("Run as typed? [y/N] ");
    terminal.send("f\n");
    assert_eq!(terminal.wait().code(), Some(0), "{}", terminal.seen());
    assert!(terminal.seen().contains("\nit ran"), "{}", terminal.seen());
    let wanted = "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.Init}}";
    assert_eq!(engine.plain(&["inspect", "mended", "--format", wanted]), "1073741824 1073741824 true");
    fs::remove_file(place.path("home/.config/fender/policy.toml")).unwrap();
}

fn production_wants_the_name(place: &Place, engine: &Engine) {
    let config = place.path("home/config");
    fs::create_dir_all(&config).unwrap();
    let host = format!("host={}", engine.host());
    let made = program(place.path("real/docker"))
        .args(["--config", config.to_str().unwrap(), "context", "create", "prod", "--docker", &host])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    engine.plain(&["create", "--name", "left-over", "plain:1", "true"]);
    let name = engine.plain(&["info", "--format", "{{.Name}}"]);
    for (answer, gone) in [("y\n".to_owned(), false), (format!("{name}\n"), true)] {
        let mut command = program(place.path("front/docker"));
        command.args(["--config", config.to_str().unwrap(), "--context", "prod", "system", "prune", "-a"]);
        command
            .env("PATH", place.search_path())
            .env("HOME", place.path("home"))
            .env("TERM", "xterm")
            .env("NO_COLOR", "1");
        let mut terminal = Terminal::start(&command, None);
        terminal.expect(&format!("Type {name} to delete, Enter to cancel: "));
        assert!(terminal.unwrapped().contains("prod (the context's name has \"prod\")"), "{}", terminal.seen());
        terminal.send(&answer);
        assert_eq!(terminal.wait().code(), Some(if gone { 0 } else { 125 }), "{}", terminal.seen());
        assert_eq!(!engine.plain(&["ps", "-aq", "--filter", "name=left-over"]).is_empty(), !gone);
        // Asked once, by fender: docker's own question does not come.
        assert!(!terminal.seen().contains("Are you sure"), "{}", terminal.seen());
        assert_eq!(terminal.seen().contains("Total reclaimed space"), gone);
    }
    engine.image("plain:1", &[]);
    engine.image("safe:1", &["USER 1000", "ENTRYPOINT [\"/sbin/tini\",\"--\"]"]);
}

/// TCP here, as it would be ssh or TLS elsewhere: the real client's own pipe carries the questions.
fn reaches_a_remote_engine(place: &Place, engine: &Engine) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = engine.socket.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(engine) = UnixStream::connect(&socket) else { return };
            let (mut from, mut to) = (stream.try_clone().unwrap(), engine.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
            std::thread::spawn(move || {
                let (mut from, mut to) = (engine, stream);
                let _ = std::io::copy(&mut from, &mut to);
            });
        }
    });
    let host = format!("tcp://127.0.0.1:{port}");
    let remote = explained(place, &host, &["run", "-m", "1g", "safe:1"], &[]);
    assert_eq!(rules(&remote), Vec::<String>::new(), "the remote engine told of the image");
    assert_eq!(remote["engine"]["host"], host);
    let remote = explained(place, &host, &["run", "-m", "1g", "plain:1", "server"], &[]);
    assert_eq!(rules(&remote), ["root-user", "pid1-signals"]);
}

/// Plugins call docker again, by the name it was called by: that is the real client's path, so what they ask reaches the
/// engine without a second judgement.
fn plugins_call_back(place: &Place, engine: &Engine) {
    let call = |words: &[&str], folder: &Path| {
        let mut command = docker(place, true, engine);
        command.args(words).env("DOCKER_CLI_PLUGIN_USE_DIAL_STDIO", "1").current_dir(folder).output().unwrap()
    };
    let project = place.path("home/project");
    fs::create_dir_all(&project).unwrap();
    fs::write(
        project.join("compose.yaml"),
        "services:\n  web:\n    image: plain:1\n    command: [sleep, '60']\n    stop_grace_period: 1s\n",
    )
    .unwrap();
    fs::write(project.join("Dockerfile"), "FROM scratch\nCOPY compose.yaml /\n").unwrap();
    for words in [
        &["compose", "ls", "--format", "json"][..],
        &["compose", "up", "-d"],
        &["compose", "ps", "-q"],
        &["compose", "down"],
        &["buildx", "ls"],
        &["build", "-t", "built:1", "."],
        &["buildx", "build", "--load", "-t", "built:2", "."],
    ] {
        let output = call(words, &project);
        assert!(output.status.success(), "docker {words:?}: {}", text(&output.stderr));
    }
    assert_eq!(engine.plain(&["images", "-q", "built"]).lines().count(), 2);
    // Typed by a person, the same pipe is a way past every rule. Without a terminal it is how an `ssh://` context arrives.
    assert_eq!(explained(place, &engine.host(), &["system", "dial-stdio"], &[])["action"], "ask");
    assert_eq!(guarded(place, engine, &["system", "dial-stdio"]).status.code(), Some(0));
}

#[test]
fn an_old_engine_takes_named_volumes() {
    let engine = Engine::start("guarded-old", "old", "");
    let place = Place::new().with_real_client();
    engine.image("plain:1", &[]);
    engine.plain(&["volume", "create", "kept"]);
    assert_eq!(rules(&explained(&place, &engine.host(), &["volume", "prune", "-f"], &[])), ["prune-all"]);
    assert_eq!(
        rules(&explained(&place, &engine.host(), &["run", "-m", "1g", "plain:1", "x"], &[])),
        ["root-user", "pid1-signals"]
    );
    // A script would lose nothing that fender does not keep; where a policy asks, it is refused.
    place.policy("[rules]\nprune-all = \"ask\"\n");
    assert_eq!(guarded(&place, &engine, &["volume", "prune", "-f"]).status.code(), Some(125));
    assert_eq!(engine.plain(&["volume", "ls", "-q"]), "kept");
}

#[test]
fn an_engines_label_makes_it_production() {
    let engine = Engine::start("guarded-prod", "new", "--label env=production");
    let place = Place::new().with_real_client();
    engine.image("plain:1", &[]);
    let explained = explained(&place, &engine.host(), &["run", "--privileged", "plain:1"], &[]);
    assert_eq!(explained["engine"]["environment"], "prod");
    assert_eq!(explained["engine"]["because"], "the engine's label env=production has \"production\"");
    assert_eq!(explained["action"], "refuse");
    assert_eq!(guarded(&place, &engine, &["run", "--privileged", "plain:1"]).status.code(), Some(125));
}
