//! What every route may answer besides its own answers, told once instead of at each route.

use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// Refusals of whoever asks for what is not public.
const GUARDED: [(&str, &str); 2] = [
    ("401", "no credential was shown, or none that is accepted"),
    ("403", "the credential is not good for this, or the call comes from another site"),
];
/// Any other error, of any route.
const ANY: (&str, &str) = ("default", "an error; `code` and `reason` say which");

/// The document with all refusals in it, where a route does not describe one itself.
pub(crate) fn with_refusals(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            let told = if is_public(operation) { &GUARDED[..0] } else { &GUARDED[..] };
            for (status, description) in told.iter().chain([&ANY]) {
                let known = &mut operation.responses.responses;
                known.entry((*status).to_owned()).or_insert_with(|| RefOr::T(problem(description)));
            }
        }
    }
    document
}

fn is_public(operation: &Operation) -> bool {
    let extensions = operation.extensions.as_ref();
    extensions.and_then(|all| all.get("x-permission")).is_some_and(|needs| needs == "public")
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

#[cfg(test)]
mod tests {
    /// ASVS 13.1.1: callers can read in the document what they may be told.
    #[test]
    fn every_guarded_route_tells_of_its_refusals() {
        let document: serde_json::Value = serde_json::from_str(&crate::openapi()).unwrap();
        assert!(document["components"]["schemas"]["Problem"].is_object());
        let operations = document["paths"].as_object().unwrap().values();
        for operation in operations.flat_map(|item| item.as_object().unwrap().values()) {
            let guarded = operation["x-permission"] != "public";
            let told = &operation["responses"];
            assert!(told["default"].is_object(), "{operation}");
            assert!(!guarded || (told["401"].is_object() && told["403"].is_object()), "{operation}");
        }
    }
}
