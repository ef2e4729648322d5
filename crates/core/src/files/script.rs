//! What a command deletes or overwrites where it runs, as far as its words show it: `rm -rf /data`, `sh -c 'cd /data && > x'`,
//! `find /data -delete`. A person's own program may do the same and does not say so.

use std::collections::HashSet;

use crate::files::ignore::clean;
use crate::files::shell::Lexer;
use crate::text::part;

/// One thing that a command deletes or overwrites.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Overwrites {
    /// The program that does it, or `>` for a shell's redirection.
    pub program: String,
    /// The path; None where the words do not show it: it is relative, or a variable holds it.
    pub path: Option<String>,
}

impl Overwrites {
    /// Whether it may be something in this folder: at it, below it, or above it with the folder in it.
    pub fn reaches(&self, folder: &str) -> bool {
        let folder = clean(folder);
        let within = |path: &str, of: &str| {
            of == "/" || path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.path.as_ref().is_none_or(|path| within(path, &folder) || within(&folder, path))
    }
}

/// Of the words of a process: the folder that it starts in, where the command names one, its entry point, the same, and its command.
pub fn overwrites(folder: Option<&str>, entrypoint: &[String], command: &[String]) -> Vec<Overwrites> {
    let folder = folder.filter(|folder| folder.starts_with('/')).map(str::to_owned);
    let mut script = Script { folder, ..Script::default() };
    let all: Vec<String> = entrypoint.iter().chain(command).filter(|word| !word.is_empty()).cloned().collect();
    match all.as_slice() {
        // An image whose entry point is `sh -c`.
        [line] if line.contains(char::is_whitespace) => script.run(line, 0),
        words => script.command(words, 0),
    }
    // An entry point that fender does not know mostly runs the words that follow it.
    if script.found.is_empty() && !entrypoint.is_empty() {
        script.command(command, 0);
    }
    script.found
}

/// The commands of a script, and of the scripts in it, each as its words. What the shell fills in is a `$`.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let mut scripts = vec![(script.to_owned(), 0)];
    while let Some((script, depth)) = scripts.pop() {
        let mut lexer = Lexer::new(&script);
        while let Some(line) = lexer.next_command() {
            let mut inner = line.inner;
            let at = line.words.iter().position(|word| SHELLS.contains(&word.rsplit('/').next().unwrap_or_default()));
            let words = at.and_then(|at| line.words.get(at..)).unwrap_or_default();
            inner.extend(shell_script(words).cloned());
            if depth < DEEPEST {
                scripts.extend(inner.into_iter().map(|script| (script, depth + 1)));
            }
            if !line.words.is_empty() {
                all.push(line.words);
            }
        }
    }
    all
}

/// The script of `sh -c SCRIPT`, with other options in front of it or in the same word.
pub fn shell_script(words: &[String]) -> Option<&String> {
    let takes = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains('c');
    let at = words.iter().position(takes)?;
    words.iter().skip(at + 1).find(|word| !word.starts_with('-') && !word.starts_with('+'))
}

const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "zsh", "ksh"];

/// Programs that run the words behind their own options, and so do the shell's words that stand in front of a command.
const WRAPPERS: &[&str] = &[
    "env",
    "sudo",
    "doas",
    "nohup",
    "nice",
    "ionice",
    "time",
    "timeout",
    "setsid",
    "exec",
    "command",
    "builtin",
    "chroot",
    "gosu",
    "su-exec",
    "stdbuf",
    "busybox",
    "toybox",
    "xargs",
    "tini",
    "dumb-init",
    "catatonit",
    "if",
    "then",
    "else",
    "elif",
    "do",
    "while",
    "until",
    "{",
    "!",
    "--",
];

/// Programs that delete or overwrite what they are given.
const EACH: &[&str] = &["rm", "rmdir", "unlink", "shred", "truncate", "wipefs", "blkdiscard", "mv", "tee", "mkswap"];
/// Programs that overwrite the last of what they are given.
const LAST: &[&str] = &["cp", "install", "rsync"];

/// Scripts in scripts are read so deep.
const DEEPEST: usize = 8;

#[derive(Default)]
struct Script {
    found: Vec<Overwrites>,
    seen: HashSet<Overwrites>,
    /// Where it went by `cd`; None where that is not known.
    folder: Option<String>,
}

impl Script {
    fn finds(&mut self, program: &str, path: Option<&str>) {
        let path = path.and_then(|path| self.absolute(path));
        let found = Overwrites { program: program.to_owned(), path };
        if self.seen.insert(found.clone()) {
            self.found.push(found);
        }
    }

    /// The path as far as it is certain: what a variable or a pattern stands for is not.
    fn absolute(&self, path: &str) -> Option<String> {
        let known = match path.find(['$', '`', '*', '?', '[', '{']) {
            Some(at) => {
                let before = part(path, ..at);
                // The last name may go on in what is not known.
                before.rfind('/').map(|slash| part(before, ..=slash))
            }
            None => Some(path),
        };
        match (known, &self.folder) {
            (Some(known), _) if known.starts_with('/') => Some(clean(known)),
            (Some(known), Some(folder)) => Some(clean(&format!("{folder}/{known}"))),
            (None, Some(folder)) if !path.starts_with(['$', '`']) => Some(folder.clone()),
            _ => None,
        }
    }

    fn run(&mut self, text: &str, depth: usize) {
        if depth > DEEPEST {
            return self.finds("a script", None);
        }
        let mut lexer = Lexer::new(text);
        while let Some(line) = lexer.next_command() {
            for inner in &line.inner {
                self.run(inner, depth + 1);
            }
            for target in &line.overwritten {
                self.finds(">", Some(target));
            }
            self.command(&line.words, depth);
        }
    }

    fn command(&mut self, words: &[String], depth: usize) {
        // `NAME=value rm …`
        let is_setting = |word: &&String| {
            word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains(['/', '-']))
        };
        let settings = words.iter().take_while(is_setting).count();
        let Some((first, rest)) = words.get(settings..).unwrap_or_default().split_first() else { return };
        let program = first.rsplit('/').next().unwrap_or_default();
        if depth > DEEPEST {
            return self.finds(program, None);
        }
        if SHELLS.contains(&program) {
            return self.shell(rest, depth);
        }
        if WRAPPERS.contains(&program) {
            return self.behind(program, rest, depth);
        }
        let operands = || rest.iter().filter(|word| !word.starts_with('-') || word.len() == 1);
        match program {
            "cd" => {
                let to = rest.iter().find(|word| !word.starts_with('-'));
                self.folder = to.and_then(|to| self.absolute(to));
            }
            "eval" => self.run(&rest.join(" "), depth + 1),
            "find" => self.find(rest, depth),
            "dd" => {
                for target in rest.iter().filter_map(|word| word.strip_prefix("of=")) {
                    self.finds(program, Some(target));
                }
            }
            "tar" | "bsdtar" => self.tar(program, rest),
            "unzip" => {
                let folder = value(rest, "-d", "");
                self.finds(program, Some(folder.unwrap_or(".")));
            }
            "sed" | "perl" => {
                let in_place = rest.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place"));
                let script = !rest.iter().any(|word| matches!(word.as_str(), "-e" | "-f"));
                for target in operands().skip(usize::from(script)).filter(|_| in_place) {
                    self.finds(program, Some(target));
                }
            }
            _ if EACH.contains(&program) || program.starts_with("mkfs") => {
                let mut any = false;
                for target in operands() {
                    any = true;
                    self.finds(program, Some(target));
                }
                // Behind `xargs` the paths come from elsewhere.
                if !any {
                    self.finds(program, None);
                }
            }
            _ if LAST.contains(&program) => {
                let folder = value(rest, "-t", "--target-directory=");
                match folder.or_else(|| operands().next_back().map(String::as_str)) {
                    Some(target) if target.contains(':') => {}
                    target => self.finds(program, target),
                }
            }
            _ => {}
        }
    }

    fn shell(&mut self, words: &[String], depth: usize) {
        if let Some(script) = shell_script(words) {
            self.run(script, depth + 1);
        }
    }

    /// The command behind a wrapper: the first word that is one, whatever options are in front of it.
    fn behind(&mut self, wrapper: &str, words: &[String], depth: usize) {
        let is_command = |word: &String| {
            let name = word.rsplit('/').next().unwrap_or_default();
            let known = [SHELLS, WRAPPERS, EACH, LAST].iter().any(|list| list.contains(&name));
            known
                || name.starts_with("mkfs")
                || ["find", "dd", "tar", "unzip", "sed", "perl", "eval", "cd"].contains(&name)
        };
        let Some(at) = words.iter().position(is_command) else { return };
        let begin = self.found.len();
        self.command(words.get(at..).unwrap_or_default(), depth + 1);
        // The paths are those of another root, or come from standard input.
        if matches!(wrapper, "chroot" | "xargs") {
            for found in self.found.iter_mut().skip(begin) {
                found.path = None;
            }
        }
    }

    fn find(&mut self, words: &[String], depth: usize) {
        let begin = words.iter().position(|word| word.starts_with(['-', '(', '!'])).unwrap_or(words.len());
        let (folders, tests) = words.split_at(begin);
        let deletes = tests.iter().any(|word| word == "-delete");
        let mut inner = Script { folder: self.folder.clone(), ..Script::default() };
        let mut left = tests.iter();
        while left.any(|word| matches!(word.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir")) {
            let command = left.by_ref().take_while(|word| !matches!(word.as_str(), ";" | "+"));
            let command: Vec<String> = command.filter(|word| *word != "{}").cloned().collect();
            inner.command(&command, depth + 1);
        }
        let program = inner.found.first().map(|found| found.program.clone());
        let Some(program) = program.or_else(|| deletes.then(|| "find -delete".to_owned())) else { return };
        if folders.is_empty() {
            self.finds(&program, Some("."));
        }
        for folder in folders {
            self.finds(&program, Some(folder));
        }
    }

    fn tar(&mut self, program: &str, words: &[String]) {
        let extracts = |(at, word): (usize, &String)| match word.strip_prefix('-') {
            Some(long) if long.starts_with('-') => matches!(word.as_str(), "--extract" | "--get"),
            Some(short) => short.contains('x'),
            None => at == 0 && word.contains('x'),
        };
        if words.iter().enumerate().any(extracts) {
            let folder = value(words, "-C", "--directory=").or_else(|| value(words, "--directory", ""));
            self.finds(program, Some(folder.unwrap_or(".")));
        }
    }
}

/// The value of an option: in the next word, in the same one, or behind its long name.
fn value<'a>(words: &'a [String], short: &str, long: &str) -> Option<&'a str> {
    let found = |(at, word): (usize, &'a String)| match word.strip_prefix(short) {
        Some("") => words.get(at + 1).map(String::as_str),
        Some(rest) => Some(rest),
        None if !long.is_empty() => word.strip_prefix(long),
        None => None,
    };
    words.iter().enumerate().find_map(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<(String, Option<String>)> {
        let words = shell_words::split(line).unwrap();
        overwrites(None, &[], &words).into_iter().map(|it| (it.program, it.path)).collect()
    }

    #[test]
    fn what_is_deleted_or_overwritten_is_found() {
        for (line, program, path) in [
            ("rm -rf /data/old", "rm", Some("/data/old")),
            ("/bin/rm -rf -- /data/../data/x", "rm", Some("/data/x")),
            ("rm -rf /data/*", "rm", Some("/data")),
            ("rm -rf /da*/x", "rm", Some("/")),
            ("rm x", "rm", None),
            ("busybox rm /x", "rm", Some("/x")),
            ("sudo -u root rm /x", "rm", Some("/x")),
            ("timeout 5 rm /x", "rm", Some("/x")),
            ("env A=b rm /x", "rm", Some("/x")),
            ("sh -c 'rm -rf /x'", "rm", Some("/x")),
            ("bash -exc 'rm -rf \"$DIR\"'", "rm", None),
            ("bash -c 'rm -rf /x/$NAME'", "rm", Some("/x")),
            ("sh -c 'cd /x && rm -rf *'", "rm", Some("/x")),
            ("sh -c 'cd /x; rm -rf sub/old'", "rm", Some("/x/sub/old")),
            ("sh -c 'if true; then rm /x; fi'", "rm", Some("/x")),
            ("sh -c 'for f in a b; do rm /x/$f; done'", "rm", Some("/x")),
            ("sh -c 'echo $(rm /x)'", "rm", Some("/x")),
            ("sh -c 'echo \"`rm /x`\"'", "rm", Some("/x")),
            ("sh -c 'true\nrm /x'", "rm", Some("/x")),
            ("sh -c '(rm /x)'", "rm", Some("/x")),
            ("sh -c 'sh -c \"rm /x\"'", "rm", Some("/x")),
            ("sh -c 'ls /x | xargs rm'", "rm", None),
            ("sh -c 'echo a > /x/y'", ">", Some("/x/y")),
            ("sh -c ': >/x/y'", ">", Some("/x/y")),
            ("sh -c 'server 2>> /x/log'", ">", Some("/x/log")),
            ("sh -c 'server &> /x/log'", ">", Some("/x/log")),
            ("sh -c 'cat a >| /x/log'", ">", Some("/x/log")),
            ("dd if=/dev/zero of=/x/y bs=1M", "dd", Some("/x/y")),
            ("mkfs.ext4 /dev/sda1", "mkfs.ext4", Some("/dev/sda1")),
            ("find /x -name y -delete", "find -delete", Some("/x")),
            ("find /x -type f -exec rm -f {} +", "rm", Some("/x")),
            ("sh -c 'find . -exec rm {} \\;'", "rm", None),
            ("mv /x/a /y", "mv", Some("/x/a")),
            ("cp -r /backup /x", "cp", Some("/x")),
            ("cp -t /x a", "cp", Some("/x")),
            ("tar xzf /b/a.tgz -C /x", "tar", Some("/x")),
            ("tar -xf a.tar", "tar", None),
            ("sed -i s/a/b/ /x/y", "sed", Some("/x/y")),
            ("rsync -a --delete /a/ /x/", "rsync", Some("/x")),
            ("chroot /x rm -rf /", "rm", None),
        ] {
            let (program, path) = (program.to_owned(), path.map(str::to_owned));
            assert!(found(line).contains(&(program, path)), "{line}: {:?}", found(line));
        }
        let words = |line: &str| shell_words::split(line).unwrap();
        assert_eq!(overwrites(None, &words("/entry.sh"), &words("rm /x")).len(), 1);
        assert_eq!(overwrites(None, &words("sh -c"), &["rm /x".to_owned()]).len(), 1);
        assert_eq!(overwrites(None, &[], &["rm -rf /x".to_owned()]).len(), 1);
    }

    #[test]
    fn what_only_reads_is_not() {
        for line in [
            "ls /x",
            "grep rm /x",
            "sh -c 'cat /x/y | grep rm'",
            "sh -c 'echo rm /x'",
            "sh -c 'server < /x/y'",
            "sh -c 'server 2>&1'",
            "sh -c '# rm /x'",
            "find /x -name y",
            "tar czf - /x",
            "tar -cf - -C /x .",
            "sed s/a/b/ /x/y",
            "postgres",
            "dd if=/x/y",
            "apt-get install rsync",
            "",
        ] {
            assert_eq!(found(line), [], "{line}");
        }
    }

    #[test]
    fn a_path_reaches_a_folder_from_inside_and_from_above() {
        let reaches = |path: Option<&str>, folder: &str| {
            Overwrites { program: "rm".to_owned(), path: path.map(str::to_owned) }.reaches(folder)
        };
        assert!(reaches(Some("/data/x"), "/data") && reaches(Some("/"), "/data") && reaches(None, "/data"));
        assert!(reaches(Some("/data"), "/data/") && reaches(Some("/x"), "/"));
        assert!(!reaches(Some("/database"), "/data") && !reaches(Some("/tmp/x"), "/data"));
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        overwrites(None, &[], &vec!["A=b".to_owned(); 100_000]);
        overwrites(None, &[], &shell_words::split(&"find -exec ".repeat(10_000)).unwrap());
        for text in ["'", "\"", "$(", "`", "$((", "\\", ">", "&>", "<<<", "$(`\"", "a\u{301}>\u{1f600}"] {
            overwrites(None, &["sh".to_owned(), "-c".to_owned()], &[text.to_owned()]);
        }
        let deep = "sh -c ".repeat(50);
        overwrites(None, &[], &shell_words::split(&deep).unwrap());
    }
}
