use std::ffi::OsString;

/// The descriptor under which a replica finds a passed socket: the first that sd_listen_fds(3) names.
pub const SOCKET_DESCRIPTOR: u32 = 3;

/// What is run. `{port}` and `{socket}` are replaced wherever they stand; all other text, other braces included, is left
/// as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
    /// A line for `/bin/sh -c`. The shell and what it started are told to end together.
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
            Self::Shell(line) => ["/bin/sh".into(), "-c".into(), places.fill(line).into()].into(),
        }
    }
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
    fn a_line_goes_to_the_shell() {
        let argv = Command::Shell("a --port {port} | b".into()).argv(Places { port: 8001 });
        assert_eq!(argv, ["/bin/sh", "-c", "a --port 8001 | b"]);
    }
}
