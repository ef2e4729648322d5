//! Questions. They go to the terminal that controls this process, never to standard input: a pipe cannot say yes. The
//! terminal stays in its usual mode, so that Ctrl-C ends the program and leaves nothing behind.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};

/// The controlling terminal.
pub struct Terminal {
    input: BufReader<File>,
    output: File,
}

/// What a person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As typed.
    Run,
    /// The changed command.
    Fixed,
    Leave,
}

impl Terminal {
    /// None where there is no terminal to ask on.
    pub fn open() -> Option<Terminal> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        Some(Terminal { input: BufReader::new(device.try_clone().ok()?), output: device })
    }

    pub fn show(&mut self, text: &str) -> io::Result<()> {
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    /// One line, without its end; None at the end of input.
    fn line(&mut self, question: &str) -> io::Result<Option<String>> {
        self.show(question)?;
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line)?;
        Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim().to_owned()))
    }

    /// y/N, with a third answer where there is a changed command.
    pub fn ask(&mut self, has_fix: bool) -> io::Result<Answer> {
        let question =
            if has_fix { "\nf run the second, y run as typed, Enter leave it: " } else { "\nRun it? [y/N] " };
        Ok(match self.line(question)?.unwrap_or_default().to_lowercase().as_str() {
            "y" | "yes" => Answer::Run,
            "f" if has_fix => Answer::Fixed,
            _ => Answer::Leave,
        })
    }

    /// The engine's name has to be typed; any of `names` is one.
    pub fn ask_name(&mut self, shown: &str, names: &[String], has_fix: bool) -> io::Result<Answer> {
        let fix = if has_fix { ", f to run the second" } else { "" };
        let question = format!("\nType {shown} to run it{fix}, Enter to leave it: ");
        let said = self.line(&question)?.unwrap_or_default();
        Ok(match said.as_str() {
            "" => Answer::Leave,
            said if names.iter().any(|name| name == said) => Answer::Run,
            "f" if has_fix => Answer::Fixed,
            _ => Answer::Leave,
        })
    }
}
