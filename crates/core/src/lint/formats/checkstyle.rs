//! The XML of checkstyle, which many programs read.

use super::message;
use crate::lint::Reported;
use crate::policy::Level;

/// The whole document; findings are in the order of their files.
pub fn checkstyle(findings: &[Reported]) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n".to_owned();
    let mut file: Option<&str> = None;
    for reported in findings {
        let Some(place) = reported.finding.places.first() else { continue };
        if file != Some(reported.path.as_str()) {
            if file.is_some() {
                out.push_str("  </file>\n");
            }
            out.push_str(&format!("  <file name=\"{}\">\n", attribute(&reported.path)));
            file = Some(&reported.path);
        }
        let severity = match reported.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "info",
        };
        let (line, column) = place.start();
        out.push_str(&format!(
            "    <error line=\"{line}\" column=\"{column}\" severity=\"{severity}\" message=\"{}\" source=\"fender.{}\"/>\n",
            attribute(&message(&reported.finding)),
            reported.finding.rule.id,
        ));
    }
    if file.is_some() {
        out.push_str("  </file>\n");
    }
    out + "</checkstyle>\n"
}

/// Text between quotation marks. Letters that XML 1.0 cannot hold in any form are replaced.
fn attribute(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push_str(&format!("&#{};", u32::from(letter))),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_an_attribute_early() {
        assert_eq!(attribute("a\"/><b x='1'&\n\u{1b}[0m"), "a&quot;/&gt;&lt;b x=&apos;1&apos;&amp;&#10;\u{fffd}[0m");
    }
}
