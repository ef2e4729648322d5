//! The terminal that controls this process: one question at a time, and only lines that were typed after it.
//!
//! The terminal stays in its usual mode, so that Ctrl-C ends the program and leaves nothing behind. What was typed before
//! the question is discarded, and an exclusive lock on the device keeps two questions from taking each other's answers.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{FlushArg, tcdrain, tcflush};
use nix::unistd::{getpgrp, tcgetpgrp};

/// A line that is complete sooner than this after the question cannot be an answer to it.
const TOO_EARLY: Duration = Duration::from_millis(200);
/// A paste arrives in pieces: for so long after a line the terminal is looked at for another one.
const MORE_LINES: Duration = Duration::from_millis(50);
/// How often the lock is tried where it cannot be waited for.
const AGAIN: Duration = Duration::from_millis(100);
/// What a job in the background says before it stops. `timeout` starts its command in the background, too.
const IN_BACKGROUND: &str = "\nfender: this command has a question and runs in the background\n\
     \x20 to see the question: fg; where timeout started it: timeout --foreground\n";
/// No answer is longer, in bytes.
const LONGEST: usize = 4096;

/// The controlling terminal, with the lock on it.
pub struct Terminal {
    device: File,
    lock: Option<TerminalLock>,
}

/// What came from the terminal.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// One line, typed after the question, without its end.
    Line(String),
    /// A line that was complete before anybody could have read the question.
    TooEarly,
    /// Several lines at once, or a paste with a line end in it: not typed.
    Several,
    /// Ctrl-D, or the terminal is gone.
    End,
    /// The command was stopped (Ctrl-Z) and goes on now: what the screen shows may be something else.
    Continued,
    /// What was waited for besides the answer is there.
    News,
}

impl Terminal {
    /// Opens the terminal and waits until no other question is on it; `waiting` is shown before the wait. None where
    /// there is no terminal.
    pub fn open(waiting: &str) -> Option<Terminal> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/tty").ok()?;
        let mut terminal = Terminal { device, lock: None };
        terminal.take_turn(waiting).ok()?;
        Some(terminal)
    }

    /// Keeps other questions away until this process ends: what it says of its answer stands below its own question, and not
    /// behind the next one.
    pub fn close_with_the_process(mut self) {
        if let (Some(lock), Ok(mut left)) = (self.lock.take(), LEFT.lock()) {
            *left = Some(lock);
        }
    }

    /// Waits until this process is in the foreground and no other question is on the terminal. A job in the background (`&`, `bg`)
    /// stops before it has the lock, as it would at its first read, so that commands in the foreground need not wait for it.
    fn take_turn(&mut self, waiting: &str) -> io::Result<()> {
        loop {
            self.lock = None;
            self.wait_for_foreground()?;
            self.take_lock(waiting)?;
            // The wait for the lock may have been continued in the background.
            if self.is_foreground()? {
                return Ok(());
            }
        }
    }

    /// The kernel stops a background process in this call with SIGTTOU, and lets it go on in the foreground. An error where the
    /// process cannot be stopped: nobody can answer it.
    fn wait_for_foreground(&mut self) -> io::Result<()> {
        if !self.is_foreground()? {
            self.show(IN_BACKGROUND)?;
        }
        loop {
            match tcdrain(&self.device) {
                Ok(()) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.is_foreground()? { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn is_foreground(&self) -> io::Result<bool> {
        Ok(tcgetpgrp(&self.device)? == getpgrp())
    }

    fn take_lock(&mut self, waiting: &str) -> io::Result<()> {
        if let Ok(mut left) = LEFT.lock()
            && let Some(lock) = left.take()
        {
            self.lock = Some(lock);
            return Ok(());
        }
        let mut said = false;
        let device = &mut self.device;
        let lock = TerminalLock::take(&mut || {
            if !std::mem::replace(&mut said, true) {
                let _ = device.write_all(waiting.as_bytes());
            }
        });
        self.lock = Some(lock?);
        Ok(())
    }

    /// Writes on the terminal.
    pub fn show(&mut self, text: &str) -> io::Result<()> {
        self.device.write_all(text.as_bytes())?;
        self.device.flush()
    }

    /// Writes the question and waits for what is typed after it. `waiting` is shown if another question has come between
    /// while the command was stopped. The wait ends with [`Input::News`], too, once `news` can be read from; a line that is typed by then comes first.
    pub fn ask(&mut self, prompt: &str, waiting: &str, news: Option<BorrowedFd<'_>>) -> io::Result<Input> {
        let signals = Signals::watch()?;
        self.show(prompt)?;
        tcflush(&self.device, FlushArg::TCIFLUSH)?;
        let asked = Instant::now();
        let mut line: Vec<u8> = Vec::new();
        loop {
            match self.ready(&signals, news, PollTimeout::NONE)? {
                Ready::News => return Ok(Input::News),
                Ready::Stop => {
                    // Other questions may have their turn while this one is in the background.
                    self.lock = None;
                    raise(Signal::SIGSTOP)?;
                    signals.clear();
                    self.take_turn(waiting)?;
                    return Ok(Input::Continued);
                }
                Ready::Continue => {
                    if !self.is_foreground()? {
                        self.take_turn(waiting)?;
                    }
                    return Ok(Input::Continued);
                }
                Ready::Nothing => continue,
                Ready::Input => {}
            }
            let mut bytes = [0; LONGEST];
            let count = match self.device.read(&mut bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The terminal was hung up.
                Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => return Ok(Input::End),
                Err(error) => return Err(error),
            };
            line.extend_from_slice(&bytes[..count]);
            // A terminal that somebody left in raw mode hands these over instead of acting on them.
            if count == 0 || line.iter().any(|byte| matches!(byte, 3 | 4)) || line.len() > LONGEST {
                return Ok(Input::End);
            }
            let Some(end) = line.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { continue };
            let early = asked.elapsed() < TOO_EARLY;
            let more = end + 1 < line.len() || self.more_lines(&signals)?;
            line.truncate(end);
            return Ok(match (more, early) {
                (true, _) => {
                    tcflush(&self.device, FlushArg::TCIFLUSH)?;
                    Input::Several
                }
                (false, true) => Input::TooEarly,
                (false, false) => unpasted(&String::from_utf8_lossy(&line)),
            });
        }
    }

    /// Whether another line follows at once, as in a paste.
    fn more_lines(&self, signals: &Signals) -> io::Result<bool> {
        let millis = u16::try_from(MORE_LINES.as_millis()).unwrap_or(u16::MAX);
        Ok(matches!(self.ready(signals, None, PollTimeout::from(millis))?, Ready::Input))
    }

    fn ready(&self, signals: &Signals, news: Option<BorrowedFd<'_>>, time: PollTimeout) -> io::Result<Ready> {
        let mut watched = vec![
            PollFd::new(self.device.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.0.as_fd(), PollFlags::POLLIN),
        ];
        watched.extend(news.map(|news| PollFd::new(news, PollFlags::POLLIN)));
        match poll(&mut watched, time) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Ready::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let has = |at: usize| watched.get(at).is_some_and(|it| it.any() == Some(true));
        Ok(match () {
            () if has(1) => signals.next(),
            // What a hung up terminal says is read from it.
            () if watched.first().is_some_and(|it| it.any() != Some(false)) => Ready::Input,
            () if has(2) => Ready::News,
            () => Ready::Nothing,
        })
    }
}

enum Ready {
    News,
    Input,
    Nothing,
    Stop,
    Continue,
}

/// The marks that a terminal in bracketed-paste mode puts around a paste.
const PASTE: (&str, &str) = ("\u{1b}[200~", "\u{1b}[201~");

/// A paste that holds its own line end is not an answer; one that somebody ended with the Enter key is.
fn unpasted(line: &str) -> Input {
    let mut text = line.to_owned();
    while let Some((before, rest)) = text.split_once(PASTE.0) {
        let Some((pasted, after)) = rest.split_once(PASTE.1) else { return Input::Several };
        text = format!("{before}{pasted}{after}");
    }
    if text.contains(PASTE.1) { Input::Several } else { Input::Line(text.trim().to_owned()) }
}

/// Ctrl-Z and `fg`, which would otherwise leave a question in the middle of another screen. The signals that were blocked
/// before stay so afterwards: the real client must find the mask as the caller left it.
struct Signals(SignalFd, SigSet);

impl Signals {
    fn watch() -> io::Result<Signals> {
        let mut wanted = SigSet::empty();
        wanted.add(Signal::SIGCONT);
        if !is_ignored(Signal::SIGTSTP) {
            wanted.add(Signal::SIGTSTP);
        }
        let before = wanted.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        match SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC) {
            Ok(signals) => Ok(Signals(signals, before)),
            Err(error) => {
                before.thread_set_mask()?;
                Err(error.into())
            }
        }
    }

    fn next(&self) -> Ready {
        match self.0.read_signal() {
            Ok(Some(signal)) if signal.ssi_signo == Signal::SIGTSTP as u32 => Ready::Stop,
            Ok(Some(_)) => Ready::Continue,
            Ok(None) | Err(_) => Ready::Nothing,
        }
    }

    fn clear(&self) {
        while let Ok(Some(_)) = self.0.read_signal() {}
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.1.thread_set_mask();
    }
}

/// Whether the caller made this process ignore a signal.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal as u32 - 1)) != 0
}

/// The lock of a question that was answered with no.
static LEFT: Mutex<Option<TerminalLock>> = Mutex::new(None);

/// One question for each terminal device. It goes with the process, however that ends.
enum TerminalLock {
    /// On the device itself, which every user of the terminal opens.
    Device(#[allow(dead_code)] Flock<File>),
    /// A name in the kernel, where the device cannot be opened by its path: after `su`, or in a container.
    Name(#[allow(dead_code)] UnixListener),
}

impl TerminalLock {
    fn take(waiting: &mut dyn FnMut()) -> io::Result<TerminalLock> {
        let number = terminal_number();
        if let Some(path) = number.and_then(device_path)
            && let Ok(device) = open_device(&path)
        {
            match Flock::lock(device, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(TerminalLock::Device(lock)),
                Err((device, Errno::EWOULDBLOCK)) => {
                    waiting();
                    if let Some(lock) = wait_for(device) {
                        return Ok(TerminalLock::Device(lock));
                    }
                }
                Err(_) => {}
            }
        }
        let name = format!("fender-question-{}", number.unwrap_or_default());
        loop {
            let bound = SocketAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
            match bound {
                Ok(listener) => return Ok(TerminalLock::Name(listener)),
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => return Err(error),
                Err(_) => {
                    waiting();
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }
}

/// Waits for as long as the other question stands. None where this device cannot be locked after all.
fn wait_for(mut device: File) -> Option<Flock<File>> {
    loop {
        match Flock::lock(device, FlockArg::LockExclusive) {
            Ok(lock) => return Some(lock),
            Err((back, Errno::EINTR)) => device = back,
            Err(_) => return None,
        }
    }
}

fn open_device(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits()).open(path)
}

/// The controlling terminal's device number: `/dev/tty` itself is the same file for every terminal.
fn terminal_number() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // proc(5): the name in parentheses may hold anything; the terminal is the fifth field after it.
    let number: u64 = text.rsplit_once(')')?.1.split_whitespace().nth(4)?.parse().ok()?;
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    Some(nix::sys::stat::makedev(major, minor))
}

/// Where this device stands in the file system.
fn device_path(number: u64) -> Option<PathBuf> {
    let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
    let named = || {
        let text = std::fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?;
        Some(format!("/dev/{}", text.lines().find_map(|line| line.strip_prefix("DEVNAME="))?))
    };
    let path = if major == 136 { format!("/dev/pts/{minor}") } else { named()? };
    let found = std::fs::metadata(&path).ok()?;
    (found.file_type().is_char_device() && found.rdev() == number).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_counts_only_with_an_enter_of_its_own() {
        let line = |text: &str| Input::Line(text.to_owned());
        for (typed, input) in [
            ("y", line("y")),
            ("\u{1b}[200~vm\u{1b}[201~", line("vm")),
            ("v\u{1b}[200~m\u{1b}[201~", line("vm")),
            ("\u{1b}[200~y", Input::Several),
            ("docker ps\u{1b}[201~", Input::Several),
            ("\u{1b}[200~a\u{1b}[201~\u{1b}[200~b", Input::Several),
        ] {
            assert_eq!(unpasted(typed), input, "{typed:?}");
        }
    }
}
