//! `docker load`: which names an archive moves is read before docker reads it, and it is judged by that.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::engine::Engine;
use crate::support::guarded::Guarded;

const POLICY: &str = "[environments.dev]\nhostname = \"*\"\n[protect]\nimages = [\"app:*\"]\n";

#[test]
fn on_docker_28() {
    judged_by_what_moves("load-new", "new", "");
}

#[test]
fn on_docker_28_with_the_containerd_store() {
    judged_by_what_moves("load-containerd", "new", "--feature containerd-snapshotter=true");
}

#[test]
fn on_docker_20_10() {
    judged_by_what_moves("load-old", "old", "");
}

fn judged_by_what_moves(name: &str, which: &str, flags: &str) {
    let engine = Engine::start(name, which, flags);
    let guarded = Guarded::new(&engine);
    guarded.place.policy(POLICY);
    let folder = guarded.place.path("home");
    engine.image("app:1", &["LABEL app=1"]);
    engine.image("other:1", &["LABEL other=1"]);
    let saved = |file: &str, tags: &[&str]| {
        let path = folder.join(file).display().to_string();
        engine.plain(&[&["save", "-o", &path], tags].concat());
        path
    };
    let same = saved("same.tar", &["app:1"]);
    let free = saved("free.tar", &["other:1"]);
    engine.plain(&["tag", "app:1", "kept:1"]);
    engine.plain(&["tag", "other:1", "app:1"]);
    let moved = saved("moved.tar", &["other:1", "app:1"]);
    engine.plain(&["tag", "kept:1", "app:1"]);

    let id = || engine.plain(&["image", "inspect", "--format", "{{.Id}}", "app:1"]);
    let before = id();
    for (archive, moves) in [(&same, false), (&free, false), (&moved, true)] {
        for path in [archive.clone(), with_gzip(archive), with_zstd(archive)] {
            assert_eq!(retagged(&guarded, &path), if moves { vec!["app:1".to_owned()] } else { Vec::new() }, "{path}");
            let from_file = guarded.docker(&["load"]).stdin(File::open(&path).unwrap()).output().unwrap();
            for output in [guarded.piped(&["load", "-i", &path]), from_file] {
                assert_eq!(is_refused(&output), moves, "{path}: {output:?}");
            }
            assert_eq!(id(), before, "{path}");
        }
    }

    // Nobody can look into a pipe without taking its bytes, nor into a file that is cut.
    let mut load = guarded.docker(&["load"]);
    let mut child = load.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // It may have ended before everything is written.
    let _ = input.write_all(&fs::read(&same).unwrap());
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(is_refused(&output) && said(&output).contains("only a file can be read"), "{output:?}");
    let cut = folder.join("cut.tar");
    let whole = fs::read(&moved).unwrap();
    fs::write(&cut, &whole[..1024]).unwrap();
    assert!(is_refused(&guarded.piped(&["load", "-i", &cut.display().to_string()])));

    // What was refused is what docker does.
    engine.plain(&["load", "-i", &moved]);
    assert_ne!(id(), before);
}

/// The tags that the plan says another image gets.
fn retagged(guarded: &Guarded, path: &str) -> Vec<String> {
    let output = guarded.fender(&["plan", "--format", "json", "--", "load", "-i", path]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let changes = plan["changes"].as_array().unwrap().iter().filter(|it| it["change"] == "retag");
    changes.map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

fn is_refused(output: &Output) -> bool {
    output.status.code() == Some(125) && said(output).contains("protected")
}

/// Its words without line breaks.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn with_gzip(path: &str) -> String {
    let out = format!("{path}.gz");
    let mut encoder = GzEncoder::new(File::create(&out).unwrap(), Compression::fast());
    encoder.write_all(&fs::read(Path::new(path)).unwrap()).unwrap();
    encoder.finish().unwrap();
    out
}

fn with_zstd(path: &str) -> String {
    let out = format!("{path}.zst");
    fs::write(&out, zstd::encode_all(fs::read(path).unwrap().as_slice(), 1).unwrap()).unwrap();
    out
}
