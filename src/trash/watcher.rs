//! A second process that watches over one that has helpers on an engine. Killed with `kill -9`, a process removes nothing: the
//! end of a pipe tells the other one, which then removes what was made. Without it, a helper would keep its volume in use for
//! the real docker until fender's next command.

use std::io::{Read, Write, stdin};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::leftovers::sweep;
use crate::engine::connection::{Connection, Route};

/// The word by which fender starts itself as a watcher.
pub const WATCH: &str = "watch-helpers";
/// What the watched process writes at its end.
const DONE: &str = "done";
/// An engine may still be making what it was asked for when the process was killed, for so long.
const SETTLES: Duration = Duration::from_secs(5);
/// An engine that cannot be reached is tried again for so long.
const PATIENCE: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_millis(400);
const LATER: Duration = Duration::from_secs(2);
/// One attempt.
const ATTEMPT: Duration = Duration::from_secs(30);

/// What a watcher has to know: the first line that it reads.
#[derive(Debug, Serialize, Deserialize)]
struct WatchedHelpers {
    route: Route,
    mark: String,
}

/// The other process; none where it could not be started.
pub struct Watcher(Option<Child>);

impl Watcher {
    /// In a process group of its own, so that Ctrl-C does not reach it.
    pub fn start(route: &Route, mark: &str) -> Watcher {
        let Ok(mut text) = serde_json::to_vec(&WatchedHelpers { route: route.clone(), mark: mark.to_owned() }) else {
            return Watcher(None);
        };
        text.push(b'\n');
        let mut command = Command::new("/proc/self/exe");
        command.arg0("fender").arg(WATCH).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut child) = command.spawn() else { return Watcher(None) };
        let told = child.stdin.as_mut().is_some_and(|pipe| pipe.write_all(&text).is_ok());
        Watcher(told.then_some(child))
    }

    /// Nothing is left to remove: the watcher ends.
    pub fn done(self) {
        let Watcher(Some(mut child)) = self else { return };
        let told = child.stdin.take().is_some_and(|mut pipe| pipe.write_all(DONE.as_bytes()).is_ok());
        if told {
            // The real client, which this process may become, finds no child that it did not start.
            let _ = child.wait();
        }
    }
}

/// The watcher's work; the exit code.
pub fn watch() -> u8 {
    let mut text = String::new();
    if stdin().read_to_string(&mut text).is_err() {
        return 1;
    }
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(watched) = serde_json::from_str::<WatchedHelpers>(first) else { return 1 };
    if rest == DONE {
        return 0;
    }
    let start = Instant::now();
    loop {
        let found = swept(&watched);
        if found == Some(0) && start.elapsed() > SETTLES {
            return 0;
        }
        if start.elapsed() > PATIENCE {
            return 1;
        }
        std::thread::sleep(if found.is_some() { AGAIN } else { LATER });
    }
}

/// How much there was to remove; None where the engine did not let it.
fn swept(watched: &WatchedHelpers) -> Option<usize> {
    let connection = Connection::along(&watched.route).ok()?;
    connection.within(ATTEMPT, sweep(&connection.client, &|mark| mark == watched.mark)).ok()
}
