//! The build cache: buildkit's `cache/manager.go` and moby's `builder/builder-next`.

use crate::order::PutInOrder as _;
use crate::plan::freed::total;
use std::collections::{BTreeSet, HashMap};

use super::Simulation;
use crate::plan::filters::Filters;
use crate::plan::inventory::{CacheRecord, ImageLayer, seconds};
use crate::plan::{Item, ObjectKind};

impl<'a> Simulation<'a> {
    pub(super) fn prune_cache(&mut self, all: bool, filters: &Filters, keep: i64) {
        let until = match filters.until(self.inventory.now) {
            Ok(until) => until,
            Err(why) => {
                self.plan.unclear.push(format!("the engine will refuse this: {why}"));
                return;
            }
        };
        let inventory = self.inventory;
        // Images that go first set free what only they shared.
        let freed_by_images = self.unshared();
        let mut gone: BTreeSet<&str> = BTreeSet::new();
        // How many records that are there stand on each.
        let mut children: HashMap<&str, usize> = HashMap::new();
        for parent in inventory.cache.iter().flat_map(CacheRecord::parents) {
            *children.entry(parent).or_default() += 1;
        }
        let fits = |record: &CacheRecord| {
            let shared = record.shared && !freed_by_images.contains(record.id.as_str());
            let plain = all || !shared && !matches!(record.kind.as_str(), "internal" | "frontend");
            let used = record.last_used_at.as_deref().and_then(seconds);
            let old = until.is_none_or(|until| used.is_none_or(|used| used <= until));
            plain && old && !record.in_use && cache_filter(record, filters)
        };
        let mut left = total(inventory.cache.iter().filter(|record| !record.shared).map(|record| record.size));
        loop {
            // Leaves first: a record with one that stands on it is in use.
            let records = inventory.cache.iter().enumerate();
            let mut ready: Vec<(usize, &CacheRecord)> = records
                .filter(|(_, record)| {
                    let id = record.id.as_str();
                    !gone.contains(id) && children.get(id).is_none_or(|count| *count == 0) && fits(record)
                })
                .collect();
            if ready.is_empty() || keep > 0 && left < keep {
                break;
            }
            if keep > 0 {
                // Down to what is to stay, the longest unused first.
                ready.put_in_order_by(|(_, one), (_, other)| {
                    let used = |it: &CacheRecord| it.last_used_at.as_deref().and_then(seconds).unwrap_or(0.0);
                    used(one).total_cmp(&used(other))
                });
                ready.truncate(1);
            }
            for (at, record) in ready {
                gone.insert(record.id.as_str());
                for parent in record.parents() {
                    children.entry(parent).and_modify(|count| *count -= 1);
                }
                left = left.saturating_sub(record.size);
                self.cache.insert(at);
                let name = record.description.lines().next().unwrap_or_default();
                let item = Item {
                    size: Some(record.size),
                    created: seconds(&record.created_at).map(|time| time as i64),
                    used: record.last_used_at.as_deref().and_then(seconds).map(|time| time as i64),
                    ..self.item(ObjectKind::BuildCache, &record.id, name, "no build uses it now")
                };
                self.plan.deletes.push(item);
            }
        }
    }

    /// Records that are shared with images that go, and with none that stays. The engine does not say which layer a
    /// record is; its step's words are those of the layer, and of several with the same words the nearest in size is meant.
    fn unshared(&self) -> BTreeSet<&'a str> {
        let inventory = self.inventory;
        // Each layer once, and whether it stays.
        let mut layers: HashMap<&str, (&ImageLayer, bool)> = HashMap::new();
        for (at, image) in inventory.images.iter().enumerate() {
            for layer in image.layers.iter().flatten() {
                layers.entry(&layer.chain).or_insert((layer, false)).1 |= !self.images.is_gone(at);
            }
        }
        let free = inventory.cache.iter().filter(|record| record.shared).filter(|record| {
            let step = step_of(&record.description);
            let same_step = layers.values().filter(|(layer, _)| !step.is_empty() && step_of(&layer.made_by) == step);
            let nearest = same_step.min_by_key(|(layer, _)| (layer.files - record.size).abs());
            match nearest {
                Some((_, stays)) => !stays,
                // The step's words are not the same everywhere; its bytes are.
                None => {
                    let mut same_size = layers.values().filter(|(layer, _)| layer.files == record.size).peekable();
                    same_size.peek().is_some() && same_size.all(|(_, stays)| !stays)
                }
            }
        });
        free.map(|record| record.id.as_str()).collect()
    }
}

/// moby `builder/builder-next/builder.go`, `cacheFields`.
fn cache_filter(record: &CacheRecord, filters: &Filters) -> bool {
    let equals = |name: &str, text: &str| filters.all(name).all(|value| value == text);
    let id = filters.all("id").all(|value| record.id.contains(value));
    let parent = filters.all("parent").all(|value| record.parents().any(|parent| parent == value));
    let flag = |name: &str, is: bool| {
        filters.all(name).all(|value| crate::grammar::values::bool(value).unwrap_or(value.is_empty()) == is)
    };
    id && parent
        && equals("type", &record.kind)
        && equals("description", &record.description)
        && flag("inuse", record.in_use)
        && flag("shared", record.shared)
        && flag("private", !record.shared)
}

/// The step behind a layer or a record, in the words that both have: `RUN /bin/sh -c make # buildkit` and
/// `mount / from exec /bin/sh -c make`, `COPY a /b # buildkit` and `[3/4] COPY a /b`.
fn step_of(text: &str) -> &str {
    let text = text.trim().trim_end_matches("# buildkit").trim();
    let text = match text.split_once("] ") {
        Some((before, rest)) if before.starts_with('[') => rest,
        _ => text,
    };
    text.trim_start_matches("mount / from exec ").trim_start_matches("RUN ")
}
