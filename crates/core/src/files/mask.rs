//! Secrets in what is shown: passwords and tokens in arguments, addresses, and texts that quote them. Pure.
//!
//! A value is masked where its name says that it is a secret, where it has the shape of a known kind of token, and where it
//! is the password of an address. Masking too much costs a reader nothing; what runs is never changed.

use crate::order::PutInOrder as _;
use std::ops::Range;

use serde_json::Value;

use super::secret_names::is_secret_name;
use super::tokens;
use crate::text::part;

/// What stands for a secret.
pub const MASK: &str = "***";

/// Addresses whose path is the secret.
pub const WEBHOOKS: &[&str] = &["hooks.slack.com/services/", "/api/webhooks/", "webhook.office.com/webhookb2/"];

/// Docker's options that are called like secrets and hold none.
pub const PLAIN_OPTIONS: &[&str] = &["secret", "secret-add", "secret-rm", "credential-spec"];

/// Whether the value of a variable, option, header or field of this name is a secret.
fn names_secret(name: &str) -> bool {
    let upper = name.to_uppercase();
    let parts: Vec<&str> = upper.split(['_', '-', '.']).filter(|part| !part.is_empty()).collect();
    let last = parts.last().copied().unwrap_or_default();
    if matches!(last, "FILE" | "PATH" | "DIR" | "STDIN") {
        return false;
    }
    let ends = [
        "PASS",
        "TOKEN",
        "PASSWD",
        "APIKEY",
        "PASSPHRASE",
        "ACCESSKEY",
        "SECRETKEY",
        "ACCOUNTKEY",
        "PRIVATEKEY",
        "REQUIREPASS",
    ];
    let alone =
        ["PW", "AUTH", "AUTHORIZATION", "SIG", "SIGNATURE", "JWT", "BEARER", "CREDS", "COOKIE", "SHAREDACCESSKEY"];
    is_secret_name(name)
        || parts.iter().any(|part| ends.iter().any(|end| part.ends_with(end)) || alone.contains(part))
        || parts.len() > 1 && matches!(last, "KEY" | "PAT" | "SALT" | "PIN")
        || upper != "PWD" && upper != "OLDPWD" && (last.ends_with("PWD") || last.ends_with("PW"))
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.')
}

/// Where the name begins that ends here. Names are ASCII: a letter is a byte.
fn name_begin(text: &str) -> usize {
    text.len() - text.chars().rev().take_while(|letter| is_name(*letter)).count()
}

/// The name that ends here, without the dashes of an option.
fn name_before(text: &str) -> &str {
    part(text, name_begin(text)..).trim_start_matches('-')
}

/// The same, also behind bundled switches: `-eTOKEN`, `-iteTOKEN`.
fn is_secret_before(text: &str) -> bool {
    let whole = part(text, name_begin(text)..);
    let name = whole.trim_start_matches('-');
    let switches = name.chars().take(6).take_while(char::is_ascii_lowercase).count();
    if whole.starts_with("--") && PLAIN_OPTIONS.contains(&name) {
        return false;
    }
    names_secret(name) || whole.len() == name.len() + 1 && (1..=switches).any(|at| names_secret(part(name, at..)))
}

/// A text that is no single argument: a message, a line of a file.
pub fn text(text: &str) -> String {
    masked(text, &secrets(text, false))
}

/// One argument of a command.
pub fn word(word: &str) -> String {
    masked(word, &secrets(word, true))
}

/// The arguments of a command, with values that stand behind their options.
pub fn args(args: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut programs = Programs::default();
    let mut before = "";
    for arg in args {
        out.push(match programs.secret_in(before, arg) {
            Some(at) => format!("{}{MASK}", arg.get(..at).unwrap_or_default()),
            None => word(arg),
        });
        programs.saw(arg);
        before = arg;
    }
    out
}

/// Programs that take a secret by a short option, and which of them stood before.
#[derive(Default)]
struct Programs([bool; PROGRAMS.len()]);

const PROGRAMS: [&str; 8] = ["login", "sshpass", "redis-cli", "mysql", "mysqldump", "mysqladmin", "mariadb", "curl"];

impl Programs {
    fn ran(&self, names: &[&str]) -> bool {
        PROGRAMS.iter().zip(self.0).any(|(name, ran)| ran && names.contains(name))
    }

    fn saw(&mut self, word: &str) {
        let name = word.rsplit('/').next().unwrap_or(word);
        if let Some(ran) = PROGRAMS.iter().zip(&mut self.0).find_map(|(known, ran)| (*known == name).then_some(ran)) {
            *ran = true;
        }
    }

    /// Where the secret begins in a word that stands behind this one; it ends with the word.
    fn secret_in(&self, before: &str, word: &str) -> Option<usize> {
        let option = before.strip_prefix("--").filter(|name| !name.contains('=') && !PLAIN_OPTIONS.contains(name));
        let follows = option.is_some_and(names_secret) && !word.is_empty() && !word.starts_with("--")
            || before == "-p" && self.ran(&["login", "sshpass"])
            || before == "-a" && self.ran(&["redis-cli"]);
        let joins = ["login", "sshpass", "mysql", "mysqldump", "mysqladmin", "mariadb"];
        if follows {
            return Some(0);
        }
        if word.len() > 2 && word.starts_with("-p") && self.ran(&joins) {
            return Some(if word.starts_with("-p=") { 3 } else { 2 });
        }
        let is_user = matches!(before, "-u" | "--user") && self.ran(&["curl"]);
        word.find(':').filter(|_| is_user).map(|colon| colon + 1)
    }
}

/// Everything that a document for programs quotes.
pub fn json(value: &mut Value) {
    match value {
        Value::String(string) => *string = text(string),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
            let texts: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            *items = args(&texts).into_iter().map(Value::String).collect();
        }
        Value::Array(items) => items.iter_mut().for_each(json),
        Value::Object(map) => {
            for (key, value) in map {
                // What a secret of a swarm holds is its data.
                let is_secret = names_secret(key) || matches!(key.as_str(), "Data" | "UnlockKey");
                match value {
                    Value::String(string) if is_secret && !string.is_empty() => *string = MASK.to_owned(),
                    value => json(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn masked(text: &str, secrets: &[Range<usize>]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if secret.end <= at {
            continue;
        }
        // What lies over another one is one with it.
        if secret.start >= at {
            out.push_str(part(text, at..secret.start));
            out.push_str(MASK);
        }
        at = secret.end;
    }
    out.push_str(part(text, at..));
    out
}

/// Where the secrets stand, in order.
fn secrets(text: &str, is_word: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    pairs(text, is_word, &mut found);
    fields(text, is_word, &mut found);
    addresses(text, &mut found);
    options(text, &mut found);
    found.extend(tokens::masked(text));
    keys(text, &mut found);
    found.put_in_order_by_key(|range: &Range<usize>| (range.start, std::cmp::Reverse(range.end)));
    found
}

/// `NAME=value`: in the environment, in an address, among other fields, in a script.
fn pairs(text: &str, is_word: bool, found: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(at) = part(text, from..).find('=').map(|at| from + at) {
        from = at + 1;
        let begin = name_begin(part(text, ..at));
        // The working directory of a shell, or a password of a data source: `Server=db;Pwd=…`.
        let is_of_source = part(text, ..begin).ends_with(';') && part(text, begin..at).eq_ignore_ascii_case("pwd");
        if !is_of_source && !is_secret_before(part(text, ..at)) {
            continue;
        }
        let value = part(text, at + 1..);
        let length = match part(text, ..begin).chars().next_back() {
            None if is_word => value.len(),
            // `--env=NAME=value` and `-e=NAME=value`
            Some('=') if is_word && text.starts_with('-') && part(text, ..begin - 1).chars().all(is_name) => {
                value.len()
            }
            Some('?' | '&') => value.find(['&', '#', ' ', '"', '\'', '\n']).unwrap_or(value.len()),
            Some(';') => value.find([';', '"']).unwrap_or(value.len()),
            Some(quote @ ('"' | '\'')) => value.find(quote).unwrap_or(value.len()),
            Some(',' | '=') => before_next_field(value),
            _ => spoken(value),
        };
        found.push(at + 1..at + 1 + length);
        from = at + 1 + length;
    }
}

/// To the comma before another `name=`: a password may hold commas.
fn before_next_field(value: &str) -> usize {
    let is_field = |rest: &str| {
        let name = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        name > 0 && part(rest, name..).starts_with('=')
    };
    let comma = value.match_indices(',').find(|(at, _)| is_field(part(value, at + 1..))).map(|(at, _)| at);
    comma.or_else(|| value.find(['"', '\n'])).unwrap_or(value.len())
}

/// A value in a script or a sentence: quoted, or up to the next blank.
fn spoken(value: &str) -> usize {
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => part(value, 1..).find(quote).map_or(value.len(), |at| at + 2),
        _ => value.find([' ', '\t', '\n', '"', '\'', ')']).unwrap_or(value.len()),
    }
}

/// `"name": "value"`, and headers: `Authorization: Bearer …`, `X-Api-Key: …`.
fn fields(text: &str, is_word: bool, found: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (at, _) in text.match_indices(':').filter(|(at, _)| *at + 1 < text.len()) {
        if at < done {
            continue;
        }
        let before = part(text, ..at).trim_end();
        let bare = before.trim_end_matches(['"', '\'', '\\']);
        let quoted = bare.len() < before.len();
        let name = name_before(bare);
        let is_header = name.contains(['-', '_']) || name.eq_ignore_ascii_case("authorization");
        if !names_secret(name) || !(quoted || is_word || is_header) {
            continue;
        }
        let rest = part(text, at + 1..);
        let value = rest.trim_start_matches([' ', '\\']);
        // The name of an image or a mount is not a field: `token:1.4`, `secret:/run`.
        if !quoted && value.len() == rest.len() {
            continue;
        }
        let begin = text.len() - value.len();
        let secret = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                begin + 1..part(value, 1..).find(quote).map_or(text.len(), |end| begin + 1 + end)
            }
            _ if quoted => begin..value.find([',', '}', '\n']).map_or(text.len(), |end| begin + end),
            _ => begin..value.find(['"', '\'', '\n']).map_or(text.len(), |end| begin + end),
        };
        done = secret.end;
        found.push(secret);
    }
}

/// `scheme://user:password@host`; `user:password@tcp(host)`; addresses that are secrets themselves.
fn addresses(text: &str, found: &mut Vec<Range<usize>>) {
    let ends = |letter: char| matches!(letter, ' ' | '\t' | '\n' | '"' | '\'');
    let mut start = 0;
    for part in text.split_inclusive(ends) {
        let part_text = part.trim_end_matches(ends);
        if part_text.contains('@') {
            logins(part_text, start, found);
        }
        for webhook in WEBHOOKS {
            if let Some(at) = part_text.find(webhook) {
                found.push(start + at + webhook.len()..start + part_text.len());
            }
        }
        start += part.len();
    }
}

/// The logins in one piece of text without blanks, which begins at `start`.
fn logins(text: &str, start: usize, found: &mut Vec<Range<usize>>) {
    let last_at = text.rfind('@');
    for (at, _) in text.match_indices("://") {
        let begin = at + 3;
        let rest = part(text, begin..);
        let authority = part(rest, ..rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // A password may hold a slash, a port not.
        let odd = authority.split_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_err());
        let beyond = last_at.filter(|at| odd && *at > begin).map(|at| at - begin);
        let Some(end) = authority.rfind('@').or(beyond) else { continue };
        let scheme = name_before(part(text, ..at)).to_lowercase();
        match authority.find(':').filter(|colon| *colon < end) {
            Some(colon) => found.push(start + begin + colon + 1..start + begin + end),
            None if scheme.contains("ssh") || scheme == "git" => {}
            None => found.push(start + begin..start + begin + end),
        }
    }
    let is_host = |at: &usize| {
        let rest = part(text, at + 1..);
        let is_digest = ["sha256:", "sha384:", "sha512:"].iter().any(|kind| rest.starts_with(kind));
        !is_digest && rest.starts_with(|letter: char| letter.is_ascii_alphanumeric())
    };
    // A password may hold anything; a path or an address after the colon is none.
    let colons = text.match_indices(':').map(|(at, _)| at);
    let colon = colons
        .filter(|at| !part(text, at + 1..).starts_with('/') && part(text, ..*at).ends_with(is_name))
        .find(|at| !name_before(part(text, ..*at)).is_empty());
    let end = text.rmatch_indices('@').map(|(at, _)| at).find(is_host);
    if let (Some(colon), Some(end)) = (colon, end)
        && colon + 1 < end
    {
        found.push(start + colon + 1..start + end);
    }
}

/// Options in a script or another text of several words: `mysql --password …`, `curl -u name:…`.
fn options(text: &str, found: &mut Vec<Range<usize>>) {
    if !text.contains(char::is_whitespace) {
        return;
    }
    let quotes = ['"', '\''];
    let (mut programs, mut before, mut at) = (Programs::default(), "", 0);
    for piece in text.split_inclusive(char::is_whitespace) {
        let (start, whole) = (at, piece.trim_end());
        at += piece.len();
        if whole.is_empty() {
            continue;
        }
        let bare = whole.trim_start_matches(quotes);
        let begin = start + whole.len() - bare.len();
        let bare = bare.trim_end_matches(quotes);
        if let Some(secret) = programs.secret_in(before, bare) {
            // A quoted one ends with its quote.
            let quote = whole.chars().next().filter(|first| quotes.contains(first) && bare.len() + 1 == whole.len());
            let end =
                quote.and_then(|quote| part(text, begin..).find(quote)).map_or(begin + bare.len(), |end| begin + end);
            found.push(begin + secret..end);
        }
        // Another command of the script is another program.
        if bare.ends_with([';', '|', '&']) {
            programs = Programs::default();
        }
        programs.saw(bare);
        // `OPTIONS=--password …`
        let option = bare.rsplit_once('=').map(|(_, value)| value.trim_start_matches(quotes));
        before = option.filter(|value| value.starts_with("--")).unwrap_or(bare);
    }
}

/// A private key, from its first line to its last.
fn keys(text: &str, found: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (at, _) in text.match_indices("-----BEGIN ") {
        let is_key = part(text, at + 11..).split("-----").next().is_some_and(|kind| kind.ends_with("KEY"));
        if at >= done && is_key {
            done = part(text, at..).find("-----END ").map_or(text.len(), |end| at + end);
            found.push(at..done);
        }
    }
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test fails by a panic")]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> Vec<String> {
        args(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    /// `{}` stands for the secret, `~` for a blank in an argument.
    const PLACES: &[&str] = &[
        "run -e A_TOKEN={}",
        "run -eA_TOKEN={}",
        "run -iteTOKEN={}",
        "run --env=DB_PASSWORD={}",
        "run -e=PGPASSWORD={}",
        "run -e DB_PASS={}",
        "build --build-arg NPM_TOKEN={}",
        "build --build-arg=API_KEY={}",
        "login -u me -p {}",
        "login -p{}",
        "login --password {}",
        "login --password={}",
        "--context prod login -u a -p={}",
        "swarm join --token {}",
        "swarm join --token={}",
        "volume create -o o=username=me,password={}",
        "run --mount type=volume,volume-opt=password={}",
        "service create --env-add CLIENT_SECRET={}",
        "run app --requirepass {}",
        "run app sh -c mysql~-u~root~--password~{}~db",
        "run app sh -c mysql~-uroot~-p{}~db",
        "run app sh -c docker~login~-u~me~-p~{}~example.com",
        "run app sh -c cd~/a;~curl~-u~me:{}~http://x",
        "run app sh -c serve~--api-key~'{}'",
        "run app sh -c serve~--token~\"{}\"~-v",
        "run --health-cmd redis-cli~-a~{}~ping",
        "run -e OPTS=--password~{}~-v",
        "run -e GITHUB_PAT={}",
        "run -e DBPASS={}",
        "run -e ROOTPW={}",
        "run -e DB=Server=h;Pwd={};x=1",
        "run -l secret={}",
        "run app mysql -p{}",
        "run app redis-cli -a {}",
        "run app sh -c TOKEN={}~serve",
        "run --label auth-key={}",
        "run --log-opt splunk-token={}",
        "run -e CFG={\"password\":\"{}\"}",
        "run -e CFG={\"password\":~\"{}\",\"a\":1}",
        "run app curl -H Authorization:~Bearer~{}",
        "run app curl -H X-Api-Key:~{}",
        "run app curl -u me:{}",
        "run -e DSN=root:{}@tcp(db:3306)/x",
        "run -e URL=https://h/?a=1&access_token={}&b=2",
        "run -e ADO=Server=x;Password={};Encrypt=true",
        "run -e GITHUB=https://{}@github.com/a.git",
        "build https://me:{}@github.com/a.git",
        "run -e DATABASE_URL=postgres://app:{}@host:5432/db",
        "-H tcp://me:{}@host ps",
        "run -e SLACK=https://hooks.slack.com/services/{}",
    ];

    #[test]
    fn every_shape_in_every_place() {
        let spoken = ["hunter2Zq", "ghp_hunter2abcdef0123", "hunter2+/x==", "hunter2-ü"];
        for place in PLACES {
            for secret in spoken {
                // An address without a password cannot hold a slash before its host.
                if place.contains("https://{}@") && secret.contains('/') {
                    continue;
                }
                let filled: Vec<String> =
                    place.split(' ').map(|word| word.replace('~', " ").replace("{}", secret)).collect();
                let mut words: Vec<&str> = filled.iter().map(String::as_str).collect();
                words.push("alpine:3");
                let shown = line(&words);
                assert!(!shown.join(" ").contains("hunter2"), "{place}: {shown:?}");
                assert_eq!(shown.len(), words.len());
                assert_eq!(shown.last().map(String::as_str), Some("alpine:3"));
                assert_eq!(args(&shown), shown, "masked once and for all");
            }
        }
        for token in [
            "ghp_0123456789abcdef0123",
            "AKIAIOSFODNN7ABCDEFG",
            "glpat-0123456789abcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_gh",
        ] {
            for place in ["X={}", "{}", "x={}", "https://example.com/{}/x.git", "example.com/{}", "a,{},b"] {
                let shown = word(&place.replace("{}", token));
                assert!(!shown.contains(&token[4..]), "{shown}");
            }
        }
    }

    /// Whatever is written, in time that grows with its length alone.
    #[test]
    fn a_secret_is_masked_whole() {
        for value in ["a b c", "a,b", "a;b&c", "p@ss", "a=b", "$3cret", "pässwört", "x'y\"z", "***x"] {
            let shown = line(&["run", "-e", &format!("PASSWORD={value}"), "alpine"]);
            assert_eq!(shown, ["run", "-e", "PASSWORD=***", "alpine"], "{value}");
        }
        assert_eq!(word("o=username=me,password=a,b,vers=3.0"), "o=username=me,password=***,vers=3.0");
        assert_eq!(word("postgres://app:p/w@db/x"), "postgres://app:***@db/x");
        assert_eq!(word("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END"), "***");
        assert_eq!(text("bad \"TOKEN=a b\" for \"-e, --env\""), "bad \"TOKEN=***\" for \"-e, --env\"");
        assert_eq!(text("GET https://me:x@example.com/a: 403"), "GET https://me:***@example.com/a: 403");
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for plain in [
            "run -e MODE=production -p 8080:80 nginx:1.29.3",
            "run -e PASSWORD= alpine",
            "run -e POSTGRES_PASSWORD_FILE=/run/secrets/pg postgres:17",
            "run -u 1000:1000 -v /a:/b:ro app@sha256:1111",
            "build --secret id=npm,src=.npmrc .",
            "build --secret=id=npm .",
            "login -u me --password-stdin",
            "run --mount type=bind,source=/a,target=/b alpine",
            "-H ssh://git@host ps",
            "build git@github.com:a/b.git#main:docker",
            "tag token:1.4 x",
            "run -e TZ=Europe/Berlin -e PWD=/a alpine",
            "service create --secret source=a,target=b x",
            "run localhost:5000/app:1@sha256:22",
            "run -v secret:/run/x alpine",
            "run -e MYSQL_ALLOW_EMPTY_PASSWORD=yes mysql:8",
            "compose -p shop up -d",
            "run -p 80:80 login",
            "service create --secret=source=a,target=b x",
            "run -e OLDPWD=/a -e FLAT=1 alpine",
            "run --label traefik.http.routers.x.rule=Host(`a.b`) app",
        ] {
            let words: Vec<&str> = plain.split(' ').collect();
            assert_eq!(line(&words), words, "{plain}");
        }
        let mut value = serde_json::json!({
            "argv": ["login", "-p", "x1"], "body": {"password": "x1", "Env": ["A_TOKEN=x1", "B=2"]},
            "query": {"buildargs": "{\"TOKEN\":\"x1\"}"},
        });
        json(&mut value);
        assert!(!value.to_string().contains("x1") && value.to_string().contains("B=2"), "{value}");
    }
}
