//! The architecture's page: what it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::spans;

const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

/// Every `type::function` and `module::name` of the architecture's page is defined: the name in a file that is of that
/// module, or that has that type.
#[test]
fn names_of_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = Vec::new();
    for folder in ["engine", "filters", "tools"] {
        read_sources(&root.join(folder), &mut sources);
    }
    let named: BTreeSet<String> = spans(ARCHITECTURE).flat_map(paths).collect();
    assert!(named.len() > 10, "the page names functions: {named:?}");
    let gone: Vec<_> = named
        .iter()
        .filter(|path| !is_defined(path, &sources))
        .collect();
    assert!(
        gone.is_empty(),
        "ARCHITECTURE.md names what is gone: {gone:#?}"
    );
}

/// The paths in a code span: one, or several with what they have in common before braces.
fn paths(span: &str) -> Vec<String> {
    let is_path = |text: &str| {
        let parts: Vec<&str> = text.split("::").collect();
        let is_name = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        parts.len() > 1 && parts.iter().all(is_name)
    };
    let all = match span.split_once("::{") {
        Some((common, names)) => names
            .trim_end_matches('}')
            .split(", ")
            .map(|name| format!("{common}::{name}"))
            .collect(),
        None => vec![span.to_owned()],
    };
    all.into_iter().filter(|path| is_path(path)).collect()
}

/// A file of the sources: the modules that lead to it, and its text.
struct Source {
    modules: Vec<String>,
    text: String,
}

/// Whether each name of a path is defined in what the name before it stands for.
fn is_defined(path: &str, sources: &[Source]) -> bool {
    let names: Vec<&str> = path.split("::").collect();
    names.windows(2).all(|pair| {
        sources
            .iter()
            .any(|source| source.defines(pair[0], pair[1]))
    })
}

impl Source {
    /// Whether the file is of module `owner`, or has a type of that name, and defines `name`.
    fn defines(&self, owner: &str, name: &str) -> bool {
        let is_module = self.modules.iter().any(|module| module == owner);
        let ends = |module: &[String]| matches!(module, [.., outer, inner] if outer == owner && inner == name);
        ends(&self.modules)
            || (is_module && self.has_item(name))
            || (self.has_item(owner) || self.implements(owner)) && self.has_member(name)
    }

    /// Whether an item of this name is defined or handed on.
    fn has_item(&self, name: &str) -> bool {
        const KINDS: [&str; 8] = [
            "fn", "struct", "enum", "trait", "type", "const", "static", "mod",
        ];
        let mut words = self.text.split(|c: char| !is_name_byte(c)).peekable();
        let mut before = "";
        words.any(|word| {
            let is_definition = word == name && KINDS.contains(&before);
            if !word.is_empty() {
                before = word;
            }
            is_definition
        }) || self.hands_on(name)
    }

    /// Whether it is the name of something that another module defines, and this one shows.
    fn hands_on(&self, name: &str) -> bool {
        let uses = self.text.split("pub use ").skip(1);
        let mut uses = uses.filter_map(|rest| rest.split(';').next());
        uses.any(|list| {
            list.split(|c: char| !is_name_byte(c))
                .any(|word| word == name)
        })
    }

    /// Whether there is an `impl` of a type.
    fn implements(&self, owner: &str) -> bool {
        let mut lines = self.text.lines().map(str::trim_start);
        lines.any(|line| {
            line.starts_with("impl")
                && line
                    .split(|c: char| !is_name_byte(c))
                    .any(|word| word == owner)
        })
    }

    /// Whether a type of this file may have such a member: a function, or a variant.
    fn has_member(&self, name: &str) -> bool {
        let is_variant = |line: &str| {
            let rest = line.trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['(', ',', ' ', '{']))
        };
        self.has_item(name) || self.text.lines().any(is_variant)
    }
}

fn is_name_byte(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Reads the files of all crates below a folder.
fn read_sources(folder: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).expect("the folders of the workspace are there");
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            sources.extend(modules(&path).map(|modules| Source { modules, text }));
        }
    }
}

/// The modules that lead to a file below a crate's `src`, the crate's folder first.
fn modules(path: &Path) -> Option<Vec<String>> {
    let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    let src = parts.iter().rposition(|part| *part == "src")?;
    let (folders, file) = parts[src + 1..].split_at(parts.len() - src - 2);
    let mut modules = vec![parts[src - 1].to_owned()];
    modules.extend(folders.iter().map(|folder| (*folder).to_owned()));
    let stem = file[0].trim_end_matches(".rs");
    if !["mod", "lib", "main"].contains(&stem) {
        modules.push(stem.to_owned());
    }
    Some(modules)
}
