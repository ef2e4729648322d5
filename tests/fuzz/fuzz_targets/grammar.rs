#![no_main]
//! Any words: parsing, lowering and the values never panic. Words are divided by NUL.

use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::host::Host;
use fender_core::lower::lower;
use libfuzzer_sys::fuzz_target;

struct Nowhere;

impl Host for Nowhere {
    fn env(&self, name: &str) -> Option<String> {
        (name.len() % 2 == 0).then(|| "value".to_owned())
    }
    fn directory(&self) -> String {
        "/project".to_owned()
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        // The path itself is the file: env files and profiles are fuzzed, too.
        Ok(path.replace('|', "\n").into_bytes())
    }
    fn exists(&self, path: &str) -> bool {
        path.len() % 2 == 0
    }
    fn is_directory(&self, path: &str) -> bool {
        path.len() % 3 == 0
    }
    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn resolve(&self, path: &str) -> String {
        path.to_owned()
    }
    fn input_is_terminal(&self) -> bool {
        true
    }
    fn output_is_terminal(&self) -> bool {
        false
    }
    fn config_folder(&self, _: Option<&str>) -> String {
        "/config".to_owned()
    }
    fn has_plugin(&self, name: &str, _: &str) -> bool {
        name.len() % 2 == 0
    }
}

fuzz_target!(|data: &[u8]| {
    let words: Vec<String> =
        data.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    for unknown in [Unknown::Refuse, Unknown::Alone, Unknown::TakesValue] {
        for builder in [Builder::Legacy, Builder::Buildx] {
            let _ = lower(&parse(&words, unknown, &|| builder.clone()), &Nowhere);
        }
    }
});
