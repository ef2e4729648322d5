//! `fender lint -`: a file that is given on standard input, such as an editor's, in the place of the one that has its name.

use std::path::Path;

use crate::environment::input;
use fender_core::api::Version;
use fender_core::engine::{ContainerFacts, EngineFacts, ImageFacts, Inspect, Lookup};
use fender_core::files::context::{ContextProblem, ContextRequest, Survey};
use fender_core::host::Host;
use fender_core::lint::{FileKind, kind_of, kind_of_text};
use fender_core::plan::Facts;

/// The file, with the name that it has for lint.
pub struct TypedFile {
    /// Its name.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    bytes: Vec<u8>,
}

impl TypedFile {
    /// Reads standard input. The kind follows from the name, else from the text; without a name it has the usual one of its kind, in
    /// the working directory.
    ///
    /// # Errors
    /// Standard input cannot be read, or it is none of these files.
    pub fn read(path: Option<&str>) -> anyhow::Result<TypedFile> {
        let bytes = input::kept()?;
        let by_text = || kind_of_text(&String::from_utf8_lossy(&bytes));
        let by_name = path.and_then(|path| kind_of(path.rsplit('/').next().unwrap_or_default()));
        let Some(kind) = by_name.or_else(by_text) else {
            anyhow::bail!(
                "standard input is not a Dockerfile, an ignore file, a compose file or a bake file; --path says its name"
            );
        };
        let usual = match kind {
            FileKind::Dockerfile => "Dockerfile",
            FileKind::Ignore => ".dockerignore",
            FileKind::Compose => "compose.yaml",
            FileKind::Bake => "docker-bake.hcl",
        };
        Ok(TypedFile { path: path.unwrap_or(usual).to_owned(), kind, bytes })
    }
}

/// The machine, with what was typed in the place of the file.
pub struct WithTyped<'a> {
    /// The machine itself.
    pub inner: &'a dyn Host,
    /// What was typed.
    pub file: &'a TypedFile,
}

impl WithTyped<'_> {
    fn is(&self, path: &str) -> bool {
        path == self.file.path || self.inner.resolve(path) == self.inner.resolve(&self.file.path)
    }
}

impl Host for WithTyped<'_> {
    fn env(&self, name: &str) -> Option<String> {
        self.inner.env(name)
    }
    fn directory(&self) -> String {
        self.inner.directory()
    }
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if self.is(path) { Ok(self.file.bytes.clone()) } else { self.inner.read(path) }
    }
    fn start(&self, path: &str, most: usize) -> Result<Vec<u8>, String> {
        match self.is(path) {
            true => Ok(self.file.bytes.iter().take(most).copied().collect()),
            false => self.inner.start(path, most),
        }
    }
    fn read_own(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        self.inner.read_own(path)
    }
    fn exists(&self, path: &str) -> bool {
        self.is(path) || self.inner.exists(path)
    }
    fn is_missing(&self, path: &str) -> bool {
        !self.is(path) && self.inner.is_missing(path)
    }
    fn is_directory(&self, path: &str) -> bool {
        !self.is(path) && self.inner.is_directory(path)
    }
    fn list(&self, path: &str) -> Vec<String> {
        self.inner.list(path)
    }
    fn is_link(&self, path: &str) -> bool {
        self.inner.is_link(path)
    }
    fn resolve(&self, path: &str) -> String {
        self.inner.resolve(path)
    }
    fn survey(&self, wanted: &ContextRequest) -> Result<Survey, ContextProblem> {
        self.inner.survey(wanted)
    }
    fn input_is_terminal(&self) -> bool {
        self.inner.input_is_terminal()
    }
    fn output_is_terminal(&self) -> bool {
        self.inner.output_is_terminal()
    }
    fn config_folder(&self, chosen: Option<&str>) -> String {
        self.inner.config_folder(chosen)
    }
    fn has_plugin(&self, name: &str, config_folder: &str) -> bool {
        self.inner.has_plugin(name, config_folder)
    }
}

/// What docker prints, with standard input in the place of the file: compose and bake read it there, as if it stood in its folder.
pub struct FactsWithTyped<'a> {
    /// The client.
    pub inner: &'a dyn Facts,
    /// What was typed.
    pub file: &'a TypedFile,
}

impl FactsWithTyped<'_> {
    /// The words with standard input in the place of the file.
    fn words(&self, words: &[String]) -> Vec<String> {
        let mut words = words.to_vec();
        let named =
            words.windows(2).position(|pair| matches!(pair, [flag, path] if flag == "-f" && *path == self.file.path));
        if let Some(at) = named {
            if let Some(word) = words.get_mut(at + 1) {
                "-".clone_into(word);
            }
            if self.file.kind == FileKind::Compose {
                let folder = Path::new(&self.file.path).parent().filter(|folder| *folder != Path::new(""));
                let folder = folder.map_or_else(|| ".".to_owned(), |folder| folder.to_string_lossy().into_owned());
                words.splice(at..at, ["--project-directory".to_owned(), folder]);
            }
        }
        words
    }
}

impl Facts for FactsWithTyped<'_> {}

impl Inspect for FactsWithTyped<'_> {
    fn printed(&self, words: &[String], host: &dyn Host) -> Lookup<Vec<u8>> {
        self.inner.printed(&self.words(words), host)
    }
    fn error_of(&self, words: &[String], host: &dyn Host) -> Lookup<String> {
        self.inner.error_of(&self.words(words), host)
    }
    fn image(&self, name: &str) -> Lookup<ImageFacts> {
        self.inner.image(name)
    }
    fn container(&self, name: &str) -> Lookup<ContainerFacts> {
        self.inner.container(name)
    }
    fn engine(&self) -> Lookup<EngineFacts> {
        self.inner.engine()
    }
    fn api_version(&self) -> Lookup<Version> {
        self.inner.api_version()
    }
}
