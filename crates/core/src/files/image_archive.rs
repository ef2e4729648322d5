//! The names that an archive of images gives to them: `manifest.json` and `repositories` of `docker save`, `index.json` of an OCI layout.
//! Which of them counts depends on the engine and its image store, so a name in any of them may move. moby `image/tarexport/load.go`,
//! containerd `client/import.go`.

use std::collections::HashMap;

use crate::go_json::{Raw, first_value, names_field};
use crate::grammar::values::{clean, reference};

/// The files in an archive that give names.
pub const NAMING_FILES: &[&str] = &["manifest.json", "repositories", "index.json"];

/// The annotations that hold a name; the second counts where the first is not there.
const NAME_ANNOTATIONS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// What was read of an archive.
#[derive(Clone, Debug, Default)]
pub struct ArchiveFiles {
    /// The files of [`NAMING_FILES`], in whichever folder they are: their name without the folder, and their bytes.
    pub naming: Vec<(String, Vec<u8>)>,
    /// SHA-256 in hexadecimal digits of small files, by their cleaned paths; None for a path that is there more than once, and for what is
    /// no small file and no folder, such as a link.
    pub digests: HashMap<String, Option<String>>,
}

impl ArchiveFiles {
    /// Whether a path leads through something else than folders. What is unpacked behind a link may be written over another file.
    fn leads_through_links(&self) -> bool {
        let folders = |path: &str| path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
        self.digests.keys().any(|path| {
            folders(path).into_iter().filter_map(|end| path.get(..end)).any(|folder| self.digests.contains_key(folder))
        })
    }
}

/// A name that an archive gives to an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveTag {
    /// The tag as an engine lists it.
    pub name: String,
    /// Whether every engine takes the name from this archive.
    pub certain: bool,
    /// Ids of the image in an engine's own store: the digest of its settings. None stands for one that is not known.
    configs: Vec<Option<String>>,
    /// Ids of the image in containerd's store: the digest of its manifest or index.
    manifests: Vec<Option<String>>,
}

impl ArchiveTag {
    /// Whether it is certain that the archive's image is the one with this id in containerd's store, or in an engine's own. An id of one
    /// store says nothing in the other: a list that does not count there can claim any digest.
    pub fn is(&self, id: &str, in_containerd: bool) -> bool {
        let ids = if in_containerd { &self.manifests } else { &self.configs };
        !ids.is_empty() && ids.iter().all(|it| it.as_deref() == Some(id))
    }

    /// The same name for an image that is not known, as where one platform of several is loaded.
    pub fn without_id(mut self) -> ArchiveTag {
        (self.configs, self.manifests) = (Vec::new(), Vec::new());
        self
    }
}

/// The names that an archive gives.
///
/// # Errors
/// One of the files is not as docker writes it, so that a name may be missing here.
pub fn tags(files: &ArchiveFiles) -> Result<Vec<ArchiveTag>, String> {
    let mut tags: Vec<ArchiveTag> = Vec::new();
    if files.naming.is_empty() {
        return Err("it holds no list of images".to_owned());
    }
    let is_plain = !files.leads_through_links();
    for (file, bytes) in &files.naming {
        let wrong = || format!("{file} in it cannot be read");
        let value = first_value(bytes).map_err(|_| wrong())?.ok_or_else(wrong)?;
        match file.as_str() {
            "manifest.json" => manifest(value, is_plain.then_some(&files.digests), &mut tags),
            "repositories" => repositories(value, &mut tags),
            _ => index(value, &mut tags),
        }
        .ok_or_else(wrong)?;
    }
    Ok(tags)
}

/// The list of `docker save`; the digests are None where a path does not say which file is read.
fn manifest(list: Raw, digests: Option<&HashMap<String, Option<String>>>, tags: &mut Vec<ArchiveTag>) -> Option<()> {
    for image in list.items()? {
        let configs = fields(image, "Config")?;
        let config = match configs.as_slice() {
            [one] => one.text().and_then(|path| digests?.get(&clean(&path)).cloned().flatten()),
            _ => None,
        };
        for names in fields(image, "RepoTags")?.into_iter().filter(|it| !it.is_null()) {
            for name in names.items()? {
                if let Some(tag) = named(&name.text()?, tags) {
                    tag.certain = true;
                    tag.configs.push(config.as_ref().map(|digest| format!("sha256:{digest}")));
                }
            }
        }
    }
    Some(())
}

/// The list of old engines: repositories, their tags, the ids of layers.
fn repositories(list: Raw, tags: &mut Vec<ArchiveTag>) -> Option<()> {
    for (repository, names) in list.members()? {
        for (name, _) in names.members()? {
            named(&format!("{repository}:{name}"), tags);
        }
    }
    Some(())
}

/// The index of an OCI layout.
fn index(index: Raw, tags: &mut Vec<ArchiveTag>) -> Option<()> {
    for manifests in fields(index, "manifests")?.into_iter().filter(|it| !it.is_null()) {
        for manifest in manifests.items()? {
            let mut annotations = Vec::new();
            for of_it in fields(manifest, "annotations")?.into_iter().filter(|it| !it.is_null()) {
                annotations.extend(of_it.members()?);
            }
            let values = |name: &str| {
                let of_it = annotations.iter().filter(|(key, _)| key == name);
                of_it.filter_map(|(_, value)| value.text()).filter(|it| !it.is_empty()).collect::<Vec<_>>()
            };
            let digests = fields(manifest, "digest")?;
            let digest = if let [one] = digests.as_slice() { one.text() } else { None };
            let [first, second] = NAME_ANNOTATIONS.map(values);
            for name in if first.is_empty() { second } else { first } {
                if let Some(tag) = named(&name, tags) {
                    tag.manifests.push(digest.clone());
                }
            }
        }
    }
    Some(())
}

/// The fields of this name in an object, as Go finds them; None where it is no object.
fn fields<'a>(object: Raw<'a>, name: &str) -> Option<Vec<Raw<'a>>> {
    let members = object.members()?;
    Some(members.into_iter().filter(|(key, _)| names_field(key, name)).map(|(_, value)| value).collect())
}

/// The place of a name among those that were found. None for what is no name of an image: no engine lists an image by it.
fn named<'a>(text: &str, tags: &'a mut Vec<ArchiveTag>) -> Option<&'a mut ArchiveTag> {
    let name = reference(text).ok()?.familiar_with_tag();
    let at = tags.iter().position(|tag| tag.name == name).unwrap_or_else(|| {
        tags.push(ArchiveTag { name, ..ArchiveTag::default() });
        tags.len() - 1
    });
    tags.get_mut(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(naming: &[(&str, &str)], digests: &[(&str, Option<&str>)]) -> Result<Vec<ArchiveTag>, String> {
        tags(&ArchiveFiles {
            naming: naming.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect(),
            digests: digests.iter().map(|(path, digest)| (clean(path), digest.map(str::to_owned))).collect(),
        })
    }

    fn names(naming: &[(&str, &str)]) -> Result<Vec<String>, String> {
        read(naming, &[]).map(|tags| tags.into_iter().map(|tag| tag.name).collect())
    }

    #[test]
    fn every_name_in_any_list_may_move() {
        let saved =
            r#"[{"Config":"a.json","RepoTags":["app:1","docker.io/library/web:2"]},{"Config":"b","RepoTags":null}]"#;
        assert_eq!(names(&[("manifest.json", saved)]), Ok(vec!["app:1".to_owned(), "web:2".to_owned()]));
        // Go finds a field whatever its case is, and reads the first value of a file.
        let other_case = r#"[{"repotags":["app:1"],"REPOTAGS":["web:2"]}] and more"#;
        assert_eq!(names(&[("manifest.json", other_case)]), Ok(vec!["app:1".to_owned(), "web:2".to_owned()]));
        let old = r#"{"quay.io/app":{"1":"ab","2":"cd"}}"#;
        assert_eq!(names(&[("repositories", old)]), Ok(vec!["quay.io/app:1".to_owned(), "quay.io/app:2".to_owned()]));
        let layout = r#"{"manifests":[
            {"digest":"sha256:aa","annotations":{"io.containerd.image.name":"docker.io/library/app:1","org.opencontainers.image.ref.name":"1"}},
            {"digest":"sha256:bb","annotations":{"org.opencontainers.image.ref.name":"web:2"}},
            {"digest":"sha256:cc"}]}"#;
        assert_eq!(names(&[("index.json", layout)]), Ok(vec!["app:1".to_owned(), "web:2".to_owned()]));
        assert_eq!(names(&[("manifest.json", "[]"), ("index.json", "{}")]), Ok(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_whole_is_an_error_and_not_an_empty_list() {
        assert!(names(&[]).is_err());
        for text in ["", "{", "{}", "[1]", r#"[{"RepoTags":"app:1"}]"#, r#"[{"RepoTags":[1]}]"#, "null"] {
            assert!(names(&[("manifest.json", text)]).is_err(), "{text}");
        }
        for text in ["[]", r#"{"manifests":{}}"#, r#"{"manifests":[1]}"#, r#"{"manifests":[{"annotations":[]}]}"#] {
            assert!(names(&[("index.json", text)]).is_err(), "{text}");
        }
        for text in ["[]", r#"{"app":"1"}"#] {
            assert!(names(&[("repositories", text)]).is_err(), "{text}");
        }
    }

    #[test]
    fn an_image_is_the_same_only_where_everything_says_so() {
        let saved = ("manifest.json", r#"[{"Config":"./blobs/x/../a.json","RepoTags":["app:1"]}]"#);
        let digests: &[(&str, Option<&str>)] = &[("blobs/a.json", Some("aa"))];
        let is = |naming: &[(&str, &str)], digests: &[(&str, Option<&str>)], id: &str, in_containerd: bool| {
            read(naming, digests).is_ok_and(|tags| tags.iter().all(|tag| tag.is(id, in_containerd)))
        };
        assert!(is(&[saved], digests, "sha256:aa", false));
        assert!(!is(&[saved], digests, "sha256:bb", false));
        // The digest is the content's, not the one that the file's name claims, and a path that is there twice has none.
        assert!(!is(&[saved], &[], "sha256:aa", false));
        assert!(!is(&[saved], &[("blobs/a.json", None)], "sha256:aa", false));
        let twice = r#"[{"Config":"a","RepoTags":["app:1"]},{"Config":"b","RepoTags":["app:1"]}]"#;
        assert!(!is(&[("manifest.json", twice)], &[("a", Some("aa")), ("b", Some("bb"))], "sha256:aa", false));
        // A file that is unpacked behind a link can be this one.
        assert!(is(&[saved], &[digests[0], ("other/a.json", Some("bb"))], "sha256:aa", false));
        assert!(!is(&[saved], &[digests[0], ("other", None), ("other/a.json", Some("bb"))], "sha256:aa", false));
        assert!(!is(&[saved], &[digests[0], ("blobs", None)], "sha256:aa", false));
        let layout = r#"{"manifests":[{"digest":"sha256:cc","annotations":{"io.containerd.image.name":"docker.io/library/app:1"}}]}"#;
        let both = [saved, ("index.json", layout)];
        assert!(is(&both, digests, "sha256:cc", true) && is(&both, digests, "sha256:aa", false));
        // A list claims what it likes where another one counts.
        assert!(!is(&both, digests, "sha256:cc", false) && !is(&both, digests, "sha256:aa", true));
        assert!(!is(&[("index.json", layout)], digests, "sha256:aa", true));
    }
}
