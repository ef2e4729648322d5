//! A real engine, started and stopped by `tests/engine.sh`.

use std::path::PathBuf;
use std::process::Output;
use std::thread;
use std::time::Duration;

use super::process::{client, engine_script};

pub struct Engine {
    name: String,
    pub socket: PathBuf,
}

fn must(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Engine {
    /// `which` is `new` or `old`; `flags` are dockerd's.
    pub fn start(name: &str, which: &str, flags: &str) -> Engine {
        let output = engine_script(&["start", name, which]).env("FENDER_TEST_DOCKERD_FLAGS", flags).output().unwrap();
        let socket = PathBuf::from(must(output));
        Engine { name: name.to_owned(), socket }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// As a power cut would: nothing is written any more.
    pub fn kill(&self) {
        must(engine_script(&["kill", &self.name]).output().unwrap());
    }

    /// Starts it on the state it has.
    pub fn again(&self) {
        must(engine_script(&["again", &self.name]).output().unwrap());
    }

    /// A registry that the engine reaches as `localhost:5000`.
    pub fn registry(&self) {
        must(engine_script(&["registry", &self.name]).output().unwrap());
    }

    /// A busybox image with these changes, such as `USER 1000`.
    pub fn image(&self, tag: &str, changes: &[&str]) {
        let tar = super::cache().join("busybox.tar");
        let mut command = client(&self.host());
        command.arg("import");
        for change in changes {
            command.args(["-c", change]);
        }
        must(command.arg(tar).arg(tag).output().unwrap());
    }

    /// The real client, without fender.
    pub fn plain(&self, words: &[&str]) -> String {
        must(client(&self.host()).args(words).output().unwrap())
    }

    /// Waits until the engine lists the container in this state: its lists know of an end a moment later than a client that waited
    /// for it.
    pub fn is_listed_as(&self, name: &str, status: &str) {
        let (name, status) = (format!("name=^{name}$"), format!("status={status}"));
        for _ in 0..100 {
            if !self.plain(&["ps", "-aq", "--filter", &name, "--filter", &status]).is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("no container is listed with {name} and {status}");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = engine_script(&["stop", &self.name]).output();
    }
}
