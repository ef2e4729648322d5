//! How much space keeping will need, and what an undo will not restore. It is found out before the question, so that the question can say it.

use std::collections::HashMap;
use std::time::Duration;

use fender_core::plan::{Keeping, ObjectKind, Plan, Recoverable};
use serde_json::Value;

use super::settings::{list, text};
use crate::engine::connection::Connection;
use crate::engine::paths;

/// How long the engine may take for it: only words depend on it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Measured: bytes in a second from a local engine through compression to the disk, and over a network.
const LOCAL: u64 = 100_000_000;
const REMOTE: u64 = 10_000_000;
/// Measured: milliseconds for a commit, and for a container through which a volume is read.
const COMMIT: u64 = 500;
const HELPER: u64 = 250;

/// Estimates time and room for what the plan promises to keep, and adds what does not come back.
pub fn foresee(connection: &Connection, plan: &mut Plan, is_local: bool) {
    let kept: Vec<usize> =
        (0..plan.deletes.len()).filter(|at| plan.deletes[*at].recoverable == Recoverable::Trash).collect();
    let containers = plan.of(ObjectKind::Container).next().is_some();
    let asked = connection.within(PATIENCE, async {
        if !containers {
            return Ok((Value::Null, Value::Null));
        }
        let all: Value = connection.client.get(paths::CONTAINERS).await?;
        let images: Value = connection.client.get(paths::IMAGES).await?;
        Ok((all, images))
    });
    let (all, images) = asked.unwrap_or_default();
    let sizes: HashMap<String, u64> = list(&images, "")
        .iter()
        .filter_map(|image| Some((text(image, "Id").to_owned(), image.get("Size")?.as_u64()?)))
        .collect();
    let all = list(&all, "");
    let (mut bytes, mut read, mut milliseconds) = (0_u64, 0_u64, 0_u64);
    for at in &kept {
        let item = &plan.deletes[*at];
        let size = u64::try_from(item.size.unwrap_or(0)).unwrap_or(0);
        bytes = bytes.saturating_add(size);
        read = read.saturating_add(size);
        match item.kind {
            // The engine sends a container's own layer with all the layers of its image.
            ObjectKind::Container if item.size != Some(0) => {
                let own = all.iter().find(|it| text(it, "Id") == item.id);
                let base = own.and_then(|it| sizes.get(text(it, "ImageID"))).copied().unwrap_or(0);
                read = read.saturating_add(base);
                milliseconds += COMMIT;
            }
            ObjectKind::Volume => milliseconds += HELPER,
            _ => {}
        }
    }
    let rate = if is_local { LOCAL } else { REMOTE };
    plan.keeping = Keeping { seconds: read / rate + milliseconds / 1000, bytes };
    namespaces(plan, &all);
}

/// A container that shares another's network names it by its id, which does not come back.
fn namespaces(plan: &mut Plan, all: &[Value]) {
    let mode = |it: &Value| {
        let mode = it.pointer("/HostConfig/NetworkMode").and_then(Value::as_str).unwrap_or_default();
        mode.strip_prefix("container:").map(str::to_owned)
    };
    let name = |it: &Value| {
        let name = it.pointer("/Names/0").and_then(Value::as_str).unwrap_or_default();
        name.trim_start_matches('/').to_owned()
    };
    let going: HashMap<String, String> =
        plan.of(ObjectKind::Container).map(|item| (item.id.clone(), item.name.clone())).collect();
    for it in all {
        let Some(other) = mode(it) else { continue };
        let is_going = going.contains_key(text(it, "Id"));
        if let Some(needed) = going.get(&other).filter(|_| !is_going) {
            plan.warnings.push(format!(
                "container {} uses the network of {needed} by its id: it cannot start again, also after an undo, and has to be \
                 created again",
                name(it)
            ));
        }
        let there = all.iter().any(|it| text(it, "Id") == other || name(it) == other);
        if is_going && !there {
            let lost = plan.deletes.iter_mut().filter(|item| item.id == text(it, "Id"));
            for item in lost.filter(|item| item.recoverable == Recoverable::Trash) {
                item.recoverable = Recoverable::No;
                item.not_kept =
                    Some("it uses the network of a container that is gone, so it cannot be created again".to_owned());
            }
        }
    }
}
