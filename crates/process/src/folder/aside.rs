//! What makes no sense is kept for a person to look at, out of the way.

use super::Inner;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The most that is kept; beyond that it is deleted.
const MOST: usize = 100;

impl Inner {
    /// Moves it to `aside/`.
    pub(super) fn set_aside(&self, path: &Path, why: &str) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kept = self.keep_aside(path, &name);
        let to = kept.map_or("deleted".to_owned(), |to| format!("set aside as {}", to.display()));
        self.problem(format!("{}: {}; {to}", path.display(), why.trim()));
    }

    fn keep_aside(&self, path: &Path, name: &str) -> Option<PathBuf> {
        let aside = self.path.join("aside");
        let _ = DirBuilder::new().mode(0o700).create(&aside);
        let kept = fs::read_dir(&aside).map_or(usize::MAX, Iterator::count);
        let to = aside.join(format!("{:08x}-{name}", fastrand::u32(..)));
        if kept < MOST && fs::rename(path, &to).is_ok() {
            return Some(to);
        }
        let _ = fs::remove_dir_all(path);
        let _ = fs::remove_file(path);
        None
    }
}
