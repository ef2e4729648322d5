//! How sure it is that a value is a secret. One judgement for variables, arguments, scripts and files. Pure.

use super::mask::WEBHOOKS;
use super::secret_names::{is_about_secrets, is_placeholder, is_secret_name};
use super::secrets::by_content;
use crate::text::part;

/// How sure it is that a secret is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It comes from the environment of whoever uses the file: nothing is written down.
    FromEnvironment,
    /// It is written down, and the first that anybody would try: the default password of a local service.
    WellKnown,
    /// Only its name says so.
    Doubtful,
    /// Its shape or its place says so.
    Certain,
}

/// A secret, and how sure it is that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// What it is, without its value; empty where only a name says it.
    pub what: &'static str,
    /// How sure it is.
    pub certainty: Certainty,
}

impl Secret {
    /// One whose shape or place says so.
    pub fn certain(what: &'static str) -> Secret {
        Secret { what, certainty: Certainty::Certain }
    }

    /// One that only its name tells.
    pub fn doubtful() -> Secret {
        Secret { what: "", certainty: Certainty::Doubtful }
    }
}

/// What a variable of this name with this value keeps, if it keeps a secret. Of a value that is filled in (`${NAME:-fallback}`), the
/// fallback is what is written down.
pub fn of_variable(name: &str, value: &str) -> Option<Secret> {
    let value = value.trim().trim_matches(['"', '\'']);
    let (written, is_filled) = written(value);
    if let Some(secret) = of_value(&written) {
        return Some(secret);
    }
    if is_vendors(name, &written) {
        return Some(Secret::certain("a credential of a known service"));
    }
    if !is_secret_name(name) {
        return None;
    }
    if is_filled {
        return Some(Secret { what: "", certainty: Certainty::FromEnvironment });
    }
    (!is_placeholder(value)).then(Secret::doubtful)
}

/// What a value is by itself, whatever names it.
pub fn of_value(value: &str) -> Option<Secret> {
    let shaped = by_content(value).map(Secret::certain);
    shaped.or_else(|| of_address(value)).or_else(|| of_fields(value))
}

/// Whether a text is a value that is written down: nothing that is filled in, asked for, or switched off.
pub fn is_literal(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    let is_sign = value.bytes().all(|byte| matches!(byte, b'*' | b'!' | b'-' | b'+'));
    !value.contains(['$', '`']) && !is_sign && !value.contains("{{") && !is_placeholder(value)
}

/// A value without what is filled in, and whether anything is: `a${B:-c}` is `ac`. A mark stands for what has no fallback.
fn written(value: &str) -> (String, bool) {
    let (mut out, mut rest, mut is_filled) = (String::new(), value, false);
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        rest = behind;
        let begins = behind.chars().next();
        if begins == Some('$') {
            // Compose writes a `$` so.
            out.push('$');
            rest = part(behind, 1..);
            continue;
        }
        if begins == Some('{') {
            is_filled = true;
            let inner = part(behind, 1..);
            let end = inner.find('}').unwrap_or(inner.len());
            let inside = part(inner, ..end);
            let fallback = inside.split_once(":-").or_else(|| inside.split_once('-')).map(|(_, fallback)| fallback);
            out.push_str(fallback.filter(|fallback| !fallback.is_empty()).unwrap_or("$"));
            rest = inner.get(end + 1..).unwrap_or_default();
        } else if begins.is_some_and(|letter| letter.is_ascii_alphabetic() || matches!(letter, '_' | '(')) {
            is_filled = true;
            out.push('$');
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            rest = behind.trim_start_matches(is_name);
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    (out, is_filled)
}

/// Names and passwords that stand for any.
const ANY_LOGINS: &[(&str, &str)] = &[
    ("user", "pass"),
    ("user", "password"),
    ("username", "password"),
    ("user", "pwd"),
    ("login", "password"),
    ("user", "passwd"),
];

/// Whether a name and a password stand for any.
pub fn is_any_login(user: &str, password: &str) -> bool {
    ANY_LOGINS.contains(&(user, password))
}

/// Passwords in addresses: `scheme://user:password@host`, `user:password@tcp(host)`, `?password=…`, and addresses that are secrets
/// themselves.
fn of_address(text: &str) -> Option<Secret> {
    if !text.contains(['/', '@']) {
        return None;
    }
    for webhook in WEBHOOKS {
        if let Some((_, path)) = text.split_once(webhook)
            && path.len() >= 20
            && is_literal(path)
        {
            return Some(Secret::certain("a webhook's address"));
        }
    }
    let mut doubtful = None;
    for word in text.split(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | ',')) {
        let Some((_, rest)) = word.split_once("://") else { continue };
        let authority = part(rest, ..rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // A password may hold a slash, a port not.
        let is_port = authority.split_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_ok());
        let login =
            authority.rsplit_once('@').or_else(|| rest.rsplit_once('@').filter(|_| !is_port)).map(|(login, _)| login);
        match login.and_then(|login| login.split_once(':')) {
            Some((user, password)) if is_literal(password) && !is_any_login(user, password) => {
                // What everybody sets first is a password that everybody knows.
                if user != password {
                    return Some(Secret::certain("a password in an address"));
                }
                doubtful = Some(Secret::doubtful());
            }
            _ => {}
        }
        let Some((_, query)) = word.split_once('?') else { continue };
        let is_given = |field: &str| {
            field
                .split_once('=')
                .is_some_and(|(name, value)| is_secret_name(name) && is_literal(value) && !value.contains('%'))
        };
        if query.split(['&', ';', '#']).any(is_given) {
            return Some(Secret::certain("a password in an address"));
        }
    }
    // Go's addresses of databases.
    let login = text.split_once("@tcp(").or_else(|| text.split_once("@unix(")).map(|(login, _)| login);
    let given = login.and_then(|login| login.split_whitespace().last()).and_then(|login| login.split_once(':'));
    if given.is_some_and(|(user, password)| !user.is_empty() && !user.contains("//") && is_literal(password)) {
        return Some(Secret::certain("a password in an address"));
    }
    doubtful
}

/// The password of a data source: `Server=db;User Id=sa;Password=…`.
fn of_fields(text: &str) -> Option<Secret> {
    if !text.contains(';') {
        return None;
    }
    let fields: Vec<(String, &str)> = text
        .split(';')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (name.trim().trim_start_matches(['"', '\'']).to_lowercase(), value.trim()))
        .collect();
    let known = [
        "server",
        "data source",
        "host",
        "endpoint",
        "accountname",
        "defaultendpointsprotocol",
        "addr",
        "address",
        "user id",
        "uid",
    ];
    let is_source = fields.iter().any(|(name, _)| known.contains(&name.as_str()));
    let secret = ["password", "pwd", "accountkey", "sharedaccesskey", "sharedsecret"];
    let given = fields.iter().any(|(name, value)| secret.contains(&name.as_str()) && is_literal(value));
    (is_source && given).then(|| Secret::certain("a password of a data source"))
}

/// The form of a service's credential.
#[derive(Clone, Copy)]
enum CredentialForm {
    Hex(usize),
    Word(usize),
    Base64(usize),
    Uuid,
    AtLeast(usize),
    /// `123456789:…`
    Telegram,
}

/// No service gives out a shorter one.
const SHORTEST: usize = 32;

/// Parts of names of variables in small letters, and what their services give out.
const VENDORS: &[(&str, CredentialForm)] = &[
    ("secret_access_key", CredentialForm::Base64(40)),
    ("aws_secret_key", CredentialForm::Base64(40)),
    ("aws_secret", CredentialForm::Base64(40)),
    ("aws_session_token", CredentialForm::AtLeast(100)),
    ("azure_client_secret", CredentialForm::AtLeast(34)),
    ("arm_client_secret", CredentialForm::AtLeast(34)),
    ("azure_storage", CredentialForm::Base64(88)),
    ("storage_account_key", CredentialForm::Base64(88)),
    ("cloudflare_api_token", CredentialForm::Word(40)),
    ("cf_api_token", CredentialForm::Word(40)),
    ("cloudflare_api_key", CredentialForm::Hex(37)),
    ("heroku_api_key", CredentialForm::Uuid),
    ("dd_api_key", CredentialForm::Hex(32)),
    ("datadog_api_key", CredentialForm::Hex(32)),
    ("dd_app_key", CredentialForm::Hex(40)),
    ("new_relic_license_key", CredentialForm::Word(40)),
    ("twilio_auth_token", CredentialForm::Hex(32)),
    ("circle", CredentialForm::Hex(40)),
    ("codecov_token", CredentialForm::Uuid),
    ("snyk_token", CredentialForm::Uuid),
    ("rollbar", CredentialForm::Hex(32)),
    ("bugsnag_api_key", CredentialForm::Hex(32)),
    ("algolia", CredentialForm::Hex(32)),
    ("github_token", CredentialForm::Hex(40)),
    ("gh_token", CredentialForm::Hex(40)),
    ("npm_token", CredentialForm::Uuid),
    ("telegram", CredentialForm::Telegram),
    ("linode_token", CredentialForm::Hex(64)),
    ("digitalocean", CredentialForm::Hex(64)),
    ("hcloud_token", CredentialForm::Word(64)),
    ("consul_http_token", CredentialForm::Uuid),
    ("nomad_token", CredentialForm::Uuid),
    ("sonar_token", CredentialForm::Hex(40)),
];

/// Whether this is the name of a service's credential with a value of the form that the service gives out.
fn is_vendors(name: &str, value: &str) -> bool {
    if value.len() < SHORTEST {
        return false;
    }
    let lower = name.to_lowercase().replace(['-', '.'], "_");
    let has_form = |form: CredentialForm| {
        let all = |fits: fn(u8) -> bool, length: usize| value.len() == length && value.bytes().all(fits);
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        match form {
            CredentialForm::Hex(length) => all(|byte| byte.is_ascii_hexdigit(), length),
            CredentialForm::Word(length) => all(word, length),
            CredentialForm::Base64(length) => {
                all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'='), length)
            }
            CredentialForm::Uuid => {
                let lengths: Vec<usize> = value.split('-').map(str::len).collect();
                lengths == [8, 4, 4, 4, 12] && value.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            }
            CredentialForm::AtLeast(least) => value.len() >= least && !value.contains(char::is_whitespace),
            CredentialForm::Telegram => value.split_once(':').is_some_and(|(id, key)| {
                id.len() >= 8
                    && id.bytes().all(|byte| byte.is_ascii_digit())
                    && key.len() >= 30
                    && key.bytes().all(word)
            }),
        }
    };
    let mut forms = VENDORS.iter().filter(|(part, _)| lower.contains(part)).map(|(_, form)| *form);
    forms.any(has_form) && !is_placeholder(value) && !is_about_secrets(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_how_sure_they_are() {
        let (forty, key) = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz", "0123456789abcdef0123456789abcdef");
        for (name, value) in [
            ("DATABASE_URL", "postgres://app:hunter2@db/x"),
            ("DATABASE_URL", "postgres://app:p/w@db/x"),
            ("DATABASE_URL", "postgres://app:${PW:-hunter2}@db/x"),
            ("CELERY", "redis://:hunter2@cache:6379/0"),
            ("DSN", "root:hunter2@tcp(db:3306)/x"),
            ("JDBC", "jdbc:mysql://db/x?user=a&password=hunter2"),
            ("ConnectionStrings__Default", "Server=db;User Id=sa;Password=hunter2;"),
            ("HOOK", "https://hooks.slack.com/services/T0000/B0000/abcdefghijkl"),
            ("AWS_SECRET_ACCESS_KEY", forty),
            ("DD_API_KEY", key),
            ("CODECOV_TOKEN", "01234567-89ab-cdef-0123-456789abcdef"),
            ("X", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
            ("KEY", "-----BEGIN PRIVATE KEY-----\\nMIIE"),
            ("TOKEN", "${TOKEN:-ghp_0123456789abcdefghijABCDEFGHIJ012345}"),
        ] {
            let found = of_variable(name, value).map(|secret| secret.certainty);
            assert_eq!(found, Some(Certainty::Certain), "{name}={value}");
        }
        for (name, value) in [
            ("SMTP_PASS", "hunter2"),
            ("JWT", "abc"),
            ("PASS", "secret"),
            ("GH_PAT", "x1"),
            ("AMQP", "amqp://guest:guest@mq"),
            ("PASSWORD", "pa$$word"),
        ] {
            let found = of_variable(name, value).map(|secret| secret.certainty);
            assert_eq!(found, Some(Certainty::Doubtful), "{name}={value}");
        }
        for (name, value) in [
            ("DB_PASSWORD", "${DB_PASSWORD}"),
            ("TOKEN", "$TOKEN"),
            ("PASS", "${PASS:-abc}"),
            ("PASS", "${PASS:?set it}"),
        ] {
            let found = of_variable(name, value).map(|secret| secret.certainty);
            assert_eq!(found, Some(Certainty::FromEnvironment), "{name}={value}");
        }
        for (name, value) in [
            ("DATABASE_URL", "postgres://app@db/x"),
            ("DATABASE_URL", "postgres://db:5432/x"),
            ("DATABASE_URL", "postgres://app:${PW}@db/x"),
            ("DATABASE_URL", "postgres://app:$PW@db/x"),
            ("DATABASE_URL", "postgres://user:password@host/x"),
            ("JDBC", "jdbc:mysql://db/x?useSSL=false&password=${PW}"),
            ("PASSWORD", "changeit"),
            ("PASSWORD_FILE", "/run/secrets/x"),
            ("PASSWORD", ""),
            ("API_KEY_RATE_LIMIT", "5"),
            ("GPG_KEY", "0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D"),
            ("AWS_SECRET_ACCESS_KEY_ROTATION", forty),
            ("PATH", "/usr/bin;/x"),
            ("CERT", "-----BEGIN CERTIFICATE-----\\nMIIE"),
            ("OPTS", "a=b;c=d"),
            ("REPO", "ssh://git@github.com:22/a/b"),
        ] {
            assert_eq!(of_variable(name, value), None, "{name}={value}");
        }
    }
}
