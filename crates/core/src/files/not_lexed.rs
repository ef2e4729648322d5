//! Instructions that docker takes and the lexer of Dockerfiles does not. Pure.

use super::buildkit::ParsedInstruction;
use super::buildkit::statement::Statement;
use super::instruction::{CommandForm, Directive, HereText, Instruction, Span, Word};

/// The instruction of such a statement of a whole file, which begins at `shift`; None for one that the lexer reads. They are commands with nothing behind them (a shell with an
/// empty command), `--` before the arguments, and an `ONBUILD` of what cannot be built.
pub fn not_lexed(whole: &str, statement: &Statement, read: &ParsedInstruction, shift: usize) -> Option<Instruction> {
    let span = statement.span.start + shift..statement.span.end + shift;
    let word = |text: &String| Word { text: text.clone(), span: span.clone() };
    let command = || match read.is_json {
        true => CommandForm::Exec(read.args.clone(), span.clone()),
        false => CommandForm::Shell(read.args.join(" "), span.clone()),
    };
    let is_copy = matches!(read.name.as_str(), "add" | "copy") && read.ends_flags;
    let is_odd = read.args.is_empty() || read.ends_flags;
    let what = match read.name.as_str() {
        "run" if is_odd => Directive::Run(command()),
        "cmd" if is_odd => Directive::Cmd(command()),
        "entrypoint" if is_odd => Directive::Entrypoint(command()),
        "onbuild" if !read.holds_readable => Directive::Other,
        _ if is_copy => {
            let (target, sources) = read.args.split_last()?;
            let text = |body: &Span| whole.get(body.clone()).unwrap_or_default().to_owned();
            let here: Vec<HereText> = statement
                .here
                .iter()
                .map(|here| HereText { name: here.name.clone(), text: text(&here.body) })
                .collect();
            let sources = sources.iter().filter(|source| here.is_empty() || !source.contains("<<")).map(word).collect();
            let from = read.flag("from").map(|from| Word { text: from.to_owned(), span: span.clone() });
            Directive::Copy { is_add: read.name == "add", from, sources, here, target: word(target) }
        }
        _ => return None,
    };
    let flags = read.flags.iter().map(|(name, value)| (name.clone(), value.clone(), span.clone())).collect();
    let on_build = read.name == "onbuild";
    Some(Instruction { what, keyword: span.clone(), span, flags, on_build })
}
