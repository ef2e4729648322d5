//! Standard input in place of a file: it is read, judged, and passed on to the client complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, stdin};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;

/// The bytes, and where they start in the file that they come from.
static KEPT: OnceLock<(Vec<u8>, u64)> = OnceLock::new();

/// All of standard input. From then on it is a file without a name, from its start.
pub fn kept() -> io::Result<Vec<u8>> {
    if let Some(bytes) = KEPT.get() {
        return Ok(bytes.0.clone());
    }
    let mut bytes = Vec::new();
    let mut start = 0;
    let mut input = stdin().lock();
    // A file can be read from where it stands, and put back there.
    let file = File::from(std::os::fd::AsFd::as_fd(&input).try_clone_to_owned()?);
    let is_file = file.metadata().is_ok_and(|known| known.is_file());
    if is_file {
        let mut file = file;
        start = file.stream_position()?;
        file.read_to_end(&mut bytes)?;
        file.seek(SeekFrom::Start(start))?;
    } else {
        let mut unnamed_file = unnamed_file()?;
        input.read_to_end(&mut bytes)?;
        io::Write::write_all(&mut unnamed_file, &bytes)?;
        unnamed_file.seek(SeekFrom::Start(0))?;
        nix::unistd::dup2_stdin(&unnamed_file)?;
    }
    Ok(KEPT.get_or_init(|| (bytes, start)).0.clone())
}

/// No Dockerfile is larger.
const SMALL: u64 = 1024 * 1024;

/// Whether it is a file that can be read and put back, and small.
pub fn is_small_file() -> bool {
    let owned = std::os::fd::AsFd::as_fd(&stdin()).try_clone_to_owned();
    let known = owned.and_then(|owned| File::from(owned).metadata());
    known.is_ok_and(|known| known.is_file() && known.len() <= SMALL)
}

/// Back to the start, after a program read it.
pub fn again() {
    if let Some((_, start)) = KEPT.get()
        && let Ok(owned) = std::os::fd::AsFd::as_fd(&stdin()).try_clone_to_owned()
    {
        let _ = File::from(owned).seek(SeekFrom::Start(*start));
    }
}

/// A file that only this process and its children have.
fn unnamed_file() -> io::Result<File> {
    let folder = std::env::temp_dir();
    for attempt in 0..100 {
        let path = folder.join(format!(".fender-input-{}-{attempt}", std::process::id()));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(file) => {
                fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
