//! Markdown as plain text, for places that cannot show it formatted.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The text without its marks: links and images keep their addresses in parentheses, numbered lists
/// their numbers.
pub fn plaintext(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut addresses = Vec::new();
    let mut numbers = Vec::new();
    for event in Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES) {
        match event {
            Event::Text(text) | Event::Code(text) => out.push_str(&text),
            Event::SoftBreak | Event::HardBreak => out.push('\n'),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => addresses.push(dest_url),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some(address) = addresses.pop().filter(|address| !address.is_empty()) {
                    out.push_str(&format!(" ({address})"));
                }
            }
            Event::Start(Tag::List(first)) => {
                ensure_line(&mut out);
                numbers.push(first);
            }
            Event::Start(Tag::Item) => {
                if let Some(Some(number)) = numbers.last_mut() {
                    out.push_str(&format!("{number}. "));
                    *number += 1;
                }
            }
            Event::End(TagEnd::List(_)) => {
                numbers.pop();
                out.push('\n');
            }
            Event::End(TagEnd::Item | TagEnd::Heading(_) | TagEnd::TableRow | TagEnd::TableHead) => {
                ensure_line(&mut out)
            }
            Event::End(TagEnd::Paragraph | TagEnd::CodeBlock) => {
                ensure_line(&mut out);
                out.push('\n');
            }
            Event::End(TagEnd::TableCell) => out.push(' '),
            _ => {}
        }
    }
    out.trim().to_owned()
}

fn ensure_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_go_and_words_stay() {
        for (markdown, want) in [
            ("", ""),
            ("Just words.", "Just words."),
            ("# Image\nSee [here](https://x.test/a) for *more*.", "Image\nSee here (https://x.test/a) for more."),
            (
                "![Minion](https://x.test/m.png)\n\n**bold** __bold__ ~~gone~~",
                "Minion (https://x.test/m.png)\n\nbold bold gone",
            ),
            ("Before\n\n1. one\n2. two\n\n`code`", "Before\n\n1. one\n2. two\n\ncode"),
            ("text\n> quoted\n> twice", "text\n\nquoted\ntwice"),
            ("a < b & c", "a < b & c"),
        ] {
            assert_eq!(plaintext(markdown), want, "{markdown}");
        }
    }
}
