use std::path::{Path, PathBuf};

/// A folder that goes away with its value.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one below the system's temporary folder.
    pub fn new(purpose: &str) -> Self {
        let name = format!("seaworthy-{purpose}-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a temporary folder can be made");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
