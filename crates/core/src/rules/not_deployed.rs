//! Images that nobody deploys: for tests, checks and developers.

use crate::files::dockerfile::Dockerfile;

/// Parts of the names of stages and files that say it.
const NAMES: &[&str] = &[
    "bench",
    "benchmark",
    "benchmarks",
    "check",
    "checks",
    "ci",
    "coverage",
    "debug",
    "dev",
    "devcontainer",
    "devel",
    "develop",
    "development",
    "docs",
    "e2e",
    "fmt",
    "format",
    "integrationtest",
    "lint",
    "linter",
    "linting",
    "shellcheck",
    "smoketest",
    "test",
    "tester",
    "testing",
    "tests",
    "unittest",
    "validate",
    "vet",
];
/// Folders whose files are read by tests, or build what only tests start.
const FOLDERS: &[&str] = &[".devcontainer", "e2e", "fixtures", "testdata", "testfiles"];

fn says_so(name: &str) -> bool {
    name.split(['-', '_', '.']).any(|part| NAMES.contains(&part.to_lowercase().as_str()))
}

/// Whether the image that is built is for tests, checks or developers, by its stage's name, by the file's name, or by its folders.
pub fn is_not_deployed(file: &Dockerfile, stage: usize) -> bool {
    let name = file.stages.get(stage).and_then(|stage| stage.name.as_deref()).unwrap_or_default();
    says_so(name) || is_for_tests(&file.text.path)
}

/// Whether a file is for tests, checks or developers, by its name or by its folders: `docker-compose.test.yml`, `e2e/compose.yaml`.
pub fn is_for_tests(path: &str) -> bool {
    let mut folders: Vec<&str> = path.split('/').collect();
    let file_name = folders.pop().unwrap_or_default();
    says_so(file_name) || folders.iter().any(|folder| FOLDERS.contains(folder))
}

#[cfg(test)]
mod tests {
    use super::says_so;

    #[test]
    fn parts_of_names() {
        for name in ["test", "unit-test", "dev_base", "Dockerfile.dev", "lint.Dockerfile", "Dockerfile-e2e", "CI"] {
            assert!(says_so(name), "{name}");
        }
        for name in ["release", "contest", "latest", "Dockerfile", "device", "production", "cicd", "", "checkout"] {
            assert!(!says_so(name), "{name}");
        }
    }
}
