//! The paths that a file names: `use` trees laid flat, and `crate::…` or `std::…` in running code.
//!
//! Names a file imports are thereby known in full wherever they are used, so a check asks once
//! about `std::thread` and finds `use std::{fs, thread}` as well as `std::thread::spawn(…)`.

use crate::lexer::{Kind, Token};
use crate::source::{attribute_len, group_len};

/// How a path came to stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `use a::b;`
    Import,
    /// `pub use a::b;`, of whatever visibility.
    Reexport,
    /// In running code; the part before the first segment that isn't a plain name.
    Inline,
}

#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// `["crate", "base", "wheel", "Wheel"]`; a glob ends in `*`, a trailing `self` is dropped.
    pub(crate) path: Vec<String>,
    /// What the file calls it: the last segment, or the name after `as`.
    pub(crate) alias: String,
    pub(crate) form: Form,
    pub(crate) line: usize,
    /// The modules of this very file that it stands in.
    pub(crate) inside: Vec<String>,
}

impl Named {
    pub(crate) fn is_glob(&self) -> bool {
        self.path.last().is_some_and(|last| last == "*")
    }

    /// Does it lead to `prefix` or to something in it?
    pub(crate) fn starts_with(&self, prefix: &[&str]) -> bool {
        self.path.len() >= prefix.len() && self.path.iter().zip(prefix).all(|(a, b)| a == b)
    }

    /// Do these segments stand somewhere in it, side by side?
    pub(crate) fn contains(&self, run: &[&str]) -> bool {
        self.path.windows(run.len()).any(|part| part.iter().zip(run).all(|(a, b)| a == b))
    }
}

/// All paths in `code`, in order.
pub(crate) fn named(code: &[Token]) -> Vec<Named> {
    let mut walk = Walk { code, at: 0, inside: Vec::new(), depth: 0, found: Vec::new() };
    while walk.at < code.len() {
        walk.step();
    }
    walk.found
}

struct Walk<'a> {
    code: &'a [Token],
    at: usize,
    /// The modules of this file that are open here, each with the depth of braces it began at.
    inside: Vec<(String, usize)>,
    depth: usize,
    found: Vec<Named>,
}

impl Walk<'_> {
    fn step(&mut self) {
        let rest = &self.code[self.at..];
        if let Some(len) = attribute_len(rest) {
            self.at += len;
        } else if rest[0].is("use") {
            self.import();
        } else if rest[0].is("pub") && rest.get(1).is_some_and(|next| next.is("(")) {
            // Of `pub(in crate::engine)` the path says who may look in, it imports nothing.
            self.at += 1 + group_len(&rest[1..]);
        } else if rest[0].is("mod") && rest.get(2).is_some_and(|next| next.is("{")) {
            self.inside.push((rest[1].text.clone(), self.depth));
            self.depth += 1;
            self.at += 3;
        } else if rest[0].kind == Kind::Word {
            self.inline();
        } else {
            self.bracket();
            self.at += 1;
        }
    }

    fn bracket(&mut self) {
        match &self.code[self.at] {
            open if open.is("{") => self.depth += 1,
            close if close.is("}") => {
                self.depth = self.depth.saturating_sub(1);
                self.inside.retain(|(_, depth)| *depth < self.depth);
            }
            _ => {}
        }
    }

    /// `use a::{b::c, d as e};`
    fn import(&mut self) {
        let is_public = self.at > 0 && {
            let before = &self.code[self.at - 1];
            before.is("pub") || (before.is(")") && self.closes_visibility())
        };
        let form = if is_public { Form::Reexport } else { Form::Import };
        let rest = &self.code[self.at + 1..];
        let len = rest.iter().position(|token| token.is(";")).unwrap_or(rest.len());
        self.tree(&rest[..len], &[], form);
        self.at += 1 + len;
    }

    /// Is the bracket before this token that of a `pub(…)`?
    fn closes_visibility(&self) -> bool {
        let open = self.code[..self.at].iter().rposition(|token| token.is("("));
        open.is_some_and(|open| open > 0 && self.code[open - 1].is("pub"))
    }

    /// Lays one level of a `use` tree flat: `a::b`, `a::*`, `a as b` or `a::{…}`.
    fn tree(&mut self, tokens: &[Token], stem: &[String], form: Form) {
        let mut path = stem.to_vec();
        let mut alias = None;
        for (at, token) in tokens.iter().enumerate() {
            if token.is("{") {
                let inner = &tokens[at + 1..(at + group_len(&tokens[at..])).saturating_sub(1)];
                for branch in branches(inner) {
                    self.tree(branch, &path, form);
                }
                return;
            } else if token.is("as") {
                alias = tokens.get(at + 1).map(|token| token.text.clone());
                break;
            } else if token.kind == Kind::Word || token.is("*") {
                path.push(token.text.clone());
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(first) = tokens.first() {
            self.found(path, alias, form, first.line);
        }
    }

    /// A run of names joined by `::`, if this word is the first of one.
    fn inline(&mut self) {
        let rest = &self.code[self.at..];
        let mut path = vec![rest[0].text.clone()];
        let mut len = 1;
        while rest.get(len).is_some_and(|token| token.is("::"))
            && rest.get(len + 1).is_some_and(|token| token.kind == Kind::Word)
        {
            path.push(rest[len + 1].text.clone());
            len += 2;
        }
        let follows = self.at > 0 && [".", "::"].iter().any(|mark| self.code[self.at - 1].is(mark));
        if len > 1 && !follows {
            self.found(path, None, Form::Inline, rest[0].line);
        }
        self.at += len;
    }

    fn found(&mut self, path: Vec<String>, alias: Option<String>, form: Form, line: usize) {
        let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        let inside = self.inside.iter().map(|(name, _)| name.clone()).collect();
        self.found.push(Named { path, alias, form, line, inside });
    }
}

/// The parts between the commas that stand in no inner braces.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0usize;
    tokens
        .split(|token| {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is(",")
        })
        .filter(|branch| !branch.is_empty())
        .collect()
}
