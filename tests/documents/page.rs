//! Reads a page: its sections, the blocks and tables of commands in them, and the marks before these, which are HTML
//! comments and so invisible to a reader.

use std::path::Path;

/// What stands between two headings.
pub struct Section {
    pub page: &'static str,
    pub title: String,
    pub blocks: Vec<Block>,
}

/// Commands that belong together, and what is said about them.
#[derive(Clone)]
pub struct Block {
    pub line: usize,
    pub kind: Kind,
    pub text: String,
    pub marks: Marks,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Commands only.
    Sh,
    /// Commands after `$ `, and what they print.
    Console,
    /// A row of a table, whose second cell is a command.
    Row,
    /// A language that is not run here.
    Other,
}

/// The marks before a block.
#[derive(Clone, Default, Debug)]
pub struct Marks {
    /// `with: NAME…`: these servers are there.
    pub with: Vec<String>,
    /// `given: CODE`: what is done before.
    pub given: Vec<String>,
    /// `then: CODE`: what holds at the end of the section.
    pub then: Vec<String>,
    /// `until: CODE`: what is waited for after the block.
    pub until: Vec<String>,
    /// `prints: TEXT`: what stands in the output of one of its commands, at the end of the section.
    pub prints: Vec<String>,
    /// `status: N`: how the last command ends.
    pub status: i32,
    /// `on: here` or `on: there`: on which machine; `here` by default.
    pub there: bool,
    /// `needs: TOOL…`: programs that not every machine has.
    pub needs: Vec<String>,
    /// `awaits: OPTION…`: options that are yet to come.
    pub awaits: Vec<String>,
    /// `ready: TEXT`: it goes on beside the others once it has printed this.
    pub ready: Option<String>,
    /// `not run: REASON`.
    pub not_run: Option<String>,
}

impl Marks {
    fn add(&mut self, mark: &str, place: &str) {
        let (key, value) =
            mark.split_once(':').unwrap_or_else(|| panic!("{place}: a mark without a value: {mark}"));
        let value = value.trim();
        assert!(!value.is_empty(), "{place}: a mark without a value: {mark}");
        let words = || value.split_whitespace().map(str::to_owned);
        match key {
            "with" => self.with.extend(words()),
            "given" => self.given.push(value.to_owned()),
            "then" => self.then.push(value.to_owned()),
            "until" => self.until.push(format!("until {value}; do sleep 0.02; done")),
            "prints" => self.prints.push(value.to_owned()),
            "status" => self.status = value.parse().expect("a status is a number"),
            "on" => self.there = value == "there",
            "needs" => self.needs.extend(words()),
            "awaits" => self.awaits.extend(words()),
            "ready" => self.ready = Some(value.to_owned()),
            "not run" => self.not_run = Some(value.to_owned()),
            _ => panic!("{place}: no such mark: {mark}"),
        }
    }
}

pub fn text_of(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The sections of a page in which there are commands.
pub fn sections(page: &'static str) -> Vec<Section> {
    parse(page, &text_of(page))
}

pub fn parse(page: &'static str, text: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut section = Section { page, title: String::new(), blocks: Vec::new() };
    let (mut marks, mut is_marked) = (Marks::default(), false);
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let place = format!("{page}:{number}");
        if let Some(mark) = line.strip_prefix("<!-- ") {
            let mark =
                mark.strip_suffix(" -->").unwrap_or_else(|| panic!("{place}: a comment ends in its line"));
            marks.add(mark, &place);
            is_marked = true;
        } else if let Some(language) = line.strip_prefix("```") {
            let body: Vec<_> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let kind = kind(language, &place);
            let text = body.join("\n");
            section.blocks.push(Block { line: number, kind, text, marks: std::mem::take(&mut marks) });
            is_marked = false;
        } else if line.starts_with("| ") {
            let rows = std::iter::once((number, line))
                .chain(lines.by_ref().take_while(|(_, line)| line.starts_with('|')));
            section.blocks.extend(rows.filter_map(|(number, row)| command(number, row, &marks)));
            (marks, is_marked) = (Marks::default(), false);
        } else if line.starts_with('#') {
            assert!(!is_marked, "{place}: a mark stands before the block that it is about");
            let title = line.trim_start_matches(['#', ' ']).to_owned();
            sections.push(std::mem::replace(&mut section, Section { page, title, blocks: Vec::new() }));
        }
    }
    sections.push(section);
    sections.retain(|section| !section.blocks.is_empty());
    sections
}

fn kind(language: &str, place: &str) -> Kind {
    match language {
        "sh" => Kind::Sh,
        "console" => Kind::Console,
        "rust" | "python" | "toml" => Kind::Other,
        _ => panic!("{place}: a block of commands is `sh` or `console`, not {language:?}"),
    }
}

/// The command in the second cell of a table of commands; a third that begins with `status N` says how it ends.
fn command(line: usize, row: &str, marks: &Marks) -> Option<Block> {
    let cells = cells(row);
    let text = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
    let is_ours = text.starts_with("astream ") || text.contains(" astream ");
    let mut marks = marks.clone();
    if let Some(status) = cells.get(2).and_then(|remark| remark.strip_prefix("status ")) {
        marks.status = status.split(|c: char| !c.is_ascii_digit()).next()?.parse().unwrap_or(0);
    }
    is_ours.then_some(Block { line, kind: Kind::Row, text, marks })
}

/// The cells of a row of a table; `\|` is no end of one.
pub fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\0");
    let cells = row.trim().trim_matches('|').split('|');
    cells.map(|cell| cell.trim().replace('\0', "|")).collect()
}

/// A command of a block.
pub struct Step {
    pub line: usize,
    pub code: String,
    /// The lines that it prints, where they are shown.
    pub shown: Option<Vec<String>>,
}

impl Block {
    /// Its commands, one by one.
    pub fn steps(&self) -> Vec<Step> {
        match self.kind {
            Kind::Sh => crate::shell::commands(&self.text, self.line + 1),
            Kind::Row => vec![Step { line: self.line, code: self.text.clone(), shown: None }],
            Kind::Console => self.console(),
            Kind::Other => Vec::new(),
        }
    }

    fn console(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (line, text) in (self.line + 1..).zip(self.text.lines()) {
            match (text.strip_prefix("$ "), steps.last_mut()) {
                (Some(code), _) => steps.push(Step { line, code: code.to_owned(), shown: Some(Vec::new()) }),
                (None, Some(step)) => step.shown.as_mut().unwrap().push(text.to_owned()),
                (None, None) => panic!("line {line}: a console begins with a command"),
            }
        }
        steps
    }
}
