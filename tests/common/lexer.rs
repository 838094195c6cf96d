//! Rust text to tokens, as far as the checks of the house need it.
//!
//! [`lex`] splits a file into [`Token`]s and [`Comment`]s. It knows nested comments, raw and byte
//! strings, and a lifetime from a character, because a check that mistakes a word in a string or a
//! comment for code gets switched off by the first person it annoys. It doesn't parse: the checks
//! look for short runs of tokens.

/// What a token is, as far as the checks tell tokens apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or a keyword; a raw name has lost its `r#`.
    Word,
    Lifetime,
    /// A number, a character or a string; of a string only its quotes are kept.
    Literal,
    /// `::`, `->` and `=>` are one token, all other punctuation is one character each.
    Mark,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// The line on which it begins, counted from 1.
    pub(crate) line: usize,
    /// The line on which it ends: a string may span several.
    pub(crate) last_line: usize,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text && self.kind != Kind::Literal
    }
}

/// A comment, its marks included.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Everything in `text`, in order.
pub(crate) fn lex(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let mut lexer = Lexer { rest: text, line: 1, tokens: Vec::new(), comments: Vec::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    (lexer.tokens, lexer.comments)
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().unwrap_or_default();
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment_len(rest));
        } else if let Some(len) = string_len(rest) {
            self.token_as(Kind::Literal, "\"\"", len);
        } else if rest.starts_with("b'") {
            self.token(Kind::Literal, 1 + quoted_len(&rest[1..], '\''));
        } else if first == '\'' {
            self.quote();
        } else if first.is_ascii_digit() {
            self.token(Kind::Literal, number_len(rest));
        } else if is_word(first) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            self.skip(raw);
            self.token(Kind::Word, word_len(self.rest));
        } else {
            let pair = ["::", "->", "=>"].iter().any(|pair| rest.starts_with(pair));
            self.token(Kind::Mark, if pair { 2 } else { first.len_utf8() });
        }
    }

    /// A lifetime, or a character: the latter is closed by a second quote.
    fn quote(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        let (_, inner) = chars.next().unwrap_or_default();
        let closed = chars.next().is_some_and(|(_, next)| next == '\'');
        if is_word(inner) && !closed {
            self.token(Kind::Lifetime, 1 + word_len(&self.rest[1..]));
        } else {
            self.token(Kind::Literal, quoted_len(self.rest, '\''));
        }
    }

    fn comment(&mut self, len: usize) {
        let (line, text) = (self.line, self.skip(len).to_owned());
        self.comments.push(Comment { text, line });
    }

    fn token(&mut self, kind: Kind, len: usize) {
        let text = self.rest[..len].to_owned();
        self.token_as(kind, &text, len);
    }

    fn token_as(&mut self, kind: Kind, text: &str, len: usize) {
        let line = self.line;
        self.skip(len);
        self.tokens.push(Token { kind, text: text.to_owned(), line, last_line: self.line });
    }

    fn skip(&mut self, len: usize) -> &str {
        let (skipped, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.line += skipped.matches('\n').count();
        skipped
    }
}

fn is_word(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

fn word_len(text: &str) -> usize {
    text.find(|letter| !is_word(letter)).unwrap_or(text.len())
}

/// `1_000u32`, `0xff` and `1.5e3`, but of `0..5` and `1.max(2)` only the digits before the dot.
fn number_len(text: &str) -> usize {
    let whole = word_len(text);
    let fraction = text[whole..].strip_prefix('.').map_or(0, word_len);
    let is_fraction = text[whole..].chars().nth(1).is_some_and(|next| next.is_ascii_digit());
    if is_fraction { whole + 1 + fraction } else { whole }
}

/// Comments of this form nest.
fn block_comment_len(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let (change, len) = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += change;
        at += len;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of the string that `text` begins with, prefix and quotes included.
fn string_len(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let hashes = text.strip_prefix(prefix).map(|rest| rest.trim_start_matches('#'));
        hashes.is_some_and(|rest| rest.starts_with('"'))
    })?;
    let rest = &text[prefix.len()..];
    if !prefix.ends_with('r') {
        // A `#` before the quote belongs to a raw string only.
        return rest.starts_with('"').then(|| prefix.len() + quoted_len(rest, '"'));
    }
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let close = format!("\"{}", "#".repeat(hashes));
    let body = prefix.len() + hashes + 1;
    Some(text[body..].find(&close).map_or(text.len(), |at| body + at + close.len()))
}

/// The length of what stands between two `quote`s, they included; a backslash hides the next one.
fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if letter == quote && !escaped {
            return at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    text.len()
}
