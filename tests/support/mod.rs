//! What the tests share: the recorder engine, a host to look at, the real client, and the generator.
#![allow(dead_code)] // Each test file uses its own part.

pub mod api;
pub mod engine;
pub mod example;
pub mod extremes;
pub mod faulty;
pub mod files;
pub mod generator;
pub mod guarded;
pub mod judged;
pub mod lint;
pub mod pictures;
pub mod place;
pub mod process;
pub mod proxy;
pub mod random;
pub mod recorder;
pub mod schema;
pub mod state;
pub mod terminal;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fender_core::host::Host;

/// A host that is one folder and a few variables.
#[derive(Clone, Debug)]
pub struct TestHost {
    pub folder: PathBuf,
    pub variables: HashMap<String, String>,
    pub plugins: Vec<String>,
}

impl TestHost {
    pub fn new(folder: &Path) -> TestHost {
        TestHost { folder: folder.to_path_buf(), variables: HashMap::new(), plugins: Vec::new() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

impl Host for TestHost {
    fn env(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn directory(&self) -> String {
        self.folder.to_string_lossy().into_owned()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.path(path)).map_err(|_| "no such file or directory".to_owned())
    }

    fn exists(&self, path: &str) -> bool {
        std::fs::symlink_metadata(self.path(path)).is_ok()
    }

    fn is_directory(&self, path: &str) -> bool {
        self.path(path).is_dir()
    }

    fn list(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn resolve(&self, path: &str) -> String {
        let path = self.path(path);
        std::fs::canonicalize(&path).unwrap_or(path).to_string_lossy().into_owned()
    }

    fn input_is_terminal(&self) -> bool {
        true
    }

    fn output_is_terminal(&self) -> bool {
        false
    }

    fn config_folder(&self, _: Option<&str>) -> String {
        self.folder.join("config").to_string_lossy().into_owned()
    }

    fn has_plugin(&self, name: &str, _: &str) -> bool {
        self.plugins.iter().any(|plugin| plugin == name)
    }
}

/// The folder with the real client and engine, fetched by `tests/engine.sh`.
pub fn programs() -> PathBuf {
    static PROGRAMS: OnceLock<PathBuf> = OnceLock::new();
    let fetched = PROGRAMS.get_or_init(|| {
        let output = process::engine_script(&["fetch"]).output().expect("tests/engine.sh can be run");
        assert!(output.status.success(), "tests/engine.sh fetch: {}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    });
    fetched.clone()
}

/// Where `tests/engine.sh` keeps what it fetched.
pub fn cache() -> PathBuf {
    let bin = programs();
    bin.ancestors().nth(3).expect("CACHE/new/usr/bin").to_path_buf()
}

/// Which compose.
#[derive(Clone, Copy)]
pub enum Compose {
    /// 2.40, of Debian sid, which the client finds by itself.
    New,
    /// 2.26, of Debian trixie.
    Old,
}

/// The compose plugin of this version.
pub fn compose(which: Compose) -> PathBuf {
    let folder = match which {
        Compose::New => "new",
        Compose::Old => "compose",
    };
    cache().join(folder).join("usr/libexec/docker/cli-plugins/docker-compose")
}

/// The real docker client.
pub fn real_docker() -> PathBuf {
    programs().join("docker")
}
