//! A command as text: masked, in a few lines that fit, with marks under the arguments of the findings.

use std::collections::BTreeSet;

use fender_core::files::mask;

use super::screen::{Screen, cut, quoted_masked, width};

/// More rows than this are no help before an answer.
const ROWS: usize = 4;
/// So many marked arguments are shown one by one.
const NAMED: usize = 8;
/// How wide a single argument may be where others have to fit as well, in columns.
const WIDEST: usize = 48;

struct CommandPart {
    text: String,
    marked: bool,
}

/// The command with `docker` in front; `marked` are the places of arguments. Whole lines, each after `indent` blanks.
pub fn underlined(args: &[String], marked: &[usize], screen: &Screen, indent: usize) -> String {
    drawn(args, marked, screen, &" ".repeat(indent), true)
}

/// The same without marks, after `head`. What is marked is shown whatever has to be left out.
pub fn plain(args: &[String], marked: &[usize], screen: &Screen, head: &str) -> String {
    drawn(args, marked, screen, head, false)
}

fn drawn(args: &[String], marked: &[usize], screen: &Screen, head: &str, marks: bool) -> String {
    let indent = width(head);
    let room = screen.width.saturating_sub(indent + 2).max(8);
    for (named, widest) in
        [(usize::MAX, usize::MAX), (NAMED, WIDEST.min(room)), (4, WIDEST.min(room)), (2, WIDEST.min(room))]
    {
        let parts = parts(args, marked, named, widest);
        let rows = laid_out(&parts, screen, indent);
        if rows.len() <= ROWS {
            return lines(&rows, screen, head, marks);
        }
    }
    let parts = parts(args, marked, 1, WIDEST.min(room));
    let rows = laid_out(&parts, screen, indent);
    lines(&rows[..rows.len().min(ROWS)], screen, head, marks)
}

/// All arguments; or the first ones, the marked ones with what stands before each, and the last one, with signs for what
/// is left out.
fn parts(args: &[String], marked: &[usize], named: usize, widest: usize) -> Vec<CommandPart> {
    const HEAD: usize = 3;
    let masked = mask::args(args);
    let shown: BTreeSet<usize> = marked.iter().copied().filter(|at| *at < args.len()).collect();
    let first: BTreeSet<usize> = shown.iter().copied().take(named).collect();
    let all = named == usize::MAX;
    let is_kept = |at: usize| {
        all || at < HEAD.min(args.len()) && (first.contains(&at) || !shown.contains(&at))
            || first.contains(&at)
            || first.contains(&(at + 1)) && args[at].starts_with('-')
            || at + 1 == args.len() && !shown.contains(&at)
    };
    let mut out = vec![CommandPart { text: "docker".to_owned(), marked: false }];
    let (mut left, mut left_marked) = (0, 0);
    let close = |out: &mut Vec<CommandPart>, left: &mut usize, left_marked: &mut usize, ends: bool| {
        let text = match (*left, *left_marked) {
            (0, _) => return,
            (left, marked) if left == marked && ends => format!("and {left} more"),
            (left, marked) if left == marked => format!("… {left} more …"),
            _ => "…".to_owned(),
        };
        out.push(CommandPart { text, marked: false });
        (*left, *left_marked) = (0, 0);
    };
    for (at, arg) in masked.iter().enumerate() {
        if is_kept(at) {
            close(&mut out, &mut left, &mut left_marked, false);
            let text = quoted_masked(arg);
            let text = if all { text } else { cut(&text, widest) };
            out.push(CommandPart { text, marked: shown.contains(&at) });
        } else {
            left += 1;
            left_marked += usize::from(shown.contains(&at));
        }
    }
    close(&mut out, &mut left, &mut left_marked, true);
    out
}

fn laid_out<'a>(parts: &'a [CommandPart], screen: &Screen, indent: usize) -> Vec<Vec<&'a CommandPart>> {
    let mut rows: Vec<Vec<&CommandPart>> = vec![Vec::new()];
    let mut column = indent;
    for part in parts {
        let wide = width(&part.text);
        if column + wide > screen.width && rows.last().is_some_and(|row| !row.is_empty()) {
            rows.push(Vec::new());
            column = indent + 2;
        }
        if let Some(row) = rows.last_mut() {
            row.push(part);
        }
        // An argument that is wider than the terminal takes rows of its own there.
        column += wide + 1;
        for _ in 0..wide.saturating_sub(1) / screen.width.max(1) {
            rows.push(Vec::new());
        }
    }
    rows
}

fn lines(rows: &[Vec<&CommandPart>], screen: &Screen, head: &str, with_marks: bool) -> String {
    let indent = width(head);
    let mut out = String::new();
    for (at, row) in rows.iter().filter(|row| !row.is_empty()).enumerate() {
        let blanks = " ".repeat(if at == 0 { indent } else { indent + 2 });
        let mut line = if at == 0 { head.to_owned() } else { blanks.clone() };
        let mut marks = blanks;
        for part in row {
            line.push_str(&part.text);
            line.push(' ');
            marks.push_str(&if part.marked { "^" } else { " " }.repeat(width(&part.text)));
            marks.push(' ');
        }
        out.push_str(line.trim_end());
        out.push('\n');
        if with_marks && marks.contains('^') {
            out.push_str(&screen.marked(marks.trim_end()));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<String> {
        shell_words::split(line).unwrap()
    }

    #[test]
    fn marks_stand_under_what_is_meant_in_columns() {
        let screen = Screen::plain();
        let text = underlined(&args("run -v /데이터:/h e\u{301}x"), &[2, 3], &screen, 4);
        assert_eq!(text, "    docker run -v /데이터:/h e\u{301}x\n                  ^^^^^^^^^^ ^^\n");
    }

    /// Any command is a few lines, whatever it consists of and however wide the terminal is.
    #[test]
    fn a_long_command_is_a_few_lines() {
        let ids: Vec<String> = (0..63).map(|at| format!("{at:064x}")).collect();
        let removal: Vec<String> = ["rm", "-f"].map(str::to_owned).into_iter().chain(ids).collect();
        let mut variables = args("run -d");
        for at in 0..200 {
            variables.extend(["-e".to_owned(), format!("V{at}=값{at}")]);
        }
        variables.extend(args("-v /:/h alpine sh -c 'exit 0'"));
        let mount = variables.iter().position(|arg| arg == "/:/h").unwrap();
        let long = vec!["run".to_owned(), "-v".to_owned(), format!("/{}:/h", "x".repeat(5000)), "alpine".to_owned()];
        let cases: [(&[String], Vec<usize>, &str); 3] =
            [(&removal, (2..65).collect(), "more"), (&variables, vec![mount], "-v /:/h"), (&long, vec![2], "alpine")];
        for (args, marked, shows) in cases {
            for columns in [20, 40, 80, 100] {
                let screen = Screen { width: columns, ..Screen::plain() };
                let text = underlined(args, &marked, &screen, 4);
                assert!(text.lines().count() <= 2 * ROWS, "{columns}: {text}");
                assert!(text.lines().all(|line| width(line) <= columns), "{columns}: {text}");
                assert!(columns < 80 || text.contains(shows) && text.contains('^'), "{columns}: {text}");
            }
        }
        let names: Vec<String> =
            args("rm -f").into_iter().chain((0..65).map(|at| format!("service-web-{at}"))).collect();
        let text = underlined(&names, &(2..67).collect::<Vec<_>>(), &Screen::plain(), 4);
        assert!(text.contains("service-web-7") && text.contains("and 57 more"), "{text}");
    }
}
