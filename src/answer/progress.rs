//! What is being done, where it takes longer than a person waits without asking.
#![allow(clippy::disallowed_methods)] // An edge: this is where the world is asked.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line that appears after a second and goes with this value.
pub struct Waiting {
    done: Option<Sender<()>>,
    line: Option<JoinHandle<()>>,
}

/// Says what is being done if it takes longer than a second. Nothing where nobody looks at a terminal.
pub fn after_a_second(what: &'static str) -> Waiting {
    if !stderr().is_terminal() {
        return Waiting { done: None, line: None };
    }
    let (done, over) = channel();
    let line = std::thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
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
    Waiting { done: Some(done), line: Some(line) }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(line) = self.line.take() {
            let _ = line.join();
        }
    }
}

/// A bar for bytes that are being kept; `total` where it is known.
pub fn bytes(what: &str, total: Option<u64>) -> ProgressBar {
    let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target);
    let template = match total {
        Some(_) => "fender: {msg}  {bytes} of {total_bytes}  {bar:20}  {bytes_per_sec}",
        None => "fender: {msg}  {bytes}  {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}
