use std::ffi::OsString;

/// The descriptor under which a replica finds a passed socket: the first that sd_listen_fds(3) names.
pub const SOCKET_DESCRIPTOR: u32 = 3;

/// What is run. `{port}` and `{socket}` are replaced wherever they stand; all other text, other braces included, is left
/// as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
    /// A line for `/bin/sh -c`, which replaces itself by the program where the line is one plain command: signals then
    /// reach the program and not a shell in between.
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

/// Whether a line is one command with plain words, so that `exec` before it changes nothing but who gets the signals.
fn is_plain(line: &str) -> bool {
    const SPECIAL: &[char] = &['|', '&', ';', '<', '>', '(', ')', '`', '\n', '{', '}', '!', '#'];
    /// What `exec` cannot run, or what would mean something else behind it.
    const WORDS: [&str; 22] = [
        "exec", "cd", "export", "set", "unset", "if", "while", "until", "for", "case", "trap", "ulimit",
        "umask", "eval", "exit", "command", "wait", "read", "alias", "time", ":", ".",
    ];
    let first = line.split_whitespace().next().unwrap_or_default();
    !(first.is_empty() || line.contains(SPECIAL) || first.contains('=') || WORDS.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> OsString {
        Command::Shell(line.into()).argv(Places { port: 8001 }).remove(2)
    }

    #[test]
    fn placeholders_are_filled_and_nothing_else_is() {
        let argv =
            Command::Argv(vec!["a".into(), "--bind=127.0.0.1:{port}".into(), "{\"fd\":{socket}}${x}".into()]);
        assert_eq!(argv.argv(Places { port: 8001 }), ["a", "--bind=127.0.0.1:8001", "{\"fd\":3}${x}"]);
    }

    #[test]
    fn a_plain_line_replaces_the_shell_and_any_other_is_left_alone() {
        assert_eq!(run("uvicorn app:app --port {port}"), "exec uvicorn app:app --port 8001");
        for line in
            ["a; b", "a && b", "X=1 a", "cd /x", "exec a", "a | b", "if true", "a & wait", "", "(a)", "a # b"]
        {
            assert_eq!(run(line), line, "{line}");
        }
    }
}
