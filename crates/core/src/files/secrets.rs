//! Which files are secrets, by their names and their content. Pure: the caller reads the files.

use super::secret_names::{is_placeholder, is_secret_name};
use super::tokens;

/// How much of a file is looked at.
const START: usize = 16 * 1024;
/// Files larger than this hold no key, in bytes.
pub const LARGEST: u64 = 256 * 1024;
/// Of one context no more files are opened than this, so that a large one takes no longer than walking it.
const MOST: usize = 2_000;

/// Folders of other people's files, in which keys are examples.
const EXAMPLES: &[&str] =
    &["node_modules", "site-packages", "vendor", "testdata", "fixtures", "__fixtures__", "dist-packages", ".terraform"];

/// The secrets among these files: path and what it is. `read` gives at most so many of the first bytes of a file; None where it is empty,
/// larger than [`LARGEST`], or cannot be read.
pub fn among(paths: &[String], read: &dyn Fn(&str, usize) -> Option<Vec<u8>>) -> Vec<(String, String)> {
    let mut opened = 0;
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| is_worth_a_look(path)) {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.iter().any(|part| EXAMPLES.contains(part)) {
            continue;
        }
        let name = parts.last().copied().unwrap_or_default();
        let folder = parts.iter().rev().nth(1).copied().unwrap_or_default();
        let Some(look) = look(name, folder) else { continue };
        if let SecretLook::Named(what) = look {
            found.push((path.clone(), what.to_owned()));
            continue;
        }
        if opened >= MOST {
            continue;
        }
        let Some(bytes) = read(path, START) else { continue };
        opened += 1;
        let text = String::from_utf8_lossy(&bytes);
        let what = match look {
            SecretLook::Variables => variable(&text).map(|name| format!("{name} is set in it")),
            SecretLook::Npm => npm(&text),
            SecretLook::GitConfig => git(&text),
            SecretLook::DockerConfig => text.contains("\"auth\"").then(|| "a registry's password".to_owned()),
            SecretLook::Cloud => cloud(&text),
            SecretLook::Login => text.to_lowercase().contains("password").then(|| "a password".to_owned()),
            SecretLook::Content | SecretLook::Named(_) => None,
        };
        if let Some(what) = what.or_else(|| by_content(&text).map(str::to_owned)) {
            found.push((path.clone(), what));
        }
    }
    found
}

/// A quick check that excludes nearly every file of a tree.
fn is_worth_a_look(path: &str) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let Some((_, end)) = name.rsplit_once('.').filter(|_| !name.starts_with('.')) else { return true };
    let is = |known: &&str| known.eq_ignore_ascii_case(end);
    READABLE.iter().any(is) || ["p12", "pfx", "jks", "keystore", "kdbx", "env"].iter().any(is)
}

/// Ends of names under which keys lie that cannot be told by the name.
const READABLE: &[&str] = &[
    "pem",
    "key",
    "priv",
    "ppk",
    "p8",
    "asc",
    "json",
    "cfg",
    "conf",
    "ini",
    "properties",
    "txt",
    "yaml",
    "yml",
    "toml",
    "crt",
    "cer",
    "tfvars",
    "tfstate",
    "sh",
];

enum SecretLook {
    /// The name says it.
    Named(&'static str),
    /// `NAME=value` lines.
    Variables,
    Npm,
    GitConfig,
    DockerConfig,
    Cloud,
    Login,
    /// Whatever can be told from what stands in it.
    Content,
}

/// How to look at a file of this name in this folder; None for one that is not looked at.
fn look(name: &str, folder: &str) -> Option<SecretLook> {
    let lower = name.to_lowercase();
    let ends = |end: &str| lower.ends_with(end);
    Some(match (lower.as_str(), folder) {
        ("id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" | "id_ecdsa_sk" | "id_ed25519_sk", _) => {
            SecretLook::Named("a private key")
        }
        (".git-credentials", _) => SecretLook::Named("git's passwords"),
        (".pgpass", _) => SecretLook::Named("a database's password"),
        (".vault-token", _) => SecretLook::Named("a Vault token"),
        (".npmrc" | ".yarnrc.yml" | ".yarnrc", _) => SecretLook::Npm,
        ("config", ".git") => SecretLook::GitConfig,
        ("config.json", ".docker") | (".dockercfg", _) => SecretLook::DockerConfig,
        ("credentials", ".aws") | ("config", ".kube") | ("kubeconfig", _) => SecretLook::Cloud,
        (".netrc" | "_netrc" | ".pypirc" | ".my.cnf", _) => SecretLook::Login,
        _ if ends(".p12") || ends(".pfx") || ends(".jks") || ends(".keystore") || ends(".kdbx") => {
            SecretLook::Named("a store of private keys")
        }
        _ if is_variables(&lower) => SecretLook::Variables,
        _ if is_readable(&lower) && folder != "objects" => SecretLook::Content,
        _ => return None,
    })
}

/// `.env` and its like, but no example of one.
fn is_variables(name: &str) -> bool {
    let is_env = name == ".env" || name.starts_with(".env.") || name.ends_with(".env");
    let is_example =
        ["example", "sample", "template", "dist", "defaults", "test"].iter().any(|word| name.contains(word));
    is_env && !is_example
}

/// Names under which keys lie that cannot be told by the name.
fn is_readable(name: &str) -> bool {
    match name.rsplit_once('.') {
        None => !name.is_empty(),
        Some(("", _)) => true,
        Some((_, end)) => READABLE.contains(&end),
    }
}

/// The first variable whose name keeps a secret and that has a value.
fn variable(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        let name = name.trim();
        let said = !name.starts_with('#') && !value.is_empty() && !is_placeholder(value);
        (said && is_secret_name(name)).then(|| name.to_owned())
    })
}

fn npm(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) =
            line.trim().split_once(['=', ':']).map(|(name, rest)| match rest.rsplit_once(['=', ':']) {
                // `//registry.example.com/:_authToken=…`
                Some((more, value)) => (format!("{name}{more}"), value),
                None => (name.to_owned(), rest),
            })?;
        let value = value.trim().trim_matches(['"', '\'']);
        let known = ["_authtoken", "_auth", "_password", "npmauthtoken", "npmauthident"];
        let lower = name.to_lowercase();
        let is_token =
            known.iter().any(|end| lower.trim_end().ends_with(end)) && !lower.trim_start().starts_with(['#', ';']);
        (is_token && !value.is_empty() && !is_placeholder(value)).then(|| "a registry's token".to_owned())
    })
}

/// `https://user:password@host` in git's configuration.
fn git(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| {
        let (_, rest) = word.split_once("://")?;
        let (login, _) = rest.split('/').next()?.split_once('@')?;
        login.contains(':').then(|| "a password in a remote's address".to_owned())
    })
}

fn cloud(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    ["aws_secret_access_key", "client-key-data", "token:", "password:"]
        .iter()
        .any(|word| lower.contains(word))
        .then(|| "credentials of a cloud or a cluster".to_owned())
}

/// What a text that holds a well-known secret holds: a private key, or a token of a known shape.
pub fn by_content(text: &str) -> Option<&'static str> {
    if tokens::has_private_key(text) { Some("a private key") } else { tokens::find(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> bool {
        !among(&[path.to_owned()], &|_, _| Some(text.as_bytes().to_vec())).is_empty()
    }

    #[test]
    fn secrets_and_what_is_none() {
        for (path, text) in [
            ("id_rsa", "x"),
            ("deploy/server.key", "-----BEGIN RSA PRIVATE KEY-----\nMII\n"),
            ("deploy-key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3\n"),
            (".env", "DB_PASSWORD=hunter2\n"),
            ("app/.env.production", "export API_TOKEN=\"abc\"\n"),
            (".npmrc", "//registry.npmjs.org/:_authToken=npm_abc\n"),
            (".aws/credentials", "[default]\naws_secret_access_key = x\n"),
            (".git/config", "[remote \"origin\"]\n\turl = https://me:secret@example.com/a.git\n"),
            ("service.json", "{\"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMII\"}"),
            (".docker/config.json", "{\"auths\":{\"x\":{\"auth\":\"eDp5\"}}}"),
            ("deploy.sh", "export KEY=AKIAABCDEFGHIJKLMNOP\n"),
            ("store.p12", "x"),
        ] {
            assert!(found(path, text), "{path}");
        }
        for (path, text) in [
            ("id_rsa.pub", "ssh-rsa AAAA"),
            ("cert.pem", "-----BEGIN CERTIFICATE-----\nMII\n"),
            (".env", "PORT=80\nDB_PASSWORD=\nDB_PASSWORD_FILE=/run/secrets/db\n"),
            (".env.example", "DB_PASSWORD=hunter2\n"),
            (".env", "DB_PASSWORD=changeme\n"),
            (".npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\nsave-exact=true\n"),
            ("node_modules/x/test/key.pem", "-----BEGIN RSA PRIVATE KEY-----\nMII\n"),
            (".git/config", "[remote \"origin\"]\n\turl = https://example.com/a.git\n"),
            ("main.rs", "-----BEGIN RSA PRIVATE KEY-----"),
            ("docs.txt", "AKIAIOSFODNN7EXAMPLE"),
            ("nginx.conf", "# -----BEGIN RSA PRIVATE KEY-----\n# MIIE\n"),
        ] {
            assert!(!found(path, text), "{path}");
        }
    }
}
