//! The same value in the places where a value can stand.

use http::HeaderMap;
use seaworthy_defence::{Engine, Head, Verdict};

pub(crate) struct Case {
    pub(crate) place: &'static str,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    body: Option<(&'static str, Vec<u8>)>,
    value: String,
}

impl Case {
    pub(crate) fn judge(&self, engine: &Engine) -> Verdict {
        let head =
            Head { method: "POST", path: &self.path, query: self.query.as_deref(), headers: &self.headers };
        engine.inspect(&head, self.body.as_ref().map(|(kind, bytes)| (*kind, bytes.as_slice())))
    }

    pub(crate) fn shown(&self) -> String {
        self.value.chars().take(160).collect()
    }

    fn new(place: &'static str, value: &str) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (
                "user-agent",
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
            ),
            ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
            ("referer", "https://app.example.com/orders?page=2&sort=-created"),
            ("x-request-id", "01JD4Q8ZV6W1S7R9M2N3P4Q5R6"),
            ("cookie", "session=AbC-_0123456789; theme=dark; consent={%22ads%22:false}"),
        ] {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
        Self { place, path: "/api/items".into(), query: None, headers, body: None, value: value.to_owned() }
    }
}

fn escape(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

pub(crate) fn query(value: &str) -> Case {
    Case { query: Some(format!("page=2&q={}", escape(value))), ..Case::new("query", value) }
}

pub(crate) fn json(value: &str) -> Case {
    let body =
        serde_json::json!({"id": 7, "item": {"title": "x", "text": value}, "tags": ["a", "b"]}).to_string();
    Case { body: Some(("application/json", body.into_bytes())), ..Case::new("json", value) }
}

pub(crate) fn form(value: &str) -> Case {
    let body = format!("id=7&text={}&send=1", escape(value)).into_bytes();
    Case { body: Some(("application/x-www-form-urlencoded", body)), ..Case::new("form", value) }
}

fn multipart(value: &str) -> Case {
    let body =
        format!("--xyz\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n{value}\r\n--xyz--\r\n");
    Case {
        body: Some(("multipart/form-data; boundary=xyz", body.into_bytes())),
        ..Case::new("multipart", value)
    }
}

fn cookie(value: &str) -> Case {
    let mut case = Case::new("cookie", value);
    if let Ok(header) = format!("a=b; pref={}", escape(value)).parse() {
        case.headers.insert("cookie", header);
    }
    case
}

fn agent(value: &str) -> Case {
    let mut case = Case::new("user-agent", value);
    case.headers.insert("user-agent", value.parse().expect("agents are plain"));
    case
}

fn path(value: &str) -> Case {
    Case { path: value.to_owned(), ..Case::new("path", value) }
}

pub(crate) fn raw_query(value: &str) -> Case {
    Case { query: Some(value.to_owned()), ..Case::new("raw query", value) }
}

/// Where an attack of this kind would be sent.
pub(crate) fn everywhere(category: &str, value: &str) -> Vec<Case> {
    match category {
        "agent" => vec![agent(value)],
        "path" => vec![path(value)],
        "raw" => vec![raw_query(value)],
        "header" => vec![query(value), cookie(value)],
        "traversal" => vec![query(value), cookie(value), form(value)],
        _ => vec![query(value), form(value), json(value), multipart(value)],
    }
}
