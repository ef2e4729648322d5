//! A plan as text: the objects that matter most, counts for the rest, what is kept and what is skipped.

use fender_core::order::PutInOrder as _;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::screen::{Screen, cut, list, shown, width};
use fender_core::plan::{Change, ChangeKind, Item, ItemChange, ObjectKind, Plan, Recoverable, Step};
use fender_core::text::{bytes, count, named};

/// So many are named in a sentence; more are counted.
const NAMED: usize = 3;
/// So many objects are shown one by one.
pub const SHOWN: usize = 8;
/// What keeping takes is said from here on: seconds, and bytes.
const LONG: u64 = 5;
const MUCH: u64 = 1_000_000_000;
/// What is at least this large matters, in bytes.
const LARGE: i64 = 500_000_000;
/// What was made or used in the last days matters, in seconds.
const LATELY: i64 = 3 * 86_400;

/// Everything, in lines.
pub fn whole(plan: &Plan, screen: &Screen, now: i64) -> String {
    text(plan, screen, now, usize::MAX)
}

/// So many of the objects; the rest is counted.
pub fn some(plan: &Plan, screen: &Screen, now: i64, most: usize) -> String {
    text(plan, screen, now, most)
}

/// What fits on a screen.
pub fn brief(plan: &Plan, screen: &Screen, now: i64) -> String {
    text(plan, screen, now, SHOWN)
}

/// Whether `brief` leaves anything out.
pub fn is_long(plan: &Plan) -> bool {
    plan.deletes.len() > SHOWN
        || [plan.skipped.len(), plan.warnings.len(), plan.unclear.len()].iter().any(|len| *len > NAMED)
}

fn text(plan: &Plan, screen: &Screen, now: i64, most: usize) -> String {
    let mut out = String::new();
    let (mut replaced, mut perhaps): (Vec<&Item>, Vec<&Item>) =
        plan.replaced().partition(|item| item.change == ItemChange::Replaced);
    out.push_str(&replacing("replaces", &mut replaced, screen, now, most));
    out.push_str(&replacing("may replace", &mut perhaps, screen, now, most));
    let removed: Vec<&Item> = plan.deletes.iter().filter(|item| item.change == ItemChange::Removed).collect();
    if !removed.is_empty() {
        let counts = counts(removed.iter().copied());
        let parts: Vec<&str> = counts.iter().map(String::as_str).collect();
        let head = match plan.unmeasured {
            true => list(&parts),
            false => format!("{}; {}", list(&parts), frees(plan)),
        };
        out.push_str(&screen.filled("  deletes  ", &head));
    } else if plan.replaced().next().is_none() && plan.changes.is_empty() {
        out.push_str("  deletes nothing\n");
    }
    let (matter, rest) = sorted_out(removed, now, most);
    let widest = matter.iter().map(|item| width(&shown(&name(item)))).max().unwrap_or(0).min(40);
    for item in &matter {
        out.push_str(&line(item, screen, now, widest, plan.lost().count() > NAMED));
    }
    for text in summed(&rest) {
        out.push_str(&screen.filled("    ", &text));
    }
    let few = if most == usize::MAX { most } else { most.min(NAMED) };
    out.push_str(&other_changes(plan, screen, now, if most == usize::MAX { most } else { NAMED }));
    out.push_str(&rows(screen, "  also     ", few, plan.warnings.iter().map(|text| shown(text))));
    out.push_str(&kept(plan, screen));
    let protected = plan.skipped.iter().filter(|it| it.protected);
    let protected = protected.map(|it| shown(&format!("{} {}, protected: {}", it.kind.name(), it.name, it.reason)));
    out.push_str(&rows(screen, "  skips    ", few, protected));
    let stay = plan.skipped.iter().filter(|it| !it.protected);
    let stay = stay.map(|it| shown(&format!("{} {}: {}", it.kind.name(), it.name, it.reason)));
    out.push_str(&rows(screen, "  skips    ", few, stay));
    out.push_str(&rows(screen, "  unclear  ", few, plan.unclear.iter().map(|text| shown(text))));
    // That compose does what the command is for goes without saying.
    let makes = plan.steps.iter().any(|step| matches!(step, Step::Compose(change) if change.makes.is_some()));
    if let Some(why) = plan.by_docker.as_ref().filter(|_| !makes) {
        out.push_str(&screen.filled(
            "  note     ",
            &format!("docker itself does this and also deletes what appears until then: {why}"),
        ));
    }
    out
}

/// What a question left open, and is known by now: `fender: volume data is 31 MB; this frees 31.4 GB`.
pub fn filled_in(before: &Plan, now: &Plan, screen: &Screen) -> String {
    let unmeasured = |item: &&Item| {
        let same = |other: &&Item| other.kind == item.kind && other.id == item.id;
        item.kind == ObjectKind::Volume && before.deletes.iter().find(same).is_some_and(|other| other.size.is_none())
    };
    let volumes: Vec<&Item> = now.deletes.iter().filter(unmeasured).collect();
    let mut texts: Vec<String> = volumes
        .iter()
        .take(NAMED)
        .map(|item| match item.size {
            Some(size) => format!("volume {} is {}", name(item), bytes(size)),
            None => format!("the engine does not say how large volume {} is", name(item)),
        })
        .collect();
    if volumes.len() > NAMED {
        let rest = volumes.iter().skip(NAMED).filter_map(|item| item.size).fold(0, i64::saturating_add);
        texts.push(format!("{} more volumes are {}", volumes.len() - NAMED, bytes(rest)));
    }
    texts.push(format!("this {}", frees(now)));
    if now.keeping != before.keeping
        && let Some(text) = keeping(now)
    {
        texts.push(format!("it takes {text}"));
    }
    screen.filled("fender: ", &shown(&texts.join("; ")))
}

/// What keeping takes, from a few seconds on.
fn keeping(plan: &Plan) -> Option<String> {
    (plan.keeping.seconds > LONG || plan.keeping.bytes > MUCH).then(|| {
        let bytes = bytes(i64::try_from(plan.keeping.bytes).unwrap_or(i64::MAX));
        format!("about {} and up to {bytes} on this disk to keep it", time(plan.keeping.seconds))
    })
}

/// `frees 31.4 GB`, or the least that it can be.
pub fn frees(plan: &Plan) -> String {
    let least = if plan.unreckoned.is_some() { "at least " } else { "" };
    format!("frees {least}{}", bytes(plan.frees))
}

/// What is replaced, the largest loss first, with the reason, since when it runs and what goes with it.
fn replacing(verb: &str, sorted: &mut [&Item], screen: &Screen, now: i64, most: usize) -> String {
    if sorted.is_empty() {
        return String::new();
    }
    sorted.put_in_order_by_key(|item| (weight(item, now), std::cmp::Reverse(item.size.unwrap_or(0)), item.kind));
    let counts = counts(sorted.iter().copied());
    let parts: Vec<&str> = counts.iter().map(String::as_str).collect();
    let mut out = screen.filled(&format!("  {verb} "), &list(&parts));
    let widest = sorted.iter().take(most).map(|item| width(&shown(&name(item)))).max().unwrap_or(0).min(40);
    for item in sorted.iter().take(most) {
        out.push_str(&line(item, screen, now, widest, true));
    }
    if sorted.len() > most {
        out.push_str(&screen.filled("    ", &format!("and {} more", sorted.len() - most)));
    }
    out
}

/// A row for each kind of change besides deletions: `restarts container web, running for 3 days`.
fn other_changes(plan: &Plan, screen: &Screen, now: i64, most: usize) -> String {
    let mut out = String::new();
    for kind in ChangeKind::ALL {
        let changes: Vec<&Change> = plan.changes.iter().filter(|change| change.change == kind).collect();
        if changes.is_empty() {
            continue;
        }
        let mut texts: Vec<String> = changes.iter().take(most).map(|change| change_text(change, now)).collect();
        if changes.len() > most {
            texts.push(format!("{} more", changes.len() - most));
        }
        let head = format!("  {:<9}", kind.verb());
        out.push_str(
            &screen.filled(&format!("{head}{}", if head.ends_with(' ') { "" } else { " " }), &shown(&texts.join("; "))),
        );
    }
    out
}

/// `container web, running for 3 days`.
fn change_text(change: &Change, now: i64) -> String {
    let mut text = format!("{} {}", kind_name(change.kind), change.name);
    if let Some(since) = change.since {
        let _ = write!(text, ", running for {}", span(u64::try_from(now - since).unwrap_or(0)));
    }
    if !change.reason.is_empty() {
        let _ = write!(text, ": {}", change.reason);
    }
    if let Some(sentence) = change.downtime.as_ref().and_then(|it| it.sentence(change.change)) {
        let _ = write!(text, ", {sentence}");
    }
    text
}

/// A row for each text, and the number of those that are too many.
fn rows(screen: &Screen, head: &str, most: usize, texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    let mut out: String = texts.iter().take(most).map(|text| screen.filled(head, text)).collect();
    if texts.len() > most {
        out.push_str(&screen.filled(head, &format!("and {} more", texts.len() - most)));
    }
    out
}

/// `3 containers`, `23 images`, `1 network`, `build cache`.
fn counts<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<String> {
    let mut numbers: BTreeMap<ObjectKind, usize> = BTreeMap::new();
    for item in items {
        *numbers.entry(item.kind).or_default() += 1;
    }
    numbers.into_iter().map(|(kind, number)| counted(kind, number)).collect()
}

fn counted(kind: ObjectKind, number: usize) -> String {
    match kind {
        ObjectKind::BuildCache => count(number, "record").replacen("record", "build cache record", 1),
        ObjectKind::Tag => {
            format!("{} of {} that stay", count(number, "tag"), if number == 1 { "an image" } else { "images" })
                .replace("an image that stay", "an image that stays")
        }
        kind => count(number, kind.name()),
    }
}

/// The objects that matter most, the worst loss first, and the others.
fn sorted_out(mut sorted: Vec<&Item>, now: i64, most: usize) -> (Vec<&Item>, Vec<&Item>) {
    if sorted.len() <= most {
        return (sorted, Vec::new());
    }
    sorted.put_in_order_by_key(|item| (weight(item, now), std::cmp::Reverse(item.size.unwrap_or(0)), item.kind));
    let mut replaceable = 0;
    let (mut matter, mut rest) = (Vec::new(), Vec::new());
    for item in sorted {
        // What a registry or the next build gives back is mostly a number.
        let weight = weight(item, now);
        replaceable += usize::from(weight >= REPLACEABLE);
        let shown = matter.len() < most && weight < UNIMPORTANT && replaceable <= EXAMPLES;
        if shown { matter.push(item) } else { rest.push(item) }
    }
    (matter, rest)
}

/// From here on it can be had again.
const REPLACEABLE: u8 = 3;
/// Nobody has to see these one by one.
const UNIMPORTANT: u8 = 5;
/// So many of the replaceable ones are shown.
const EXAMPLES: usize = 2;

fn weight(item: &Item, now: i64) -> u8 {
    let lately = item.used.or(item.created).is_some_and(|time| now - time < LATELY);
    match (item.recoverable, item.kind) {
        (_, ObjectKind::BuildCache) => UNIMPORTANT,
        (Recoverable::No, _) => 0,
        (Recoverable::Trash, ObjectKind::Volume | ObjectKind::Container | ObjectKind::Image) => 1,
        (Recoverable::Trash, _) => 2,
        _ if item.size.unwrap_or(0) >= LARGE => REPLACEABLE,
        _ if lately => REPLACEABLE + 1,
        _ => UNIMPORTANT,
    }
}

fn name(item: &Item) -> String {
    match item.kind {
        ObjectKind::Image if item.tags.is_empty() => {
            format!("<none> {}", fender_core::plan::inventory::short(&item.id))
        }
        // An anonymous volume's 64 digits say nothing.
        ObjectKind::Volume if item.name.len() == 64 => fender_core::plan::inventory::short(&item.name).to_owned(),
        ObjectKind::BuildCache => fender_core::plan::inventory::short(&item.id).to_owned(),
        _ => item.name.clone(),
    }
}

fn line(item: &Item, screen: &Screen, now: i64, widest: usize, says_why: bool) -> String {
    let size = match (item.kind, item.size) {
        (ObjectKind::Network | ObjectKind::Tag | ObjectKind::Service | ObjectKind::Secret | ObjectKind::Config, _) => {
            String::new()
        }
        (_, Some(size)) => bytes(size),
        (ObjectKind::Volume, None) if item.recoverable == Recoverable::Trash => "size not known yet".to_owned(),
        (_, None) => "size unknown".to_owned(),
    };
    let mut about: Vec<String> = Vec::new();
    if item.kind == ObjectKind::Container && item.size.unwrap_or(0) > 0 {
        about.push("in its own layer".to_owned());
    }
    if item.kind == ObjectKind::BuildCache {
        about.push(cut(&item.name, 60));
    }
    about.extend(item.about.iter().cloned());
    if item.change != ItemChange::Removed {
        about.push(item.reason.clone());
        about.extend(item.downtime.as_ref().and_then(|it| it.sentence(ChangeKind::Replace)));
    }
    if item.tags.len() > 1 {
        about.push(format!("also {}", named(&item.tags[1..])));
    }
    if let Some(used) = item.used {
        about.push(format!("used {}", ago(now - used)));
    } else if let Some(created) = item.created
        && item.kind != ObjectKind::Container
    {
        about.push(format!("made {}", ago(now - created)));
    }
    if let Some(why) = item.not_kept.as_ref().filter(|_| says_why) {
        about.push(format!("not kept: {why}"));
    }
    let shown_name = cut(&shown(&name(item)), screen.width.saturating_sub(15).max(12));
    let blanks = " ".repeat(widest.saturating_sub(width(&shown_name)));
    let head = format!("    {:<9}  {shown_name}{blanks}  {size:>8}  ", kind_name(item.kind));
    let long = width(&head) > screen.width.min(80) * 5 / 8;
    let text = shown(&about.join(", "));
    if long {
        let mut out = format!("    {:<9}  {shown_name}  {size}\n", kind_name(item.kind)).replace("  \n", "\n");
        let indent = if screen.is_narrow_behind(15) { 6 } else { 15 };
        out.push_str(&screen.dim(&screen.filled(&" ".repeat(indent), &text)));
        return out;
    }
    screen.filled(&head, &text)
}

fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::BuildCache => "cache",
        kind => kind.name(),
    }
}

/// What is not shown one by one, in one line for each thing that can be said of it.
fn summed(rest: &[&Item]) -> Vec<String> {
    let mut groups: BTreeMap<(ObjectKind, &str), (usize, i64)> = BTreeMap::new();
    for item in rest {
        let what = match (item.kind, item.recoverable) {
            (ObjectKind::Image, Recoverable::Pull) => "can be pulled again",
            (ObjectKind::Image, _) => "exist only here",
            (ObjectKind::Container | ObjectKind::Volume, Recoverable::No) => "cannot be kept",
            _ => "",
        };
        let group = groups.entry((item.kind, what)).or_default();
        group.0 += 1;
        group.1 += item.size.unwrap_or(0);
    }
    groups
        .into_iter()
        .map(|((kind, what), (number, size))| {
            let counted = counted(kind, number);
            let mut text = match counted.split_once(' ') {
                Some((number, noun)) => format!("{number} more {noun}"),
                None => counted,
            };
            if !what.is_empty() {
                let _ = write!(
                    text,
                    ", which {}",
                    if number == 1 { what.replacen("exist ", "exists ", 1) } else { what.to_owned() }
                );
            }
            if size > 0 {
                let _ = write!(text, ", {}", bytes(size));
            }
            text
        })
        .collect()
}

/// What the trash keeps, and what it cannot.
fn kept(plan: &Plan, screen: &Screen) -> String {
    let mut out = String::new();
    let trashed: Vec<&Item> = plan.deletes.iter().filter(|item| item.recoverable == Recoverable::Trash).collect();
    if !trashed.is_empty() {
        let counted = counts(trashed.iter().copied());
        let parts: Vec<&str> = counted.iter().map(String::as_str).collect();
        let what = if trashed.len() <= NAMED {
            let names: Vec<String> = trashed.iter().map(|item| name(item)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            list(&names)
        } else {
            list(&parts)
        };
        out.push_str(
            &screen.filled("  keeps    ", &shown(&format!("{what} for {} (fender undo)", span(plan.kept_for)))),
        );
    }
    if let Some(text) = keeping(plan) {
        out.push_str(&screen.filled("  takes    ", &text));
    }
    let lost: Vec<&Item> = plan.lost().collect();
    if !lost.is_empty() {
        let mut reasons: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        for item in &lost {
            reasons.entry(item.not_kept.as_deref().unwrap_or("it cannot be")).or_default().push(item);
        }
        for (why, items) in reasons {
            let what = if items.len() <= NAMED {
                items.iter().map(|item| name(item)).collect::<Vec<_>>().join(", ")
            } else {
                counts(items.iter().copied()).join(", ")
            };
            let text = format!("{}: {why}", shown(&what));
            out.push_str(&screen.filled("  loses    ", &text).replacen("loses", &screen.marked("loses"), 1));
        }
    }
    out
}

/// A duration in one unit.
fn time(seconds: u64) -> String {
    match seconds {
        0..120 => count(usize::try_from(seconds.max(1)).unwrap_or(0), "second"),
        _ => count(usize::try_from(seconds.div_ceil(60)).unwrap_or(0), "minute"),
    }
}

/// A span of time in one unit.
fn span(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    count(usize::try_from(number).unwrap_or(0), unit)
}

/// A time that has passed, in one unit.
pub fn ago(seconds: i64) -> String {
    let (number, unit) = match seconds {
        i64::MIN..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", count(usize::try_from(number).unwrap_or(0), unit))
}
