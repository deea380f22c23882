//! Results as TAP 14 (<https://testanything.org/tap-version-14-specification.html>) and as JUnit XML. Neither holds a time of
//! day or a duration: the same cases print the same octets.

use std::fmt::Write as _;

use super::Outcome;

/// Names end up in a line of TAP, where `#` begins a directive and `\` escapes.
fn tap_words(outcome: &Outcome) -> String {
    let words =
        if outcome.title.is_empty() { outcome.name.clone() } else { format!("{}: {}", outcome.name, outcome.title) };
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '\\' | '#' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Writing to a `String` cannot fail.
pub(super) fn tap(outcomes: &[Outcome]) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", outcomes.len());
    for (number, outcome) in (1..).zip(outcomes) {
        let words = tap_words(outcome);
        if outcome.differences.is_empty() {
            let _ = writeln!(text, "ok {number} - {words}");
            continue;
        }
        let _ = writeln!(text, "not ok {number} - {words}\n  ---\n  differences: |");
        for line in &outcome.differences {
            let _ = writeln!(text, "    {}", one_line(line));
        }
        text.push_str("  ...\n");
    }
    text
}

/// Control characters would break the block out of its indentation.
fn one_line(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(super) fn junit(outcomes: &[Outcome]) -> String {
    let failures = outcomes.iter().filter(|outcome| !outcome.differences.is_empty()).count();
    let totals = format!("tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"", outcomes.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {totals}>\n<testsuite name=\"borderpost\" {totals}>\n"
    );
    for outcome in outcomes {
        let title = if outcome.title.is_empty() { &outcome.name } else { &outcome.title };
        let _ = write!(text, "<testcase classname=\"{}\" name=\"{}\"", xml(&outcome.name), xml(title));
        if outcome.differences.is_empty() {
            text.push_str("/>\n");
            continue;
        }
        let message = format!("{} differences", outcome.differences.len());
        let _ = writeln!(text, ">\n<failure message=\"{message}\">");
        for line in &outcome.differences {
            let _ = writeln!(text, "{}", xml(line));
        }
        text.push_str("</failure>\n</testcase>\n");
    }
    text.push_str("</testsuite>\n</testsuites>\n");
    text
}

/// XML 1.0 has no way to write most control characters.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let fine = Outcome { name: "a".to_owned(), title: String::new(), differences: Vec::new() };
        let wrong = Outcome {
            name: "b/c".to_owned(),
            title: "no # <directive> & \"quote\"".to_owned(),
            differences: vec!["- expected 1 < 2\n  ...".to_owned(), "+ more \u{1}".to_owned()],
        };
        vec![fine, wrong]
    }

    #[test]
    fn tap_keeps_names_and_differences_inside_their_places() {
        let expected = "TAP version 14\n1..2\nok 1 - a\nnot ok 2 - b/c: no \\# <directive> & \"quote\"\n  ---\n  \
differences: |\n    - expected 1 < 2   ...\n    + more  \n  ...\n";
        assert_eq!(tap(&outcomes()), expected);
    }

    #[test]
    fn junit_escapes_and_counts() {
        let text = junit(&outcomes());
        assert!(text.contains("<testsuites tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">"), "{text}");
        assert!(text.contains("name=\"no # &lt;directive&gt; &amp; &quot;quote&quot;\""), "{text}");
        assert!(text.contains("<failure message=\"2 differences\">\n- expected 1 &lt; 2   ...\n+ more  \n</failure>"));
        assert_eq!(text.matches("<testcase ").count(), 2);
    }
}
