use super::*;
use proptest::prelude::*;

fn route(path: &str, edit: impl FnOnce(&mut Route)) -> Route {
    let mut route = Route { path: path.into(), name: path.into(), ..Route::everything("shop") };
    edit(&mut route);
    route
}

fn find(router: &Router, host: &str, method: &str, path: &str) -> Found {
    router.find(host, path, &method.parse().unwrap(), &HeaderMap::new())
}

#[test]
fn the_more_exact_template_wins_whatever_the_order() {
    let routes = [
        route("/{*rest}", |_| {}),
        route("/items/{id}", |_| {}),
        route("/items/new", |_| {}),
        route("/", |_| {}),
    ];
    let router = Router::new(&routes).unwrap();
    for (path, expected) in [("/", 3), ("/items/new", 2), ("/items/7", 1), ("/items/7/x", 0), ("/x", 0)] {
        assert_eq!(find(&router, "h", "GET", path), Found::Route(expected), "{path}");
    }
}

#[test]
fn hosts_exact_before_wildcard_before_any() {
    let routes = [
        route("/a", |_| {}),
        route("/a", |r| r.hosts = vec!["*.shop.example".into()]),
        route("/a", |r| r.hosts = vec!["eu.shop.example".into()]),
    ];
    let router = Router::new(&routes).unwrap();
    assert_eq!(find(&router, "EU.shop.example", "GET", "/a"), Found::Route(2));
    assert_eq!(find(&router, "us.shop.example", "GET", "/a"), Found::Route(1));
    assert_eq!(find(&router, ".shop.example", "GET", "/a"), Found::Route(0));
    assert_eq!(find(&router, "shop.example", "GET", "/a"), Found::Route(0));
    assert_eq!(find(&router, "shop.example", "GET", "/b"), Found::Nothing);
}

#[test]
fn methods_and_headers_decide_among_routes_of_one_template() {
    let beta = (HeaderName::from_static("x-beta"), HeaderValue::from_static("1"));
    let routes = [
        route("/items/{id}", |r| r.methods = vec![Method::GET]),
        route("/items/{id}", |r| r.headers = vec![beta.clone()]),
        route("/items/{id}", |r| r.methods = vec![Method::PUT]),
    ];
    let router = Router::new(&routes).unwrap();
    assert_eq!(find(&router, "h", "GET", "/items/1"), Found::Route(0));
    assert_eq!(find(&router, "h", "HEAD", "/items/1"), Found::Route(0));
    assert_eq!(find(&router, "h", "PUT", "/items/1"), Found::Route(2));
    let others = Found::OtherMethods(vec![Method::GET, Method::PUT]);
    assert_eq!(find(&router, "h", "DELETE", "/items/1"), others);
    let headers = HeaderMap::from_iter([beta]);
    assert_eq!(router.find("h", "/items/1", &Method::GET, &headers), Found::Route(1));
}

#[test]
fn a_less_exact_template_answers_when_the_exact_one_wants_other_headers() {
    let beta = (HeaderName::from_static("x-beta"), HeaderValue::from_static("1"));
    let routes = [route("/items/{id}", |r| r.headers = vec![beta]), route("/{*rest}", |_| {})];
    let router = Router::new(&routes).unwrap();
    assert_eq!(find(&router, "h", "GET", "/items/1"), Found::Route(1));
}

#[test]
fn a_less_exact_template_answers_the_methods_that_the_exact_one_does_not_take() {
    let reads = route("/items/{id}", |r| r.methods = vec![Method::GET]);
    let router = Router::new(&[reads.clone(), route("/{*rest}", |_| {})]).unwrap();
    for (method, expected) in [("GET", 0), ("HEAD", 0), ("DELETE", 1), ("POST", 1)] {
        assert_eq!(find(&router, "h", method, "/items/1"), Found::Route(expected), "{method}");
    }
    let picky = Router::new(&[reads, route("/{*rest}", |r| r.methods = vec![Method::PUT])]).unwrap();
    let others = Found::OtherMethods(vec![Method::GET, Method::PUT]);
    assert_eq!(find(&picky, "h", "DELETE", "/items/1"), others);
}

#[test]
fn a_catch_all_matches_its_own_root() {
    let router = Router::new(&[route("/static/{*rest}", |_| {}), route("/{*path}", |_| {})]).unwrap();
    assert_eq!(find(&router, "h", "GET", "/static/"), Found::Route(0));
    assert_eq!(find(&router, "h", "GET", "/static/a/b"), Found::Route(0));
    assert_eq!(find(&router, "h", "GET", "/static"), Found::Route(1));
    assert_eq!(find(&router, "h", "GET", "/"), Found::Route(1));
}

#[test]
fn errors_name_the_template() {
    let routes = [
        route("/a/{id}", |_| {}),
        route("/a/{name}/b", |_| {}),
        route("/a/{name}", |_| {}),
        route("/x{", |_| {}),
    ];
    let errors = Router::new(&routes).unwrap_err();
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|e| e.contains("\"/a/{name}\" conflicts with \"/a/{id}\"")), "{text:?}");
    assert!(text.iter().any(|e| e.contains("\"/x{\" is not a path template")), "{text:?}");
}

#[test]
fn rewrites_with_parameters() {
    assert_eq!(rewrite("/items/{id}", "/items/7", "/v2/{id}/x"), "/v2/7/x");
    assert_eq!(rewrite("/api/{*rest}", "/api/a/b", "/{rest}"), "/a/b");
    assert_eq!(rewrite("/api/{*rest}", "/api/", "/{rest}"), "/");
}

proptest! {
    #[test]
    fn matching_and_rewriting_never_panic(template in "[/a{}*]{0,12}", path in "[/ab%é]{0,12}", to in "[/{}a*]{0,12}") {
        let _ = params(&template, &path);
        let _ = rewrite(&template, &path, &to);
    }

    #[test]
    fn params_agree_with_the_router(path in "/[ab/]{0,6}") {
        let templates = ["/a/{x}", "/{x}/b", "/a/b/{*rest}"];
        for template in templates {
            let mut router = matchit::Router::new();
            router.insert(template, ()).unwrap();
            prop_assert_eq!(router.at(&path).is_ok(), params(template, &path).is_some_and(|p| p.iter().all(|(_, v)| !v.is_empty())), "{} {}", template, &path);
        }
    }
}
