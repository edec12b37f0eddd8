//! Browsers of whoever holds the operator's token: shown once at the log-in, it is not kept by the browser. What the
//! browser gets instead ends by itself, is worth nothing after a restart, and of it only the digest is kept here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use seaworthy_core::Secret;
use tokio::time::Instant;

use super::door::sha256;

/// The cookie of such a session.
pub(crate) const OPERATOR_COOKIE: &str = "seaworthy_operator";
/// How long a session lasts, however much it is used.
const LASTS: Duration = Duration::from_secs(12 * 3_600);
/// How long it lasts without being used.
const IDLE: Duration = Duration::from_secs(3_600);
/// How many there may be. The one that was not used for longest ends for one more.
const MOST: usize = 100;
/// What a token starts with, so that scanners for leaked secrets can know it.
const PREFIX: &str = "swos_";
/// Random bytes in a token.
const BYTES: usize = 32;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct OperatorSessions(Mutex<HashMap<[u8; 32], Times>>);

#[derive(Debug, Clone, Copy)]
struct Times {
    began: Instant,
    used: Instant,
}

impl Times {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= LASTS || now.duration_since(self.used) >= IDLE
    }
}

impl OperatorSessions {
    /// Begins one: its token. `None` where the system has no random numbers.
    pub(crate) fn begin(&self, now: Instant) -> Option<Secret<String>> {
        let mut bytes = [0_u8; BYTES];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        let token = Secret::new(format!("{PREFIX}{}", hex(&bytes)));
        let mut sessions = self.lock();
        sessions.retain(|_, times| !times.is_over(now));
        if sessions.len() >= MOST
            && let Some(oldest) = sessions.iter().min_by_key(|(_, times)| times.used).map(|(key, _)| *key)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(sha256(token.expose().as_bytes()), Times { began: now, used: now });
        Some(token)
    }

    /// Whether there is one of this token; it counts as used.
    pub(crate) fn knows(&self, token: &str, now: Instant) -> bool {
        if !is_token(token) {
            return false;
        }
        let (key, mut sessions) = (sha256(token.as_bytes()), self.lock());
        match sessions.get_mut(&key) {
            Some(times) if !times.is_over(now) => {
                times.used = now;
                true
            }
            Some(_) => {
                sessions.remove(&key);
                false
            }
            None => false,
        }
    }

    /// Ends the one of this token.
    pub(crate) fn end(&self, token: &str) {
        self.lock().remove(&sha256(token.as_bytes()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Times>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_token(text: &str) -> bool {
    text.len() == PREFIX.len() + 2 * BYTES && text.starts_with(PREFIX)
}

/// What must come with orders of the session of this token: whoever cannot read the cookie cannot make it.
pub(crate) fn csrf(token: &str) -> String {
    hex(&tag(token))
}

/// Whether that is what came. Takes as long either way.
pub(crate) fn csrf_matches(token: &str, given: &str) -> bool {
    verify_slices_are_equal(csrf(token).as_bytes(), given.as_bytes()).is_ok()
}

fn tag(token: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes());
    hmac::sign(&key, b"orders of an operator's session").as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_itself() {
        let (sessions, start) = (OperatorSessions::default(), Instant::now());
        let token = sessions.begin(start).unwrap();
        let token = token.expose();
        assert!(sessions.knows(token, start) && !sessions.knows(&token[..token.len() - 1], start));
        assert!(!sessions.knows(&token.replace(PREFIX, "swop_"), start));
        // used again and again, it lasts twelve hours
        for minutes in (0..720).step_by(50) {
            assert!(sessions.knows(token, start + Duration::from_secs(minutes * 60)), "{minutes}");
        }
        assert!(!sessions.knows(token, start + LASTS));
        let unused = sessions.begin(start).unwrap();
        assert!(!sessions.knows(unused.expose(), start + IDLE));
        assert!(!sessions.knows(unused.expose(), start), "what is over stays over");
        let ended = sessions.begin(start).unwrap();
        sessions.end(ended.expose());
        assert!(!sessions.knows(ended.expose(), start));
    }

    #[test]
    fn there_are_only_so_many() {
        let (sessions, start) = (OperatorSessions::default(), Instant::now());
        let tokens: Vec<_> =
            (0..=MOST as u64).map(|n| sessions.begin(start + Duration::from_secs(n)).unwrap()).collect();
        let now = start + Duration::from_secs(MOST as u64);
        let known = tokens.iter().filter(|token| sessions.knows(token.expose(), now)).count();
        assert_eq!((known, sessions.knows(tokens[0].expose(), now)), (MOST, false));
    }

    #[test]
    fn orders_need_what_only_the_holder_of_the_cookie_can_make() {
        let sessions = OperatorSessions::default();
        let (one, two) = (sessions.begin(Instant::now()).unwrap(), sessions.begin(Instant::now()).unwrap());
        let made = csrf(one.expose());
        assert!(csrf_matches(one.expose(), &made) && made.len() == 64);
        for wrong in ["", &made[1..], &csrf(two.expose()), one.expose(), &made.to_uppercase()] {
            assert!(!csrf_matches(one.expose(), wrong), "{wrong}");
        }
    }
}
