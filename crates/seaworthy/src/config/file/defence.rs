//! Settings of what is looked for in requests.

use std::time::Duration;

use crate::config::setting::{At, Size};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

settings! {
    /// What is looked for in the requests of a route.
    struct Defence {
        /// What follows when a request looks like an attack (SQL, script, command, header and template injection, path
        /// traversal, scanners), by anomaly scores as in the OWASP Core Rule Set.
        rules: Rules = Rules::Block,
        /// From this score on a request is an attack; one critical finding counts 5.
        threshold: u32 = 5,
        /// How much of a body is looked at by the rules. Longer ones that are no JSON go on after that.
        body_bytes: Size = Size(128 << 10),
        /// Findings that do not count.
        exclude: Vec<Exclude> = Vec::new(),
        /// Types of bodies that are accepted, such as `application/json` or `image/*`. Without any: all, in UTF-8.
        content_types: Vec<String> = Vec::new(),
        /// Whether compressed bodies pass: nobody looks into those.
        compressed: bool = false,
        /// Bounds of JSON bodies.
        json: Json = Json::default(),
        /// File with a JSON schema that every body must fit.
        schema: Option<At<String>> = None,
        /// File with an OpenAPI 3 document (JSON) that every request must fit.
        openapi: Option<At<String>> = None,
        /// With `openapi`: whether members that no schema names are refused.
        strict_members: bool = true,
        /// With `openapi`: whether query parameters that are not in the document are refused.
        strict_query: bool = true,
        /// With `openapi`: whether the service's answers are held against the document too. They are read along while they stream
        /// and never held up, changed or refused.
        responses: Responses = Responses::Off,
        /// Longest body that is judged: of JSON, and of all with `schema` or `openapi`. Longer ones are refused (413), since only a
        /// whole one can be; of longer answers only status and content type are judged.
        judged_bytes: Size = Size(1 << 20),
        /// Keeps clients out that fail too often (answers 401, whoever gives them). Without it: none.
        throttle: Option<Throttle> = None,
    }

    /// Findings that do not count: of a rule or a category, at a place.
    struct Exclude {
        /// The rule's name, as the log shows it.
        rule: Option<String> = None,
        /// `sqli`, `xss`, `traversal`, `command`, `header`, `scanner`, `template`, `xml`, `ssrf` or `null_byte`.
        category: Option<At<String>> = None,
        /// The place: `body.comment`, `query.q`, `header.user-agent`; `*` stands for anything.
        place: String = "*".to_owned(),
    }

    /// Bounds of JSON bodies.
    struct Json {
        /// Arrays and objects inside each other.
        depth: usize = 32,
        /// Values in all.
        nodes: usize = 10_000,
        /// Longest text.
        string_bytes: Size = Size(1 << 20),
        /// Most members of one object.
        keys: usize = 1_000,
    }

    /// Keeps clients out that fail too often. A network counts as one client: IPv4 addresses, /64 of IPv6.
    struct Throttle {
        /// Failures …
        failures: u32 = 20,
        /// … within this time.
        window: Duration = secs(900),
        /// How long a client is kept out at first; each further time twice as long.
        deny: Duration = secs(60),
        /// Longest time.
        deny_max: Duration = secs(3_600),
    }
}

choices! {
    /// What follows when an answer does not fit the document.
    enum Responses {
        /// Answers are not looked at, which costs nothing.
        Off = "off",
        /// A counter (`seaworthy.defence.response_deviations`) and a line in the log, at most six a minute.
        Report = "report",
    }

    /// What follows when a request looks like an attack.
    enum Rules {
        /// It is not looked for.
        Off = "off",
        /// A note.
        Log = "log",
        /// The service is told the score, in `X-Seaworthy-Score`.
        Score = "score",
        /// 403.
        Block = "block",
    }
}
