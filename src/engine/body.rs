//! Reads the body of an answer with a limit on its size and its time, and reads long lists as they arrive.
//! An engine that never ends its answer, or that does not send JSON, cannot use up memory or time.

use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use serde::de::DeserializeOwned;

use fender_core::api::EngineProblem;

/// What `/_ping`, `/version`, `/info`, errors and single objects may have, in bytes.
pub const SMALL: usize = 1024 * 1024;
/// What a list may have, in bytes.
pub const LIST: usize = 256 * SMALL;
/// What may come between two braces, in bytes: no name, path or label is longer.
const BETWEEN_BRACES: usize = 8 * SMALL;
/// How long a body may take from its first byte to its last.
const ARRIVES: Duration = Duration::from_secs(20);
/// So many pieces wait for the reader.
const AHEAD: usize = 4;

/// The whole body, of at most `most` bytes.
pub async fn whole(body: &mut Incoming, most: usize) -> Result<Bytes, EngineProblem> {
    in_time(async {
        match begin(body, most, most).await? {
            Begun::Whole(bytes) => Ok(bytes.into()),
            Begun::Longer(_) => Err(too_long(most)),
        }
    })
    .await
}

/// The body as JSON. What is longer than a small answer is read while it comes, and only what `T` wants of it is kept.
pub async fn parsed<T: DeserializeOwned + Send + 'static>(
    body: &mut Incoming,
    most: usize,
) -> Result<T, EngineProblem> {
    in_time(async {
        match begin(body, SMALL, most).await? {
            Begun::Whole(bytes) => serde_json::from_slice(&bytes).map_err(|error| malformed(&error)),
            Begun::Longer(start) => streamed(body, start, most).await,
        }
    })
    .await
}

async fn in_time<T>(work: impl Future<Output = Result<T, EngineProblem>>) -> Result<T, EngineProblem> {
    match tokio::time::timeout(ARRIVES, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(EngineProblem::Unanswered(format!("its answer did not end within {} s", ARRIVES.as_secs()))),
    }
}

fn too_long(most: usize) -> EngineProblem {
    EngineProblem::Unanswered(format!("its answer is longer than {} MiB", most / SMALL))
}

fn malformed(error: &serde_json::Error) -> EngineProblem {
    EngineProblem::Unanswered(format!("its answer is not what an engine says: {error}"))
}

enum Begun {
    Whole(Vec<u8>),
    /// It goes on; this is its beginning.
    Longer(Vec<u8>),
}

/// Reads on until the end, or until there are more than `least` bytes.
async fn begin(body: &mut Incoming, least: usize, most: usize) -> Result<Begun, EngineProblem> {
    let mut bytes = Vec::new();
    while let Some(piece) = piece(body).await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > most {
            return Err(too_long(most));
        }
        if bytes.len() > least {
            return Ok(Begun::Longer(bytes));
        }
    }
    Ok(Begun::Whole(bytes))
}

/// The next piece of a body; None at its end.
pub async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, EngineProblem> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(EngineProblem::unanswered(error)),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// A second thread reads the JSON while the pieces come in.
async fn streamed<T: DeserializeOwned + Send + 'static>(
    body: &mut Incoming,
    start: Vec<u8>,
    most: usize,
) -> Result<T, EngineProblem> {
    let (sender, receiver) = sync_channel(AHEAD);
    let reader = thread::Builder::new()
        .spawn(move || {
            // serde_json takes one byte after the other from what it is given.
            serde_json::from_reader::<_, T>(BufReader::with_capacity(65_536, Pieces::new(receiver)))
                .map_err(|error| malformed(&error))
        })
        .map_err(|error| EngineProblem::unanswered(format!("its answer cannot be read here: {error}")))?;
    let came = feed(body, start, most, &sender).await;
    // The end of the input; what came with an error must not look like a whole answer.
    drop(sender);
    let read = reader.join().map_err(|_| EngineProblem::Unanswered("its answer could not be read".to_owned()))?;
    came.and(read)
}

async fn feed(
    body: &mut Incoming,
    start: Vec<u8>,
    most: usize,
    sender: &SyncSender<Bytes>,
) -> Result<(), EngineProblem> {
    let mut count = start.len();
    // A reader that has seen enough to fail has closed its end, and says why.
    if sender.send(start.into()).is_err() {
        return Ok(());
    }
    while let Some(piece) = piece(body).await? {
        count += piece.len();
        if count > most {
            return Err(too_long(most));
        }
        if sender.send(piece).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Pieces as one stream. It fails where no brace comes for too long: that would be one endless text.
struct Pieces {
    from: Receiver<Bytes>,
    piece: Bytes,
    in_text: bool,
    escaped: bool,
    since_brace: usize,
}

impl Pieces {
    fn new(from: Receiver<Bytes>) -> Pieces {
        Pieces { from, piece: Bytes::new(), in_text: false, escaped: false, since_brace: 0 }
    }

    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            self.since_brace += 1;
            match (self.in_text, self.escaped, byte) {
                (true, true, _) => self.escaped = false,
                (true, false, b'\\') => self.escaped = true,
                (true, false, b'"') => self.in_text = false,
                (false, _, b'"') => self.in_text = true,
                (false, _, b'{' | b'}') => self.since_brace = 0,
                _ => {}
            }
        }
        if self.since_brace > BETWEEN_BRACES {
            return Err(io::Error::other("one text of it has no end"));
        }
        Ok(())
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let Ok(piece) = self.from.recv() else { return Ok(0) };
            self.look(&piece)?;
            self.piece = piece;
        }
        let count = self.piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&str]) -> Result<serde_json::Value, serde_json::Error> {
        let (sender, receiver) = sync_channel(pieces.len());
        for piece in pieces {
            sender.send(Bytes::copy_from_slice(piece.as_bytes())).unwrap();
        }
        drop(sender);
        serde_json::from_reader(Pieces::new(receiver))
    }

    #[test]
    fn pieces_are_one_answer() {
        assert_eq!(read(&["[{\"a\":\"", "\\\"}\"", "}]"]).unwrap(), serde_json::json!([{ "a": "\"}" }]));
        assert!(read(&["[{\"a\":", "1}"]).is_err(), "cut");
        assert!(read(&["[]", "x"]).is_err(), "more than JSON");
    }

    #[test]
    fn a_text_without_an_end_is_given_up() {
        let long = "{".repeat(SMALL);
        let pieces: Vec<&str> = std::iter::once("[{\"a\":\"").chain(std::iter::repeat_n(long.as_str(), 10)).collect();
        assert!(read(&pieces).unwrap_err().to_string().contains("no end"));
    }
}
