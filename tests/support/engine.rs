//! A real engine, started and stopped by `tests/engine.sh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Engine {
    name: String,
    pub socket: PathBuf,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh")
}

fn must(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Engine {
    /// `which` is `new` or `old`; `flags` are dockerd's.
    pub fn start(name: &str, which: &str, flags: &str) -> Engine {
        let output = Command::new(script())
            .args(["start", name, which])
            .env("FENDER_TEST_DOCKERD_FLAGS", flags)
            .output()
            .unwrap();
        let socket = PathBuf::from(must(output));
        Engine { name: name.to_owned(), socket }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// As a power cut would: nothing is written any more.
    pub fn kill(&self) {
        must(Command::new(script()).args(["kill", &self.name]).output().unwrap());
    }

    /// Starts it on the state it has.
    pub fn again(&self) {
        must(Command::new(script()).args(["again", &self.name]).output().unwrap());
    }

    /// A registry that the engine reaches as `localhost:5000`.
    pub fn registry(&self) {
        must(Command::new(script()).args(["registry", &self.name]).output().unwrap());
    }

    /// A busybox image with these changes, such as `USER 1000`.
    pub fn image(&self, tag: &str, changes: &[&str]) {
        let tar = super::cache().join("busybox.tar");
        let mut command = Command::new(super::real_docker());
        command.env("DOCKER_HOST", self.host()).arg("import");
        for change in changes {
            command.args(["-c", change]);
        }
        must(command.arg(tar).arg(tag).output().unwrap());
    }

    /// The real client, without fender.
    pub fn plain(&self, words: &[&str]) -> String {
        must(Command::new(super::real_docker()).env("DOCKER_HOST", self.host()).args(words).output().unwrap())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = Command::new(script()).args(["stop", &self.name]).output();
    }
}
