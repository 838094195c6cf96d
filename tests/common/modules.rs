//! From a path in one file to the file that defines the thing.
//!
//! [`Modules`] knows every file by its module, what each re-exports and which items it defines.
//! [`Modules::resolve`] walks a path from door to door as the compiler would, as far as that can
//! be done without types: an associated item or a variant stays with the file of its type.

use std::collections::{BTreeMap, BTreeSet};

use crate::lexer::{Kind, Token};
use crate::paths::{Form, Named, named};
use crate::source::Source;

/// What examples, tests and the command call the library.
pub(crate) const CRATE: &str = "overt";

/// Doors that lead to doors that lead back: give up after so many.
const DOORS_MAX: usize = 16;

type Path = Vec<String>;

pub(crate) struct Modules<'a> {
    files: BTreeMap<Path, File<'a>>,
}

struct File<'a> {
    path: &'a str,
    imports: Vec<Named>,
    defines: BTreeSet<String>,
}

impl<'a> Modules<'a> {
    pub(crate) fn new(sources: &'a [Source]) -> Self {
        let mut files = BTreeMap::new();
        for source in sources.iter().filter(|source| source.path != "src/main.rs") {
            let mut imports = named(&source.code);
            imports.retain(|named| named.form != Form::Inline && named.inside.is_empty());
            let file = File { path: &source.path, imports, defines: defined(&source.code) };
            files.insert(module(&source.path), file);
        }
        Self { files }
    }

    /// The file that defines what `named` in `source` leads to; none if it is of another crate.
    pub(crate) fn resolve(&self, source: &Source, named: &Named) -> Option<&'a str> {
        let own = module(&source.path);
        let mut origin = own.clone();
        origin.extend(named.inside.iter().cloned());
        let first = named.path.first()?;
        let is_own_name = named.inside.is_empty() && self.is_child(&own, first);
        let is_local = named.form != Form::Inline && self.defines(&own, first);
        let start = match first.as_str() {
            "crate" | CRATE => Vec::new(),
            "self" => origin,
            "super" => parent(&origin)?,
            _ if is_own_name || is_local => return self.walk(own, &named.path, DOORS_MAX),
            _ => return None,
        };
        self.walk(start, &named.path[1..], DOORS_MAX)
    }

    /// Follows `path` from the module `at`.
    fn walk(&self, at: Path, path: &[String], doors: usize) -> Option<&'a str> {
        let Some((first, rest)) = path.split_first() else { return self.file(&at) };
        if first == "super" {
            return self.walk(parent(&at)?, rest, doors);
        }
        if self.is_child(&at, first) {
            return self.walk([at, vec![first.clone()]].concat(), rest, doors);
        }
        if let Some(file) = self.files.get(&at).filter(|file| !file.defines.contains(first)) {
            if let Some(door) = file.imports.iter().find(|door| door.alias == *first) {
                return self.through(&at, door, rest, doors);
            }
            let globs = file.imports.iter().filter(|door| door.is_glob());
            let mut behind = globs.filter_map(|glob| self.through(&at, glob, &[], doors));
            if let Some(file) = behind.find(|file| self.defines(&module(file), first)) {
                return Some(file);
            }
        }
        self.file(&at)
    }

    /// Follows what `door` in the module `at` imports, and `rest` from there.
    fn through(&self, at: &Path, door: &Named, rest: &[String], doors: usize) -> Option<&'a str> {
        let mut path: Path = door.path.iter().filter(|part| *part != "*").cloned().collect();
        path.extend(rest.iter().cloned());
        let doors = doors.checked_sub(1)?;
        match path.first()?.as_str() {
            "crate" => self.walk(Vec::new(), &path[1..], doors),
            "self" => self.walk(at.clone(), &path[1..], doors),
            "super" => self.walk(parent(at)?, &path[1..], doors),
            name if self.is_child(at, name) => self.walk(at.clone(), &path, doors),
            name if self.defines(at, name) => self.file(at),
            _ => None,
        }
    }

    /// Is there a file for this module, or for one within it?
    fn is_child(&self, module: &Path, name: &str) -> bool {
        let child = [module.as_slice(), &[name.to_owned()]].concat();
        self.files.range(child.clone()..).next().is_some_and(|(next, _)| next.starts_with(&child))
    }

    fn defines(&self, module: &Path, name: &str) -> bool {
        self.files.get(module).is_some_and(|file| file.defines.contains(name))
    }

    /// The file of the module, or of the nearest around it: an inline one has no file of its own.
    fn file(&self, module: &Path) -> Option<&'a str> {
        let mut module = module.clone();
        loop {
            if let Some(file) = self.files.get(&module) {
                return Some(file.path);
            }
            module.pop()?;
        }
    }
}

/// `src/wire/http1/mod.rs` is `["wire", "http1"]`; the roots are empty.
fn module(path: &str) -> Path {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut module: Path = inner.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

fn parent(module: &Path) -> Option<Path> {
    module.split_last().map(|(_, parent)| parent.to_vec())
}

/// The names of the items in `code`, inline modules included and files declared by `mod` left out.
fn defined(code: &[Token]) -> BTreeSet<String> {
    const ITEMS: [&str; 9] =
        ["struct", "enum", "union", "trait", "fn", "type", "const", "static", "mod"];
    let mut names = BTreeSet::new();
    for window in code.windows(3) {
        let [keyword, name, next] = window else { continue };
        let is_item = ITEMS.iter().any(|item| keyword.is(item)) && name.kind == Kind::Word;
        if is_item && !(keyword.is("mod") && next.is(";")) {
            names.insert(name.text.clone());
        }
        if keyword.is("macro_rules") && next.kind == Kind::Word {
            names.insert(next.text.clone());
        }
    }
    names
}
