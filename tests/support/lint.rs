//! `fender lint` in a folder of its own.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use super::process;

/// `fender` in a folder, with no docker on PATH and no engine.
pub fn fender(folder: &Path, words: &[&str], more: &[(&str, String)]) -> Output {
    let mut command = process::fender();
    command.env("PATH", "/nonexistent").env("HOME", folder);
    command
        .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
        .envs(more.iter().map(|(name, value)| (*name, value.as_str())));
    command.args(words).current_dir(folder).output().unwrap()
}

/// What was printed, on both streams.
pub fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The rules that are found, in order, with their lines.
pub fn found(folder: &Path, words: &[&str]) -> Vec<(String, u64)> {
    let output = fender(folder, &[&["lint", "--format", "json"], words].concat(), &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)));
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|it| (it["rule"].as_str().unwrap().to_owned(), it["line"].as_u64().unwrap())).collect()
}

/// Only the rules.
pub fn rules(folder: &Path) -> Vec<String> {
    found(folder, &[]).into_iter().map(|(rule, _)| rule).collect()
}

/// Writes files below a folder.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
