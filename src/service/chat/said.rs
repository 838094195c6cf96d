//! What a line means: [`Said`]. Bytes of a stranger become text that is safe on others' terminals.

/// What somebody said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// To the room.
    Text(&'a str),
    Join(&'a str),
    Leave,
    Who,
    Rooms,
    Nick(&'a str),
    Help,
    Quit,
    /// An empty line, or the answer to a ping: it shows that somebody is there.
    Nothing,
    /// A command that does not exist.
    Unknown(&'a str),
}

impl<'a> Said<'a> {
    pub(super) fn read(line: &'a str) -> Self {
        let line = line.trim();
        if !line.starts_with('/') {
            return if line.is_empty() { Self::Nothing } else { Self::Text(line) };
        }
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "/join" => Self::Join(rest.trim()),
            "/leave" => Self::Leave,
            "/who" => Self::Who,
            "/rooms" => Self::Rooms,
            "/nick" => Self::Nick(rest.trim()),
            "/help" => Self::Help,
            "/quit" => Self::Quit,
            "/pong" => Self::Nothing,
            _ => Self::Unknown(command),
        }
    }
}

/// The line as text. Bytes that are not UTF-8 are replaced, and so are control characters: with
/// them one person could write anywhere on the terminals of the others.
pub(super) fn clean(line: &[u8]) -> String {
    let visible = |letter: char| if letter.is_control() { ' ' } else { letter };
    String::from_utf8_lossy(line).chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_begin_with_a_slash_and_all_else_is_said() {
        for (line, said) in [
            ("hello there", Said::Text("hello there")),
            (" hello / there ", Said::Text("hello / there")),
            ("/join  attic ", Said::Join("attic")),
            ("/join", Said::Join("")),
            ("/nick ann", Said::Nick("ann")),
            ("/leave now", Said::Leave),
            ("/pong", Said::Nothing),
            ("  ", Said::Nothing),
            ("/", Said::Unknown("/")),
            ("/shout hello", Said::Unknown("/shout")),
        ] {
            assert_eq!(Said::read(line), said);
        }
    }

    #[test]
    fn nobody_writes_on_the_terminals_of_others() {
        assert_eq!(clean(b"a\x1b[2Jb\x07c\td"), "a [2Jb c d");
        assert_eq!(clean("\u{9b}31mred".as_bytes()), " 31mred");
        assert_eq!(clean(b"caf\xc3\xa9 \xff"), "café \u{fffd}");
    }
}
