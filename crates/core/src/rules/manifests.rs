//! Whether an installation of dependencies has anything to fetch: what the files of the context that name them say.

use crate::host::Host;

/// Whether a manifest is there and names nothing that would be installed. One that is not there or cannot be read may name anything.
pub fn names_nothing(path: &str, host: &dyn Host) -> bool {
    let Some(text) = host.read(path).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { return false };
    let text = text.trim_start_matches('\u{feff}');
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    match path.rsplit('/').next().unwrap_or_default() {
        "package.json" => {
            let lists = [
                "dependencies",
                "devDependencies",
                "optionalDependencies",
                "peerDependencies",
                "bundleDependencies",
                "bundledDependencies",
                "workspaces",
            ];
            json(text, &lists, |_| true)
        }
        "composer.json" => json(text, &["require", "require-dev"], |name| {
            name != "php" && !name.starts_with("php-") && !name.starts_with("ext-") && !name.starts_with("lib-")
        }),
        "go.mod" => !lines().any(|line| line.starts_with("require") || line.starts_with("tool")),
        "Gemfile" => {
            lines().all(|line| line.starts_with('#') || line.starts_with("source") || line.starts_with("ruby"))
        }
        "Cargo.toml" => table(text, |table| {
            let lists = ["dependencies", "dev-dependencies", "build-dependencies"];
            let is_empty =
                |name: &str| table.get(name).is_none_or(|list| list.as_table().is_some_and(toml::Table::is_empty));
            lists.into_iter().all(is_empty) && table.get("target").is_none() && table.get("workspace").is_none()
        }),
        "pyproject.toml" => table(text, |table| {
            let get = |path: &[&str]| {
                path.iter().try_fold(table.get(*path.first()?)?, |value, key| {
                    if Some(key) == path.first() { Some(value) } else { value.get(*key) }
                })
            };
            let is_empty = |path: &[&str]| {
                get(path).is_none_or(|list| match list {
                    toml::Value::Array(list) => list.is_empty(),
                    toml::Value::Table(list) => list.keys().all(|name| name == "python"),
                    _ => false,
                })
            };
            let lists: &[&[&str]] = &[
                &["project", "dependencies"],
                &["project", "optional-dependencies"],
                &["project", "dynamic"],
                &["dependency-groups"],
                &["tool", "poetry", "dependencies"],
                &["tool", "poetry", "dev-dependencies"],
                &["tool", "poetry", "group"],
                &["tool", "uv", "dev-dependencies"],
            ];
            lists.iter().all(|path| is_empty(path))
        }),
        name if name.ends_with(".csproj") => {
            !text.contains("<PackageReference") && !text.contains("<ProjectReference") && text.contains("<Project")
        }
        name if name.ends_with(".txt") || name.ends_with(".in") => {
            let is_option = |line: &str| line.starts_with("--") && !line.starts_with("--requirement");
            lines().all(|line| line.starts_with('#') || is_option(line))
        }
        _ => false,
    }
}

/// Whether none of these lists of an object in JSON has a name that counts.
fn json(text: &str, lists: &[&str], counts: fn(&str) -> bool) -> bool {
    let Ok(serde_json::Value::Object(manifest)) = serde_json::from_str(text) else { return false };
    lists.iter().all(|list| match manifest.get(*list) {
        None => true,
        Some(serde_json::Value::Object(names)) => !names.keys().any(|name| counts(name)),
        Some(serde_json::Value::Array(names)) => names.is_empty(),
        Some(_) => false,
    })
}

fn table(text: &str, names_nothing: impl Fn(&toml::Table) -> bool) -> bool {
    text.parse::<toml::Table>().is_ok_and(|table| names_nothing(&table))
}
