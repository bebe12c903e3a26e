//! Which names a source file uses, each resolved to a full path.

use std::collections::HashSet;
use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream};

/// A source file of the library or of the program.
pub struct Source {
    /// Its path from the root of the project.
    pub path: String,
    pub text: String,
}

/// A name that a source file uses.
#[derive(Debug)]
pub struct Name {
    pub line: usize,
    pub of: Crate,
    pub segments: Vec<String>,
}

/// Where the path of a name begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crate {
    /// In the crate of the file itself.
    Own,
    Foreign,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it belongs to the program and not to the library.
    pub fn is_of_program(&self) -> bool {
        self.path.starts_with("src/bin/")
    }

    /// The path of its module in its crate: `relay::linux` for `src/relay/linux.rs`.
    pub fn module(&self) -> Vec<String> {
        let root = if self.is_of_program() { "src/bin/astream/" } else { "src/" };
        let path = self.path.strip_prefix(root).expect("it is a source").trim_end_matches(".rs");
        let mut module: Vec<_> = path.split('/').map(str::to_owned).collect();
        if ["mod", "lib", "main", "build"].contains(&module.last().expect("it has a name").as_str()) {
            module.pop();
        }
        module
    }

    /// Every path of two or more segments in it, and everything that it imports.
    pub fn names(&self, modules: &Modules) -> Vec<Name> {
        let tokens = self.text.parse().unwrap_or_else(|error| panic!("{}: {error}", self.path));
        let mut reader = Reader { modules, is_of_program: self.is_of_program(), names: Vec::new() };
        reader.read(tokens, &self.module());
        reader.names
    }
}

/// All modules of both crates, so that `child::name` is known for what it is.
pub struct Modules(HashSet<(bool, Vec<String>)>);

impl Modules {
    pub fn of(sources: &[Source]) -> Self {
        Self(sources.iter().map(|source| (source.is_of_program(), source.module())).collect())
    }
}

struct Reader<'a> {
    modules: &'a Modules,
    is_of_program: bool,
    names: Vec<Name>,
}

type Tokens = Peekable<token_stream::IntoIter>;

impl Reader<'_> {
    /// Reads the tokens of `module`; a module inside of the file is one level deeper.
    fn read(&mut self, tokens: TokenStream, module: &[String]) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.read(group.stream(), module),
                TokenTree::Ident(word) if word == "use" => self.imports(&mut tokens, &[], module),
                TokenTree::Ident(word) if word == "mod" => self.inner_module(&mut tokens, module),
                TokenTree::Ident(word) => {
                    let line = word.span().start().line;
                    let mut path = vec![word.to_string()];
                    while is_path_separator(&mut tokens) {
                        match tokens.next() {
                            Some(TokenTree::Ident(next)) => path.push(next.to_string()),
                            Some(TokenTree::Group(group)) => self.read(group.stream(), module),
                            _ => break,
                        }
                    }
                    if path.len() > 1 || path[0] == "extern" {
                        self.add(line, path, module);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn inner_module(&mut self, tokens: &mut Tokens, module: &[String]) {
        let Some(TokenTree::Ident(name)) = tokens.next() else { return };
        if let Some(TokenTree::Group(body)) = tokens.peek() {
            let body = body.stream();
            tokens.next();
            self.read(body, &[module, &[name.to_string()]].concat());
        }
    }

    /// One tree of a `use` item, up to its comma or semicolon.
    fn imports(&mut self, tokens: &mut Tokens, before: &[String], module: &[String]) {
        let mut path = before.to_vec();
        let mut line = 0;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    tokens.next();
                }
                TokenTree::Ident(word) => {
                    line = word.span().start().line;
                    path.push(word.to_string());
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' || mark.as_char() == ',' => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let mut inner = group.stream().into_iter().peekable();
                    while inner.peek().is_some() {
                        self.imports(&mut inner, &path, module);
                    }
                    path.clear();
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) | TokenTree::Group(_) => {}
            }
        }
        if !path.is_empty() {
            self.add(line, path, module);
        }
    }

    /// Resolves a path as the compiler does, and keeps it.
    fn add(&mut self, line: usize, mut path: Vec<String>, module: &[String]) {
        let mut base = match path[0].as_str() {
            "crate" => Vec::new(),
            "self" | "super" => module.to_vec(),
            first if self.is_module(&[module, &[first.to_owned()]].concat()) => {
                path.insert(0, "self".to_owned());
                module.to_vec()
            }
            _ => return self.names.push(Name { line, of: Crate::Foreign, segments: path }),
        };
        let mut rest = path.into_iter().peekable();
        while let Some(step) = rest.next_if(|step| ["crate", "self", "super"].contains(&step.as_str())) {
            if step == "super" {
                base.pop();
            }
        }
        base.extend(rest);
        self.names.push(Name { line, of: Crate::Own, segments: base });
    }

    fn is_module(&self, module: &[String]) -> bool {
        self.modules.0.contains(&(self.is_of_program, module.to_vec()))
    }
}

/// Takes `::`, if that is what comes next.
fn is_path_separator(tokens: &mut Tokens) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    let mut ahead = tokens.clone();
    if !(ahead.next().is_some_and(|token| is_colon(&token))
        && ahead.next().is_some_and(|token| is_colon(&token)))
    {
        return false;
    }
    tokens.next();
    tokens.next();
    true
}
