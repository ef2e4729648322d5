//! The surroundings as a judgement saw them. It remembers what was read, and compares it with what is there right before docker
//! is started.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use super::host::Surroundings;
use fender_core::files::context::{ContextProblem, ContextRequest, Survey};
use fender_core::files::image_archive::ArchiveTag;
use fender_core::host::Host;

/// One look at the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    Read(String),
    Own(String),
    Exists(String),
    IsMissing(String),
    IsDirectory(String),
    List(String),
    Resolve(String),
}

/// A host that remembers what it was asked, and a digest of what it said.
pub struct Watched {
    inner: Surroundings,
    seen: RefCell<Vec<(Look, u64)>>,
    digest: RandomState,
}

impl Watched {
    /// Remembers what is asked from now on.
    pub fn new(inner: Surroundings) -> Watched {
        Watched { inner, seen: RefCell::default(), digest: RandomState::new() }
    }

    /// Whether every look would see the same now.
    pub fn is_unchanged(&self) -> bool {
        self.seen.borrow().iter().all(|(look, before)| self.again(look) == *before)
    }

    fn again(&self, look: &Look) -> u64 {
        match look {
            Look::Read(path) => self.digest.hash_one(self.inner.read(path)),
            Look::Own(path) => self.digest.hash_one(self.inner.read_own(path)),
            Look::Exists(path) => self.digest.hash_one(self.inner.exists(path)),
            Look::IsMissing(path) => self.digest.hash_one(self.inner.is_missing(path)),
            Look::IsDirectory(path) => self.digest.hash_one(self.inner.is_directory(path)),
            Look::List(path) => self.digest.hash_one(self.inner.list(path)),
            Look::Resolve(path) => self.digest.hash_one(self.inner.resolve(path)),
        }
    }

    fn saw<T: Hash>(&self, look: Look, said: T) -> T {
        let digest = self.digest.hash_one(&said);
        let mut seen = self.seen.borrow_mut();
        // The first answer is what the judgement stands on where two differ.
        if !seen.iter().any(|(known, _)| *known == look) {
            seen.push((look, digest));
        }
        said
    }
}

impl Host for Watched {
    fn env(&self, name: &str) -> Option<String> {
        self.inner.env(name)
    }

    fn directory(&self) -> String {
        self.inner.directory()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.saw(Look::Read(path.to_owned()), self.inner.read(path))
    }

    fn read_own(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        self.saw(Look::Own(path.to_owned()), self.inner.read_own(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.saw(Look::Exists(path.to_owned()), self.inner.exists(path))
    }

    fn is_missing(&self, path: &str) -> bool {
        self.saw(Look::IsMissing(path.to_owned()), self.inner.is_missing(path))
    }

    fn is_directory(&self, path: &str) -> bool {
        self.saw(Look::IsDirectory(path.to_owned()), self.inner.is_directory(path))
    }

    fn list(&self, path: &str) -> Vec<String> {
        self.saw(Look::List(path.to_owned()), self.inner.list(path))
    }

    fn resolve(&self, path: &str) -> String {
        self.saw(Look::Resolve(path.to_owned()), self.inner.resolve(path))
    }

    fn input_is_terminal(&self) -> bool {
        self.inner.input_is_terminal()
    }

    fn output_is_terminal(&self) -> bool {
        self.inner.output_is_terminal()
    }

    fn input(&self) -> Option<Vec<u8>> {
        self.inner.input()
    }

    fn input_file(&self) -> Option<Vec<u8>> {
        self.inner.input_file()
    }

    fn image_archive(&self, path: Option<&str>) -> Result<Vec<ArchiveTag>, String> {
        // A file that docker reads itself, like a layer: nothing of it is remembered.
        self.inner.image_archive(path)
    }

    /// A context may be large: it is walked once.
    fn survey(&self, wanted: &ContextRequest) -> Result<Survey, ContextProblem> {
        self.inner.survey(wanted)
    }

    fn config_folder(&self, chosen: Option<&str>) -> String {
        self.inner.config_folder(chosen)
    }

    fn has_plugin(&self, name: &str, config_folder: &str) -> bool {
        self.inner.has_plugin(name, config_folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Look = fn(&Watched, &str);

    /// A folder that may not be searched, a name that is too long, a file in the way: nobody can say that nothing is there.
    #[test]
    fn what_cannot_be_looked_at_is_not_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        std::fs::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        let host = Watched::new(Surroundings { assume_terminal: false });
        assert!(host.is_missing(&path("nothing")) && host.is_missing(&path("no/folder")));
        for name in ["file", "loop", "loop/x", "file/below", "x".repeat(300).as_str()] {
            assert!(!host.is_missing(&path(name)), "{name}");
        }
    }

    #[test]
    fn every_kind_of_look_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let looks: [(Look, &str); 7] = [
            (|host, path| drop(host.read(path)), "read"),
            (|host, path| drop(host.read_own(path)), "read_own"),
            (|host, path| _ = host.exists(path), "exists"),
            (|host, path| _ = host.is_missing(path), "is_missing"),
            (|host, path| _ = host.is_directory(path), "is_directory"),
            (|host, path| drop(host.list(path)), "list"),
            (|host, path| drop(host.resolve(path)), "resolve"),
        ];
        for (look, name) in looks {
            let host = Watched::new(Surroundings { assume_terminal: false });
            look(&host, &path(name));
            assert!(host.is_unchanged(), "{name}");
            // A link to a folder with a file changes what each of them sees, but for the readers of files.
            match name {
                "read" | "read_own" => std::fs::write(path(name), "A=1").unwrap(),
                _ => std::os::unix::fs::symlink("/etc", path(name)).unwrap(),
            }
            assert!(!host.is_unchanged(), "{name}");
        }
    }
}
