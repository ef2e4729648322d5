//! Progress of work that takes long.

use std::cell::Cell;
use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long fender waits before it says what it waits for.
const PATIENT: Duration = Duration::from_secs(2);

/// A line that appears after two seconds and goes with this value.
pub struct Waiting {
    done: Option<Sender<()>>,
    line: Option<JoinHandle<()>>,
}

/// Says what is being done if it takes longer than two seconds: in a line that moves and goes again on a terminal, in one
/// that stays on a log.
pub fn after_two_seconds(what: String) -> Waiting {
    let (done, over) = channel();
    // Without a second thread nothing is said; it is waited for all the same.
    let line = std::thread::Builder::new().spawn(move || {
        if over.recv_timeout(PATIENT) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        if !stderr().is_terminal() {
            let _ = writeln!(stderr(), "fender: {what}");
            return;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("fender: {msg} … {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        while over.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout) {
            bar.tick();
        }
        bar.finish_and_clear();
    });
    Waiting { done: Some(done), line: line.ok() }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(line) = self.line.take() {
            let _ = line.join();
        }
    }
}

/// How long a bar waits before it shows itself: what is done sooner needs none.
const UNSEEN: Duration = Duration::from_millis(700);

/// A bar for bytes on their way.
#[derive(Clone)]
pub struct Bar {
    bar: ProgressBar,
    started: Instant,
}

impl Bar {
    /// `total` in bytes, where it is known.
    pub fn new(what: &str, total: Option<u64>) -> Bar {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = match total {
            Some(_) => {
                "fender: {wide_msg}  {decimal_bytes} of {decimal_total_bytes}  {bar:10}  {decimal_bytes_per_sec}"
            }
            None => "fender: {wide_msg}  {decimal_bytes}  {decimal_bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Bar { bar, started: Instant::now() }
    }

    fn show(&self) {
        if self.bar.is_hidden() && self.started.elapsed() > UNSEEN && stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// So many more bytes are done.
    pub fn inc(&self, bytes: u64) {
        self.show();
        self.bar.inc(bytes);
    }

    /// Says what is being done now.
    pub fn say(&self, what: String) {
        self.show();
        self.bar.set_message(what);
    }

    /// Takes the bar away while something else is written.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How often a log is told how far the work is.
const LOGGED: Duration = Duration::from_secs(10);

/// Work on several objects, of which some run at once: `keeping 12 of 96: volume data`. On a terminal it is the text of a bar; a log gets a line
/// every ten seconds.
pub struct StepCount {
    what: &'static str,
    total: usize,
    done: Cell<usize>,
    logged: Cell<Instant>,
    bar: Bar,
}

impl StepCount {
    /// Nothing of it is done yet.
    pub fn new(what: &'static str, total: usize, bar: Bar) -> StepCount {
        StepCount { what, total, done: Cell::new(0), logged: Cell::new(Instant::now()), bar }
    }

    /// One more object is being worked on.
    pub fn begin(&self, name: &str) {
        self.bar.say(match self.total {
            0 | 1 => format!("{} {name}", self.what),
            total => format!("{} {} of {total}: {name}", self.what, self.done.get()),
        });
    }

    /// Takes the bar away while something else is written.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bar.suspend(work)
    }

    /// One more object is done.
    pub fn end(&self) {
        self.done.set(self.done.get() + 1);
        if self.total > 1 && self.logged.get().elapsed() >= LOGGED && !stderr().is_terminal() {
            self.logged.set(Instant::now());
            let _ = writeln!(stderr(), "fender: {} {} of {}", self.what, self.done.get(), self.total);
        }
    }
}

impl Drop for StepCount {
    fn drop(&mut self) {
        self.bar.finish();
    }
}
