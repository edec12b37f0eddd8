use http::HeaderValue;
use std::time::Duration;

/// Browsers take 4,096 bytes with name and attributes.
const CHUNK_BYTES: usize = 3_600;
const MOST_CHUNKS: usize = 6;
/// Nobody has more log-ins under way in other tabs.
const MOST_UNDER_WAY: usize = 4;

/// How our cookies look. `__Host-` keeps other subdomains and plain HTTP from setting them.
pub(super) struct Cookies {
    pub(super) name: String,
    pub(super) secure: bool,
}

impl Cookies {
    fn full_name(&self, suffix: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}{}{suffix}", self.name)
    }

    /// A name that tells what a sealed value is for.
    pub(super) fn place(&self, suffix: &str) -> Vec<u8> {
        self.full_name(suffix).into_bytes()
    }

    /// `Set-Cookie` for a value of any length; nothing if it is too long for a browser.
    pub(super) fn set(&self, suffix: &str, value: &str, age: Duration) -> Option<Vec<HeaderValue>> {
        let chunks: Vec<&str> = split(value);
        if chunks.len() > MOST_CHUNKS {
            return None;
        }
        let count = chunks.len();
        let one = |(index, chunk): (usize, &&str)| match index {
            0 => self.header(&self.full_name(suffix), &format!("{count}.{chunk}"), age),
            _ => self.header(&self.full_name(&format!("{suffix}.{index}")), chunk, age),
        };
        chunks.iter().enumerate().map(one).collect()
    }

    /// `Set-Cookie` that removes all of it.
    pub(super) fn clear(&self, suffix: &str, most: usize) -> Vec<HeaderValue> {
        let name = |index| if index == 0 { suffix.to_owned() } else { format!("{suffix}.{index}") };
        let names = (0..most.min(MOST_CHUNKS)).map(|index| self.full_name(&name(index)));
        names.filter_map(|name| self.header(&name, "", Duration::ZERO)).collect()
    }

    pub(super) fn clear_all(&self) -> Vec<HeaderValue> {
        self.clear("", MOST_CHUNKS)
    }

    /// `Set-Cookie` that removes all log-ins under way but this one, if there are so many that they crowd the header.
    pub(super) fn clear_crowd(&self, header: &str, suffix: &str) -> Vec<HeaderValue> {
        let (begins, own) = (self.full_name("-login-"), self.full_name(suffix));
        let names = header.split(';').filter_map(|pair| pair.trim().split_once('=')).map(|(name, _)| name);
        let others: Vec<_> =
            names.filter(|name| name.starts_with(&begins) && *name != own).take(64).collect();
        let many = others.len() > MOST_UNDER_WAY;
        others.into_iter().filter(|_| many).filter_map(|name| self.header(name, "", Duration::ZERO)).collect()
    }

    fn header(&self, name: &str, value: &str, age: Duration) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let age = age.as_secs();
        let text = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// The value, put together again. One that stands twice was planted: none of them is taken.
    pub(super) fn get(&self, header: &str, suffix: &str) -> Option<String> {
        let first = only(header, &self.full_name(suffix))?;
        let (count, first) = first.split_once('.')?;
        let count: usize = count.parse().ok().filter(|count| (1..=MOST_CHUNKS).contains(count))?;
        let mut value = first.to_owned();
        for index in 1..count {
            value.push_str(only(header, &self.full_name(&format!("{suffix}.{index}")))?);
        }
        Some(value)
    }
}

fn split(value: &str) -> Vec<&str> {
    let mut rest = value;
    let mut all = Vec::new();
    while rest.len() > CHUNK_BYTES && rest.is_char_boundary(CHUNK_BYTES) {
        let (chunk, more) = rest.split_at(CHUNK_BYTES);
        all.push(chunk);
        rest = more;
    }
    all.push(rest);
    all
}

fn only<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_back(headers: &[HeaderValue]) -> String {
        let pairs = headers.iter().map(|header| header.to_str().unwrap().split(';').next().unwrap());
        pairs.collect::<Vec<_>>().join("; ")
    }

    // ASVS 3.3.1, 3.3.2, 3.3.4
    #[test]
    fn attributes_and_chunks() {
        let cookies = Cookies { name: "session".into(), secure: true };
        let value = "x".repeat(9_000);
        let set = cookies.set("", &value, Duration::from_secs(60)).unwrap();
        assert_eq!(set.len(), 3);
        for header in &set {
            let text = header.to_str().unwrap();
            assert!(text.starts_with("__Host-session") && header.is_sensitive() && text.len() < 3_800);
            assert!(text.ends_with("; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"), "{text}");
        }
        let header = format!("a=b; {}", sent_back(&set));
        assert_eq!(cookies.get(&header, "").as_deref(), Some(value.as_str()));
        assert_eq!(cookies.get(&format!("{header}; __Host-session=1.y"), ""), None);
        assert_eq!(cookies.get(&sent_back(&set[..2]), ""), None);
        assert!(cookies.set("", &"x".repeat(30_000), Duration::ZERO).is_none());
        for bad in ["__Host-session=", "__Host-session=0.x", "__Host-session=99999.x", "__Host-session=x", ""]
        {
            assert_eq!(cookies.get(bad, ""), None);
        }
    }

    #[test]
    fn log_ins_that_were_left_do_not_pile_up() {
        let cookies = Cookies { name: "s".into(), secure: true };
        let header = |count: usize| {
            let all = (0..count).map(|number| format!("__Host-s-login-{number}=1.x"));
            format!("__Host-s=1.x; __Host-s-login-own=1.x; {}", all.collect::<Vec<_>>().join("; "))
        };
        assert!(cookies.clear_crowd(&header(4), "-login-own").is_empty(), "other tabs keep theirs");
        let cleared = cookies.clear_crowd(&header(5), "-login-own");
        assert_eq!(cleared.len(), 5);
        assert!(
            cleared.iter().all(
                |one| one.to_str().unwrap().contains("-login-") && !one.to_str().unwrap().contains("own")
            )
        );
    }
}
