//! `-v`: docker/cli `internal/volumespec`.

/// A parsed `-v` value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Empty for an anonymous volume.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
    /// The source is a path of the host (a bind), not a volume's name.
    pub bind: bool,
}

/// Splits `[source:]target[:options]`, with Windows drives left whole.
pub fn volume(spec: &str) -> Result<VolumeSpec, String> {
    let mut parsed = VolumeSpec::default();
    match spec.len() {
        0 => return Err("invalid empty volume spec".to_owned()),
        1 | 2 => {
            parsed.target = spec.to_owned();
            return Ok(parsed);
        }
        _ => {}
    }
    let mut buffer = String::new();
    let mut parts: Vec<(String, bool)> = Vec::new();
    for letter in spec.chars() {
        let drive = letter == ':' && buffer.chars().count() == 1 && buffer.chars().all(char::is_alphabetic);
        if letter == ':' && !drive {
            parts.push((std::mem::take(&mut buffer), false));
        } else {
            buffer.push(letter);
        }
    }
    parts.push((buffer, true));
    for (part, last) in parts {
        if part.is_empty() {
            return Err(format!("invalid spec: {spec}: empty section between colons"));
        }
        if parsed.source.is_empty() && last {
            parsed.target = part;
        } else if parsed.source.is_empty() {
            parsed.source = part;
        } else if parsed.target.is_empty() {
            parsed.target = part;
        } else if !last {
            return Err(format!("invalid spec: {spec}: too many colons"));
        } else {
            for option in part.split(',') {
                match option {
                    "ro" => parsed.read_only = true,
                    "rw" => parsed.read_only = false,
                    _ => {}
                }
            }
        }
    }
    parsed.bind = is_path(&parsed.source);
    Ok(parsed)
}

fn is_path(source: &str) -> bool {
    let mut letters = source.chars();
    match (letters.next(), letters.next()) {
        (None, _) => false,
        (Some('.' | '/' | '~'), _) => true,
        (Some('\\'), Some('\\')) => true,
        (Some(first), Some(':')) => first.is_alphabetic(),
        _ => false,
    }
}

/// The bind as the client sends it: a source that starts with a dot is made absolute from `directory`.
pub fn bind_source(spec: &str, directory: &str) -> String {
    match spec.split_once(':') {
        Some((source, rest)) if source.starts_with('.') => format!("{}:{rest}", join(directory, source)),
        _ => spec.to_owned(),
    }
}

/// Go's `filepath.Abs`: joined and cleaned.
pub fn join(directory: &str, relative: &str) -> String {
    clean(&format!("{directory}/{relative}"))
}

/// Go's `path.Clean` for an absolute path.
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let bind = volume("/:/h:ro").unwrap();
        assert_eq!((bind.source.as_str(), bind.target.as_str(), bind.read_only, bind.bind), ("/", "/h", true, true));
        assert!(!volume("data:/x").unwrap().bind);
        assert_eq!(volume("/data").unwrap().source, "");
        assert!(volume("/a:/b:ro:x").is_err());
        assert!(volume(":/x").is_err());
        assert_eq!(bind_source("./x:/y", "/project"), "/project/x:/y");
        assert_eq!(join("/project/a", "../.."), "/");
    }
}
