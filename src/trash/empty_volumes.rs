//! Volumes that are empty stay empty. Into an empty volume docker copies what the image has at its path when a container is
//! created (moby `daemon/create_unix.go`, populateVolumes), and gives it the owner and the mode of the image's folder.

use hyper::Method;
use serde_json::{Value, json};

use super::restore::Restoration;
use super::settings::{Made, list, text, texts};
use super::{archive, helper};
use crate::engine::connection::{nothing, whole};
use crate::engine::paths;
use fender_core::api::EngineProblem;

/// A volume's root folder, to be put back as it was: the volume's name, and an archive of the folder alone.
pub(super) type RootFolder = (String, Vec<u8>);

/// The named volumes of a request into which the engine would copy, each with its path.
fn copied_into(body: &Value) -> Vec<(String, String)> {
    let host = body.get("HostConfig").unwrap_or(&Value::Null);
    let bound = texts(host, "/Binds").into_iter().filter_map(|bind| {
        let mut parts = bind.splitn(3, ':');
        let (name, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let copies = parts.next().is_none_or(|options| !options.split(',').any(|option| option == "nocopy"));
        (copies && !name.starts_with('/')).then_some((name, target))
    });
    let mounted = list(host, "/Mounts").into_iter().filter_map(|mount| {
        let copies = mount.pointer("/VolumeOptions/NoCopy").and_then(Value::as_bool) != Some(true);
        let (name, target) = (text(&mount, "Source").to_owned(), text(&mount, "Target").to_owned());
        (copies && text(&mount, "Type") == "volume" && !name.is_empty()).then_some((name, target))
    });
    bound.chain(mounted).collect()
}

/// The same request, in which nothing is copied into this volume.
fn without_copy(body: &mut Value, name: &str, target: &str) {
    let Some(host) = body.get_mut("HostConfig") else { return };
    for bind in host.get_mut("Binds").and_then(Value::as_array_mut).into_iter().flatten() {
        let old = bind.as_str().unwrap_or_default().to_owned();
        let plain = format!("{name}:{target}");
        if old == plain {
            *bind = format!("{plain}:nocopy").into();
        } else if old.strip_prefix(&plain).is_some_and(|rest| rest.starts_with(':')) {
            *bind = format!("{old},nocopy").into();
        }
    }
    for mount in host.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        if text(mount, "Source") == name && text(mount, "Target") == target {
            if !mount.get("VolumeOptions").is_some_and(Value::is_object) {
                mount["VolumeOptions"] = json!({});
            }
            mount["VolumeOptions"]["NoCopy"] = true.into();
        }
    }
}

impl Restoration<'_> {
    /// Changes a request so that volumes that are empty stay so, and says which root folders are to be put back afterwards.
    pub(super) async fn empty_volumes(&self, made: &mut Made, image: &str) -> Result<Vec<RootFolder>, EngineProblem> {
        let mut empty = Vec::new();
        for (name, target) in copied_into(&made.body) {
            if self.exists(&paths::volume(&name)).await?
                && let Some(folder) = self.root_folder(&name).await?
            {
                empty.push((name, target, folder));
            }
        }
        if empty.is_empty() {
            return Ok(Vec::new());
        }
        let bare = json!({
            "Image": image, "Cmd": ["never"], "NetworkDisabled": true,
            "HostConfig": {"NetworkMode": "none", "AutoRemove": true},
        });
        let bare = self.helpers.create_named(None, &bare).await?;
        let mut folders = Vec::new();
        let mut outcome = Ok(());
        for (name, target, folder) in empty {
            match self.image_has(&bare, &target).await {
                Ok(ImagePath::Nothing) => {}
                Ok(ImagePath::EmptyFolder) => folders.push((name, folder)),
                Ok(ImagePath::Files) => {
                    without_copy(&mut made.body, &name, &target);
                    made.notes.push(format!("its volume {name} is empty and stays so: it is mounted with nocopy"));
                }
                Err(problem) => outcome = Err(problem),
            }
        }
        helper::remove_container(&self.client, &bare).await;
        outcome.map(|()| folders)
    }

    /// Gives each volume the root folder that it had.
    pub(super) async fn put_back(&self, folders: Vec<RootFolder>) -> Result<(), EngineProblem> {
        for (name, folder) in folders {
            let container = self.helper_with(&name, false).await?;
            let path = paths::unpack(&container);
            let outcome = self.send(Method::PUT, &path, whole(folder)).await;
            helper::remove_container(&self.client, &container).await;
            outcome?;
        }
        Ok(())
    }

    /// An archive of a volume's root folder, where that is all that the volume has.
    async fn root_folder(&self, volume: &str) -> Result<Option<Vec<u8>>, EngineProblem> {
        let container = self.helper_with(volume, true).await?;
        let outcome = self.folder_alone(&container, "/v").await;
        helper::remove_container(&self.client, &container).await;
        outcome
    }

    async fn folder_alone(&self, container: &str, path: &str) -> Result<Option<Vec<u8>>, EngineProblem> {
        let path = paths::files(container, path);
        archive::only_entry(self.client.send(Method::GET, &path, nothing(), None).await?).await
    }

    /// What the image has at the path of a volume; links are followed.
    async fn image_has(&self, bare: &str, target: &str) -> Result<ImagePath, EngineProblem> {
        match self.folder_alone(bare, &format!("{}/.", target.trim_end_matches('/'))).await {
            Ok(Some(_)) => Ok(ImagePath::EmptyFolder),
            Ok(None) => Ok(ImagePath::Files),
            Err(problem) if problem.is(404) => Ok(ImagePath::Nothing),
            Err(problem) => Err(problem),
        }
    }
}

enum ImagePath {
    Nothing,
    EmptyFolder,
    Files,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_be_copied_into_is_changed() {
        let mut body = json!({"HostConfig": {
            "Binds": ["a:/a", "b:/b:ro", "c:/c:nocopy", "/host:/d", "a:/aa"],
            "Mounts": [
                {"Type": "volume", "Source": "e", "Target": "/e", "VolumeOptions": null},
                {"Type": "volume", "Source": "f", "Target": "/f", "VolumeOptions": {"NoCopy": true}},
                {"Type": "bind", "Source": "/host", "Target": "/g"}, {"Type": "volume", "Target": "/h"},
            ],
        }});
        let found = copied_into(&body);
        let found: Vec<(&str, &str)> = found.iter().map(|(name, target)| (name.as_str(), target.as_str())).collect();
        assert_eq!(found, [("a", "/a"), ("b", "/b"), ("a", "/aa"), ("e", "/e")]);
        for (name, target) in [("a", "/a"), ("b", "/b"), ("e", "/e")] {
            without_copy(&mut body, name, target);
        }
        assert_eq!(
            body["HostConfig"]["Binds"],
            json!(["a:/a:nocopy", "b:/b:ro,nocopy", "c:/c:nocopy", "/host:/d", "a:/aa"])
        );
        assert_eq!(body["HostConfig"]["Mounts"][0]["VolumeOptions"], json!({"NoCopy": true}));
        assert_eq!(body["HostConfig"]["Mounts"][2], json!({"Type": "bind", "Source": "/host", "Target": "/g"}));
    }
}
