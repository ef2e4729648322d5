//! The machine as docker's client sees it: environment, files and terminals. The caller implements it.

use crate::files::context::{ContextProblem, ContextRequest, Survey};
use crate::files::image_archive::ArchiveTag;

/// What [`Host::read`] says where there is no file, in Go's words.
pub const NO_SUCH_FILE: &str = "no such file or directory";

/// What the client itself would see of its surroundings.
pub trait Host {
    /// The value of a variable; None where it is not set.
    fn env(&self, name: &str) -> Option<String>;
    /// The working directory, absolute.
    fn directory(&self) -> String;
    /// A file's contents, or the system's words for why not (`no such file or directory`).
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
    /// At most so many of the first bytes of a regular file.
    fn start(&self, path: &str, most: usize) -> Result<Vec<u8>, String> {
        self.read(path).map(|mut bytes| {
            bytes.truncate(most);
            bytes
        })
    }
    /// Whether there is something at this path.
    fn exists(&self, path: &str) -> bool;
    /// Whether it is certain that there is nothing at this path. A path that may not be looked at is neither there nor missing.
    fn is_missing(&self, path: &str) -> bool {
        !self.exists(path)
    }
    /// Whether there is a folder at this path.
    fn is_directory(&self, path: &str) -> bool;
    /// The names in a folder; none where it cannot be read.
    fn list(&self, path: &str) -> Vec<String>;
    /// Whether there may be a link at this path: false only where it is certain that there is none.
    fn is_link(&self, _: &str) -> bool {
        true
    }
    /// The path with `..` and links followed as far as they exist.
    fn resolve(&self, path: &str) -> String;
    /// Whether standard input is a terminal.
    fn input_is_terminal(&self) -> bool;
    /// Whether standard output is a terminal.
    fn output_is_terminal(&self) -> bool;
    /// Standard input, kept for the client; None where it is a terminal or cannot be read.
    fn input(&self) -> Option<Vec<u8>> {
        None
    }
    /// The same where it is a small file: a stream may be an archive of any size, which is not held back.
    fn input_file(&self) -> Option<Vec<u8>> {
        None
    }
    /// The names that an archive of images gives, of standard input where no path is given; the error says why they are not known.
    fn image_archive(&self, _: Option<&str>) -> Result<Vec<ArchiveTag>, String> {
        Err("it is not read here".to_owned())
    }
    /// Which files a build would send.
    fn survey(&self, _: &ContextRequest) -> Result<Survey, ContextProblem> {
        Ok(Survey::default())
    }
    /// One of docker's own files; None where there is none, an error where it is there and cannot be read.
    fn read_own(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error == NO_SUCH_FILE => Ok(None),
            Err(error) => Err(error),
        }
    }
    /// The client's configuration folder, after `--config` and `DOCKER_CONFIG`.
    fn config_folder(&self, chosen: Option<&str>) -> String;
    /// Whether docker would find the plugin `docker-NAME`, with this configuration folder.
    fn has_plugin(&self, name: &str, config_folder: &str) -> bool;
}
