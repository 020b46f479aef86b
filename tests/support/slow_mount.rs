//! A mount that is slow, or hangs, for one program: a library that its calls for files go through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::workspace;

/// Longer than any test.
pub const HANGS: Duration = Duration::from_secs(3_600);

/// A folder whose files a program gets to see only after a pause.
pub struct SlowMount {
    folder: TempDir,
}

impl SlowMount {
    /// A mount without a pause, for now. None where the C compiler lacks that linked this test.
    ///
    /// # Panics
    /// If its library cannot be built.
    pub fn new() -> Option<SlowMount> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let mount = SlowMount { folder: TempDir::new().unwrap() };
        fs::create_dir(mount.path()).unwrap();
        let source = workspace().join("tests/support/slow_mount.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(mount.library()).arg(source).arg("-ldl");
        let built = compiler.status().ok()?;
        assert!(built.success(), "{compiler:?}: {built}");
        mount.pause(Duration::ZERO);
        Some(mount)
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    /// Has a program see it.
    pub fn mount<'a>(&self, program: &'a mut Command) -> &'a mut Command {
        program.env("LD_PRELOAD", self.library());
        program.env("SLOW_MOUNT", self.path()).env("SLOW_MOUNT_PAUSE", self.pause_file())
    }

    /// How long each call takes from now on, also one that is under way.
    pub fn pause(&self, pause: Duration) {
        replace(&self.pause_file(), &pause.as_millis().to_string());
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("slow_mount.so")
    }

    fn pause_file(&self) -> PathBuf {
        self.folder.path().join("pause")
    }
}

/// At once: the file is never seen empty.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}
