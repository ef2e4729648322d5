//! Docker's own files, read as docker reads them: the client's configuration, stored contexts, and buildx's choice of a builder.
//! Pure: the input is the texts of the files, the output what docker would use of them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::go_json::{Decoder, Raw, Texts, first_value, names_field, whole_value};

/// The address of an engine where a context's endpoint has none: the client's own default.
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// What matters here of `config.json`: docker/cli `cli/config/configfile/file.go`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFile {
    /// The context that is used where nothing names another one; empty for `default`.
    pub current_context: String,
    /// `cliPluginsExtraDirs`.
    pub plugin_folders: Vec<String>,
    /// Command aliases: the new word, and what it stands for.
    pub aliases: BTreeMap<String, String>,
    /// `pruneFilters`, such as `label!=keep`.
    pub prune_filters: Vec<String>,
    /// The values of `proxies`, each by the endpoint it is for, or `default`.
    pub proxies: BTreeMap<String, Proxies>,
}

/// The proxies for one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxy for `http`.
    pub http: String,
    /// The proxy for `https`.
    pub https: String,
    /// The hosts that are reached without a proxy.
    pub no: String,
    /// The proxy for `ftp`.
    pub ftp: String,
    /// The proxy for everything else.
    pub all: String,
}

impl ConfigFile {
    /// What docker takes from the file. It warns of a text that is no JSON and goes on with nothing from it, and of a value of
    /// a wrong type and goes on with the rest; of what follows the first value it takes no notice.
    pub fn read(text: &[u8]) -> ConfigFile {
        let Ok(Some(value)) = first_value(text) else { return ConfigFile::default() };
        let mut decoder = Decoder::default();
        let mut config = ConfigFile::default();
        let (mut folders, mut filters) = (Texts::default(), Texts::default());
        for (key, value) in decoder.members(value) {
            let is = |field: &str| names_field(&key, field);
            if is("currentContext") {
                decoder.text(&mut config.current_context, value);
            } else if is("cliPluginsExtraDirs") {
                decoder.texts(&mut folders, value);
            } else if is("pruneFilters") {
                decoder.texts(&mut filters, value);
            } else if is("aliases") {
                decoder.map(&mut config.aliases, value, |decoder, text, value| decoder.text(text, value));
            } else if is("proxies") {
                decoder.map(&mut config.proxies, value, Proxies::fill);
            }
        }
        config.plugin_folders = folders.get().to_vec();
        config.prune_filters = filters.get().to_vec();
        config
    }
}

impl Proxies {
    fn fill(decoder: &mut Decoder, proxies: &mut Proxies, value: Raw) {
        for (key, value) in decoder.members(value) {
            let fields = [
                ("httpProxy", &mut proxies.http),
                ("httpsProxy", &mut proxies.https),
                ("noProxy", &mut proxies.no),
                ("ftpProxy", &mut proxies.ftp),
                ("allProxy", &mut proxies.all),
            ];
            for (name, field) in fields {
                if names_field(&key, name) {
                    decoder.text(field, value);
                }
            }
        }
    }
}

/// The folder below `contexts/meta` that holds a context: docker/cli `cli/context/store`, `contextdirOf`. Nothing in any other folder
/// counts, whatever name stands in it.
pub fn context_folder(name: &str) -> String {
    Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The engine's address in a context's `meta.json`, or why docker cannot use the file: docker/cli
/// `cli/context/store/metadatastore.go`, `cli/command/context.go`, `cli/context/docker/load.go`.
pub fn context_host(text: &[u8]) -> Result<String, String> {
    let value = whole_value(text).map_err(|error| format!("it is not JSON, from byte {} on", error.at))?;
    let mut decoder = Decoder::default();
    let mut name = String::new();
    let mut metadata: Option<Raw> = None;
    let mut endpoints: BTreeMap<String, Option<Raw>> = BTreeMap::new();
    for (key, value) in decoder.members(value) {
        if names_field(&key, "name") {
            decoder.text(&mut name, value);
        } else if names_field(&key, "metadata") {
            metadata = Some(value);
        } else if names_field(&key, "endpoints") {
            decoder.map(&mut endpoints, value, |_, raw, value| *raw = Some(value));
        }
    }
    let wrong_type = || "a value in it is of a wrong type".to_owned();
    if decoder.mismatch {
        return Err(wrong_type());
    }
    if let Some(metadata) = metadata.filter(|value| !value.is_null()) {
        let members = metadata.members().filter(|_| metadata.numbers_fit()).ok_or_else(wrong_type)?;
        // Docker takes the description for a text without looking, and crashes where it is none.
        let description = members.iter().rev().find(|(key, _)| key == "Description");
        if description.is_some_and(|(_, value)| value.text().is_none()) {
            return Err(wrong_type());
        }
    }
    let mut docker: Option<String> = None;
    for (name, value) in &endpoints {
        let Some(value) = value.filter(|value| !value.is_null()) else { continue };
        if name != "docker" {
            value.members().filter(|_| value.numbers_fit()).ok_or_else(wrong_type)?;
            continue;
        }
        let (mut host, mut skips_verification) = (String::new(), false);
        for (key, value) in decoder.members(value) {
            if names_field(&key, "Host") {
                decoder.text(&mut host, value);
            } else if names_field(&key, "SkipTLSVerify") {
                decoder.bool(&mut skips_verification, value);
            }
        }
        docker = Some(host);
    }
    if decoder.mismatch {
        return Err(wrong_type());
    }
    let host = docker.ok_or("it has no docker endpoint")?;
    Ok(if host.is_empty() { DEFAULT_HOST.to_owned() } else { host })
}

/// The builder that `docker buildx use` wrote down, where there is one: buildx `store/store.go`, `current`.
pub fn current_builder(text: &[u8]) -> Result<Option<String>, String> {
    let value = whole_value(text).map_err(|error| format!("it is not JSON, from byte {} on", error.at))?;
    let mut decoder = Decoder::default();
    let mut name = String::new();
    for (key, value) in decoder.members(value) {
        if names_field(&key, "Name") {
            decoder.text(&mut name, value);
        }
    }
    if decoder.mismatch {
        return Err("a value in it is of a wrong type".to_owned());
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

/// The endpoints of a builder's nodes, each a context's name or an address: buildx `store/nodegroup.go`.
pub fn builder_endpoints(text: &[u8]) -> Result<Vec<String>, String> {
    let value = whole_value(text).map_err(|error| format!("it is not JSON, from byte {} on", error.at))?;
    let mut decoder = Decoder::default();
    let mut endpoints = Vec::new();
    for (key, nodes) in decoder.members(value) {
        if !names_field(&key, "Nodes") || nodes.is_null() {
            continue;
        }
        // The last list counts.
        endpoints.clear();
        for node in nodes.items().ok_or("its nodes are no list")? {
            let mut endpoint = String::new();
            for (key, value) in decoder.members(node) {
                if names_field(&key, "Endpoint") {
                    decoder.text(&mut endpoint, value);
                }
            }
            endpoints.push(endpoint);
        }
    }
    if decoder.mismatch {
        return Err("a value in it is of a wrong type".to_owned());
    }
    Ok(endpoints)
}
