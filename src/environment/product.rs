//! Which program answers to the name docker: docker's client, or podman or nerdctl under its name. It is found out once and remembered by the
//! file's path and the time of its last change.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fender_core::engine::{ClientProduct, Lookup};
use serde::{Deserialize, Serialize};

use super::client::Printer;
use super::folder::Folder;
use super::owned::Owners;
use super::state;

const FILE: &str = "clients.json";
/// Bytes of the file.
const MOST: u64 = 64 * 1024;
/// So many programs are remembered.
const CLIENTS: usize = 50;
const MODE: u32 = 0o600;
/// Bytes of a script that are looked at.
const SCRIPT: u64 = 4096;

/// What one program said it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownClient {
    /// When the file was last changed, in seconds and nanoseconds since 1970, and its bytes.
    changed: (i64, i64, u64),
    product: String,
}

type KnownClients = BTreeMap<String, KnownClient>;

/// The product of the program at this path. Docker's own client is not asked: its file names no other program.
pub fn of(client: &Path) -> ClientProduct {
    if !may_be_another(client) {
        return ClientProduct::Docker;
    }
    let (Ok(path), Ok(metadata)) = (fs::canonicalize(client), fs::metadata(client)) else {
        return ClientProduct::Docker;
    };
    let changed = (metadata.mtime(), metadata.mtime_nsec(), metadata.size());
    let key = path.display().to_string();
    let folder = Folder::open(&state::folder(), Owners::Caller).ok().flatten();
    let mut known: KnownClients = folder
        .and_then(|folder| folder.read(FILE, MOST).ok().flatten())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    if let Some(client) = known.get(&key).filter(|client| client.changed == changed)
        && let Some(product) = ClientProduct::named(&client.product)
    {
        return product;
    }
    let printer = Printer::new(Some(client.as_os_str().to_owned()));
    let Lookup::Found(printed) = printer.printed(&["--version".to_owned()]) else { return ClientProduct::Docker };
    let Some(product) = ClientProduct::of_version(&String::from_utf8_lossy(&printed)) else {
        return ClientProduct::Docker;
    };
    if known.len() >= CLIENTS {
        known.clear();
    }
    known.insert(key, KnownClient { changed, product: product.name().to_owned() });
    if let (Ok(text), Ok(folder)) = (serde_json::to_vec_pretty(&known), Folder::make(&state::folder())) {
        // Where it cannot be kept the next command asks again.
        let _ = folder.write_whole(FILE, &text, MODE);
    }
    product
}

/// Whether a program is worth asking: it is a link to podman or nerdctl, or a script that names one of them.
fn may_be_another(client: &Path) -> bool {
    let names = |text: &str| text.contains("podman") || text.contains("nerdctl");
    let is_link =
        fs::canonicalize(client).is_ok_and(|path| path.file_name().is_some_and(|name| names(&name.to_string_lossy())));
    if is_link {
        return true;
    }
    let mut start = Vec::new();
    let read = fs::File::open(client).and_then(|file| file.take(SCRIPT).read_to_end(&mut start));
    read.is_ok() && start.starts_with(b"#!") && names(&String::from_utf8_lossy(&start))
}
