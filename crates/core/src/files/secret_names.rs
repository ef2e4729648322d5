//! Which variables keep a secret, by their names, and which values are none. Pure.

use std::collections::HashSet;

use crate::text::has_one_of;

/// Parts of names that say it wherever they stand.
const ANYWHERE: &[&str] =
    &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "CREDENTIAL", "CREDENTIALS", "PGPASSWORD"];
/// Parts that say it at the end: `SMTP_PASS`, not `PASS_MAX_DAYS`.
const AT_THE_END: &[&str] = &["PASS", "PAT", "JWT", "PASSCODE", "PWD"];
/// Ends of a part: `MYSQLPASSWORD`, `authtoken`.
const ENDINGS: &[&str] = &["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY"];
/// Words that end in `PASS` and have nothing to do with passwords.
const OTHER_PASSES: &[&str] = &[
    "BYPASS",
    "COMPASS",
    "ASKPASS",
    "SURPASS",
    "ENCOMPASS",
    "UNDERPASS",
    "OVERPASS",
    "TRESPASS",
    "MULTIPASS",
    "IMPASS",
];
/// Kinds of keys that are secrets.
const KEYS: &[&str] = &[
    "ACCESS",
    "ACCOUNT",
    "ADMIN",
    "API",
    "APP",
    "AUTH",
    "CIPHER",
    "COOKIE",
    "DEPLOY",
    "ENCRYPTION",
    "JWT",
    "LICENSE",
    "MASTER",
    "PRIVATE",
    "SECRET",
    "SERVICE",
    "SESSION",
    "SHARED",
    "SIGNING",
    "SSH",
    "STORAGE",
    "WEBHOOK",
];
/// Last parts of names of what is about a secret and is none: where it is, how long it holds, how it is made.
const ABOUT: &[&str] = &[
    "AGE",
    "ALG",
    "ALGO",
    "ALGORITHM",
    "ALLOWED",
    "ARGS",
    "ARN",
    "AUDIENCE",
    "BACKEND",
    "BUCKET",
    "BYTES",
    "CHARS",
    "CHECK",
    "CHECKSUM",
    "CLAIM",
    "CLASS",
    "CMD",
    "COMMAND",
    "COMPLEXITY",
    "COST",
    "COUNT",
    "DAYS",
    "DIGEST",
    "DIR",
    "DISABLED",
    "DRIVER",
    "DURATION",
    "ENABLED",
    "ENCODING",
    "ENDPOINT",
    "ENV",
    "EXPIRATION",
    "EXPIRE",
    "EXPIRES",
    "EXPIRY",
    "FIELD",
    "FILE",
    "FILENAME",
    "FILES",
    "FINGERPRINT",
    "FOLDER",
    "FORMAT",
    "HEADER",
    "HELPER",
    "HOST",
    "HOURS",
    "IMAGE",
    "INTERVAL",
    "ISSUER",
    "ITERATIONS",
    "LABEL",
    "LEN",
    "LENGTH",
    "LIFETIME",
    "LIMIT",
    "LIMITS",
    "LOCATION",
    "MANAGER",
    "MAX",
    "METHOD",
    "MIN",
    "MINUTES",
    "MODE",
    "NAME",
    "PARAM",
    "PATH",
    "PLUGIN",
    "PLUGINS",
    "POLICY",
    "PORT",
    "PREFIX",
    "PROVIDER",
    "RATE",
    "REALM",
    "REGION",
    "REQUIRED",
    "RESET",
    "RETRIES",
    "ROTATION",
    "ROUNDS",
    "SCOPE",
    "SCOPES",
    "SECONDS",
    "SERVER",
    "SIZE",
    "SOURCE",
    "STDIN",
    "STORE",
    "STRATEGY",
    "STRENGTH",
    "SUFFIX",
    "TIMEOUT",
    "TTL",
    "TYPE",
    "URI",
    "URL",
    "USER",
    "USERNAME",
    "VALIDITY",
    "VERSION",
];
/// Parts of names that are about what everybody may know, or about whether there is a secret at all.
const OPEN: &[&str] = &[
    "ALLOW", "RANDOM", "PUBLIC", "PUB", "PUBKEY", "DISABLE", "DISABLED", "ENABLE", "REQUIRE", "NO", "EMPTY", "SKIP",
    "WITHOUT", "ASK",
];

/// Letters of which every name of a secret has some in it.
const SIGNS: &[&str] = &["pass", "pwd", "secret", "token", "key", "cred", "pat", "jwt"];

/// Whether a text may hold the name of a secret.
pub fn may_name_a_secret(text: &str) -> bool {
    has_one_of(text, SIGNS)
}

/// The parts of a name in capitals, without numbers at the end: `dbPassword2` is `DB`, `PASSWORD`.
fn parts(name: &str) -> Vec<String> {
    let (mut parts, mut last) = (vec![String::new()], ' ');
    for letter in name.chars() {
        let begins = letter.is_ascii_uppercase() && last.is_ascii_lowercase();
        if matches!(letter, '_' | '-' | '.') || begins {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut()
            && !matches!(letter, '_' | '-' | '.')
        {
            part.push(letter.to_ascii_uppercase());
        }
        last = letter;
    }
    let bare = |part: String| part.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned();
    parts.into_iter().map(bare).filter(|part| !part.is_empty()).collect()
}

/// Whether a variable of this name is about a secret and keeps none: `API_KEY_RATE_LIMIT`, `DB_PASSWORD_FILE`, `NGINX_GPG_KEY`.
pub fn is_about_secrets(name: &str) -> bool {
    let parts = parts(name);
    let is = |wanted: &str| parts.iter().any(|part| part == wanted);
    // The identity of a key, also where its fingerprint is all that is known of it.
    let is_key_id = parts.last().is_some_and(|last| last == "ID") && (is("KEY") || is("TOKEN"));
    let is_fingerprint = ["GPG", "PGP", "GPGKEY", "PGPKEY"].iter().any(|word| is(word))
        && !["PASSPHRASE", "PASSWORD", "PRIVATE", "SECRET", "TOKEN"].iter().any(|word| is(word));
    parts.last().is_some_and(|last| ABOUT.contains(&last.as_str()))
        || parts.iter().any(|part| OPEN.contains(&part.as_str()))
        || is_key_id
        || is_fingerprint
}

/// Whether a variable of this name keeps a secret.
pub fn is_secret_name(name: &str) -> bool {
    if !may_name_a_secret(name) || is_about_secrets(name) {
        return false;
    }
    let parts = parts(name);
    let says = |part: &String| {
        ANYWHERE.contains(&part.as_str()) || ENDINGS.iter().any(|end| part.ends_with(end)) || part == "ACCESSKEY"
    };
    let last = parts.last().map(String::as_str).unwrap_or_default();
    let is_at_the_end = AT_THE_END.contains(&last) && !matches!(name, "PWD" | "OLDPWD") && !is_proxy_pass(&parts);
    let is_pass = last.len() > 4 && last.ends_with("PASS") && !OTHER_PASSES.contains(&last);
    let is_key = |pair: &[String]| {
        pair.last().is_some_and(|key| key == "KEY") && pair.first().is_some_and(|kind| KEYS.contains(&kind.as_str()))
    };
    parts.iter().any(says) || is_at_the_end || is_pass || parts.windows(2).any(is_key)
}

/// Parts of names of databases, queues and other services whose images are first set up with any password.
const SERVICES: &[&str] = &[
    "AMQP",
    "CASSANDRA",
    "CLICKHOUSE",
    "COUCHDB",
    "DATABASE",
    "DB",
    "ELASTIC",
    "ELASTICSEARCH",
    "ES",
    "GF",
    "GRAFANA",
    "INFLUXDB",
    "KEYCLOAK",
    "MARIADB",
    "MINIO",
    "MONGO",
    "MONGODB",
    "MSSQL",
    "MYSQL",
    "NEO4J",
    "OPENSEARCH",
    "ORACLE",
    "PG",
    "PGADMIN",
    "PGPASSWORD",
    "POSTGRES",
    "POSTGRESQL",
    "RABBITMQ",
    "REDIS",
    "SA",
    "VALKEY",
];
/// Passwords that documentations and examples set.
const EVERYBODYS: &[&str] = &[
    "admin",
    "clickhouse",
    "elastic",
    "example",
    "grafana",
    "guest",
    "mariadb",
    "minio",
    "minioadmin",
    "mongo",
    "mongodb",
    "mysql",
    "neo4j",
    "password",
    "postgres",
    "rabbitmq",
    "redis",
    "root",
    "secret",
    "test",
    "user",
];

/// Whether a variable of this name names a user or a database, whose name a password often repeats.
pub fn is_name_of_account(name: &str) -> bool {
    let last = parts(name).pop().unwrap_or_default();
    ["USER", "USERNAME", "DB", "DATABASE", "NAME", "DBNAME", "DBUSER", "ID"].contains(&last.as_str())
}

/// Whether the password of a local service is one that everybody tries first: an example's, a word of its own name, or one of
/// `accounts`, the values of the container's other variables that [`is_name_of_account`] says name a user or a database.
pub fn is_everybodys(name: &str, value: &str, accounts: &HashSet<&str>) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_lowercase();
    let of_name = parts(name);
    let is_service = of_name.iter().any(|part| SERVICES.contains(&part.as_str()));
    let is_own_word = of_name.iter().any(|part| *part == value.to_uppercase() && !ANYWHERE.contains(&part.as_str()));
    !value.is_empty() && (is_service && EVERYBODYS.contains(&lower.as_str()) || is_own_word || accounts.contains(value))
}

/// nginx's `proxy_pass`.
fn is_proxy_pass(parts: &[String]) -> bool {
    parts.iter().rev().nth(1).is_some_and(|part| part == "PROXY")
}

/// Words that ask for a value, or say that there is none.
const ASKING: &[&str] = &[
    "change_it",
    "change_me",
    "change_this",
    "changeit",
    "changeme",
    "changethis",
    "dummy",
    "enter_",
    "example",
    "fake",
    "fixme",
    "insert_",
    "my_token_here",
    "not_a_secret",
    "notasecret",
    "not_used",
    "placeholder",
    "redacted",
    "replace_me",
    "replace_this",
    "replace_with",
    "replaceme",
    "sample",
    "todo",
    "unused",
    "xxx",
    "your_",
    "yourpassword",
    "yoursecret",
    "yourtoken",
];
/// Values that are no secret, whatever the variable is called.
const PLAIN: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "0",
    "1",
    "none",
    "null",
    "nil",
    "undefined",
    "unset",
    "empty",
    "disabled",
    "enabled",
    "required",
    "optional",
    "auto",
    "default",
    "\"\"",
    "''",
];

/// What stands where a secret belongs and is none: a variable, a word that asks for a value, the path of a file, an address, or a key
/// that everybody may have.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_lowercase().replace('-', "_");
    let is_one_letter =
        value.len() > 2 && value.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'*' | b'.' | b'_' | b'-' | b'0'));
    let is_path = ["/", "./", "../", "~/", "file:", "C:\\", "@"].iter().any(|start| value.starts_with(start))
        && !value.contains(char::is_whitespace);
    let is_marked = [("<", ">"), ("{{", "}}"), ("__", "__"), ("%", "%"), ("[", "]")]
        .iter()
        .any(|(open, close)| value.len() > 2 && value.starts_with(open) && value.ends_with(close));
    let is_public = ["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2-", "-----BEGIN CERTIFICATE", "-----BEGIN PUBLIC", "arn:"];
    value.is_empty()
        || value.starts_with(['$', '`', '<'])
        || is_one_letter
        || is_path
        || is_marked
        || is_public.iter().any(|start| value.starts_with(start))
        || value.contains("://") && !value.contains('@')
        || ASKING.iter().any(|word| lower.contains(word))
        || lower.ends_with("_here")
        || PLAIN.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_secret_has_a_sign() {
        for name in [ANYWHERE, AT_THE_END, ENDINGS].concat().into_iter().chain(["ACCESSKEY", "KEY"]) {
            assert!(may_name_a_secret(name) && may_name_a_secret(&name.to_lowercase()), "{name}");
        }
        assert!(!may_name_a_secret("apk add --no-cache make && make install"));
    }

    #[test]
    fn names_of_secrets_and_names_about_them() {
        for name in [
            "PASSWORD",
            "PASS",
            "SMTP_PASS",
            "DBPASS",
            "db_password",
            "MYSQL_ROOT_PASSWORD",
            "PGPASSWORD",
            "SA_PWD",
            "dbPassword",
            "JWT",
            "JWT_SECRET",
            "GH_PAT",
            "GITHUB_TOKEN",
            "NPM_AUTHTOKEN",
            "authToken",
            "apiKey",
            "API_KEY",
            "STRIPE_API_KEY_2",
            "AWS_SECRET_ACCESS_KEY",
            "SECRET_KEY_BASE",
            "spring.datasource.password",
            "SSH_KEY",
            "APP_KEY",
            "GPG_PASSPHRASE",
            "CLIENT_SECRET",
            "VAULT_SECRET_ID",
            "TOKEN1",
            "KEYSTORE_PASSWORD",
            "rabbitmq-password",
            "REDIS_PASS",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "API_KEY_RATE_LIMIT",
            "NGINX_GPG_KEY",
            "GPG_KEY",
            "GPG_KEYS",
            "PGP_KEY_ID",
            "DOCKER_AUTH_VERSION",
            "GCLOUD_GKE_AUTH_PLUGIN",
            "PASSWORD_FILE",
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_TTL",
            "PASSWORD_MIN_LENGTH",
            "JWT_ALGORITHM",
            "TOKEN_URL",
            "SECRET_NAME",
            "AWS_ACCESS_KEY_ID",
            "PUBLIC_KEY",
            "SSH_PUBLIC_KEY",
            "PASS_MAX_DAYS",
            "PROXY_PASS",
            "BYPASS",
            "COMPASS",
            "GIT_ASKPASS",
            "PWD",
            "OLDPWD",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "MAX_TOKENS",
            "TOKENIZERS_PARALLELISM",
            "MONKEY",
            "KEYBOARD",
            "PATH",
            "PATTERN",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "SECRETS_DIR",
            "AUTH_MODE",
            "CSRF_TOKEN_HEADER",
            "REQUIRE_PASSWORD",
            "BASIC_AUTH_CREDENTIALS_SOURCE",
            "HSM_TOKEN_LABEL",
            "cancelTokenSource",
            "",
            "_",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn passwords_that_everybody_tries_first() {
        let others = [("POSTGRES_USER", "gitea"), ("POSTGRES_DB", "forge"), ("MODE", "hunter2")];
        let accounts =
            others.into_iter().filter(|(name, _)| is_name_of_account(name)).map(|(_, value)| value).collect();
        for (name, value) in [
            ("POSTGRES_PASSWORD", "postgres"),
            ("MYSQL_ROOT_PASSWORD", "root"),
            ("DB_PASSWORD", "password"),
            ("POSTGRES_PASSWORD", "gitea"),
            ("POSTGRES_PASSWORD", "forge"),
            ("WORDPRESS_DB_PASSWORD", "wordpress"),
            ("RABBITMQ_DEFAULT_PASS", "guest"),
        ] {
            assert!(is_everybodys(name, value, &accounts), "{name}={value}");
        }
        for (name, value) in [
            ("POSTGRES_PASSWORD", "hunter2"),
            ("POSTGRES_PASSWORD", ""),
            ("PASS", "secret"),
            ("SMTP_PASS", "password"),
            ("JWT_SECRET", "secret"),
            ("API_TOKEN", "token"),
            ("MINIO_ROOT_PASSWORD", "12345678"),
        ] {
            assert!(!is_everybodys(name, value, &accounts), "{name}={value}");
        }
    }

    #[test]
    fn values_that_are_none() {
        for value in [
            "",
            "changeit",
            "changeme",
            "CHANGE-ME",
            "your-token",
            "<token>",
            "{{ token }}",
            "$TOKEN",
            "${TOKEN}",
            "/run/secrets/x",
            "./key.pem",
            "true",
            "0",
            "null",
            "xxxx",
            "********",
            "example",
            "https://example.com/token",
            "ssh-rsa AAAA",
            "API_KEY_HERE",
            "__TOKEN__",
            "%TOKEN%",
            "replace-with-token",
            "arn:aws:secretsmanager:x",
            "\"\"",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["hunter2", "abc", "x", "secret", "password", "s3cr3t!", "12345", "p@ss://w", "a/b+c=="] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
