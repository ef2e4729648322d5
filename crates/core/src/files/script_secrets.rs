//! Secrets that a script has in its own words. Pure.

use super::mask::PLAIN_OPTIONS;
use super::secret_names::{is_secret_name, may_name_a_secret};
use super::secret_values::{Certainty, is_any_login, is_literal, of_value, of_variable};
use super::secrets::by_content;
use super::shell::{Lexer, Line};
use crate::text::{has_one_of, part};

/// A secret of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSecret {
    /// What it is, without its value.
    pub what: String,
    /// How sure it is that it is one.
    pub certainty: Certainty,
}

/// The first secret of a script that is certain, else the first that is not. What is filled in is none.
pub fn in_script(script: &str) -> Option<ScriptSecret> {
    if let Some(what) = by_content(script) {
        return Some(certain(what));
    }
    if !may_hold_one(script) {
        return None;
    }
    let mut found = ScriptSecrets::default();
    found.script(script, 0);
    found.best()
}

/// A quick check for long files: whatever gives a secret has a sign of a name and its value, the name of a secret, or of a program that takes
/// one by an option.
fn may_hold_one(script: &str) -> bool {
    script.contains([':', '=']) || may_name_a_secret(script) || has_one_of(script, TAKING)
}

/// Parts of the names of programs that take a secret by an option whose name does not say so, and of statements.
const TAKING: &[&str] = &[
    "mysql",
    "maria",
    "mongo",
    "redis",
    "valkey",
    "login",
    "useradd",
    "usermod",
    "rabbitmq",
    "sudo",
    "auth",
    "identified",
];

/// The same of the words of a process, of which none is a script but behind `sh -c`.
pub fn in_words(words: &[String]) -> Option<ScriptSecret> {
    let mut found = ScriptSecrets::default();
    found.command(words, 0);
    found.best()
}

fn certain(what: &str) -> ScriptSecret {
    ScriptSecret { what: what.to_owned(), certainty: Certainty::Certain }
}

/// Scripts in scripts are read so deep.
const DEEPEST: usize = 8;
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "ksh", "su", "runuser"];
/// What stands before a command and runs it.
const BEFORE: &[&str] = &[
    "sudo", "env", "exec", "export", "then", "do", "else", "if", "while", "until", "time", "nohup", "!", "{", "local",
    "declare", "readonly",
];
/// Programs whose `login` takes a password by `-p`.
const LOGINS: &[&str] =
    &["docker", "podman", "buildah", "skopeo", "nerdctl", "helm", "crane", "oras", "az", "cf", "oc", "regctl"];

#[derive(Default)]
struct ScriptSecrets {
    certain: Option<ScriptSecret>,
    doubtful: Option<ScriptSecret>,
}

impl ScriptSecrets {
    fn best(self) -> Option<ScriptSecret> {
        self.certain.or(self.doubtful)
    }

    fn certain(&mut self, what: &str) {
        self.certain.get_or_insert_with(|| certain(what));
    }

    fn doubtful(&mut self, what: &str) {
        self.doubtful.get_or_insert_with(|| ScriptSecret { what: what.to_owned(), certainty: Certainty::Doubtful });
    }

    /// A value of this name is written down.
    fn named(&mut self, name: &str, value: &str) {
        match of_variable(name, value) {
            Some(secret) if secret.certainty == Certainty::Certain => self.certain(secret.what),
            Some(secret) if secret.certainty == Certainty::Doubtful && is_literal(value) => {
                self.doubtful(&format!("{name} is set in it"));
            }
            _ => {}
        }
    }

    fn script(&mut self, text: &str, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let (mut lexer, mut before, mut lists_passwords) = (Lexer::new(text), Vec::new(), false);
        while let Some(line) = lexer.next_command() {
            for inner in &line.inner {
                self.script(inner, depth + 1);
            }
            let program = program_of(&line.words).map(|(program, _)| program);
            if program == Some("chpasswd") {
                lists_passwords |= text.contains("<<");
                self.passwords(&line, &before);
            }
            let is_asked = match program {
                Some("passwd") => true,
                Some("sudo") => line.words.iter().any(|word| word == "-S"),
                _ => line.words.iter().take(2).map(String::as_str).eq(["sudo", "-S"]),
            };
            // What is typed where a password is asked for.
            if is_asked
                && is_printed(&before)
                && before.iter().skip(1).any(|word| !word.starts_with('-') && is_literal(word))
            {
                self.certain("a user's password");
            }
            if program == Some("debconf-set-selections") {
                let fields: Vec<&str> = before.iter().flat_map(|word| word.split_whitespace()).collect();
                if fields.windows(2).any(|pair| matches!(pair, ["password", value] if is_literal(value))) {
                    self.certain("a password of a package");
                }
            }
            // A list of passwords in a here-document.
            if lists_passwords && matches!(line.words.as_slice(), [word] if is_account(word)) {
                self.certain("a user's password");
            }
            self.command(&line.words, depth);
            before = if line.is_piped { line.words } else { Vec::new() };
        }
    }

    /// `chpasswd`: what is handed to it.
    fn passwords(&mut self, line: &Line, before: &[String]) {
        let printed = before.iter().skip(1).filter(|_| is_printed(before));
        if line.handed.iter().chain(printed).any(|word| is_account(word)) {
            self.certain("a user's password");
        }
    }

    fn command(&mut self, words: &[String], depth: usize) {
        for word in words {
            self.word(word);
        }
        self.fields(words);
        for (word, next) in words.iter().zip(words.iter().skip(1)) {
            let Some(option) = word.strip_prefix('-') else { continue };
            let option = option.trim_start_matches('-');
            let is_value = !next.starts_with('-') && is_literal(next);
            let is_named = is_secret_name(option) || option == "masterauth";
            if option.len() > 2 && !option.contains('=') && is_value && is_named && !PLAIN_OPTIONS.contains(&option) {
                match option {
                    "requirepass" | "masterauth" => self.certain("a database's password"),
                    _ => self.named(option, next),
                }
            }
        }
        let Some((program, rest)) = program_of(words) else { return };
        if SHELLS.contains(&program) {
            let at =
                rest.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'));
            if let Some(script) = at.and_then(|at| rest.get(at + 1)) {
                self.script(script, depth + 1);
            }
        }
        if let Some(what) = of_program(program, rest) {
            self.certain(what);
        }
        // `npm config set NAME VALUE`, `aws configure set NAME VALUE`.
        if rest.iter().any(|word| word == "config" || word == "configure") {
            for (name, value) in rest.iter().zip(rest.iter().skip(1)).filter(|(_, value)| is_literal(value)) {
                let name = name.rsplit(['.', ':', '/']).next().unwrap_or_default();
                if matches!(name, "_authToken" | "_auth" | "_password") {
                    self.certain("a registry's token");
                } else if is_secret_name(name) && !value.contains('=') {
                    self.named(name, value);
                }
            }
        }
    }

    /// One word of any command.
    fn word(&mut self, word: &str) {
        if let Some(secret) = of_value(word) {
            match secret.certainty {
                Certainty::Certain => self.certain(secret.what),
                _ => self.doubtful("a password in an address"),
            }
        }
        // `NAME=value`, `--name=value`, `-Dname=value`, `a=b,password=c`.
        for field in word.split([',', '\n']) {
            let Some((name, value)) = field.trim().split_once('=') else { continue };
            let bare = name.trim_start_matches('-');
            let is_name = !bare.is_empty()
                && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
            if is_name && !PLAIN_OPTIONS.contains(&bare) {
                self.named(bare, value);
            } else if name.ends_with(":_authToken") && is_literal(value) {
                self.certain("a registry's token");
            }
        }
        // `Authorization: Bearer …`, `PRIVATE-TOKEN: …`
        if let Some((name, value)) = word.split_once(": ") {
            let is_header = name.eq_ignore_ascii_case("authorization") || is_secret_name(name) && name.contains('-');
            let value = value.split_whitespace().last().unwrap_or_default();
            if is_header && value.len() >= 6 && is_literal(value) {
                self.certain("a token in a header");
            }
        }
        if word.contains(char::is_whitespace) {
            let inside: Vec<String> = word.split_whitespace().map(str::to_owned).collect();
            self.login(&inside);
            self.statement(word);
        }
    }

    /// What a line of a file says: `password: …`, `password = …`, `machine … password …`.
    fn fields(&mut self, words: &[String]) {
        let words: Vec<&str> = words.iter().map(|word| word.trim_end_matches(',')).collect();
        match words.as_slice() {
            [name, value] if name.ends_with(':') => self.named(name.trim_end_matches(':'), value),
            [name, "=", value] => self.named(name, value),
            _ => {}
        }
        self.login(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    }

    /// `machine HOST login NAME password …` of a `.netrc`.
    fn login(&mut self, words: &[String]) {
        let is_netrc =
            words.iter().any(|word| word == "login") && words.iter().any(|word| word == "machine" || word == "default");
        let given =
            words.windows(2).any(|pair| matches!(pair, [name, value] if name == "password" && is_literal(value)));
        if is_netrc && given {
            self.certain("a password of a .netrc");
        }
    }

    /// SQL that sets a password.
    fn statement(&mut self, text: &str) {
        let upper = text.to_ascii_uppercase();
        for start in ["IDENTIFIED BY ", "PASSWORD "] {
            for (at, _) in upper.match_indices(start) {
                let rest = part(text, at + start.len()..).trim_start_matches(['\\', ' ']);
                let Some(quote) = rest.chars().next().filter(|first| matches!(first, '\'' | '"')) else { continue };
                let value = part(rest, 1..).split([quote, '\\']).next().unwrap_or_default();
                if is_literal(value) {
                    self.named("PASSWORD", value);
                }
            }
        }
    }
}

/// The program of a command and its arguments, without what stands before it.
fn program_of(words: &[String]) -> Option<(&str, &[String])> {
    let is_before = |word: &String| BEFORE.contains(&word.as_str()) || word.contains('=') && !word.starts_with('-');
    let skipped = words.iter().take_while(|word| is_before(word)).count();
    let (program, rest) = words.get(skipped..)?.split_first()?;
    Some((program.rsplit('/').next().unwrap_or_default(), rest))
}

/// `name:password` of an account, both written down. A password that everybody knows is one all the same.
fn is_account(text: &str) -> bool {
    text.split(['\n', ' ']).flat_map(|line| line.split("\\n")).any(|line| {
        let is_written = |password: &str| {
            !password.is_empty()
                && !password.contains(['$', '`', '<', '/'])
                && !matches!(password, "*" | "!" | "!!" | "x%")
        };
        line.split_once(':').is_some_and(|(name, password)| !name.is_empty() && is_written(password))
    })
}

/// `name:password` for a server.
fn is_pair(word: &str) -> bool {
    let pair = word.split_once(':');
    pair.is_some_and(|(name, password)| !name.is_empty() && is_literal(password) && !is_any_login(name, password))
}

/// What a program is given by an option of its own.
fn of_program(program: &str, rest: &[String]) -> Option<&'static str> {
    // The value of an option: the next word, or joined to it.
    let value = |short: &str, long: &str| {
        rest.iter().enumerate().find_map(|(at, word)| {
            if word == short || word == long {
                return rest.get(at + 1).map(String::as_str);
            }
            let joined = word.strip_prefix(long).filter(|_| !long.is_empty()).and_then(|rest| rest.strip_prefix('='));
            joined.or_else(|| {
                word.strip_prefix(short).filter(|rest| !short.is_empty() && !rest.is_empty() && !word.starts_with("--"))
            })
        })
    };
    let given =
        |short: &str, long: &str| value(short, long).is_some_and(|value| !value.starts_with('-') && is_literal(value));
    let has = |wanted: &str| rest.iter().any(|word| word == wanted);
    let behind = |wanted: &str, more: usize| {
        let at = rest.iter().position(|word| word == wanted)?;
        rest.get(at + more)
    };
    match program {
        "curl" => {
            // A short option may stand behind others: `-fsSu`.
            let bundled = rest.windows(2).find_map(|pair| match pair {
                [flags, login] if flags.starts_with('-') && !flags.starts_with("--") && flags.ends_with('u') => {
                    Some(login.as_str())
                }
                _ => None,
            });
            let login = bundled.or_else(|| value("-u", "--user"));
            login.is_some_and(is_pair).then_some("curl's password")
        }
        "wget" => ["--password", "--http-password", "--ftp-password", "--proxy-password"]
            .iter()
            .any(|long| given("", long))
            .then_some("wget's password"),
        "mysql" | "mysqldump" | "mysqladmin" | "mariadb" | "mariadb-admin" | "mariadb-dump" | "mysqlimport" => {
            let joined = rest
                .iter()
                .filter_map(|word| word.strip_prefix("-p"))
                .any(|value| !value.is_empty() && is_literal(value));
            let set = behind("password", 1).is_some_and(|value| is_literal(value));
            (joined || set || rest.iter().filter_map(|word| word.strip_prefix("--password=")).any(is_literal))
                .then_some("a database's password")
        }
        "mongo" | "mongosh" | "mongodump" | "mongorestore" | "mongoimport" => {
            given("-p", "--password").then_some("a database's password")
        }
        "sshpass" => given("-p", "").then_some("sshpass's password"),
        "redis-cli" | "valkey-cli" => given("-a", "--pass").then_some("a database's password"),
        _ if LOGINS.contains(&program) && has("login") => given("-p", "--password").then_some("a registry's password"),
        "useradd" | "usermod" => given("-p", "--password").then_some("a user's password"),
        "openssl" if has("passwd") => {
            let last = rest.last().filter(|last| rest.len() > 1 && !last.starts_with('-') && *last != "passwd");
            last.is_some_and(|last| is_literal(last)).then_some("a user's password")
        }
        "openssl" => {
            rest.iter().filter_map(|word| word.strip_prefix("pass:")).any(is_literal).then_some("a key's password")
        }
        "rabbitmqctl" => ["add_user", "change_password"]
            .iter()
            .any(|verb| behind(verb, 2).is_some_and(|value| is_literal(value)))
            .then_some("a broker's password"),
        "htpasswd" => {
            let flags = rest.iter().filter(|word| word.starts_with('-')).any(|word| word.contains('b'));
            let last = rest.iter().rfind(|word| !word.starts_with('-'));
            (flags && rest.len() > 2 && last.is_some_and(|last| is_literal(last))).then_some("a password for htpasswd")
        }
        _ => None,
    }
}

fn is_printed(words: &[String]) -> bool {
    words.first().is_some_and(|first| matches!(first.as_str(), "echo" | "printf" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_script() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        for script in [
            format!("git clone https://bob:{token}@example.com/x/y"),
            format!("git clone https://{token}@github.com/x/y"),
            format!("curl -H 'Authorization: token {token}' https://example.com"),
            format!("TOKEN={token} make"),
            "git clone https://bob:hunter2@example.com/x/y".to_owned(),
            "pip install --index-url https://ci:hunter2@pypi.example.com/simple x".to_owned(),
            "psql postgres://app:hunter2@db/x -c 'select 1'".to_owned(),
            "curl -u admin:secret99 https://example.com".to_owned(),
            "curl -fsSu admin:secret99 https://example.com".to_owned(),
            "curl --user admin:secret99 https://example.com".to_owned(),
            "curl --user=admin:secret99 https://example.com".to_owned(),
            "curl -u 'admin:secret99' https://example.com | tar xz".to_owned(),
            "wget --user a --password=hunter2 https://example.com/x".to_owned(),
            "echo root:x | chpasswd".to_owned(),
            "echo 'root:hunter2' | chpasswd".to_owned(),
            "useradd app && echo \"app:hunter2\" | /usr/sbin/chpasswd".to_owned(),
            "printf 'root:x\\n' | chpasswd".to_owned(),
            "chpasswd <<< root:hunter2".to_owned(),
            "echo hunter2 | passwd --stdin root".to_owned(),
            "mysql -uroot -phunter2 -e 'x'".to_owned(),
            "service mysql start && mysqladmin -u root --password=hunter2 status".to_owned(),
            "sshpass -p hunter2 ssh a@b".to_owned(),
            "redis-cli -a hunter2 ping".to_owned(),
            "docker login -u a -p hunter2 example.com".to_owned(),
            "npm config set //registry.npmjs.org/:_authToken abcdef012345".to_owned(),
            "npm config set //registry.npmjs.org/:_authToken=abcdef012345".to_owned(),
            "htpasswd -cb /etc/h admin hunter2".to_owned(),
            "cat > /root/.netrc <<EOF\nmachine example.com login bob password hunter2\nEOF".to_owned(),
            "echo 'machine example.com login bob password hunter2' > ~/.netrc".to_owned(),
            "chpasswd <<EOF\nroot:hunter2\nEOF".to_owned(),
            "cat <<EOF | chpasswd\nroot:hunter2\nEOF".to_owned(),
            "bash -c \"echo 'root:hunter2' | chpasswd\"".to_owned(),
            "curl -H \"Authorization: Bearer abcdef0123\" https://example.com".to_owned(),
            "curl --header 'PRIVATE-TOKEN: abcdef0123' https://example.com".to_owned(),
            "useradd -m -p $(openssl passwd -1 hunter2) app".to_owned(),
            "echo 'mysql-server mysql-server/root_password password hunter2' | debconf-set-selections".to_owned(),
            "cat > /k <<EOF\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nEOF".to_owned(),
            "echo //registry.npmjs.org/:_authToken=abcdef > .npmrc".to_owned(),
            "rabbitmqctl add_user app hunter2".to_owned(),
            "openssl req -new -passout pass:hunter2".to_owned(),
            "aws configure set aws_secret_access_key wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzzzz".to_owned(),
            "git config --global url.https://bob:hunter2@example.com/.insteadOf https://example.com/".to_owned(),
            "echo hunter2 | sudo -S apt-get update".to_owned(),
        ] {
            assert!(in_script(&script).is_some_and(|it| it.certainty == Certainty::Certain), "{script}");
        }
        for script in [
            "PGPASSWORD=hunter2 psql -c x",
            "export API_TOKEN=abc && make",
            "make; DB_PASSWORD='hunter2' migrate",
            "cat > /a.env <<EOF\nDB_PASSWORD=hunter2\nEOF",
            "echo 'SMTP_PASS=hunter2' >> /etc/environment",
            "serve --token abcdef",
            "keytool -storepass hunter2 -list",
            "cat > /x.yml <<EOF\npassword: hunter2\nEOF",
            "cat > /my.cnf <<EOF\n[client]\npassword = hunter2\nEOF",
            "psql -c \"ALTER USER a PASSWORD 'hunter2'\"",
            "helm upgrade --set adminPassword=hunter2 x y",
            "mount -o username=a,password=hunter2 //x /y",
        ] {
            assert!(in_script(script).is_some_and(|it| it.certainty == Certainty::Doubtful), "{script}");
        }
    }

    #[test]
    fn what_is_none() {
        for script in [
            "git clone https://$USER:$TOKEN@example.com/x/y",
            "git clone https://bob:${TOKEN}@example.com/x/y",
            "git clone https://x-access-token:$(cat /run/secrets/t)@github.com/x/y",
            "git clone https://bob@example.com/x/y",
            "git clone git@github.com:a/b.git",
            "git clone ssh://git@github.com:22/a/b",
            "curl https://example.com:8443/x@y",
            "curl -u $USER:$PASS https://example.com",
            "curl -u admin https://example.com",
            "curl -u \"admin:${PASS}\" https://example.com",
            "curl -o x:y https://example.com",
            "wget --password=$PASS https://example.com/x",
            "echo root:$PW | chpasswd",
            "echo \"root:${ROOT_PASSWORD}\" | chpasswd",
            "echo 'root:*' | chpasswd -e",
            "echo 'root:$6$abc$def' | chpasswd -e",
            "mysql -p -e x",
            "mysql -p$PW -e x",
            "docker login -u a --password-stdin",
            "docker run -p 80:80 x",
            "npm config set //registry.npmjs.org/:_authToken $NPM_TOKEN",
            "npm config set //registry.npmjs.org/:_authToken=${NPM_TOKEN}",
            "npm install foo@npm:bar@1.2",
            "npm_config_registry=https://example.com npm ci",
            "# curl -u admin:secret99 https://example.com\nmake",
            "sshpass -f /run/secrets/x ssh a@b",
            "PASSWORD_FILE=/run/secrets/p make",
            "API_TOKEN=$(cat /run/secrets/t) make",
            "API_TOKEN=changeme make",
            "MYSQL_ALLOW_EMPTY_PASSWORD=yes serve",
            "chown app:app /x",
            "echo AKIAIOSFODNN7EXAMPLE",
            "make TOKEN",
            "adduser --disabled-password --gecos '' app",
            "adduser --disabled-password app",
            "passwd -d root",
            "passwd -l root",
            "docker build --secret id=npm,src=.npmrc .",
            "keytool -storepass changeit -list",
            "export JAVA_TRUSTSTORE_PASSWORD=changeit",
            "curl -u user:password https://example.com",
            "API_KEY_RATE_LIMIT=5 serve",
            "gpg --recv-keys 0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D",
            "GPG_KEY=0D96DF4D4110E5C43FBFB17F2D347EA6AA65421D verify",
            "echo 'Enter your password: '",
            "grep -v password /x",
            "sed -i 's/password=.*/password=$PW/' /x",
            "curl -H \"Authorization: Bearer $TOKEN\" https://example.com",
            "curl -H 'Content-Type: application/json' https://example.com",
            "TOKEN=$(cat /run/secrets/t) && curl -H \"Authorization: token ${TOKEN}\" https://example.com",
            "echo '# -----BEGIN RSA PRIVATE KEY-----' > /x",
            "vault login -method=token",
            "gh auth login --with-token < /run/secrets/t",
            "npm token list",
            "pip install keyring-pass python-jwt",
            "token=`cat /x` serve",
            "aws ecr get-login-password | docker login -u AWS --password-stdin x",
            "",
        ] {
            assert_eq!(in_script(script), None, "{script}");
        }
    }
}
