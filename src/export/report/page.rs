//! A page of HTML as it grows: every text is escaped here, so that no name from the network can become markup.

/// See the module.
pub(super) struct Page(String);

/// A table cell.
pub(super) struct Text<'a> {
    class: &'a str,
    text: &'a str,
}

impl<'a> Text<'a> {
    pub(super) const fn plain(text: &'a str) -> Self {
        Self { class: "", text }
    }

    pub(super) const fn number(text: &'a str) -> Self {
        Self { class: "number", text }
    }

    pub(super) const fn classed(class: &'a str, text: &'a str) -> Self {
        Self { class, text }
    }
}

impl Page {
    pub(super) fn new(title: &str, style: &str) -> Self {
        let mut page = Self(String::with_capacity(1 << 16));
        page.0.push_str(concat!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        ));
        page.element("title", "", title);
        page.0.push_str("<style>\n");
        page.0.push_str(style);
        page.0.push_str("</style>\n</head>\n<body>\n");
        page
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</body>\n</html>\n");
        self.0
    }

    pub(super) fn open(&mut self, tag: &str) {
        self.open_with(tag, "");
    }

    pub(super) fn open_with(&mut self, tag: &str, class: &str) {
        self.start(tag, class);
        self.0.push('\n');
    }

    pub(super) fn close(&mut self, tag: &str) {
        self.end(tag);
    }

    /// An element that holds nothing but text.
    pub(super) fn element(&mut self, tag: &str, class: &str, text: &str) {
        self.start(tag, class);
        self.text(text);
        self.end(tag);
    }

    /// Opens a table; a heading that begins with `#` is over figures.
    pub(super) fn open_table(&mut self, headings: &[&str]) {
        self.open_with("div", "scroll");
        self.open("table");
        self.open("thead");
        self.open("tr");
        for heading in headings {
            let (class, heading) = heading.strip_prefix('#').map_or(("", *heading), |heading| ("number", heading));
            self.element("th", class, heading);
        }
        self.close("tr");
        self.close("thead");
        self.open("tbody");
    }

    pub(super) fn close_table(&mut self) {
        for tag in ["tbody", "table", "div"] {
            self.close(tag);
        }
    }

    pub(super) fn cell(&mut self, cell: &Text<'_>) {
        self.element("td", cell.class, cell.text);
    }

    /// A cell of several lines of equal weight.
    pub(super) fn lines(&mut self, class: &str, lines: &[String]) {
        self.start("td", class);
        for line in lines {
            self.element("div", "", line);
        }
        self.end("td");
    }

    /// A cell of a first line, and smaller ones that explain it.
    pub(super) fn list(&mut self, lines: &[String]) {
        self.classed_list("", lines);
    }

    /// The same with the first line marked.
    pub(super) fn classed_list(&mut self, class: &str, lines: &[String]) {
        self.start("td", "");
        for (at, line) in lines.iter().enumerate() {
            let class = if at == 0 { class } else { "grounds" };
            self.element("div", class, line);
        }
        self.end("td");
    }

    /// Text, escaped. Characters that would change the direction or hide parts of a line are shown as their number.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
                    self.0.push_str(&format!("U+{:04X}", u32::from(c)));
                }
                c if c.is_control() => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }

    fn start(&mut self, tag: &str, class: &str) {
        self.0.push('<');
        self.0.push_str(tag);
        if !class.is_empty() {
            self.0.push_str(" class=\"");
            self.0.push_str(class);
            self.0.push('"');
        }
        self.0.push('>');
    }

    fn end(&mut self, tag: &str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push_str(">\n");
    }
}
