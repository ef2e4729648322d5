//! Which program answers to the name docker: docker's client, or podman or nerdctl under its name, by a link, by a script, or by a copy. It is
//! asked once, and remembered by the file's path, its size and the time of its last change.

use std::collections::BTreeMap;
use std::path::Path;

use fender_core::engine::{ClientProduct, Lookup};
use serde::{Deserialize, Serialize};

use super::client::Printer;
use super::folder::Folder;
use super::owned::Owners;
use super::printing::version_of_file;
use super::state;

const FILE: &str = "clients.json";
/// Bytes of the file.
const MOST: u64 = 64 * 1024;
/// So many programs are remembered.
const CLIENTS: usize = 50;
const MODE: u32 = 0o600;

/// What one program said it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownClient {
    /// When the file was last changed, in seconds and nanoseconds since 1970, and its bytes.
    changed: (i64, i64, u64),
    product: String,
}

type KnownClients = BTreeMap<String, KnownClient>;

/// The product of the program at this path: what it says itself, whatever its file is called. Where it says nothing, it is not taken for
/// docker's client.
pub fn of(client: &Path) -> ClientProduct {
    let Some((key, changed)) = version_of_file(client) else { return ClientProduct::Unnamed };
    let folder = Folder::open(&state::folder(), Owners::Caller).ok().flatten();
    let mut known: KnownClients = folder
        .and_then(|folder| folder.read(FILE, MOST).ok().flatten())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    if let Some(client) = known.get(&key).filter(|client| client.changed == changed)
        && let Some(product) = ClientProduct::of_key(&client.product)
    {
        return product;
    }
    let Some(product) = asked(client) else { return ClientProduct::Unnamed };
    // Where another program was put in its place meanwhile, this answer may be that one's.
    if version_of_file(client).is_some_and(|now| now == (key.clone(), changed)) {
        if known.len() >= CLIENTS {
            known.clear();
        }
        known.insert(key, KnownClient { changed, product: product.key().to_owned() });
        if let (Ok(text), Ok(folder)) = (serde_json::to_vec_pretty(&known), Folder::make(&state::folder())) {
            // Where it cannot be kept the next command asks again.
            let _ = folder.write_whole(FILE, &text, MODE);
        }
    }
    product
}

/// What the program says. None where it does not answer: it may do so the next time.
fn asked(client: &Path) -> Option<ClientProduct> {
    let printer = Printer::new(Some(client.as_os_str().to_owned()));
    let printed = |word: &str| match printer.printed(&[word.to_owned()]) {
        Lookup::Found(printed) => Some(String::from_utf8_lossy(&printed).into_owned()),
        _ => None,
    };
    let version = printed("--version")?;
    match ClientProduct::of_version(&version) {
        Some(product) => Some(product),
        None => Some(ClientProduct::of_help(&printed("--help")?)),
    }
}
