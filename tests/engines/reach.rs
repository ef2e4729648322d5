//! Docker's own error comes first: where no engine can be reached, or this user may not reach it, the real client speaks alone. Bare and
//! through fender: the same bytes, the same codes.

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::support;
use crate::support::faulty::{At, Fault, Faulty};
use crate::support::place::{Place, error, script};
use crate::support::process::{program, without_terminal};

/// What changes, stops, enters or deletes what an engine holds; some of them are asked about where there is one.
const COMMANDS: &[&[&str]] = &[
    &["volume", "rm", "data"],
    &["volume", "prune", "-af"],
    &["rm", "-f", "web"],
    &["rm", "-fv", "web", "db"],
    &["rmi", "-f", "x:1"],
    &["network", "rm", "net"],
    &["network", "disconnect", "-f", "net", "web"],
    &["system", "prune", "-af", "--volumes"],
    &["container", "prune", "-f"],
    &["exec", "--privileged", "web", "sh"],
    &["stop", "web"],
    &["kill", "web"],
    &["swarm", "leave", "--force"],
    &["service", "rm", "s"],
    &["stack", "rm", "s"],
    &["plugin", "disable", "-f", "p"],
    &["node", "update", "--availability", "drain", "n"],
    &["compose", "-p", "shop", "down", "-v"],
    &["ps"],
];

fn at(place: &Place, program: &str, host: &str, words: &[&str]) -> Command {
    let mut command = without_terminal(place.path(program));
    place.surround(&mut command);
    command.args(words).env("DOCKER_HOST", host).env("FENDER_NOTES", "always");
    command.env("DOCKER_CONFIG", support::cache().join("config")).current_dir(place.path("home"));
    command
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), error(output))
}

/// A port at which nobody listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An ssh that ends like this, without a network.
fn ssh_says(place: &Place, text: &str, code: u8) {
    // It takes longer than the client takes to write the first line, as a real one does.
    script(&place.path("real/ssh"), &format!("#!/bin/sh\nread line\necho '{text}' >&2\nexit {code}\n"));
}

#[test]
fn docker_alone_speaks_where_there_is_no_engine() {
    let place = Place::new().with_real_client();
    let refused = place.path("home/refused.sock");
    drop(UnixListener::bind(&refused).unwrap());
    let mut different = Vec::new();
    let mut endpoints = 0;
    let mut compare = |host: &str, about: &str| {
        // All of them at the first endpoint, a third of them at each other.
        let (first, step) = if endpoints == 0 { (0, 1) } else { (endpoints % 3, 3) };
        endpoints += 1;
        for words in COMMANDS.iter().skip(first).step_by(step) {
            let both = || {
                ["real/docker", "front/docker"].map(|program| said(&at(&place, program, host, words).output().unwrap()))
            };
            // Of an ssh that ends at once the client itself says one thing or another, by time.
            let [mut bare, mut guarded] = both();
            for _ in 0..8 {
                if bare != guarded && host.starts_with("ssh:") {
                    [bare, guarded] = both();
                }
            }
            if bare != guarded {
                different
                    .push(format!("{host} ({about}) docker {words:?}\n--- alone {bare:?}\n--- fender {guarded:?}"));
            }
        }
    };
    compare("unix:///nonexistent/docker.sock", "");
    compare(&format!("unix://{}", refused.display()), "refused");
    compare("unix://@fender-nobody-is-here", "abstract");
    compare(&format!("tcp://127.0.0.1:{}", free_port()), "refused");
    compare("tcp://nosuch.invalid:2375", "no such name");
    ssh_says(&place, "ssh: connect to host there port 22: Connection refused", 255);
    compare("ssh://there", "refused");
    ssh_says(&place, "ssh: Could not resolve hostname there: Name or service not known", 255);
    compare("ssh://there", "no such name");
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// What the words alone say is asked about all the same, and a refusal holds: an engine may be there in a moment.
#[test]
fn where_there_is_no_engine_words_are_still_judged() {
    let place = Place::new().with_real_client();
    let host = "unix:///nonexistent/docker.sock";
    for words in [&["run", "-v", "/var/run/docker.sock:/s", "x"][..], &["run", "--privileged", "x"]] {
        let output = at(&place, "front/docker", host, words).output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{}", error(&output));
        assert!(error(&output).contains("fender: not run ("), "{}", error(&output));
    }
    place.policy("[rules]\nremoves-volume = \"refuse\"\n");
    let output = at(&place, "front/docker", host, &["volume", "rm", "data"]).output().unwrap();
    assert!(error(&output).contains("not run (removes-volume, dev): refused by policy"), "{}", error(&output));
}

/// What may answer a moment later is no absent engine: its deletions are refused, and the client's own reason is said.
#[test]
fn an_engine_that_may_be_there_is_not_absent() {
    let place = Place::new().with_real_client();
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://127.0.0.1:{}", deaf.local_addr().unwrap().port());
    std::thread::spawn(move || deaf.incoming().flatten().for_each(drop));
    let refuses = |host: &str, part: &str| {
        let output = at(&place, "front/docker", host, &["volume", "rm", "data"]).output().unwrap();
        let said = error(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(125), "{host}: {said}");
        assert!(said.contains("fender cannot tell what is protected here") && said.contains(part), "{host}: {said}");
    };
    refuses(&address, "the engine did not answer");
    for (text, code) in [
        ("ssh: connect to host there port 22: Connection timed out", 255),
        ("ssh: Could not resolve hostname there: Temporary failure in name resolution", 255),
        ("ann@there: Permission denied (publickey).", 255),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", 1),
    ] {
        ssh_says(&place, text, code);
        refuses("ssh://there", text);
    }
}

/// Go takes `@` for an abstract socket: the client reaches the engine there, and so does fender.
#[test]
fn an_abstract_socket_is_the_same_engine() {
    let name = format!("fender-test-{}", std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let engine = Faulty::on(listener, &[], At::Never, Fault::Closed);
    let place = Place::new().with_real_client();
    let host = format!("unix://@{name}");
    let bare = at(&place, "real/docker", &host, &["volume", "ls", "-q"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&bare.stdout), "data\nspare\n", "{}", error(&bare));
    let output = at(&place, "front/docker", &host, &["volume", "rm", "data"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125), "{}", error(&output));
    let said = error(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("volume data is protected: \"customer data\"") || said.contains("customer data"), "{said}");
    assert_eq!(engine.changes(), Vec::<String>::new());
}

/// Nobody: neither root nor in a group that may open the socket.
const NOBODY: u32 = 65534;

fn copied(from: PathBuf, to: PathBuf) {
    let _ = fs::remove_file(&to);
    fs::copy(from, &to).unwrap();
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_socket_that_this_user_may_not_open() {
    let place = Place::new();
    copied(support::real_docker(), place.path("real/docker"));
    copied(env!("CARGO_BIN_EXE_fender").into(), place.path("front/docker"));
    let (open, shut) = (place.path("docker.sock"), place.path("shut"));
    let _engine = Faulty::start(&open, &[], At::Never, Fault::Closed);
    fs::create_dir(&shut).unwrap();
    let _other = Faulty::start(&shut.join("docker.sock"), &[], At::Never, Fault::Closed);
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    chown(place.path("home"), Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).unwrap();
    let name = |kind: &str, id: u32| {
        let output = program("getent").args([kind, &id.to_string()]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).split(':').next().unwrap_or_default().to_owned()
    };
    let (user, group) = (name("passwd", NOBODY), name("group", fs::metadata(&open).unwrap().gid()));
    let run = |program: &str, socket: &PathBuf, words: &[&str]| {
        let id = NOBODY.to_string();
        let mut command = without_terminal("setpriv");
        place.surround(&mut command);
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(place.path(program)).args(words);
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).current_dir(place.path("home"));
        said(&command.output().unwrap())
    };
    for (socket, mode, wanted) in [
        (open.clone(), 0o660, format!("sudo usermod -aG {group} {user}")),
        (open.clone(), 0o600, "fender: only root may open".to_owned()),
        (shut.join("docker.sock"), 0o666, "fender: this user may not look into the folder of".to_owned()),
    ] {
        fs::set_permissions(&socket, fs::Permissions::from_mode(mode)).unwrap();
        for words in [
            &["ps"][..],
            &["volume", "rm", "data"],
            &["rm", "-fv", "web"],
            &["system", "prune", "-af"],
            &["run", "x:1"],
            &["run", "--privileged", "-v", "/:/h", "x:1"],
            &["exec", "--privileged", "web", "sh"],
            &["pull", "x:1"],
            &["info"],
        ] {
            let bare = run("real/docker", &socket, words);
            assert!(bare.2.contains("permission denied") || bare.1.contains("permission denied"), "{bare:?}");
            let guarded = run("front/docker", &socket, words);
            let (own, rest): (Vec<&str>, Vec<&str>) =
                guarded.2.split_inclusive('\n').partition(|line| line.starts_with("fender: "));
            assert_eq!((guarded.0, &guarded.1, rest.concat()), (bare.0, &bare.1, bare.2), "docker {words:?}");
            assert_eq!(own.len(), 1, "docker {words:?}: {own:?}");
            assert!(own[0].contains(&wanted), "docker {words:?}: {own:?}");
        }
        // What needs no engine needs no access.
        for words in [&["context", "ls"][..], &["run", "--help"], &["--version"], &["nosuch"]] {
            let guarded = run("front/docker", &socket, words);
            assert!(!guarded.2.contains("fender:"), "docker {words:?}: {guarded:?}");
        }
    }
}
