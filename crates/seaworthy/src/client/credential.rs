//! What the command line shows to say who it is.

use std::path::{Path, PathBuf};

use seaworthy_core::Secret;

use super::Error;

/// Where the operator's token is unless said: beside `seaworthy.toml`.
const DEFAULT: &str = "seaworthy.token";

/// A credential for the control listener.
#[derive(Clone, clap::Args)]
pub(crate) struct Credential {
    /// A token or API key; better in the environment than on the command line, which others can see
    #[arg(long, global = true, value_name = "TOKEN", env = "SEAWORTHY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file with it. Without either: `seaworthy.token` of this folder, for a Seaworthy on this machine
    #[arg(long, global = true, value_name = "FILE", env = "SEAWORTHY_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}

impl Credential {
    /// What to show to this control listener.
    pub(crate) fn token(&self, control: &str) -> Result<Option<Secret<String>>, Error> {
        if let Some(token) = &self.token {
            return clean(token).map(Some);
        }
        if let Some(file) = &self.token_file {
            return read(file).map(Some);
        }
        // what lies in a folder is not sent to other machines
        match is_here(control) && Path::new(DEFAULT).exists() {
            true => read(Path::new(DEFAULT)).map(Some),
            false => Ok(None),
        }
    }
}

fn read(file: &Path) -> Result<Secret<String>, Error> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Error::Usage(format!("{}: {error}", file.display())))?;
    clean(&text)
}

fn clean(text: &str) -> Result<Secret<String>, Error> {
    let token = text.trim();
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    match fits {
        true => Ok(Secret::new(token.to_owned())),
        false => Err(Error::Usage("the token is empty, or is none".to_owned())),
    }
}

fn is_here(control: &str) -> bool {
    let rest = control.split_once("://").map_or(control, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_folder_stays_on_this_machine() {
        for here in ["http://127.0.0.1:7700", "localhost:7700", "http://[::1]:7700", "http://127.8.8.8"] {
            assert!(is_here(here), "{here}");
        }
        for away in [
            "http://ops.example:7700",
            "http://127.0.0.1.evil.example:7700",
            "http://localhost.evil.example",
            "http://localhost@evil.example:7700",
            "http://evil.example/127.0.0.1",
            "http://10.0.0.1:7700",
        ] {
            assert!(!is_here(away), "{away}");
        }
    }

    #[test]
    fn nothing_that_could_not_be_a_header_is_sent() {
        for bad in ["", " \n", "two words", "line\nbreak", "ünicode"] {
            assert!(clean(bad).is_err(), "{bad:?}");
        }
        assert_eq!(clean(" abc\n").unwrap().expose(), "abc");
    }
}
