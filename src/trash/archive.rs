//! Archives between the engine and the trash, compressed and checksummed while they stream. The layers in an
//! image's archive are kept apart, by the checksum of their content, so that images and containers share them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use base64::Engine as _;
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::store::{Kept, Layers, Locked, TrashStore, hex};
use crate::engine::connection::{EngineReply, RequestBody};
use crate::environment::folder::Folder;
use crate::ui::progress::Bar;
use fender_core::api::EngineProblem;

/// zstd's own numbers; the lowest is about as fast as the engine sends.
const LEVEL: i32 = 1;
/// Pieces of an archive that wait between whoever reads it and the compression.
const WAITING: usize = 64;
/// Pieces that wait for their checksum.
const UNSUMMED: usize = 16;
const BLOCK: u64 = 512;

/// A checksum that another thread makes: it takes longer than the compression of what cannot be compressed.
struct Checksum {
    to: SyncSender<Bytes>,
    sum: JoinHandle<String>,
}

impl Checksum {
    fn begin() -> Checksum {
        let (to, from) = sync_channel::<Bytes>(UNSUMMED);
        let sum = std::thread::spawn(move || {
            let mut hash = Sha256::new();
            from.iter().for_each(|piece| hash.update(&piece));
            hex(&hash.finalize())
        });
        Checksum { to, sum }
    }

    fn add(&self, piece: Bytes) {
        // It takes everything until it is asked.
        let _ = self.to.send(piece);
    }

    fn finish(self) -> io::Result<String> {
        drop(self.to);
        self.sum.join().map_err(|_| io::Error::other("the checksum could not be made"))
    }
}

/// What a checksum is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Summed {
    /// The bytes of the file.
    File,
    /// The content that is compressed into it.
    Content,
}

/// A file that is written whole, with a checksum of its bytes.
struct SummedFile<'a> {
    file: File,
    checksum: Option<&'a Checksum>,
    bytes: u64,
}

impl Write for SummedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        if let Some(checksum) = self.checksum {
            checksum.add(Bytes::copy_from_slice(&bytes[..count]));
        }
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads what another thread sends.
pub struct ArchivePieces {
    from: Receiver<Bytes>,
    piece: Bytes,
}

impl ArchivePieces {
    fn of(from: Receiver<Bytes>) -> ArchivePieces {
        ArchivePieces { from, piece: Bytes::new() }
    }
}

impl Read for ArchivePieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.from.recv() {
                Ok(piece) => self.piece = piece,
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

/// Streams an answer of the engine through `work`, which runs beside. An archive that is cut off is an error.
async fn stream<T: Send + 'static>(
    mut reply: EngineReply,
    bar: &Bar,
    work: impl FnOnce(ArchivePieces) -> io::Result<T> + Send + 'static,
) -> Result<T, EngineProblem> {
    let (send, from): (SyncSender<Bytes>, _) = sync_channel(WAITING);
    let worker = std::thread::spawn(move || work(ArchivePieces::of(from)));
    let mut broken = None;
    loop {
        match reply.piece().await {
            Ok(None) => break,
            Ok(Some(piece)) => {
                bar.inc(piece.len() as u64);
                if send.send(piece).is_err() {
                    // The worker has ended, with an error of its own.
                    break;
                }
            }
            Err(problem) => {
                broken = Some(problem);
                break;
            }
        }
    }
    drop(send);
    let outcome =
        worker.join().map_err(|_| EngineProblem::Unanswered("the archive could not be written".to_owned()))?;
    match broken {
        Some(problem) => Err(problem),
        None => outcome.map_err(|error| EngineProblem::Unanswered(error.to_string())),
    }
}

/// Keeps a stream as one file of the entry.
pub async fn keep(reply: EngineReply, folder: &Folder, name: &str, bar: &Bar) -> Result<Kept, EngineProblem> {
    let (folder, name) = (folder.clone(), name.to_owned());
    stream(reply, bar, move |from| KeptPlace::File(folder, name).fill(from)).await
}

/// Where an archive is kept.
pub enum KeptPlace {
    /// As a file of the entry, under this name.
    File(Folder, String),
    /// As a layer, by the checksum of its content.
    Layer(Layers),
}

impl KeptPlace {
    fn fill(self, from: ArchivePieces) -> io::Result<Kept> {
        match self {
            KeptPlace::File(folder, name) => {
                let (sha256, bytes) = compress(from, folder.create(&name)?, Summed::File)?;
                Ok(Kept { name, sha256, bytes })
            }
            KeptPlace::Layer(layers) => {
                let (file, begun) = layers.begin()?;
                match compress(from, file, Summed::Content) {
                    Ok((sha256, bytes)) => {
                        layers.keep(&begun, &sha256)?;
                        Ok(Kept { name: String::new(), sha256, bytes })
                    }
                    Err(error) => {
                        layers.drop(&begun)?;
                        Err(error)
                    }
                }
            }
        }
    }
}

/// Compresses an archive into a file: a checksum, and the bytes of the file.
fn compress(from: ArchivePieces, file: File, summed: Summed) -> io::Result<(String, u64)> {
    let checksum = Checksum::begin();
    let of_file = Some(&checksum).filter(|_| summed == Summed::File);
    let mut encoder = zstd::stream::write::Encoder::new(SummedFile { file, checksum: of_file, bytes: 0 }, LEVEL)?;
    let mut end = Tail::default();
    for piece in from.from {
        end.see(&piece);
        encoder.write_all(&piece)?;
        if summed == Summed::Content {
            checksum.add(piece);
        }
    }
    if !end.is_whole() {
        return Err(io::Error::other("the archive has no end"));
    }
    let written = encoder.finish()?;
    written.file.sync_all()?;
    let bytes = written.bytes;
    Ok((checksum.finish()?, bytes))
}

/// Takes an archive piece by piece.
pub type ArchiveSink<'a> = &'a mut dyn FnMut(Vec<u8>) -> io::Result<()>;

/// Keeps what `write` writes: it is written on one thread and compressed on another one.
pub async fn keep_tree(
    write: impl FnOnce(ArchiveSink) -> io::Result<()> + Send + 'static,
    place: KeptPlace,
    bar: &Bar,
) -> io::Result<Kept> {
    let bar = bar.clone();
    let (send, from) = sync_channel(WAITING);
    let writer = std::thread::spawn(move || {
        write(&mut |piece| {
            bar.inc(piece.len() as u64);
            send.send(Bytes::from(piece)).map_err(|_| io::Error::other("the archive could not be compressed"))
        })
    });
    let compressed = tokio::task::spawn_blocking(move || place.fill(ArchivePieces::of(from)));
    let compressed = compressed.await.map_err(io::Error::other)?;
    // What the folder could not give is the first cause.
    writer.join().map_err(|_| io::Error::other("the folder could not be read"))??;
    compressed
}

/// Reads a kept archive on one thread while `work` uses it on another one.
pub async fn unpacked<T: Send + 'static>(
    file: File,
    work: impl FnOnce(ArchivePieces) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (send, from) = sync_channel(WAITING);
    let reader = std::thread::spawn(move || {
        let mut decoder = zstd::stream::read::Decoder::new(file)?;
        loop {
            let mut piece = vec![0; 1 << 17];
            let count = decoder.read(&mut piece)?;
            piece.truncate(count);
            // An end without anything to send is the end; a receiver that is gone has an error of its own.
            if count == 0 || send.send(Bytes::from(piece)).is_err() {
                return io::Result::Ok(());
            }
        }
    });
    let used = tokio::task::spawn_blocking(move || work(ArchivePieces::of(from)));
    let used = used.await.map_err(io::Error::other)?;
    reader.join().map_err(|_| io::Error::other("the kept archive could not be read"))??;
    used
}

/// The whole archive where it has nothing but its root folder. The rest of a longer one is not read.
pub async fn only_entry(mut reply: EngineReply) -> Result<Option<Vec<u8>>, EngineProblem> {
    // One header and two blocks of zeros; a second entry begins where these would be.
    const ENOUGH: usize = 3 * BLOCK as usize;
    let mut seen: Vec<u8> = Vec::new();
    while seen.len() < ENOUGH {
        match reply.piece().await? {
            Some(piece) => seen.extend_from_slice(&piece),
            None => break,
        }
    }
    let end = seen.get(BLOCK as usize..ENOUGH);
    Ok(end.is_some_and(|end| end.iter().all(|byte| *byte == 0)).then(|| seen[..ENOUGH].to_vec()))
}

/// The end of an archive: two blocks of zeros. The engine ends an archive that went wrong without them.
#[derive(Default)]
struct Tail {
    zeros: u64,
    bytes: u64,
}

impl Tail {
    fn see(&mut self, bytes: &[u8]) {
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        self.zeros = if zeros == bytes.len() { self.zeros + zeros as u64 } else { zeros as u64 };
        self.bytes += bytes.len() as u64;
    }

    fn is_whole(&self) -> bool {
        self.bytes >= 2 * BLOCK && self.zeros >= 2 * BLOCK
    }
}

/// A part of an image's archive.
#[derive(Debug, Serialize, Deserialize)]
enum Part {
    /// As it is, in base64.
    Raw(String),
    /// The content of a blob, by its checksum.
    Blob(String, u64),
}

/// What an image's archive was taken apart into.
#[derive(Debug, Default)]
pub struct Apart {
    parts: Vec<Part>,
    /// Blobs in their order, with the path in the archive.
    blobs: Vec<(String, Kept)>,
    /// `manifest.json`.
    manifest: Vec<u8>,
}

/// Takes an image's archive apart while it streams. Contents in `without` are read and not written.
pub async fn take_apart(
    reply: EngineReply,
    locked: &Locked,
    without: HashSet<String>,
    bar: &Bar,
) -> Result<Apart, EngineProblem> {
    let layers = locked.layers();
    stream(reply, bar, move |from| apart(from, &layers, &without)).await
}

fn apart(from: impl Read, layers: &Layers, without: &HashSet<String>) -> io::Result<Apart> {
    let mut out = Apart::default();
    let mut raw: Vec<u8> = Vec::new();
    let mut archive = tar::Archive::new(from);
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        raw.extend_from_slice(entry.header().as_bytes());
        let size = entry.header().entry_size()?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if is_layer(&path) && entry.header().entry_type().is_file() {
            let named = path.strip_prefix("blobs/sha256/").unwrap_or_default();
            let skip = without.contains(named) || is_checksum(named) && layers.bytes(named)?.is_some();
            let (sha256, begun) = blob(&mut entry, layers, skip)?;
            match begun {
                Some(begun) if without.contains(&sha256) => layers.drop(&begun)?,
                Some(begun) => layers.keep(&begun, &sha256)?,
                None => {}
            }
            let bytes = layers.bytes(&sha256)?.unwrap_or(0);
            let kept = Kept { name: String::new(), sha256, bytes };
            push_raw(&mut out.parts, &mut raw);
            out.parts.push(Part::Blob(kept.sha256.clone(), size));
            out.blobs.push((path, kept));
        } else {
            let start = raw.len();
            entry.read_to_end(&mut raw)?;
            if path == "manifest.json" {
                out.manifest = raw[start..].to_vec();
            }
        }
        let padding = size.next_multiple_of(BLOCK) - size;
        raw.resize(raw.len() + usize::try_from(padding).unwrap_or(0), 0);
    }
    if out.manifest.is_empty() {
        return Err(io::Error::other("the engine's archive of the image is not whole"));
    }
    raw.resize(raw.len() + 2 * BLOCK as usize, 0);
    push_raw(&mut out.parts, &mut raw);
    Ok(out)
}

/// A name from the engine that can be a layer's.
fn is_checksum(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Layers and what describes them in today's archives; layers in those of Docker 20.10.
fn is_layer(path: &str) -> bool {
    path.starts_with("blobs/sha256/") || path.ends_with("/layer.tar")
}

fn push_raw(parts: &mut Vec<Part>, raw: &mut Vec<u8>) {
    if !raw.is_empty() {
        parts.push(Part::Raw(base64::engine::general_purpose::STANDARD.encode(&raw)));
        raw.clear();
    }
}

/// Compresses one file of an archive, unless it is to be skipped: the checksum of its content, and the name of the file that was begun.
fn blob(content: &mut impl Read, layers: &Layers, skip: bool) -> io::Result<(String, Option<String>)> {
    let (file, begun) =
        if skip { (None, None) } else { layers.begin().map(|(file, name)| (Some(file), Some(name)))? };
    let mut encoder = file.map(|file| zstd::stream::write::Encoder::new(file, LEVEL)).transpose()?;
    let checksum = Checksum::begin();
    let mut buffer = vec![0; 1 << 17];
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        checksum.add(Bytes::copy_from_slice(&buffer[..count]));
        if let Some(encoder) = &mut encoder {
            encoder.write_all(&buffer[..count])?;
        }
    }
    if let Some(encoder) = encoder {
        encoder.finish()?.sync_all()?;
    }
    Ok((checksum.finish()?, begun))
}

impl Apart {
    /// The path of the topmost layer, after `manifest.json`.
    pub fn top_layer(&self) -> Option<String> {
        let manifest: serde_json::Value = serde_json::from_slice(&self.manifest).ok()?;
        manifest.get(0)?.get("Layers")?.as_array()?.last()?.as_str().map(str::to_owned)
    }

    /// The blob at a path of the archive.
    pub fn blob_at(&self, path: &str) -> Option<&Kept> {
        self.blobs.iter().find(|(known, _)| known == path).map(|(_, kept)| kept)
    }

    /// Writes the list of parts as a file of the entry; it and its blobs are what has to be kept.
    pub fn write(&self, folder: &Folder, name: &str) -> io::Result<Vec<Kept>> {
        let text = serde_json::to_vec(&self.parts)?;
        folder.write(name, &text)?;
        let own = Kept { name: name.to_owned(), sha256: hex(&Sha256::digest(&text)), bytes: text.len() as u64 };
        Ok(std::iter::once(own).chain(self.blobs.iter().map(|(_, kept)| kept.clone())).collect())
    }
}

/// A body that another thread fills.
struct SentBody(tokio::sync::mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for SentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// A writer into a body.
struct Into(tokio::sync::mpsc::Sender<io::Result<Bytes>>, Bar);

impl Write for Into {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.inc(bytes.len() as u64);
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::Error::other("the engine takes no more"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body that `work` writes, beside the request that sends it.
fn body(bar: &Bar, work: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) -> RequestBody {
    let (send, receive) = tokio::sync::mpsc::channel(WAITING);
    let failed = send.clone();
    let bar = bar.clone();
    std::thread::spawn(move || {
        if let Err(error) = work(&mut Into(send, bar)) {
            let _ = failed.blocking_send(Err(error));
        }
    });
    SentBody(receive).boxed_unsync()
}

/// A kept archive as the body of a request.
pub fn file_body(file: File, bar: &Bar) -> RequestBody {
    body(bar, move |out| {
        let mut decoder = zstd::stream::read::Decoder::new(file)?;
        copy(&mut decoder, out)
    })
}

/// An image's archive, put together again from its parts.
pub fn image_body(store: &TrashStore, mut list: File, bar: &Bar) -> RequestBody {
    let store = store.clone();
    body(bar, move |out| {
        let mut text = Vec::new();
        list.read_to_end(&mut text)?;
        let parts: Vec<Part> = serde_json::from_slice(&text)?;
        for part in parts {
            match part {
                Part::Raw(text) => {
                    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(io::Error::other)?;
                    out.write_all(&bytes)?;
                }
                Part::Blob(sha256, _) => {
                    let mut decoder = zstd::stream::read::Decoder::new(store.blob_file(&sha256)?)?;
                    copy(&mut decoder, out)?;
                }
            }
        }
        Ok(())
    })
}

fn copy(from: &mut impl Read, to: &mut dyn Write) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => to.write_all(&buffer[..count])?,
        }
    }
}

/// A part of an archive that is left out: from this byte on, and up to this one.
pub type Skip = (u64, u64);

/// A container's layer, looked at for how it can be brought back.
#[derive(Debug, Default)]
pub struct Split {
    /// The entries at mount points: the engine makes them itself.
    pub skip: Vec<Skip>,
    /// Something lies below a mount point, where no copy into the container gets at it.
    pub hidden: bool,
    /// It takes files of the image away, which an archive that is copied into a container cannot.
    pub deletes: bool,
    /// It has more than mount points and the folders above them.
    pub more_than_mounts: bool,
    /// Something is left to copy.
    pub has_rest: bool,
}

/// Looks at a layer; `points` are the container's mount points, with links followed and without a slash in front.
pub fn split(store: &TrashStore, sha256: &str, points: &[String]) -> io::Result<Split> {
    let mut out = Split::default();
    let mut archive = tar::Archive::new(layer(store, sha256)?);
    let mut end = 0;
    for entry in archive.entries()? {
        let entry = entry?;
        let start = end;
        end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.trim_start_matches("./").trim_matches('/');
        let is_folder = entry.header().entry_type().is_dir();
        out.deletes |= path.rsplit('/').next().is_some_and(|name| name.starts_with(".wh."));
        let below = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        // The engine's own files in every container: empty ones are where it mounts them.
        let engines = entry.size() == 0 && ["etc/hosts", "etc/hostname", "etc/resolv.conf"].contains(&path);
        if engines || points.iter().any(|point| point == path) {
            out.skip.push((start, end));
            continue;
        }
        out.has_rest = true;
        if points.iter().any(|point| below(point, path)) {
            out.hidden = true;
        } else if !(is_folder && points.iter().any(|point| below(path, point)) || path.is_empty()) {
            out.more_than_mounts = true;
        }
    }
    Ok(out)
}

/// A layer's archive, whatever it is compressed with.
fn layer(store: &TrashStore, sha256: &str) -> io::Result<Box<dyn Read>> {
    let mut decoder = zstd::stream::read::Decoder::new(store.blob_file(sha256)?)?;
    let mut first = [0; 2];
    decoder.read_exact(&mut first)?;
    let whole = io::Cursor::new(first).chain(decoder);
    Ok(match first {
        [0x1f, 0x8b] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        _ => Box::new(whole),
    })
}

/// Whether a layer takes files of the image away.
pub fn deletes_files(store: &TrashStore, sha256: &str) -> io::Result<bool> {
    split(store, sha256, &[]).map(|split| split.deletes)
}

/// A layer's archive as the body of a request, without these parts.
pub fn layer_body(store: &TrashStore, sha256: &str, skip: Vec<Skip>, bar: &Bar) -> RequestBody {
    let (store, sha256) = (store.clone(), sha256.to_owned());
    body(bar, move |out| {
        let mut from = layer(&store, &sha256)?;
        let mut at = 0;
        for (start, end) in skip {
            copy(&mut from.by_ref().take(start.saturating_sub(at)), out)?;
            io::copy(&mut from.by_ref().take(end - start), &mut io::sink())?;
            at = end;
        }
        copy(&mut from, out)
    })
}
