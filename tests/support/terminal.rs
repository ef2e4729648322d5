//! A program on a pseudo-terminal that controls it, and a person who reads and types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};

use super::process::program;

pub struct Terminal {
    controller: File,
    /// Kept open, so that the terminal's state can be looked at when the program is gone.
    terminal: File,
    seen: Arc<Mutex<Seen>>,
    child: Child,
}

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    /// When something was written last.
    last: Option<Instant>,
}

/// What every question ends with.
const QUESTIONS: [&str; 2] = ["[y/N] ", "Enter to cancel: "];

/// What stands on the terminal after the last question: the answer, and what came of it.
pub fn after_question(seen: &str) -> &str {
    let end = |question: &&str| seen.rfind(question).map(|at| at + question.len());
    let at = QUESTIONS.iter().filter_map(end).max();
    &seen[at.expect("a question")..]
}

impl Terminal {
    /// Starts `command` with the terminal as its controlling one, and as all its streams but `input`.
    pub fn start(command: &Command, input: Option<Stdio>) -> Terminal {
        Terminal::sized(command, input, (40, 80))
    }

    /// The same on a terminal of so many rows and columns.
    pub fn sized(command: &Command, input: Option<Stdio>, (ws_row, ws_col): (u16, u16)) -> Terminal {
        let size = Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).unwrap();
        // Duplicates are closed on exec: a program that held its own terminal open would not be hung up when we end.
        let kept = |end| File::from(end).try_clone().unwrap();
        let (controller, terminal) = (kept(pair.master), kept(pair.slave));
        // setsid takes its own standard input as the new controlling terminal; a shell then puts another one in place.
        // A shell starts what runs in its background with signals ignored, and they stay so for all programs below.
        let mut inner = program("env");
        inner.args(["--default-signal", "setsid", "--ctty", "--wait"]);
        if input.is_some() {
            inner.args(["sh", "-c", "exec \"$@\" <&3", "sh"]);
        }
        inner.arg(command.get_program()).args(command.get_args());
        inner.env_clear();
        for (key, value) in command.get_envs() {
            if let Some(value) = value {
                inner.env(key, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            inner.current_dir(folder);
        }
        inner
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal.try_clone().unwrap());
        let child = match input {
            None => inner.spawn().unwrap(),
            Some(input) => {
                // File descriptor 3 through a shell, which needs no unsafe code here.
                let mut outer = program("sh");
                outer
                    .args(["-c", "exec 3<&0; exec \"$@\" <\"$TTY\" >\"$TTY\" 2>&1", "sh"])
                    .arg(inner.get_program())
                    .args(inner.get_args());
                outer.env_clear().envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
                let name = nix::unistd::ttyname(&terminal).unwrap();
                outer.env("TTY", name).stdin(input).spawn().unwrap()
            }
        };
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (shared, mut reader) = (seen.clone(), controller.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = reader.read(&mut bytes) {
                let mut seen = shared.lock().unwrap();
                seen.bytes.extend_from_slice(&bytes[..count]);
                seen.last = Some(Instant::now());
            }
        });
        Terminal { controller, terminal, seen, child }
    }

    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap().bytes).replace('\r', "")
    }

    /// The same on one line, however it was wrapped.
    pub fn unwrapped(&self) -> String {
        self.seen().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Waits until the text stands on the terminal.
    pub fn expect(&self, text: &str) {
        let start = Instant::now();
        while !self.seen().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(30), "{text:?} did not come:\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a question stands on the terminal.
    pub fn expect_question(&self) {
        self.expect_questions(1);
    }

    /// Waits until so many questions have stood there.
    pub fn expect_questions(&self, count: usize) {
        let start = Instant::now();
        let stands = |seen: &str| {
            let number: usize = QUESTIONS.iter().map(|question| seen.matches(question).count()).sum();
            number >= count
        };
        while !stands(&self.seen()) {
            assert!(start.elapsed() < Duration::from_secs(20), "no question came:\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types as a person does, who reads first: what comes sooner is no answer.
    pub fn send(&mut self, text: &str) {
        let quiet = |seen: &Seen| seen.last.is_none_or(|last| last.elapsed() > Duration::from_millis(300));
        let start = Instant::now();
        while !quiet(&self.seen.lock().unwrap()) && start.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.send_now(text);
    }

    /// Writes at once.
    pub fn send_now(&mut self, text: &str) {
        self.controller.write_all(text.as_bytes()).unwrap();
    }

    /// Kills the program and what it started in this session.
    pub fn kill(&mut self) {
        let session = self.child.id().to_string();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).unwrap_or_default();
            if parent == session {
                let _ = program("kill").args(["-9", &entry.file_name().to_string_lossy()]).status();
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the program with `kill -9`, and nothing that it started. `setsid` has become it: it does not fork here, because it
    /// leads no process group.
    pub fn kill_alone(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().unwrap()?;
        std::thread::sleep(Duration::from_millis(20));
        Some(status)
    }

    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it wrote last is still on its way, longer where the machine is busy.
                while self.has_more() && start.elapsed() < Duration::from_secs(20) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                std::thread::sleep(Duration::from_millis(60));
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(180), "it does not end:\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether something was written that the reader has not taken yet.
    fn has_more(&self) -> bool {
        let mut watched = [PollFd::new(self.controller.as_fd(), PollFlags::POLLIN)];
        poll(&mut watched, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    pub fn state(&self) -> Termios {
        tcgetattr(&self.terminal).unwrap()
    }
}
