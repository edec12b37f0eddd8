//! Routes.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use seaworthy_gateway::settings::{
    Cache as GatewayCache, Cors as GatewayCors, Fallback as GatewayFallback, RateKey, RateLimit,
    Route as GatewayRoute,
};

use crate::config::file::{Cors, Fallback, File, Route, RouteRate, SecurityHeaders};
use crate::config::problem::{Problems, nearest};
use crate::config::setting::{At, Policy};

/// All routes; one for everything where none is written and there is one service.
pub(super) fn routes(file: &File, problems: &mut Problems) -> Vec<GatewayRoute> {
    if !file.route.is_empty() {
        let routes: Vec<_> = file.route.iter().map(|route| self::route(route, file, problems)).collect();
        unreachable(&routes, file, problems);
        unused(&routes, file, problems);
        for (at, error) in seaworthy_gateway::check_templates(&routes) {
            problems.push(file.route[at].spans.of("path"), error.to_string());
        }
        return routes;
    }
    let mut names = file.service.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => {
            let mut route = GatewayRoute::everything(only);
            security_headers(&mut route, &Policy::Inherit, problems);
            vec![route]
        }
        (Some(_), Some(_)) => {
            problems.push(0..0, "there are several services and no route; add [[route]] for each");
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// A route behind one that catches the same requests is never reached.
fn unreachable(routes: &[GatewayRoute], file: &File, problems: &mut Problems) {
    for (at, route) in routes.iter().enumerate() {
        let same = |other: &&GatewayRoute| {
            (&other.path, &other.hosts, &other.methods, &other.headers)
                == (&route.path, &route.hosts, &route.methods, &route.headers)
        };
        if routes[..at].iter().any(|other| same(&other)) {
            problems.push(
                file.route[at].spans.of("path"),
                "is never reached: a route above catches the same requests",
            );
        }
    }
}

/// A service that no route leads to never gets a request.
fn unused(routes: &[GatewayRoute], file: &File, problems: &mut Problems) {
    // a route to a service that does not exist is its likely user, and reported; jobs may call any service
    if routes.iter().any(|route| route.targets.is_empty()) || file.jobs.is_some() {
        return;
    }
    let leads = |route: &GatewayRoute, name: &str| {
        let falls = matches!(&route.fallback, Some(GatewayFallback::Service(other)) if &**other == name);
        falls || route.targets.iter().any(|(target, weight)| &**target == name && *weight > 0)
    };
    for (name, service) in &file.service {
        // what is run here may be of use without: a worker, or what others depend on
        if service.command.is_none() && !routes.iter().any(|route| leads(route, name)) {
            let text = format!("has no effect: no route leads to service \"{name}\"");
            problems.push(service.spans.of("upstreams"), text);
        }
    }
}

/// Settings of a route that its other settings leave without effect.
fn inert(route: &GatewayRoute, written: &Route, problems: &mut Problems) {
    let reads = |method: &Method| matches!(*method, Method::GET | Method::HEAD);
    if route.cache.is_some() && !route.methods.is_empty() && !route.methods.iter().any(reads) {
        problems
            .push(written.spans.of("cache"), "has no effect: only GET and HEAD are answered from a cache");
    }
    if let (Some(GatewayFallback::Service(other)), [(only, _)]) = (&route.fallback, route.targets.as_slice())
        && other == only
    {
        problems.push(written.spans.of("fallback"), "has no effect: it is the route's own service");
    }
}

/// What counts callers needs to know them.
fn nobody(written: &Route, problems: &mut Problems) {
    let asks = matches!(written.auth, Some(crate::config::file::identity::Auth::Of(_)));
    for rate in written.rate_limit.iter().filter(|rate| rate.key.value == "caller" && !asks) {
        problems.push(rate.spans.of("key"), "has no effect: the route asks nobody who they are (`auth`)");
    }
}

fn route(written: &Route, file: &File, problems: &mut Problems) -> GatewayRoute {
    let path = &written.path.value;
    if !path.starts_with('/') {
        let suggestion = Some(format!("write \"/{path}\""));
        problems.suggest(written.spans.of("path"), "a path starts with a slash", suggestion);
    }
    rewrite(written, problems);
    let mut route = GatewayRoute {
        name: path.as_str().into(),
        path: path.clone(),
        hosts: hosts(&written.hosts, problems),
        methods: methods(&written.methods, problems),
        headers: headers(written, problems),
        targets: targets(written, file, problems),
        rewrite: written.rewrite.as_ref().map(|rewrite| rewrite.value.clone()),
        allow: networks(&written.allow, problems),
        deny: networks(&written.deny, problems),
        body_bytes: written.body_bytes.0,
        rate_limits: written.rate_limit.iter().filter_map(|rate| rate_limit(rate, problems)).collect(),
        cache: written.cache.as_ref().map(|cache| GatewayCache {
            object_bytes: cache.object_size.0,
            default_ttl: cache.default_ttl,
            stale_while_revalidate: cache.stale_while_revalidate,
            stale_if_error: cache.stale_if_error,
            lock_timeout: cache.lock_timeout,
        }),
        cors: written.cors.as_ref().map(|cors| self::cors(cors, problems)),
        fallback: written.fallback.as_ref().and_then(|fallback| self::fallback(fallback, file, problems)),
        ..GatewayRoute::everything("")
    };
    security_headers(&mut route, &written.security_headers, problems);
    inert(&route, written, problems);
    nobody(written, problems);
    route
}

fn networks(written: &[At<String>], problems: &mut Problems) -> Vec<ipnet::IpNet> {
    let network = |text: &At<String>| {
        let alone = text.value.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
        let parsed = text.value.parse::<ipnet::IpNet>().or(alone);
        if parsed.is_err() {
            let suggestion = Some("write \"10.0.0.0/8\", \"2001:db8::/32\" or an address".to_owned());
            problems.suggest(text.span.clone(), format!("\"{}\" is not a network", text.value), suggestion);
        }
        parsed.ok()
    };
    written.iter().filter_map(network).collect()
}

/// Host names, without scheme, port or path: those are not what routes are told apart by.
fn hosts(written: &[At<String>], problems: &mut Problems) -> Vec<String> {
    for host in written {
        let name = host.value.strip_prefix("*.").unwrap_or(&host.value);
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let address = name.starts_with('[') && name.ends_with(']');
        if name.is_empty() || !(address || name.bytes().all(plain)) {
            let suggestion = Some("write \"shop.example\" or \"*.shop.example\"".to_owned());
            problems.suggest(host.span.clone(), format!("\"{}\" is not a host name", host.value), suggestion);
        }
    }
    written.iter().map(|host| host.value.to_ascii_lowercase()).collect()
}

fn rewrite(written: &Route, problems: &mut Problems) {
    let Some(rewrite) = &written.rewrite else { return };
    if !rewrite.value.starts_with('/') {
        problems.push(rewrite.span.clone(), "a rewritten path starts with a slash");
    }
    let names = |text: &str| -> Vec<String> {
        text.split('{')
            .skip(1)
            .filter_map(|p| p.split_once('}'))
            .map(|(n, _)| n.trim_start_matches('*').to_owned())
            .collect()
    };
    let known = names(&written.path.value);
    for name in names(&rewrite.value).iter().filter(|name| !known.contains(name)) {
        let suggestion =
            nearest(name, known.iter().map(String::as_str)).map(|n| format!("did you mean {{{n}}}?"));
        problems.suggest(rewrite.span.clone(), format!("`path` has no parameter {{{name}}}"), suggestion);
    }
}

fn methods(written: &[At<String>], problems: &mut Problems) -> Vec<Method> {
    let parse = |text: &At<String>| {
        let known = Method::from_bytes(text.value.as_bytes())
            .ok()
            .filter(|m| m.as_str().bytes().all(|b| b.is_ascii_uppercase()));
        if known.is_none() {
            let suggestion = Some(format!("methods are upper case: \"{}\"", text.value.to_ascii_uppercase()));
            problems.suggest(text.span.clone(), format!("\"{}\" is not a method", text.value), suggestion);
        }
        known
    };
    written.iter().filter_map(parse).collect()
}

fn headers(written: &Route, problems: &mut Problems) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, value) in &written.headers {
        match (name.parse(), HeaderValue::from_str(&value.value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => problems.push(value.span.clone(), format!("\"{name}\" with this value cannot be a header")),
        }
    }
    headers
}

fn targets(written: &Route, file: &File, problems: &mut Problems) -> Vec<(Arc<str>, u32)> {
    match (&written.service, written.split.as_slice()) {
        (Some(_), [_, ..]) => {
            problems.push(written.spans.of("split"), "a route has either `service` or `split`");
            Vec::new()
        }
        (Some(service), []) => {
            service_name(service, file, problems).map(|name| (name, 1)).into_iter().collect()
        }
        (None, []) => {
            problems.push(written.spans.of("service"), "a route needs `service` (or `split`)");
            Vec::new()
        }
        (None, split) => {
            if split.iter().all(|part| part.weight == 0) {
                problems.push(written.spans.of("split"), "all weights are 0: nothing would get traffic");
            }
            let part = |part: &crate::config::file::Split| {
                Some((service_name(&part.service, file, problems)?, part.weight))
            };
            split.iter().filter_map(part).collect()
        }
    }
}

fn service_name(written: &At<String>, file: &File, problems: &mut Problems) -> Option<Arc<str>> {
    if file.service.contains_key(&written.value) {
        return Some(written.value.as_str().into());
    }
    let known = || file.service.keys().map(String::as_str);
    let suggestion = match nearest(&written.value, known()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("there is {}", known().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")),
    };
    problems.suggest(
        written.span.clone(),
        format!("there is no service \"{}\"", written.value),
        Some(suggestion),
    );
    None
}

fn rate_limit(written: &RouteRate, problems: &mut Problems) -> Option<RateLimit> {
    let header = |name: &str, problems: &mut Problems| {
        let parsed = name.parse::<HeaderName>();
        if parsed.is_err() {
            problems.push(written.spans.of("key"), format!("\"{name}\" is not a header name"));
        }
        parsed.ok()
    };
    let key = match written.key.value.split_once(':') {
        None if written.key.value == "client" => RateKey::Client,
        None if written.key.value == "route" => RateKey::Route,
        None if written.key.value == "caller" => RateKey::Caller,
        Some(("header", name)) => RateKey::Header(header(name, problems)?),
        Some(("tenant", name)) => RateKey::Tenant(header(name, problems)?),
        _ => {
            let suggestion =
                Some("use \"client\", \"caller\", \"route\", \"header:NAME\" or \"tenant:NAME\"".to_owned());
            problems.suggest(
                written.spans.of("key"),
                format!("\"{}\" is not a key", written.key.value),
                suggestion,
            );
            return None;
        }
    };
    if written.requests == 0 || written.per.is_zero() || written.burst == Some(0) || written.keys == 0 {
        problems.push(written.spans.of("requests"), "a rate limit of 0 refuses everything");
    }
    let burst = written.burst.unwrap_or(written.requests);
    Some(RateLimit { key, requests: written.requests, per: written.per, burst, keys: written.keys })
}

fn cors(written: &Cors, problems: &mut Problems) -> GatewayCors {
    let any = written.origins.iter().any(|origin| origin.value == "*");
    if written.origins.is_empty() {
        problems.push(written.spans.of("origins"), "without `origins` no page may read anything");
    }
    if any && written.credentials {
        problems
            .push(written.spans.of("credentials"), "browsers refuse credentials together with origin \"*\"");
    }
    if any && written.origins.len() > 1 {
        problems.push(written.spans.of("origins"), "\"*\" makes the other origins pointless");
    }
    for origin in written.origins.iter().filter(|origin| origin.value != "*") {
        let rest = origin.value.strip_prefix("https://").or_else(|| origin.value.strip_prefix("http://"));
        if rest.is_none_or(|rest| rest.is_empty() || rest.contains('/')) {
            let suggestion = Some("write scheme and host only: \"https://app.example\"".to_owned());
            problems.suggest(
                origin.span.clone(),
                format!("\"{}\" is not an origin", origin.value),
                suggestion,
            );
        }
    }
    let mut names = |list: &[At<String>]| -> Vec<HeaderName> {
        let parse = |text: &At<String>| {
            let name = text.value.parse().ok();
            if name.is_none() {
                problems.push(text.span.clone(), format!("\"{}\" is not a header name", text.value));
            }
            name
        };
        list.iter().filter_map(parse).collect()
    };
    let (headers, expose) = (names(&written.headers), names(&written.expose));
    GatewayCors {
        origins: written.origins.iter().map(|origin| origin.value.clone()).collect(),
        methods: methods(&written.methods, problems),
        headers,
        expose,
        credentials: written.credentials,
        max_age: written.max_age,
    }
}

fn security_headers(route: &mut GatewayRoute, written: &Policy<SecurityHeaders>, problems: &mut Problems) {
    let inherited = SecurityHeaders::default();
    let wanted = match written {
        Policy::Off => return,
        Policy::Inherit => &inherited,
        Policy::On(headers) => headers,
    };
    let list = [
        ("x-content-type-options", "content_type_options", &wanted.content_type_options),
        ("x-frame-options", "frame_options", &wanted.frame_options),
        ("referrer-policy", "referrer_policy", &wanted.referrer_policy),
        ("content-security-policy", "content_security_policy", &wanted.content_security_policy),
        ("permissions-policy", "permissions_policy", &wanted.permissions_policy),
    ];
    for (header, setting, text) in list.into_iter().filter(|(_, _, text)| !text.is_empty()) {
        match HeaderValue::from_str(text) {
            Ok(value) => route.response_headers.push((HeaderName::from_static(header), value)),
            Err(_) => problems.push(wanted.spans.of(setting), "cannot be a header's value"),
        }
    }
    if !wanted.hsts.is_empty() {
        route.hsts = HeaderValue::from_str(&wanted.hsts).ok();
        if route.hsts.is_none() {
            problems.push(wanted.spans.of("hsts"), "cannot be a header's value");
        }
    }
}

fn fallback(written: &Fallback, file: &File, problems: &mut Problems) -> Option<GatewayFallback> {
    match (&written.service, &written.body) {
        (Some(service), None) => service_name(service, file, problems).map(GatewayFallback::Service),
        (None, Some(body)) => {
            let status = StatusCode::from_u16(written.status).ok().filter(|status| status.as_u16() >= 200);
            let content_type = HeaderValue::from_str(&written.content_type);
            let (Some(status), Ok(content_type)) = (status, content_type) else {
                problems.push(written.spans.of("status"), "`status` or `content_type` cannot be sent");
                return None;
            };
            Some(GatewayFallback::Static { status, content_type, body: body.clone().into() })
        }
        _ => {
            problems.push(written.spans.of("service"), "a fallback has either `service` or `body`");
            None
        }
    }
}
