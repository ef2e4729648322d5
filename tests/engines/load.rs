//! `docker load`: which names an archive moves is read before docker reads it, and it is judged by that.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::EntryType;

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

    // An archive that says of itself that it holds the same image, which it does not. containerd's store takes images from the index, and
    // what an index claims is checked there.
    let config = engine.plain(&["image", "inspect", "--format", "{{.Id}}", "kept:1"]).trim().to_owned();
    let mut forged = vec![("linked.tar", hides_settings(&moved, &same))];
    if !flags.contains("containerd") {
        forged.push(("claimed.tar", claims_digest(&moved, &config)));
    }
    for (name, forged) in forged {
        let path = folder.join(name).display().to_string();
        fs::write(&path, forged).unwrap();
        let retagged = retagged(&guarded, &path);
        assert!(retagged.contains(&"app:1".to_owned()), "{path}: {retagged:?}");
        assert!(is_refused(&guarded.piped(&["load", "-i", &path])), "{path}");
        assert_eq!(id(), before, "{path}");
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

/// The files of an archive: path, kind and content.
fn entries(path: &str) -> Vec<(String, EntryType, Vec<u8>)> {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let entry = |entry: std::io::Result<tar::Entry<File>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), entry.header().entry_type(), bytes)
    };
    archive.entries().unwrap().map(entry).collect()
}

fn archive(entries: &[(String, EntryType, Vec<u8>)]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (path, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o755);
        if *kind == EntryType::Symlink {
            header.set_size(0);
            out.append_link(&mut header, path, String::from_utf8_lossy(bytes).as_ref()).unwrap();
        } else {
            header.set_size(bytes.len() as u64);
            out.append_data(&mut header, path, bytes.as_slice()).unwrap();
        }
    }
    out.into_inner().unwrap()
}

/// The archive with an index that claims this digest for app:1, which an engine's own store does not look at.
fn claims_digest(path: &str, digest: &str) -> Vec<u8> {
    let mut list = entries(path);
    list.retain(|(path, ..)| path != "index.json");
    let annotations = json!({"io.containerd.image.name": "docker.io/library/app:1"});
    let manifest = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "digest": digest, "annotations": annotations});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    list.push(("index.json".to_owned(), EntryType::Regular, index.to_string().into_bytes()));
    archive(&list)
}

/// The archive of one image that names the settings of another, which a file behind a link is then unpacked over.
fn hides_settings(path: &str, of: &str) -> Vec<u8> {
    let settings = |entries: &[(String, EntryType, Vec<u8>)]| {
        let manifest = entries.iter().find(|(path, ..)| path == "manifest.json").unwrap();
        let manifest: Value = serde_json::from_slice(&manifest.2).unwrap();
        let named =
            manifest.as_array().unwrap().iter().find(|it| it["RepoTags"].to_string().contains("app:1")).unwrap();
        let config = named["Config"].as_str().unwrap().to_owned();
        entries.iter().find(|(path, ..)| *path == config).unwrap().2.clone()
    };
    let (mut list, shown) = (entries(path), settings(&entries(of)));
    let hidden = settings(&list);
    let at = list.iter().position(|(path, ..)| path == "manifest.json").unwrap();
    let mut manifest: Value = serde_json::from_slice(&list[at].2).unwrap();
    let images = manifest.as_array_mut().unwrap();
    images.iter_mut().for_each(|image| image["Config"] = "kept/settings.json".into());
    list[at].2 = manifest.to_string().into_bytes();
    list.retain(|(path, ..)| path != "index.json");
    list.push(("kept/settings.json".to_owned(), EntryType::Regular, shown));
    list.push(("link".to_owned(), EntryType::Symlink, b"kept".to_vec()));
    list.push(("link/settings.json".to_owned(), EntryType::Regular, hidden));
    archive(&list)
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
