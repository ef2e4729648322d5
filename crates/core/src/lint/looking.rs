//! The files that are linted, as the rules see them: each is looked at once for all findings.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;

use crate::files::context::{ContextProblem, ContextRequest, Survey};
use crate::host::Host;

/// The home folder of whoever uses the files that are linted. It is not that of who runs lint: `~/data` is the same finding for everybody.
pub const SOME_HOME: &str = "/home/~";

/// Larger files are read again at each look, in bytes, and so are all behind so many bytes in sum.
const LARGEST_KEPT: usize = 1 << 20;
const MOST_KEPT: usize = 64 << 20;

/// The world, with each context, file and folder looked at once, and nobody's home.
pub struct Looking<'a> {
    host: &'a dyn Host,
    surveys: RefCell<HashMap<ContextRequest, Result<Survey, ContextProblem>>>,
    files: RefCell<HashMap<String, Vec<u8>>>,
    kept: Cell<usize>,
    directory: OnceCell<String>,
    /// Absolute paths with links followed.
    real: RefCell<HashMap<String, String>>,
}

impl<'a> Looking<'a> {
    /// Looks through this host, at files as they are from now on.
    pub fn new(host: &'a dyn Host) -> Looking<'a> {
        Looking {
            host,
            surveys: RefCell::default(),
            files: RefCell::default(),
            kept: Cell::new(0),
            directory: OnceCell::new(),
            real: RefCell::default(),
        }
    }

    /// The same where some paths are known with links followed, which then need not be asked for.
    pub fn with_real(self, known: &[(String, String)]) -> Looking<'a> {
        for (path, real) in known {
            let path = self.absolute(path);
            self.real.borrow_mut().insert(path.trim_end_matches('/').to_owned(), real.clone());
        }
        self
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory()) }
    }

    /// An absolute path without `..`, with links followed. Of a path one element is asked for: the folder that it is in is known from another
    /// file, or becomes known.
    fn real(&self, path: &str) -> String {
        let path = path.trim_end_matches('/');
        let Some((folder, name)) = path.rsplit_once('/') else { return "/".to_owned() };
        if let Some(known) = self.real.borrow().get(path) {
            return known.clone();
        }
        let folder = self.real(folder);
        let real = match name {
            "" | "." => folder,
            // The folder has no links any more, so what is above it is a part of its path.
            ".." => folder.rsplit_once('/').map_or("", |(above, _)| above).to_owned(),
            name => {
                let joined = format!("{}/{name}", folder.trim_end_matches('/'));
                if self.host.is_link(&joined) { self.host.resolve(&joined) } else { joined }
            }
        };
        let real = if real.is_empty() { "/".to_owned() } else { real };
        self.real.borrow_mut().insert(path.to_owned(), real.clone());
        real
    }
}

impl Host for Looking<'_> {
    fn env(&self, name: &str) -> Option<String> {
        if name == "HOME" { Some(SOME_HOME.to_owned()) } else { self.host.env(name) }
    }
    fn directory(&self) -> String {
        self.directory.get_or_init(|| self.host.directory()).clone()
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.files.borrow().get(path) {
            return Ok(bytes.clone());
        }
        let bytes = self.host.read(path)?;
        let sum = self.kept.get() + bytes.len();
        if bytes.len() <= LARGEST_KEPT && sum <= MOST_KEPT {
            self.kept.set(sum);
            self.files.borrow_mut().insert(path.to_owned(), bytes.clone());
        }
        Ok(bytes)
    }
    fn start(&self, path: &str, most: usize) -> Result<Vec<u8>, String> {
        self.host.start(path, most)
    }
    fn read_own(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        self.host.read_own(path)
    }
    fn exists(&self, path: &str) -> bool {
        self.host.exists(path)
    }
    fn is_missing(&self, path: &str) -> bool {
        self.host.is_missing(path)
    }
    fn is_directory(&self, path: &str) -> bool {
        self.host.is_directory(path)
    }
    fn list(&self, path: &str) -> Vec<String> {
        self.host.list(path)
    }
    fn is_link(&self, path: &str) -> bool {
        self.host.is_link(path)
    }
    fn resolve(&self, path: &str) -> String {
        self.real(&self.absolute(path))
    }
    fn survey(&self, wanted: &ContextRequest) -> Result<Survey, ContextProblem> {
        // The Dockerfile matters to it by its own ignore file alone.
        let mut key = wanted.clone();
        let own = wanted.dockerfile.as_ref().is_some_and(|path| self.host.exists(&format!("{path}.dockerignore")));
        if !own {
            key.dockerfile = None;
        }
        if let Some(known) = self.surveys.borrow().get(&key) {
            return known.clone();
        }
        let root = wanted.root.clone().unwrap_or_else(|| self.resolve(&wanted.folder));
        let survey = self.host.survey(&ContextRequest { root: Some(root), ..wanted.clone() });
        self.surveys.borrow_mut().insert(key, survey.clone());
        survey
    }
    fn input_is_terminal(&self) -> bool {
        true
    }
    fn output_is_terminal(&self) -> bool {
        false
    }
    fn config_folder(&self, chosen: Option<&str>) -> String {
        self.host.config_folder(chosen)
    }
    fn has_plugin(&self, name: &str, config_folder: &str) -> bool {
        self.host.has_plugin(name, config_folder)
    }
}
