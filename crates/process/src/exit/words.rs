//! What numbers mean. Codes up to 125 are the program's own; 64 to 78 have names since BSD's `sysexits.h`, 126 to 165
//! are a shell's.

use super::{Exit, Reason};
use crate::signal::Signal;
use std::fmt::Write as _;

const CODES: [(i32, &str); 20] = [
    (1, "failure"),
    (2, "failure, often wrong usage"),
    (64, "wrong usage"),
    (65, "wrong input data"),
    (66, "no input"),
    (67, "no such user"),
    (68, "no such host"),
    (69, "service unavailable"),
    (70, "internal error"),
    (71, "system error"),
    (72, "a system file is missing"),
    (73, "cannot create output"),
    (74, "input or output error"),
    (75, "temporary failure"),
    (76, "protocol error"),
    (77, "permission denied"),
    (78, "configuration error"),
    (126, "command not executable"),
    (127, "command not found"),
    (255, "failure"),
];

/// Words that runtimes use when memory is refused to them.
const REFUSED_MEMORY: [&str; 7] = [
    "MemoryError",
    "bad_alloc",
    "out of memory",
    "OutOfMemory",
    "Out of memory",
    "Cannot allocate memory",
    "memory allocation of",
];

pub(super) fn of(exit: &Exit) -> String {
    let mut words = reason(exit);
    if exit.oom_kills > 0 && exit.reason != Reason::OutOfMemory {
        let _ = write!(words, "; the kernel had killed {} for want of memory", processes(exit.oom_kills));
        if let Some(limit) = exit.memory_limit {
            let _ = write!(words, " (limit {})", size(limit));
        }
    }
    if let Some(limit) = exit.memory_limit.filter(|_| exit.address_space && refused_memory(exit)) {
        let _ = write!(words, "; it was refused memory (limit {} on its address space)", size(limit));
    }
    if exit.left_behind > 0 {
        let _ = write!(words, "; it left {} behind, now ended", processes(u64::from(exit.left_behind)));
    }
    words
}

fn reason(exit: &Exit) -> String {
    match &exit.reason {
        Reason::Code(0) => "exited with code 0 (success)".to_owned(),
        Reason::Code(code) => match meaning(*code) {
            Some(meaning) => format!("exited with code {code} ({meaning})"),
            None => format!("exited with code {code}"),
        },
        Reason::Signal(signal) if exit.ordered => format!("was killed by {signal} (as ordered)"),
        Reason::Signal(signal) => format!("was killed by {signal} ({})", signal.meaning()),
        Reason::OutOfMemory => match exit.memory_limit {
            Some(limit) => format!("was killed by SIGKILL (out of memory: limit {})", size(limit)),
            None => "was killed by SIGKILL (out of memory)".to_owned(),
        },
        Reason::FailedToStart { stage, error } => format!("failed to start ({stage}): {error}"),
        Reason::Lost => "was lost: its keeper was killed, so nobody saw it end".to_owned(),
    }
}

fn meaning(code: i32) -> Option<String> {
    if let Some((_, meaning)) = CODES.iter().find(|(known, _)| *known == code) {
        return Some((*meaning).to_owned());
    }
    let signal = Signal::from_number(code - 128)?;
    Some(format!("as a shell says of {signal}: {}", signal.meaning()))
}

fn refused_memory(exit: &Exit) -> bool {
    !exit.success()
        && exit.last_lines.iter().any(|line| REFUSED_MEMORY.iter().any(|word| line.contains(word)))
}

fn processes(count: u64) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

/// In the largest unit that divides it.
pub(crate) fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Stage;

    fn words(reason: Reason) -> String {
        Exit::new(reason).words()
    }

    #[test]
    fn every_end_has_its_words() {
        let table = [
            (Reason::Code(0), "exited with code 0 (success)"),
            (Reason::Code(1), "exited with code 1 (failure)"),
            (Reason::Code(3), "exited with code 3"),
            (Reason::Code(77), "exited with code 77 (permission denied)"),
            (Reason::Code(78), "exited with code 78 (configuration error)"),
            (Reason::Code(126), "exited with code 126 (command not executable)"),
            (Reason::Code(127), "exited with code 127 (command not found)"),
            (Reason::Code(137), "exited with code 137 (as a shell says of SIGKILL: killed)"),
            (Reason::Code(200), "exited with code 200"),
            (Reason::Signal(Signal::reported(11)), "was killed by SIGSEGV (invalid memory access)"),
            (Reason::Signal(Signal::reported(6)), "was killed by SIGABRT (it aborted itself)"),
            (Reason::Signal(Signal::reported(34)), "was killed by signal 34 (a real-time signal)"),
            (Reason::Lost, "was lost: its keeper was killed, so nobody saw it end"),
        ];
        for (reason, expected) in table {
            assert_eq!(words(reason), expected);
        }
        let failed = Reason::FailedToStart { stage: Stage::User, error: "there is no user \"bob\"".into() };
        assert_eq!(words(failed), "failed to start (user): there is no user \"bob\"");
    }

    #[test]
    fn want_of_memory_is_named() {
        let mut exit = Exit::new(Reason::OutOfMemory);
        exit.memory_limit = Some(64 << 20);
        exit.oom_kills = 1;
        assert_eq!(exit.words(), "was killed by SIGKILL (out of memory: limit 64 MiB)");
        exit.reason = Reason::Code(1);
        assert_eq!(
            exit.words(),
            "exited with code 1 (failure); the kernel had killed 1 process for want of memory (limit 64 MiB)"
        );
        exit.oom_kills = 0;
        exit.address_space = true;
        assert_eq!(exit.words(), "exited with code 1 (failure)");
        exit.last_lines = vec!["MemoryError".to_owned()];
        assert_eq!(
            exit.words(),
            "exited with code 1 (failure); it was refused memory (limit 64 MiB on its address space)"
        );
    }

    #[test]
    fn what_was_left_is_counted() {
        let mut exit = Exit::new(Reason::Code(0));
        exit.left_behind = 2;
        assert_eq!(exit.words(), "exited with code 0 (success); it left 2 processes behind, now ended");
        exit.reason = Reason::Signal(Signal::KILL);
        exit.ordered = true;
        exit.left_behind = 0;
        assert_eq!(exit.words(), "was killed by SIGKILL (as ordered)");
        assert_eq!(
            (size(0), size(1536), size(3 << 30)),
            ("0 bytes".into(), "1536 bytes".into(), "3 GiB".into())
        );
    }
}
