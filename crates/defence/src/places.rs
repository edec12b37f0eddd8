//! Where values stand in a request, and the values.

use crate::engine::Head;
use crate::{decode, limits};
use serde_json::Value;

/// Values beyond these are not looked at one by one.
const MOST_VALUES: usize = 2_000;

/// What a place is like: rules are stricter where people write no prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Path,
    Query,
    Cookie,
    Header,
    Agent,
    File,
    Field,
    /// A whole body nobody could take apart.
    Body,
    /// The name of a parameter or member.
    Name,
}

pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
}

pub(crate) struct Places {
    pub(crate) all: Vec<Place>,
    pub(crate) truncated: bool,
}

/// Headers that hold no free text, or secrets that are read by others.
const PLAIN_HEADERS: [&str; 16] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "if-none-match",
    "if-match",
    "sec-ch-ua",
    "sec-ch-ua-platform",
    "sec-websocket-key",
    "traceparent",
    "tracestate",
    "date",
];

pub(crate) fn of(head: &Head<'_>, body: Option<(&str, &[u8])>, most_bytes: usize) -> Places {
    let mut places = Places { all: Vec::new(), truncated: false };
    places.add(Kind::Path, "path", decode::percent(head.path.as_bytes()));
    places.pairs(Kind::Query, "query", head.query.unwrap_or_default().as_bytes());
    for (name, value) in head.headers {
        match name.as_str() {
            "cookie" => places.cookies(value.as_bytes()),
            "user-agent" => places.add(Kind::Agent, "header.user-agent", value.as_bytes().to_vec()),
            name if PLAIN_HEADERS.contains(&name) => {}
            name => places.add(Kind::Header, &format!("header.{name}"), value.as_bytes().to_vec()),
        }
    }
    if let Some((content_type, bytes)) = body {
        places.truncated |= bytes.len() > most_bytes;
        places.body(content_type, &bytes[..bytes.len().min(most_bytes)]);
    }
    places
}

/// Fit for a log: no control characters, no foreign letters, not endless.
fn fit(name: &str) -> String {
    name.chars().take(128).map(|letter| if letter.is_ascii_graphic() { letter } else { '_' }).collect()
}

impl Places {
    fn add(&mut self, kind: Kind, name: &str, value: Vec<u8>) {
        if self.all.len() >= MOST_VALUES {
            self.truncated = true;
        } else if !value.is_empty() {
            self.all.push(Place { kind, name: fit(name), value });
        }
    }

    fn pairs(&mut self, kind: Kind, prefix: &str, bytes: &[u8]) {
        for pair in bytes.split(|byte| *byte == b'&') {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((&b""[..], pair), |at| (&pair[..at], &pair[at + 1..]));
            let name = decode::form(name);
            let place = format!("{prefix}.{}", String::from_utf8_lossy(&name));
            self.name(&place, &name);
            self.add(kind, &place, decode::form(value));
        }
    }

    /// Names are values too, unless they are nothing but a name.
    fn name(&mut self, place: &str, name: &[u8]) {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if !name.iter().all(plain) || name.starts_with(b"__") || name.eq_ignore_ascii_case(b"constructor") {
            self.add(Kind::Name, place, name.to_vec());
        }
    }

    fn cookies(&mut self, header: &[u8]) {
        for pair in header.split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = String::from_utf8_lossy(&pair[..at]).into_owned();
            let value = pair.get(at + 1..).unwrap_or_default();
            self.add(Kind::Cookie, &format!("cookie.{name}"), decode::percent(value));
        }
    }

    fn body(&mut self, content_type: &str, bytes: &[u8]) {
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/x-www-form-urlencoded" => self.pairs(Kind::Field, "body", bytes),
            "multipart/form-data" => self.multipart(content_type, bytes),
            json if json == "application/json" || json.ends_with("+json") => self.json(bytes),
            text if text.starts_with("text/")
                || text.ends_with("xml")
                || text.contains("graphql")
                || text.is_empty() =>
            {
                self.add(Kind::Body, "body", bytes.to_vec());
            }
            _ => {}
        }
    }

    fn json(&mut self, bytes: &[u8]) {
        let bounds = limits::Json { depth: 64, nodes: 20_000, ..limits::Json::default() };
        match bounds.check(bytes).ok().and_then(|()| serde_json::from_slice::<Value>(bytes).ok()) {
            Some(value) => self.walk("body", &value),
            None => self.add(Kind::Body, "body", bytes.to_vec()),
        }
    }

    fn walk(&mut self, place: &str, value: &Value) {
        match value {
            Value::String(text) => self.add(Kind::Field, place, text.clone().into_bytes()),
            Value::Array(all) => all.iter().for_each(|one| self.walk(place, one)),
            Value::Object(all) => {
                for (name, value) in all {
                    // places stay short however deep they are
                    let inner = if place.len() < 128 { format!("{place}.{name}") } else { place.to_owned() };
                    self.name(&inner, name.as_bytes());
                    self.walk(&inner, value);
                }
            }
            _ => {}
        }
    }

    fn multipart(&mut self, content_type: &str, bytes: &[u8]) {
        let boundary = content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.trim().split_once('=')?;
            name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"').to_owned())
        });
        let Some(boundary) = boundary.filter(|boundary| !boundary.is_empty() && boundary.len() <= 70) else {
            return self.add(Kind::Body, "body", bytes.to_vec());
        };
        let mark = format!("--{boundary}");
        let finder = aho_corasick::AhoCorasick::new([mark.as_bytes()]);
        let Ok(finder) = finder else { return };
        let starts: Vec<_> =
            finder.find_iter(bytes).take(MOST_VALUES).map(|found| (found.start(), found.end())).collect();
        for (index, (_, start)) in starts.iter().enumerate() {
            let end = starts.get(index + 1).map_or(bytes.len(), |(next, _)| *next);
            self.part(&bytes[*start..end]);
        }
    }

    fn part(&mut self, part: &[u8]) {
        let Some(at) = part.windows(4).take(4096).position(|four| four == b"\r\n\r\n") else { return };
        let head = String::from_utf8_lossy(&part[..at]).into_owned();
        let attribute = |name: &str| {
            let start = head.find(&format!("{name}=\"")).map(|at| at + name.len() + 2)?;
            head[start..].split('"').next().map(str::to_owned)
        };
        let name = attribute("; name").unwrap_or_default();
        let place = format!("body.{name}");
        self.name(&place, name.as_bytes());
        if let Some(file) = attribute("filename") {
            return self.add(Kind::File, &format!("{place}.filename"), file.into_bytes());
        }
        self.add(Kind::Field, &place, part[at + 4..].trim_ascii_end().to_vec());
    }
}
