//! What config.json says of one engine's proxies and of the program that builds, against what the real client does with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::lower::{Effect, lower, read};
use serde_json::Value;

use crate::support::place::script;
use crate::support::process::program;
use crate::support::recorder::{Answers, Recorder};
use crate::support::{TestHost, real_docker};

/// Runs the real client in the folder above its configuration.
fn client(folder: &Path, variables: &BTreeMap<String, String>, words: &[&str]) {
    let above = folder.parent().unwrap();
    program(real_docker())
        .env("PATH", format!("{}:/usr/bin:/bin", above.join("bin").display()))
        .env("HOME", "/nonexistent")
        .env("DOCKER_CONFIG", folder)
        .envs(variables)
        .args(words)
        .current_dir(above)
        .output()
        .unwrap();
}

/// Proxies for one engine stand in the configuration under its address as the client calls it, and for all others under `default`.
#[test]
fn proxies_are_those_of_the_engine() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("config");
    fs::create_dir_all(&folder).unwrap();
    fs::write(root.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let recorder = Recorder::start(&root.path().join("e.sock"), Answers::default());
    let socket = format!("unix://{}", recorder.socket.display());
    // An ssh that leads to the same engine.
    let bridge =
        format!("#!/bin/sh\nexec env -u DOCKER_CONFIG {} -H {socket} system dial-stdio\n", real_docker().display());
    fs::create_dir(root.path().join("bin")).unwrap();
    script(&root.path().join("bin/ssh"), &bridge);
    let (upper, below) = (socket.replace("unix", "UNIX"), socket.replace("/e.sock", "/./e.sock"));
    let proxies = |key: &str| format!("{key:?}:{{\"httpProxy\":\"http://{}\",\"noProxy\":\"n\"}}", key.len());
    let (mut seen, mut other) = (0, 0);
    for host in [socket.as_str(), "ssh://ann@there:22"] {
        for keys in [
            vec!["default"],
            vec![socket.as_str()],
            vec![socket.as_str(), "default"],
            vec![&below, "default"],
            vec![&upper, "default"],
            vec!["ssh://there", "default"],
            vec!["http://docker.example.com", "default"],
            vec!["http://docker.example.com"],
            vec!["ssh://ann@there:22", "Default"],
            vec![],
        ] {
            let all: Vec<String> = keys.iter().map(|key| proxies(key)).collect();
            fs::write(folder.join("config.json"), format!("{{\"proxies\":{{{}}}}}", all.join(","))).unwrap();
            let variables: BTreeMap<String, String> = [("DOCKER_HOST", host), ("DOCKER_BUILDKIT", "0")]
                .map(|(name, value)| (name.into(), value.into()))
                .into();
            let mut surroundings = TestHost::new(root.path());
            surroundings.variables = variables.clone().into_iter().collect();
            for words in [
                &["create", "-e", "HTTP_PROXY=typed", "x"][..],
                &["create", "x"],
                &["build", "--build-arg", "no_proxy=typed", "."],
                &["build", "."],
            ] {
                recorder.take();
                client(&folder, &variables, words);
                let asked = recorder.take();
                let texts: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
                let lowered = lower(&parse(&texts, Unknown::Refuse, &|| Builder::Legacy), &surroundings);
                let wanted = if words[0] == "build" { "/build" } else { "/containers/create" };
                let foreseen = lowered.effects.iter().find_map(|effect| match effect {
                    Effect::Request(request) if request.path == wanted => Some(request),
                    _ => None,
                });
                let about = format!("{host} {words:?} {keys:?}");
                let foreseen = foreseen.unwrap_or_else(|| panic!("{about}: nothing foreseen"));
                let real = asked.iter().find(|it| it.path == wanted).unwrap_or_else(|| panic!("{about}: not asked"));
                if words[0] == "build" {
                    let of_real =
                        real.query.iter().find(|(name, _)| name == "buildargs").map(|(_, value)| value.as_str());
                    let json = |text: Option<&str>| -> Value { serde_json::from_str(text.unwrap_or("{}")).unwrap() };
                    assert_eq!(json(foreseen.value("buildargs")), json(of_real), "{about}");
                    continue;
                }
                let env = |body: &Value| -> Vec<String> {
                    let mut env: Vec<String> =
                        body["Env"].as_array().into_iter().flatten().map(ToString::to_string).collect();
                    env.sort();
                    env
                };
                let (mine, theirs) = (env(&foreseen.body_json()), env(&real.body));
                assert_eq!(mine, theirs, "{about}");
                seen += theirs.len();
                other += usize::from(keys.first().is_some_and(|key| *key != "default") && theirs.len() > 1);
            }
        }
    }
    assert!(seen > 50 && other > 5, "{seen} variables, {other} of one engine alone");
}

/// The alias `builder` names the plugin that builds: fender reads the words as that plugin's, and does not know what it does.
#[test]
fn another_builder_is_another_program() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("config");
    fs::create_dir_all(folder.join("cli-plugins")).unwrap();
    let out = root.path().join("out");
    let said = r#"{"SchemaVersion":"0.1.0","Vendor":"x","Version":"1","ShortDescription":"x"}"#;
    let plugin = format!(
        "#!/bin/sh\n[ \"$1\" = docker-cli-plugin-metadata ] && {{ echo '{said}'; exit; }}\necho \"$@\" >{}\n",
        out.display()
    );
    for name in ["other", "buildx"] {
        script(&folder.join(format!("cli-plugins/docker-{name}")), &plugin);
    }
    for (alias, buildkit, is_other) in
        [("other", "", true), ("other", "1", true), ("other", "0", false), ("buildx", "", false)]
    {
        fs::write(folder.join("config.json"), format!("{{\"Aliases\":{{\"builder\":{alias:?}}}}}")).unwrap();
        let variables: BTreeMap<String, String> = [
            ("DOCKER_HOST".to_owned(), "unix:///nonexistent/docker.sock".to_owned()),
            ("DOCKER_BUILDKIT".to_owned(), buildkit.to_owned()),
        ]
        .into();
        let mut host = TestHost::new(root.path());
        host.variables = variables.clone().into_iter().collect();
        host.plugins = vec!["buildx".to_owned(), "other".to_owned()];
        for (words, called) in [
            (&["build", "."][..], "build ."),
            (&["image", "build", "-t", "x", "."], "build -t x ."),
            (&["builder", "prune", "-f"], "prune -f"),
        ] {
            // The group is replaced wherever it stands, a build only where BuildKit is on.
            let other = is_other || (alias == "other" && words[0] == "builder");
            let _ = fs::remove_file(&out);
            client(&folder, &variables, words);
            let ran = fs::read_to_string(&out).unwrap_or_default();
            let texts: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let invocation = read(&texts, &host);
            let about = format!("{alias} {buildkit:?} docker {words:?}: the plugin got {ran:?}");
            assert_eq!(ran.trim_end() == format!("other {called}"), other, "{about}");
            assert_eq!(invocation.plugin.as_deref(), other.then_some("other"), "{about}");
            assert_eq!(lower(&invocation, &host).blind, other, "{about}");
        }
        // What is no build stays what it is.
        assert_eq!(read(&["image".to_owned(), "ls".to_owned()], &host).canonical(), "image ls");
    }
}
