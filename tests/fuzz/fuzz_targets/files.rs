#![no_main]
//! Any bytes as a Dockerfile, an ignore file and a compose file: reading and mending never panic, and every place is
//! one in the text.

use fender::engine::Offline;
use fender_core::files::context::Sender;
use fender_core::files::dockerfile::Given;
use fender_core::files::ignore::{self, Matcher};
use fender_core::files::text::Text;
use fender_core::files::yaml;
use fender_core::host::Host;
use fender_core::lint::fix::{Choice, changes};
use fender_core::lower::Build;
use fender_core::lower::build::Said;
use libfuzzer_sys::fuzz_target;

struct Nowhere;

impl Host for Nowhere {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn directory(&self) -> String {
        "/project".to_owned()
    }
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"{}".to_vec())
    }
    fn exists(&self, _: &str) -> bool {
        true
    }
    fn is_directory(&self, _: &str) -> bool {
        true
    }
    fn list(&self, _: &str) -> Vec<String> {
        vec!["package.json".to_owned(), "go.mod".to_owned(), "requirements.txt".to_owned()]
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
        String::new()
    }
    fn has_plugin(&self, _: &str, _: &str) -> bool {
        false
    }
}

fuzz_target!(|data: &[u8]| {
    let given = Given { arguments: vec![("A".to_owned(), Some("b".to_owned()))], target: None };
    let said = Said {
        folder: Some("."),
        dockerfile: Some("Dockerfile".to_owned()),
        text: Some(data.to_vec()),
        carrier: None,
        given,
        named: Vec::new(),
        sender: Sender::BuildKit,
        words: Vec::new(),
    };
    if let Some(build) = Build::read(said, &Nowhere) {
        if let Some(file) = &build.dockerfile {
            for instruction in file.stages.iter().flat_map(|stage| &stage.instructions) {
                let _ = &file.text.text[instruction.span.clone()];
                let _ = &file.text.text[instruction.keyword.clone()];
            }
        }
        let mut build = build;
        build.path = Some("Dockerfile".to_owned());
        let choice = Choice { with_unsafe: true, rules: None };
        for change in changes(&[build], &choice, &Offline::default(), &Nowhere).changes {
            assert_ne!(change.before.as_deref(), Some(change.after.as_str()));
        }
    }
    if let Ok(patterns) = ignore::read(data)
        && let Ok(matcher) = Matcher::new(&patterns)
    {
        for path in ["a", "a/b/c", "node_modules/x", "", "ü/[x]"] {
            matcher.matches_alone(path);
        }
    }
    if let Ok(text) = Text::from_bytes("compose.yaml", data.to_vec())
        && let Ok(Some(node)) = yaml::read(&text)
    {
        let _ = &text.text[node.span.clone()];
        let _ = node.value();
    }
});
