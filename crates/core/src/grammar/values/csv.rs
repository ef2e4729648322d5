//! Values that are one line of CSV: `--mount`, `--gpus`. Go's `encoding/csv` reads them, with its quoting rules.

use std::collections::HashMap;

use bollard_stubs::models::{
    DeviceRequest, Mount as ApiMount, MountBindOptions, MountBindOptionsPropagationEnum, MountImageOptions,
    MountTmpfsOptions, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
};

use super::{ValueProblem, bool, size};

/// The first record, as Go's reader gives it.
pub fn read_record(text: &str) -> Result<Vec<String>, String> {
    let line = text.trim_start_matches(['\n', '\r']);
    if line.is_empty() {
        return Err("EOF".to_owned());
    }
    let mut fields = Vec::new();
    let mut letters = line.chars().peekable();
    loop {
        let mut field = String::new();
        if letters.peek() == Some(&'"') {
            letters.next();
            loop {
                match letters.next() {
                    Some('"') if letters.peek() == Some(&'"') => {
                        letters.next();
                        field.push('"');
                    }
                    Some('"') => break,
                    Some(letter) => field.push(letter),
                    None => return Err("parse error on line 1: extraneous or missing \" in quoted-field".to_owned()),
                }
            }
            match letters.peek() {
                None | Some(',' | '\n') => {}
                Some('\r') => {}
                Some(_) => return Err("parse error on line 1: extraneous or missing \" in quoted-field".to_owned()),
            }
        } else {
            while let Some(letter) = letters.peek() {
                match letter {
                    ',' | '\n' => break,
                    '"' => return Err("parse error on line 1: bare \" in non-quoted-field".to_owned()),
                    _ => field.push(*letter),
                }
                letters.next();
            }
            if letters.peek() == Some(&'\n') && field.ends_with('\r') {
                field.pop();
            }
        }
        fields.push(field);
        if letters.next() != Some(',') {
            return Ok(fields);
        }
    }
}

/// `--mount`: the API's mount, and its type as typed (the API's own type is a closed list, the client's is not).
#[derive(Clone, Debug)]
pub struct Mount {
    /// The mount of the request's body.
    pub api: ApiMount,
    /// `bind`, `volume`, `tmpfs`, …, as it was typed.
    pub kind: String,
}

/// docker/cli `opts/mount.go`. A source that starts with a dot is made absolute from `directory`.
pub fn mount(value: &str, directory: &str) -> Result<Mount, ValueProblem> {
    read_mount(value, directory, false)
}

/// The same without the keys that only a newer docker may know: for judging what is known of such a mount.
pub fn mount_as_known(value: &str, directory: &str) -> Result<Mount, ValueProblem> {
    read_mount(value, directory, true)
}

fn read_mount(value: &str, directory: &str, only_known: bool) -> Result<Mount, ValueProblem> {
    let fields = read_record(value)?;
    let mut kind = "volume".to_owned();
    let mut api = ApiMount::default();
    let mut read_only = false;
    let unknown = |text: String| ValueProblem { text, unknown: true };
    for field in &fields {
        let (key, text) = match field.split_once('=') {
            Some((key, text)) => (key.to_lowercase(), Some(text)),
            None => (field.to_lowercase(), None),
        };
        let truth = |text: &str| bool(text).map_err(|_| ValueProblem::from(format!("invalid value for {key}: {text}")));
        match (key.as_str(), text) {
            ("readonly" | "ro", None) => read_only = true,
            ("volume-nocopy", None) => volume(&mut api).no_copy = Some(true),
            ("bind-nonrecursive", None) => bind(&mut api).non_recursive = Some(true),
            (_, None) if only_known => {}
            (_, None) => return Err(unknown(format!("invalid field '{field}' must be a key=value pair"))),
            ("type", Some(text)) => kind = text.to_lowercase(),
            ("source" | "src", Some(text)) => {
                api.source =
                    Some(if text.starts_with('.') { super::volume::join(directory, text) } else { text.to_owned() });
            }
            ("target" | "dst" | "destination", Some(text)) => api.target = Some(text.to_owned()),
            ("readonly" | "ro", Some(text)) => read_only = truth(text)?,
            ("consistency", Some(text)) => api.consistency = Some(text.to_lowercase()),
            ("bind-propagation", Some(text)) => {
                bind(&mut api).propagation = text.to_lowercase().parse::<MountBindOptionsPropagationEnum>().ok();
            }
            ("bind-nonrecursive", Some(text)) => bind(&mut api).non_recursive = Some(truth(text)?),
            ("bind-recursive", Some(text)) => match text {
                "enabled" => {}
                "disabled" => bind(&mut api).non_recursive = Some(true),
                "writable" => bind(&mut api).read_only_non_recursive = Some(true),
                "readonly" => bind(&mut api).read_only_force_recursive = Some(true),
                _ if only_known => {}
                _ => {
                    return Err(unknown(format!(
                        "invalid value for {key}: {text} (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
                    )));
                }
            },
            ("volume-subpath", Some(text)) => volume(&mut api).subpath = Some(text.to_owned()),
            ("volume-nocopy", Some(text)) => volume(&mut api).no_copy = Some(truth(text)?),
            ("volume-label", Some(text)) => {
                pair(volume(&mut api).labels.get_or_insert_default(), text);
            }
            ("volume-driver", Some(text)) => driver(&mut api).name = Some(text.to_owned()),
            ("volume-opt", Some(text)) => pair(driver(&mut api).options.get_or_insert_default(), text),
            ("image-subpath", Some(text)) => {
                api.image_options.get_or_insert_with(MountImageOptions::default).subpath = Some(text.to_owned());
            }
            ("tmpfs-size", Some(text)) => {
                let bytes = size(text).map_err(|_| ValueProblem::from(format!("invalid value for {key}: {text}")))?;
                tmpfs(&mut api).size_bytes = Some(bytes);
            }
            ("tmpfs-mode", Some(text)) => {
                let mode = u32::from_str_radix(text, 8)
                    .ok()
                    .filter(|_| !text.starts_with('+'))
                    .ok_or_else(|| ValueProblem::from(format!("invalid value for {key}: {text}")))?;
                tmpfs(&mut api).mode = Some(i64::from(mode));
            }
            (_, Some(_)) if only_known => {}
            (_, Some(_)) => return Err(unknown(format!("unexpected key '{key}' in '{field}'"))),
        }
    }
    api.read_only = read_only.then_some(true);
    api.typ = kind.parse::<MountType>().ok();
    if kind.is_empty() {
        return Err("type is required".into());
    }
    if api.target.as_deref().unwrap_or_default().is_empty() {
        return Err("target is required".into());
    }
    for (present, options, of) in [
        (api.volume_options.is_some(), "volume-*", "volume"),
        (api.image_options.is_some(), "image-*", "image"),
        (api.bind_options.is_some(), "bind-*", "bind"),
        (api.tmpfs_options.is_some(), "tmpfs-*", "tmpfs"),
    ] {
        if present && kind != of {
            return Err(format!("cannot mix '{options}' options with mount type '{kind}'").into());
        }
    }
    if let Some(options) = &api.bind_options {
        let needs = |what: &str, with: &str| {
            Err(format!("option '{what}' requires '{with}' to be specified in conjunction").into())
        };
        if options.read_only_non_recursive == Some(true) && !read_only {
            return needs("bind-recursive=writable", "readonly");
        }
        if options.read_only_force_recursive == Some(true) {
            if !read_only {
                return needs("bind-recursive=readonly", "readonly");
            }
            if options.propagation != Some(MountBindOptionsPropagationEnum::RPRIVATE) {
                return needs("bind-recursive=readonly", "bind-propagation=rprivate");
            }
        }
    }
    Ok(Mount { api, kind })
}

fn volume(mount: &mut ApiMount) -> &mut MountVolumeOptions {
    mount.volume_options.get_or_insert_with(|| MountVolumeOptions {
        labels: Some(HashMap::new()),
        driver_config: Some(MountVolumeOptionsDriverConfig::default()),
        ..Default::default()
    })
}

fn driver(mount: &mut ApiMount) -> &mut MountVolumeOptionsDriverConfig {
    volume(mount).driver_config.get_or_insert_default()
}

fn bind(mount: &mut ApiMount) -> &mut MountBindOptions {
    mount.bind_options.get_or_insert_with(MountBindOptions::default)
}

fn tmpfs(mount: &mut ApiMount) -> &mut MountTmpfsOptions {
    mount.tmpfs_options.get_or_insert_with(MountTmpfsOptions::default)
}

fn pair(map: &mut HashMap<String, String>, text: &str) {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if !key.is_empty() {
        map.insert(key.to_owned(), value.to_owned());
    }
}

/// `--gpus`: docker/cli `opts/gpus.go`.
pub fn gpus(value: &str) -> Result<DeviceRequest, ValueProblem> {
    let count = |text: &str| match text {
        "all" => Ok(-1),
        _ => super::decimal(text).map_err(|_| {
            ValueProblem::from(format!(
                "invalid count ({text}): value must be either \"all\" or an integer: invalid syntax"
            ))
        }),
    };
    let mut request = DeviceRequest { driver: Some(String::new()), count: Some(0), ..DeviceRequest::default() };
    let mut seen: Vec<String> = Vec::new();
    for field in read_record(value)? {
        let (key, text) = match field.split_once('=') {
            Some((key, text)) => (key, Some(text)),
            None => (field.as_str(), None),
        };
        if seen.iter().any(|other| other == key) {
            return Err(format!("gpu request key '{key}' can be specified only once").into());
        }
        seen.push(key.to_owned());
        match (key, text) {
            (_, None) => {
                seen.push("count".to_owned());
                request.count = Some(count(key)?);
            }
            ("driver", Some(text)) => request.driver = Some(text.to_owned()),
            ("count", Some(text)) => request.count = Some(count(text)?),
            ("device", Some(text)) => request.device_ids = Some(text.split(',').map(str::to_owned).collect()),
            ("capabilities", Some(text)) => {
                let capabilities = text.split(',').map(str::to_owned).chain(["gpu".to_owned()]).collect();
                request.capabilities = Some(vec![capabilities]);
            }
            ("options", Some(text)) => {
                let fields = read_record(text).map_err(|error| format!("failed to read gpu options: {error}"))?;
                let options = fields.iter().map(|option| {
                    let (key, value) = option.split_once('=').unwrap_or((option, ""));
                    (key.to_owned(), value.to_owned())
                });
                request.options = Some(options.collect());
            }
            (_, Some(_)) => {
                return Err(ValueProblem { text: format!("unexpected key '{key}' in '{field}'"), unknown: true });
            }
        }
    }
    if !seen.iter().any(|key| key == "count") && request.device_ids.is_none() {
        request.count = Some(1);
    }
    request.capabilities.get_or_insert_with(|| vec![vec!["gpu".to_owned()]]);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        assert_eq!(read_record("a,\"b,c\",d"), Ok(vec!["a".into(), "b,c".into(), "d".into()]));
        assert_eq!(read_record("\"say \"\"hi\"\"\""), Ok(vec!["say \"hi\"".into()]));
        assert!(read_record("a\"b").is_err());
        assert!(read_record("\"a\"b").is_err());
        assert!(read_record("").is_err());
    }

    #[test]
    fn mounts_in_any_case_and_order() {
        let mount = mount("DST=/h,\"SRC=/\",TYPE=BIND,RO", "/project").unwrap();
        assert_eq!(mount.kind, "bind");
        assert_eq!(mount.api.source.as_deref(), Some("/"));
        assert_eq!(mount.api.read_only, Some(true));
    }

    #[test]
    fn a_key_of_a_newer_docker_is_told_from_a_wrong_value() {
        assert!(mount("type=bind,src=/,dst=/h,bind-shiny=1", "/").unwrap_err().unknown);
        assert!(!mount("type=bind,src=/", "/").unwrap_err().unknown);
    }
}
