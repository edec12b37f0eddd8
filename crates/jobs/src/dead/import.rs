//! Lines of JSON as dead letters.
//!
//! Lines are taken in a chunk at a time, each in one transaction: all of its lines or, where one of them cannot be read,
//! none. What a line was where it comes from is kept with the job, so that a file may be imported again after a crash,
//! or after its bad lines were mended.

mod insert;

use super::line::{Letter, Line};
use crate::{Error, Jobs};
use futures_util::future::BoxFuture;

/// How many lines are written together.
const MOST_LINES: usize = 500;
/// And what they may weigh together.
const MOST_BYTES: usize = 4 << 20;
/// What a line may be longer than the arguments in it.
const AROUND: usize = 1 << 20;
/// How many problems are told one by one.
const MOST_PROBLEMS: usize = 1_000;

/// How lines are taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The kind of lines that name none.
    pub kind: Option<String>,
    /// Into this queue rather than the one each names.
    pub queue: Option<String>,
    /// Only look: nothing is written.
    pub check_only: bool,
}

/// What became of lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// How many lines there were, empty ones included.
    pub lines: u64,
    /// How many became dead letters; of a check, how many would.
    pub imported: u64,
    /// How many were there already.
    pub duplicates: u64,
    /// How many were in order, and were left out for a line beside them that was not.
    pub left_out: u64,
    /// What is wrong with the others; the first 1,000.
    pub problems: Vec<Problem>,
    /// How many more there were.
    pub more_problems: u64,
}

/// A line that cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// Lines on their way in: hand over whatever pieces there are with [`push`](Self::push), then [`finish`](Self::finish).
#[derive(Debug)]
pub struct Import {
    jobs: Jobs,
    options: ImportOptions,
    /// The beginning of a line.
    rest: Vec<u8>,
    /// In a line that is too long.
    skipping: bool,
    chunk: Chunk,
    report: Imported,
}

#[derive(Debug, Default)]
struct Chunk {
    letters: Vec<(String, Letter)>,
    bytes: usize,
    lines: usize,
    broken: bool,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letter").field("original", &self.original).finish_non_exhaustive()
    }
}

impl Import {
    pub(super) fn new(jobs: Jobs, options: ImportOptions) -> Self {
        Self {
            jobs,
            options,
            rest: Vec::new(),
            skipping: false,
            chunk: Chunk::default(),
            report: Imported::default(),
        }
    }

    /// The next bytes of the file, cut anywhere.
    ///
    /// # Errors
    /// [`Error::Store`]: chunks before are in, this one and what comes after it are not. Import the file again.
    pub async fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, more) = bytes.split_at(end);
            bytes = more.get(1..).unwrap_or_default();
            self.extend(line);
            self.line().await?;
        }
        self.extend(bytes);
        Ok(())
    }

    /// That was all.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self) -> BoxFuture<'static, Result<Imported, Error>> {
        Box::pin(async move {
            if !self.rest.is_empty() || self.skipping {
                self.line().await?;
            }
            self.write().await?;
            Ok(self.report)
        })
    }

    /// A line that is too long is not kept, however long it is.
    fn extend(&mut self, bytes: &[u8]) {
        if self.skipping || self.rest.len() + bytes.len() > self.jobs.settings().max_payload + AROUND {
            self.skipping = true;
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(bytes);
        }
    }

    async fn line(&mut self) -> Result<(), Error> {
        self.report.lines += 1;
        let line = std::mem::take(&mut self.rest);
        if std::mem::take(&mut self.skipping) {
            self.complain("is too long".to_owned());
        } else if !line.iter().all(u8::is_ascii_whitespace) {
            match self.read(&line) {
                Ok(letter) => self.chunk.letters.push((self.key(&letter, &line), letter)),
                Err(error) => self.complain(error.to_string()),
            }
        }
        self.chunk.bytes += line.len();
        self.chunk.lines += 1;
        if self.chunk.lines >= MOST_LINES || self.chunk.bytes >= MOST_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    fn read(&self, line: &[u8]) -> Result<Letter, Error> {
        let (kind, queue) = (self.options.kind.as_deref(), self.options.queue.as_deref());
        Line::parse(line)?.into_letter(kind, queue, self.jobs.settings().max_payload)
    }

    fn complain(&mut self, reason: String) {
        self.chunk.broken = true;
        if self.report.problems.len() < MOST_PROBLEMS {
            self.report.problems.push(Problem { line: self.report.lines, reason });
        } else {
            self.report.more_problems += 1;
        }
    }

    /// Ours say who they are. Of others the place counts too: two messages may be the same to the letter.
    fn key(&self, letter: &Letter, line: &[u8]) -> String {
        if let Some((id, created_at)) = letter.original {
            return format!("job-{id}-{:x}", created_at.as_micros());
        }
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(self.report.lines.to_string().as_bytes());
        context.update(b"\n");
        context.update(line.trim_ascii());
        let digest = context.finish();
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("line-{hex}")
    }

    /// The chunk, or nothing of it.
    async fn write(&mut self) -> Result<(), Error> {
        let chunk = std::mem::take(&mut self.chunk);
        let count = chunk.letters.len() as u64;
        if chunk.broken {
            self.report.left_out += count;
            return Ok(());
        }
        if count == 0 {
            return Ok(());
        }
        let (jobs, check_only) = (self.jobs.clone(), self.options.check_only);
        let write = self.jobs.store().write(move |tx| {
            Box::pin(async move { insert::run(tx, &jobs, chunk.letters, check_only).await })
        });
        let imported = write.await?;
        self.report.imported += imported;
        self.report.duplicates += count - imported;
        Ok(())
    }
}
