//! What a keeper writes down. It works in the folder of its replica, so that names are enough.

use super::outbox::Outbox;
use crate::exit::Exit;
use crate::files;
use crate::folder::place::{self, Record};
use crate::procfs::Identity;
use crate::protocol::Started;
use std::io;
use std::path::Path;

pub(super) fn myself() -> io::Result<()> {
    let own = Identity::of(std::process::id());
    files::write_json(Path::new(place::KEEPER), &own)
}

pub(super) fn program(started: &Started) -> io::Result<()> {
    files::write_json(Path::new(place::PROGRAM), started)
}

/// The exit comes last: with it the record is complete.
pub(super) fn exit(exit: Exit, confirmed: bool, outbox: &mut Outbox) -> io::Result<()> {
    files::write(Path::new(place::OUTPUT), &outbox.rest())?;
    files::write_json(Path::new(place::EXIT), &Record { exit, confirmed })
}
