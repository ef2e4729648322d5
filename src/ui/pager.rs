//! Long lists, shown in the user's pager.

use std::io::Write;
use std::process::{Command, Stdio};

use super::terminal::Terminal;

/// Shows a text in `PAGER`, or in `less`; on the terminal itself where that cannot be started.
pub fn show(terminal: &mut Terminal, text: &str) {
    let chosen = std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let words = chosen
        .and_then(|pager| shell_words::split(&pager).ok())
        .filter(|words| !words.is_empty())
        .unwrap_or_else(|| vec!["less".to_owned(), "-R".to_owned()]);
    let device = || std::fs::OpenOptions::new().write(true).open("/dev/tty").map_or(Stdio::inherit(), Stdio::from);
    let child = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::piped()).stdout(device()).spawn();
    let Ok(mut child) = child else {
        let _ = terminal.show(text);
        return;
    };
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(text.as_bytes());
    }
    let _ = child.wait();
}
