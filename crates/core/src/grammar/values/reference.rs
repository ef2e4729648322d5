//! Image references: distribution/reference.

use crate::text::part;

/// A named image with its default domain and repository filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry: `docker.io` where none is named.
    pub domain: String,
    /// The repository: `library/alpine`.
    pub path: String,
    /// The tag, where one is named.
    pub tag: Option<String>,
    /// `sha256:…`, where one is named.
    pub digest: Option<String>,
}

impl Reference {
    /// `docker.io/library/alpine`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// `alpine`.
    pub fn familiar(&self) -> String {
        if self.domain != "docker.io" {
            return self.name();
        }
        match self.path.strip_prefix("library/") {
            Some(rest) if !rest.contains('/') => rest.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The tag, or `latest` where neither tag nor digest is given.
    pub fn tag_or_latest(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some("latest"),
            (None, Some(_)) => None,
        }
    }

    /// `alpine:3`, as docker prints it.
    pub fn familiar_with_tag(&self) -> String {
        let mut text = self.familiar();
        if let Some(tag) = self.tag_or_latest() {
            text = format!("{text}:{tag}");
        }
        if let Some(digest) = &self.digest {
            text = format!("{text}@{digest}");
        }
        text
    }

    /// What `POST /images/create` takes as its tag.
    pub fn api_tag(&self) -> String {
        self.digest.clone().unwrap_or_else(|| self.tag_or_latest().unwrap_or_default().to_owned())
    }
}

const INVALID: &str = "invalid reference format";

/// `ParseNormalizedNamed`.
pub fn reference(text: &str) -> Result<Reference, String> {
    if is_hex_id(text) {
        return Err(format!("invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"));
    }
    let (domain, rest) = split_domain(text);
    let remote = rest.split([':', '@']).next().unwrap_or_default();
    let before_tag = rest.split(':').next().unwrap_or_default();
    if before_tag.to_lowercase() != before_tag {
        return Err(format!("{INVALID}: repository name ({before_tag}) must be lowercase"));
    }
    let mut tail = part(&rest, remote.len()..);
    let mut tag = None;
    let mut digest = None;
    if let Some(after) = tail.strip_prefix(':') {
        let (name, behind) = after.split_at_checked(after.find('@').unwrap_or(after.len())).ok_or(INVALID)?;
        if !is_tag(name) {
            return Err(INVALID.to_owned());
        }
        tag = Some(name.to_owned());
        tail = behind;
    }
    if let Some(after) = tail.strip_prefix('@') {
        check_digest(after)?;
        digest = Some(after.to_owned());
    } else if !tail.is_empty() {
        return Err(INVALID.to_owned());
    }
    if !is_domain(&domain) || !remote.split('/').all(is_component) {
        return Err(INVALID.to_owned());
    }
    if domain.len() + 1 + remote.len() > 255 {
        return Err("repository name must not be more than 255 characters".to_owned());
    }
    Ok(Reference { domain, path: remote.to_owned(), tag, digest })
}

/// `ParseAnyReference`: an id or digest (None), or a named image.
pub fn any_reference(text: &str) -> Result<Option<Reference>, String> {
    if is_hex_id(text) || (!text.contains('@') && !text.contains('/') && check_digest(text).is_ok()) {
        return Ok(None);
    }
    reference(text).map(Some)
}

/// Whether the text is an image's id or a digest rather than a name.
pub fn image_id(text: &str) -> bool {
    matches!(any_reference(text), Ok(None))
}

fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn split_domain(name: &str) -> (String, String) {
    let (mut domain, mut rest) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first => {
            (first.to_owned(), rest.to_owned())
        }
        _ => ("docker.io".to_owned(), name.to_owned()),
    };
    if domain == "index.docker.io" {
        domain = "docker.io".to_owned();
    }
    if domain == "docker.io" && !rest.contains('/') {
        rest = format!("library/{rest}");
    }
    (domain, rest)
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= 128 && bytes.next().is_some_and(word) && bytes.all(|b| word(b) || b == b'.' || b == b'-')
}

/// Runs of `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric) || !bytes.last().copied().is_some_and(alphanumeric) {
        return false;
    }
    let separators = text.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    separators
        .filter(|separator| !separator.is_empty())
        .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, after)) => {
            let address = !inside.is_empty() && inside.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            return address && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port));
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let component = |part: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        edge(part.as_bytes().first())
            && edge(part.as_bytes().last())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(component) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn check_digest(text: &str) -> Result<(), String> {
    let Some((algorithm, hex)) = text.split_once(':') else { return Err(INVALID.to_owned()) };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => {
            let shaped = hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
            return Err(if shaped { "unsupported digest algorithm".to_owned() } else { INVALID.to_owned() });
        }
    };
    if hex.len() != length {
        return Err("invalid checksum digest length".to_owned());
    }
    if !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err("invalid checksum digest format".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (typed, name, tag) in [
            ("alpine", "docker.io/library/alpine", Some("latest")),
            ("alpine:3", "docker.io/library/alpine", Some("3")),
            ("a/b", "docker.io/a/b", Some("latest")),
            ("localhost/x", "localhost/x", Some("latest")),
            ("reg:5000/x:1", "reg:5000/x", Some("1")),
            ("ghcr.io/a/b/c", "ghcr.io/a/b/c", Some("latest")),
        ] {
            let parsed = reference(typed).unwrap();
            assert_eq!((parsed.name().as_str(), parsed.tag_or_latest()), (name, tag), "{typed}");
        }
        for bad in ["", "Alpine", "a//b", "a:", "-a", "a@sha256:1", "a:b:c", "a__b___c", "/x"] {
            assert!(reference(bad).is_err(), "{bad}");
        }
        assert_eq!(any_reference(&"a".repeat(64)), Ok(None));
    }
}
