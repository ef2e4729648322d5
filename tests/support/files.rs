//! A machine that is a few files in memory, and what docker prints of them: for tests that judge and lint many files.

use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;

use fender::ui::report;
use fender::ui::screen::Screen;
use fender::ui::snippet::{as_json, snippet};
use fender_core::api::Version;
use fender_core::engine::{ContainerFacts, EngineFacts, ImageFacts, Inspect, Lookup};
use fender_core::host::{Host, NO_SUCH_FILE};
use fender_core::judge::{JudgementContext, judge};
use fender_core::lint::fix::{Choice, changes};
use fender_core::lint::{FileKind, Looking, Report, lint};
use fender_core::plan::Facts;
use fender_core::policy::{Caller, CallerKind, Policy, PolicyLayer};
use fender_core::target::Target;
use serde_json::Value;

/// Files, and what docker prints of them.
#[derive(Clone, Default)]
pub struct Files {
    files: HashMap<String, Vec<u8>>,
    printed: Rc<Vec<u8>>,
}

impl Files {
    pub fn of(files: &[(&str, String)], printed: &Value) -> Files {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.clone().into_bytes())).collect();
        Files { files, printed: Rc::new(printed.to_string().into_bytes()) }
    }

    /// One file more.
    pub fn add(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text.into_bytes());
    }

    /// What docker prints instead.
    pub fn print(&mut self, text: String) {
        self.printed = Rc::new(text.into_bytes());
    }

    fn file(&self, path: &str) -> Option<&Vec<u8>> {
        self.files.get(path.trim_start_matches("/w/").trim_start_matches("./"))
    }

    /// What `fender lint` finds in one of them, and what it would make of it.
    pub fn linted(&self, path: &str, kind: FileKind) -> Report {
        let report = lint(&[(path.to_owned(), kind)], self, &Looking::new(self));
        let screen = Screen::plain();
        for place in report.findings.iter().flat_map(|finding| &finding.places) {
            let _ = (snippet(place, &screen, false), as_json(place));
        }
        changes(&report.builds, &Choice { with_unsafe: true, rules: None }, self, self);
        report
    }

    /// What a command is judged to be, and all that a person would be shown.
    pub fn judged(&self, words: &[&str], layers: &[PolicyLayer]) {
        let policy = Policy { layers: layers.to_vec() };
        let facts = |_: &Target| -> Rc<dyn Facts> { Rc::new(self.clone()) };
        let bench = JudgementContext {
            host: self,
            policy: &policy,
            facts: &facts,
            hostname: "m".to_owned(),
            today: 20_784,
            ids: (5, 6),
            caller: Caller::of(CallerKind::Person),
            environment: None,
        };
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let judgement = judge(&words, &bench);
        let screen = Screen::plain();
        let fixes = fender_core::judge::fixes::Fixes::default();
        let _ = (
            report::stopping(&judgement, &fixes, &screen, "m"),
            report::note(
                &judgement,
                &judgement.with(fender_core::policy::Action::Note).collect::<Vec<_>>(),
                false,
                &screen,
            ),
        );
    }
}

impl Host for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn directory(&self) -> String {
        "/w".to_owned()
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.file(path).cloned().ok_or_else(|| NO_SUCH_FILE.to_owned())
    }
    fn exists(&self, path: &str) -> bool {
        self.file(path).is_some()
    }
    fn is_directory(&self, path: &str) -> bool {
        matches!(path, "." | "/w")
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
        "/c".to_owned()
    }
    fn has_plugin(&self, _: &str, _: &str) -> bool {
        true
    }
}

impl Facts for Files {}

impl Inspect for Files {
    fn image(&self, _: &str) -> Lookup<ImageFacts> {
        Lookup::NoEngine
    }
    fn container(&self, _: &str) -> Lookup<ContainerFacts> {
        Lookup::NoEngine
    }
    fn engine(&self) -> Lookup<EngineFacts> {
        Lookup::NoEngine
    }
    fn api_version(&self) -> Lookup<Version> {
        Lookup::NoEngine
    }
    fn printed(&self, _: &[String], _: &dyn Host) -> Lookup<Vec<u8>> {
        Lookup::Found(self.printed.to_vec())
    }
}
