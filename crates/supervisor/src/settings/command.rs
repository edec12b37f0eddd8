use std::ffi::OsString;

/// The descriptor under which a replica finds a passed socket: the first that sd_listen_fds(3) names.
pub const SOCKET_DESCRIPTOR: u32 = 3;

/// What is run. `{port}` and `{socket}` are replaced wherever they stand; all other text, other braces included, is left
/// as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
    /// A line for `/bin/sh -c`, which makes way for the program where the line is one plain command. The shell and what it
    /// started are told to end together.
    Shell(String),
}

/// What the placeholders stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) port: u16,
}

impl Places {
    pub(crate) fn fill(self, text: &str) -> String {
        text.replace("{port}", &self.port.to_string()).replace("{socket}", &SOCKET_DESCRIPTOR.to_string())
    }
}

impl Command {
    /// The texts it consists of.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Argv(argv) => argv.as_slice(),
            Self::Shell(line) => std::slice::from_ref(line),
        }
        .iter()
        .map(String::as_str)
    }

    /// The program and its arguments for one replica.
    pub(crate) fn argv(&self, places: Places) -> Vec<OsString> {
        match self {
            Self::Argv(argv) => argv.iter().map(|text| places.fill(text).into()).collect(),
            Self::Shell(line) => {
                let line = places.fill(line);
                let line = if is_plain(&line) { format!("exec {line}") } else { line };
                ["/bin/sh".into(), "-c".into(), line.into()].into()
            }
        }
    }
}

/// Whether a line is one command with plain words. The shell then makes way for the program: one process less, signals
/// and `LISTEN_PID` are the program's own, and how it ends is not told by somebody else.
fn is_plain(line: &str) -> bool {
    const SPECIAL: &[char] = &['|', '&', ';', '<', '>', '(', ')', '`', '\n', '{', '}', '!', '#'];
    /// What only the shell knows, or what would mean something else behind `exec`.
    const WORDS: [&str; 37] = [
        ".", ":", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "eval", "exec",
        "exit", "export", "fc", "fg", "for", "function", "getopts", "hash", "if", "jobs", "local", "read",
        "readonly", "return", "set", "shift", "source", "time", "times", "trap", "ulimit", "umask", "unset",
        "until", "wait",
    ];
    let first = line.split_whitespace().next().unwrap_or_default();
    !(first.is_empty()
        || first == "while"
        || line.contains(SPECIAL)
        || first.contains('=')
        || WORDS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_nothing_else_is() {
        let argv =
            Command::Argv(vec!["a".into(), "--bind=127.0.0.1:{port}".into(), "{\"fd\":{socket}}${x}".into()]);
        assert_eq!(argv.argv(Places { port: 8001 }), ["a", "--bind=127.0.0.1:8001", "{\"fd\":3}${x}"]);
    }

    #[test]
    fn a_plain_line_replaces_the_shell_and_any_other_is_left_alone() {
        let run = |line: &str| Command::Shell(line.into()).argv(Places { port: 8001 });
        assert_eq!(run("a --port {port}"), ["/bin/sh", "-c", "exec a --port 8001"]);
        for line in [
            "a --port 8001 | b",
            "a; b",
            "X=1 a",
            "cd /x",
            "exec a",
            "if true",
            "a & wait",
            "",
            "(a)",
            "while :",
        ] {
            assert_eq!(run(line), ["/bin/sh", "-c", line], "{line}");
        }
    }
}
