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

/// What a person said about a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Run,
    Smaller,
    /// Show all of it, and ask again.
    List,
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

    /// y/N to a question of its own.
    pub fn ask_yes(&mut self, question: &str) -> io::Result<bool> {
        let said = self.line(&format!("{question} [y/N] "))?.unwrap_or_default().to_lowercase();
        Ok(matches!(said.as_str(), "y" | "yes"))
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

    /// Whether to delete what was shown; any of `names` has to be typed where there are some. `lost` things are not kept.
    pub fn ask_deletion(
        &mut self,
        names: Option<&[String]>,
        lost: usize,
        lists: bool,
        has_smaller: bool,
    ) -> io::Result<Choice> {
        let mut others = String::new();
        if lists {
            others.push_str(", l lists all");
        }
        if has_smaller {
            others.push_str(", s for the smaller");
        }
        let warning = match lost {
            0 => String::new(),
            1 => "One of these is not kept and cannot be brought back.\n".to_owned(),
            _ => format!("{lost} of these are not kept and cannot be brought back.\n"),
        };
        let question = match names.and_then(<[String]>::first) {
            Some(name) => {
                let name = super::screen::shown(name);
                format!("\n{warning}Type {name} to delete these{others}, Enter to leave it: ")
            }
            None if others.is_empty() => format!("\n{warning}Delete these? [y/N] "),
            None => format!("\n{warning}Delete these? y{others}, Enter to leave it: "),
        };
        let said = self.line(&question)?.unwrap_or_default();
        Ok(match (said.as_str(), names) {
            ("l", _) if lists => Choice::List,
            ("s", _) if has_smaller => Choice::Smaller,
            ("", _) => Choice::Leave,
            (said, Some(names)) if names.iter().any(|name| name == said) => Choice::Run,
            (said, None) if matches!(said.to_lowercase().as_str(), "y" | "yes") => Choice::Run,
            _ => Choice::Leave,
        })
    }
}
