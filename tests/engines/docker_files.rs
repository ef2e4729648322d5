//! fender's reading of docker's own files against the real client's, over files that Go reads otherwise than most readers do.
//!
//! `FENDER_FILES_CASES` sets how many folders (500 without it), `FENDER_FILES_SEED` where they start.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fender::environment::host::Surroundings;
use fender_core::docker_files::context_folder;
use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::host::Host;
use fender_core::lower::{Effect, lower};
use fender_core::target::{Target, choose};
use serde_json::Value;

use crate::support::place::script;
use crate::support::process::program;
use crate::support::recorder::{Answers, Recorder};
use crate::support::{TestHost, real_docker};

/// xorshift64*: the same files for the same seed, on every machine.
struct Random(u64);

impl Random {
    fn of(seed: u64, case: usize) -> Random {
        let mut random = Random((seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(case as u64 * 2 + 1) | 1);
        for _ in 0..8 {
            random.below(2);
        }
        random
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// A field's name as somebody might write it; most spellings still mean it.
fn key(random: &mut Random, field: &str) -> Vec<u8> {
    let written = match random.below(12) {
        0..=3 => field.to_owned(),
        4 => field.to_lowercase(),
        5 => field.to_uppercase(),
        6 => field.replacen('s', "ſ", 1).replacen('k', "\u{212a}", 1),
        7 => format!("\\u{:04x}{}", field.as_bytes()[0], &field[1..]),
        8 => format!("{field}\\u0000"),
        9 => format!(" {field}"),
        10 => field.chars().rev().collect(),
        _ => field.chars().map(|it| if random.one_in(2) { it.to_ascii_uppercase() } else { it }).collect(),
    };
    let mut out = format!("\"{written}\"").into_bytes();
    if random.one_in(30) {
        out.insert(2, 0xff);
    }
    out
}

const NAMES: &[&str] = &["dev", "prod", "db-1", "default", "nosuch", "broken", "same", "empty", ""];

/// A text in quotes, now and then with what is no text.
fn text(random: &mut Random, from: &[&str]) -> Vec<u8> {
    let chosen = random.pick(from);
    let mut out = match random.below(14) {
        0 => format!("\"{}\"", chosen.chars().map(|it| format!("\\u{:04X}", it as u32)).collect::<String>()),
        1 => format!("\"{chosen}\\ud800\""),
        2 => format!("\"\\udc00{chosen}\""),
        3 => format!("\"{chosen}\\ud83d\\ude00\""),
        4 => format!("\"{chosen}\\ud800\\u0041\""),
        5 => format!("\"{chosen}\\t\\/\\\"\""),
        _ => format!("\"{chosen}\""),
    }
    .into_bytes();
    if random.one_in(14) {
        let broken: &[&[u8]] = &[b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\xaf", "é".as_bytes()];
        let at = out.len() - 1;
        out.splice(at..at, random.pick(broken).iter().copied());
    }
    out
}

/// Some value of any type.
fn anything(random: &mut Random) -> Vec<u8> {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    match random.below(14) {
        0 => "null".to_owned(),
        1 => "true".to_owned(),
        2 => "-0.5e+3".to_owned(),
        3 => "1e999".to_owned(),
        4 => "[]".to_owned(),
        5 => "{}".to_owned(),
        6 => "[\"a\",null,{\"b\":1e999}]".to_owned(),
        7 => "{\"a\":{\"A\":[1]},\"a\":null}".to_owned(),
        8 => deep(50),
        9 => deep(9_990),
        10 => deep(10_001),
        11 => "01".to_owned(),
        12 => "12".to_owned(),
        _ => "\"text\"".to_owned(),
    }
    .into_bytes()
}

fn object(random: &mut Random, members: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let blank = |random: &mut Random| random.pick(&["", "", " ", "\n\t", "\r"]).as_bytes().to_vec();
    let mut out = b"{".to_vec();
    for (at, (key, value)) in members.iter().enumerate() {
        out.extend(blank(random));
        if at > 0 {
            out.push(b',');
            out.extend(blank(random));
        }
        out.extend(key);
        out.extend(blank(random));
        out.push(b':');
        out.extend(blank(random));
        out.extend(value);
    }
    out.extend(blank(random));
    out.push(b'}');
    out
}

/// Sometimes what stands around or in a file is no JSON.
fn damaged(random: &mut Random, mut text: Vec<u8>) -> Vec<u8> {
    match random.below(24) {
        0 => text.extend(b" garbage"),
        1 => text.extend(b"}"),
        2 => text.extend(b"{\"currentContext\":\"prod\",\"Name\":\"prod\"}"),
        3 => text.extend(b"\0\0"),
        4 => text.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        5 => text.truncate(random.below(text.len())),
        6 => text.splice(0..0, *b"\x0b").for_each(drop),
        7 => {
            let at = random.below(text.len());
            text[at] = random.below(256) as u8;
        }
        8 => {
            text =
                random.pick(&["", " \n", "null", "null x", "[]", "\"a\"", "12 {}", "nul", "//\n{}"]).as_bytes().to_vec()
        }
        _ => {}
    }
    text
}

fn config(random: &mut Random) -> Vec<u8> {
    let mut members = Vec::new();
    if !random.one_in(3) {
        members.push((b"\"currentContext\"".to_vec(), text(random, &["dev", "prod", "db-1"])));
    }
    for _ in 0..random.below(6) {
        let field = random.pick(&["currentContext", "currentContext", "currentContext", "auths", "psFormat", "other"]);
        let value = match field {
            "currentContext" if !random.one_in(6) => text(random, NAMES),
            _ => anything(random),
        };
        members.push((key(random, field), value));
    }
    let whole = object(random, &members);
    damaged(random, whole)
}

const HOSTS: &[&str] = &[
    "unix:///run/one.sock",
    "tcp://db.internal:2376",
    "ssh://ann@db",
    "http://web",
    "",
    "UNIX:///x",
    "unix:///a/../b.sock",
];

fn endpoint(random: &mut Random) -> Vec<u8> {
    let mut members = Vec::new();
    for _ in 0..1 + random.below(3) {
        let field = random.pick(&["Host", "Host", "Host", "SkipTLSVerify"]);
        let value = match field {
            "Host" if !random.one_in(10) => text(random, HOSTS),
            "SkipTLSVerify" if !random.one_in(5) => random.pick(&["true", "false", "null"]).as_bytes().to_vec(),
            _ => anything(random),
        };
        members.push((key(random, field), value));
    }
    object(random, &members)
}

fn meta(random: &mut Random, name: &str) -> Vec<u8> {
    let mut members = Vec::new();
    if !random.one_in(3) {
        let host = format!("{{\"docker\":{{\"Host\":\"{}\"}}}}", random.pick(HOSTS));
        members.push((b"\"Endpoints\"".to_vec(), host.into_bytes()));
    }
    for _ in 0..random.below(4) {
        let field = random.pick(&["Name", "Endpoints", "Endpoints", "Endpoints", "Metadata", "other"]);
        let value = match field {
            "Name" if !random.one_in(12) => text(random, &[name, "prod", "other"]),
            "Endpoints" if !random.one_in(12) => {
                let mut endpoints = Vec::new();
                for _ in 0..1 + random.below(2) {
                    let value = if random.one_in(12) { anything(random) } else { endpoint(random) };
                    endpoints.push((
                        random.pick(&["\"docker\"", "\"docker\"", "\"docker\"", "\"Docker\"", "\"kubernetes\""]),
                        value,
                    ));
                }
                let endpoints: Vec<_> =
                    endpoints.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect();
                object(random, &endpoints)
            }
            "Metadata" => {
                let described = if random.one_in(8) { anything(random) } else { b"\"a machine\"".to_vec() };
                let field = random.pick(&["Description", "description", "Other"]);
                object(random, &[(format!("\"{field}\"").into_bytes(), described)])
            }
            _ => anything(random),
        };
        members.push((key(random, field), value));
    }
    let whole = object(random, &members);
    damaged(random, whole)
}

/// A configuration folder: contexts under the digests of their names, and others that only say a name.
fn lay_out(random: &mut Random, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    let store = folder.join("contexts/meta");
    fs::create_dir_all(&store).unwrap();
    let put = |below: &str, text: &[u8]| {
        fs::create_dir_all(store.join(below)).unwrap();
        fs::write(store.join(below).join("meta.json"), text).unwrap();
    };
    for name in ["dev", "prod", "db-1", "broken", "same", "default", "dev\u{fffd}", "\u{fffd}prod"] {
        if !random.one_in(6) {
            put(&context_folder(name), &meta(random, name));
        }
    }
    // Docker never looks here.
    put("0000", br#"{"Name":"dev","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://elsewhere:1"}}}"#);
    put("ffff/prod", br#"{"Name":"prod","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://elsewhere:2"}}}"#);
    fs::create_dir_all(store.join(context_folder("empty"))).unwrap();
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        fs::write(folder.join(file), "").unwrap();
    }
    if !random.one_in(20) {
        fs::write(folder.join("config.json"), config(random)).unwrap();
    }
}

fn client(folder: &Path, variables: &BTreeMap<String, String>, words: &[&str]) -> Output {
    program(real_docker())
        .env("HOME", "/nonexistent")
        .env("DOCKER_CONFIG", folder)
        .envs(variables)
        .args(words)
        .output()
        .unwrap()
}

fn fenders(folder: &Path, variables: &BTreeMap<String, String>, words: &[&str]) -> Target {
    let mut host = TestHost::new(folder.parent().unwrap());
    host.variables = variables.clone().into_iter().collect();
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    choose(&parse(&words, Unknown::Refuse, &|| Builder::Legacy), &host)
}

/// What docker says of one folder.
enum Said {
    /// It stops with an error, whatever the command.
    Nothing,
    /// The context, and its endpoint where it can use it.
    Context(String, Option<String>),
}

fn dockers(folder: &Path, variables: &BTreeMap<String, String>, globals: &[&str]) -> Said {
    let words = |words: &[&'static str]| -> Vec<String> {
        globals.iter().chain(words).map(|word| (*word).to_owned()).collect()
    };
    let run = |own: &[&'static str]| {
        let words = words(own);
        client(folder, variables, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let shown = run(&["context", "show"]);
    if !shown.status.success() {
        return Said::Nothing;
    }
    let name = String::from_utf8_lossy(&shown.stdout).strip_suffix('\n').unwrap().to_owned();
    let inspected = run(&["context", "inspect", "--format", "{{json .Endpoints.docker.Host}}"]);
    let host: Option<Value> = serde_json::from_slice(&inspected.stdout).ok().filter(|_| inspected.status.success());
    Said::Context(name, host.and_then(|host| host.as_str().map(str::to_owned)))
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn contexts_and_endpoints_are_the_clients() {
    let (cases, seed) = (setting("FENDER_FILES_CASES", 500) as usize, setting("FENDER_FILES_SEED", 1));
    let root = tempfile::tempdir().unwrap();
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    let kinds: Mutex<BTreeMap<&str, usize>> = Mutex::default();
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (root, next, differences, kinds) = (root.path(), &next, &differences, &kinds);
            scope.spawn(move || {
                let folder = root.join(format!("w{number}/config"));
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        break;
                    }
                    let mut random = Random::of(seed, case);
                    lay_out(&mut random, &folder);
                    let mut variables = BTreeMap::new();
                    let mut globals: &[&str] = &[];
                    match random.below(12) {
                        0 => drop(variables.insert("DOCKER_CONTEXT".to_owned(), random.pick(NAMES).to_owned())),
                        1 => drop(variables.insert("DOCKER_HOST".to_owned(), random.pick(&["tcp://x", "", " "]).to_owned())),
                        2 => globals = &["--context", "dev"],
                        3 => globals = &["-c", "same"],
                        4 => drop(variables.insert("DOCKER_TLS".to_owned(), "1".to_owned())),
                        _ => {}
                    }
                    let target = fenders(&folder, &variables, globals);
                    let said = dockers(&folder, &variables, globals);
                    let (kind, same) = match &said {
                        // It crashes over the context's file, which is not known to fender either.
                        Said::Nothing => ("docker stops", target.unclear.is_some()),
                        Said::Context(name, None) => {
                            let kind = if target.unclear.is_some() { "not to be used" } else { "not there" };
                            (kind, *name == target.context && target.host.is_empty())
                        }
                        Said::Context(name, Some(host)) => {
                            let host = if host.is_empty() { "unix:///var/run/docker.sock" } else { host };
                            let kind = if name == "default" { "the default" } else { "a context" };
                            (kind, *name == target.context && host == target.host && target.unclear.is_none())
                        }
                    };
                    *kinds.lock().unwrap().entry(kind).or_default() += 1;
                    if !same {
                        let file = fs::read(folder.join("config.json")).unwrap_or_default();
                        let said = match said {
                            Said::Nothing => "nothing".to_owned(),
                            Said::Context(name, host) => format!("{name} at {host:?}"),
                        };
                        let meta = fs::read(folder.join("contexts/meta").join(context_folder(&target.context)).join("meta.json"));
                        let cut = |text: &[u8]| text[..text.len().min(400)].escape_ascii().to_string();
                        differences.lock().unwrap().push(format!(
                            "case {case} {globals:?} {variables:?}\nconfig {}\nmeta {}\ndocker: {said}\nfender: {target:?}\n",
                            cut(&file),
                            cut(&meta.unwrap_or_default())
                        ));
                    }
                }
            });
        }
    });
    let (differences, kinds) = (differences.into_inner().unwrap(), kinds.into_inner().unwrap());
    println!("{cases} configuration folders: {kinds:?}");
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    for kind in ["the default", "a context", "not there", "not to be used"] {
        assert!(cases < 200 || kinds.get(kind).is_some_and(|count| *count >= cases / 50), "too few: {kind}");
    }
}

/// Those that were seen, one by one: with each, docker went to production and fender judged dev.
#[test]
fn spellings_that_once_led_to_the_wrong_engine() {
    let deep = format!("{{\"x\":{}1{},\"currentContext\":\"prod\"}}", "[".repeat(9_000), "]".repeat(9_000));
    let configs: &[&[u8]] = &[
        br#"{"currentcontext":"prod"}"#,
        br#"{"currentContext":"prod"} garbage"#,
        br#"{"currentContext":"dev","CurrentContext":"prod"}"#,
        b"{\"psFormat\":\"a\xffb\",\"currentContext\":\"prod\"}",
        br#"{"x":"\ud800","currentContext":"prod"}"#,
        br#"{"x":1e999,"currentContext":"prod"}"#,
        br#"{"currentContext":"prod","currentContext":null}"#,
        br#"{"currentContext":"prod","currentContext":5}"#,
        br#"{"auths":[],"currentContext":"prod"}"#,
        deep.as_bytes(),
    ];
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("config");
    for (name, host) in [("dev", "tcp://dev:1"), ("prod", "tcp://prod:1")] {
        let below = folder.join("contexts/meta").join(context_folder(name));
        fs::create_dir_all(&below).unwrap();
        fs::write(
            below.join("meta.json"),
            format!(r#"{{"NAME":"{name}","endPoints":{{"docker":{{"HOST":"{host}"}}}}}}"#),
        )
        .unwrap();
    }
    let decoy = folder.join("contexts/meta/0");
    fs::create_dir_all(&decoy).unwrap();
    fs::write(decoy.join("meta.json"), r#"{"Name":"prod","Endpoints":{"docker":{"Host":"tcp://dev:1"}}}"#).unwrap();
    for config in configs {
        fs::write(folder.join("config.json"), config).unwrap();
        let target = fenders(&folder, &BTreeMap::new(), &[]);
        let shown = &config[..config.len().min(80)];
        assert_eq!(
            (target.context.as_str(), target.host.as_str()),
            ("prod", "tcp://prod:1"),
            "{}",
            shown.escape_ascii()
        );
        match dockers(&folder, &BTreeMap::new(), &[]) {
            Said::Context(name, host) => {
                assert_eq!(
                    (name.as_str(), host.as_deref()),
                    ("prod", Some("tcp://prod:1")),
                    "{}",
                    shown.escape_ascii()
                );
            }
            Said::Nothing => panic!("docker stops over {}", shown.escape_ascii()),
        }
    }
}

/// Filters for prunes and proxies, against what the client asks; plugin folders, against the plugins it finds.
#[test]
fn what_else_the_configuration_says_is_read_as_the_client_reads_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("config");
    fs::create_dir_all(&folder).unwrap();
    let recorder = Recorder::start(&root.path().join("e.sock"), Answers::default());
    let variables: BTreeMap<String, String> = [
        ("DOCKER_HOST".to_owned(), format!("unix://{}", recorder.socket.display())),
        ("DOCKER_BUILDKIT".to_owned(), "0".to_owned()),
    ]
    .into();
    for (at, name) in ["one", "two", "three"].iter().enumerate() {
        let below = root.path().join(format!("p{at}"));
        fs::create_dir(&below).unwrap();
        let said = r#"{"SchemaVersion":"0.1.0","Vendor":"x","Version":"1","ShortDescription":"x"}"#;
        script(&below.join(format!("docker-{name}")), &format!("#!/bin/sh\necho '{said}'\n"));
    }
    let plugins: Vec<String> = (0..3).map(|at| root.path().join(format!("p{at}")).display().to_string()).collect();
    let plugins: Vec<&str> = plugins.iter().map(String::as_str).collect();
    let filters = ["label=a", "label!=a", "until=3h", "all=true", "label", "", "x=", "label="];
    let lists = |random: &mut Random, from: &[&str]| -> Vec<u8> {
        if random.one_in(8) {
            return anything(random);
        }
        let items: Vec<String> = (0..random.below(4))
            .map(|_| if random.one_in(5) { "null".to_owned() } else { format!("\"{}\"", random.pick(from)) })
            .collect();
        format!("[{}]", items.join(",")).into_bytes()
    };
    let mut different = Vec::new();
    let mut seen = [0; 3];
    for case in 0..setting("FENDER_FILES_CASES", 500) / 10 {
        let mut random = Random::of(7, case as usize);
        let mut members = Vec::new();
        for _ in 0..1 + random.below(5) {
            let field = random.pick(&["pruneFilters", "cliPluginsExtraDirs", "cliPluginsExtraDirs", "proxies"]);
            let value = match field {
                "pruneFilters" => lists(&mut random, &filters),
                "cliPluginsExtraDirs" => lists(&mut random, &plugins),
                _ => {
                    let proxy = [
                        (key(&mut random, "httpProxy"), text(&mut random, &["http://proxy", ""])),
                        (
                            key(&mut random, "noProxy"),
                            if random.one_in(4) { anything(&mut random) } else { text(&mut random, &["localhost"]) },
                        ),
                    ];
                    let proxy = object(&mut random, &proxy);
                    object(&mut random, &[(b"\"default\"".to_vec(), proxy)])
                }
            };
            members.push((key(&mut random, field), value));
        }
        let config = object(&mut random, &members);
        fs::write(folder.join("config.json"), &config).unwrap();
        let mut host = TestHost::new(root.path());
        host.variables = variables.clone().into_iter().collect();
        for words in
            [&["volume", "prune", "-f"][..], &["image", "prune", "-f", "--filter", "label!=a"], &["create", "x"]]
        {
            recorder.take();
            client(&folder, &variables, words);
            let asked = recorder.take();
            let texts: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let lowered = lower(&parse(&texts, Unknown::Refuse, &|| Builder::Legacy), &host);
            let foreseen = lowered.effects.iter().find_map(|effect| match effect {
                Effect::Request(request) => Some(request),
                _ => None,
            });
            let (Some(foreseen), Some(real)) = (foreseen, asked.iter().find(|it| it.method == "POST")) else {
                different.push(format!("{words:?}: no request\n{}", config.escape_ascii()));
                continue;
            };
            let filters =
                |text: Option<&str>| -> Value { text.and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default() };
            let of_real = real.query.iter().find(|(name, _)| name == "filters").map(|(_, value)| value.as_str());
            let (mine, theirs) = (filters(foreseen.value("filters")), filters(of_real));
            seen[0] += usize::from(!mine.is_null());
            let env = |body: &Value| {
                let mut env: Vec<String> =
                    body["Env"].as_array().into_iter().flatten().map(ToString::to_string).collect();
                env.sort();
                env
            };
            let (my_env, their_env) = (env(&foreseen.body_json()), env(&real.body));
            seen[1] += my_env.len();
            if mine != theirs || my_env != their_env {
                different.push(format!(
                    "{words:?} {}\ndocker: {theirs} {their_env:?}\nfender: {mine} {my_env:?}",
                    config.escape_ascii()
                ));
            }
        }
        let found =
            client(&folder, &variables, &["info", "--format", "{{range .ClientInfo.Plugins}}{{.Name}} {{end}}"]);
        let found = String::from_utf8_lossy(&found.stdout).into_owned();
        let here = Surroundings { assume_terminal: false };
        for name in ["one", "two", "three"] {
            let theirs = found.split_whitespace().any(|it| it == name);
            seen[2] += usize::from(theirs);
            if here.has_plugin(name, &folder.to_string_lossy()) != theirs {
                different.push(format!("plugin {name}: docker {theirs}\n{}", config.escape_ascii()));
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}
