//! Whatever comes: an answer, never a panic and never belief.

use crate::{NOW, at};
use proptest::prelude::*;
use seaworthy_core::Secret;
use seaworthy_oauth::client::Authentication;
use seaworthy_oauth::fetch::Http;
use seaworthy_oauth::jwt::{Algorithm, Check, Issuer, Keys, Options, Verifier};
use seaworthy_oauth::oidc::{Login, LoginSettings};
use std::sync::Arc;

struct World {
    runtime: tokio::runtime::Runtime,
    verifier: Arc<Verifier>,
    login: Arc<Login>,
}

fn world() -> World {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let http = Http::with_roots(runtime.handle().clone(), rustls::RootCertStore::empty());
    let mut issuer = Issuer::new("x", "x", "x", Keys::Hmac(Secret::new(vec![1; 32])));
    issuer.algorithms = vec![Algorithm::Hs256];
    let verifier = Verifier::new(vec![issuer], Options::default(), http.clone()).unwrap();
    let client = ("app", Authentication::Public);
    let settings = LoginSettings::new(
        ("main", "https://id.example.com"),
        client,
        "https://app.example.com/",
        Secret::new([7; 32]),
    );
    World { verifier, login: Login::new(settings, http).unwrap(), runtime }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tokens(texts in proptest::collection::vec("[A-Za-z0-9_.=-]{0,80}|.{0,60}|eyJ[A-Za-z0-9]{0,40}\\.eyJ[A-Za-z0-9]{0,40}\\.[A-Za-z0-9]{0,40}", 20)) {
        let world = world();
        for text in texts {
            let Check::Ready(result) = world.verifier.check(&text, at(NOW)) else { panic!("nothing is fetched") };
            prop_assert!(result.is_err());
        }
    }

    #[test]
    fn cookies_and_answers(texts in proptest::collection::vec(".{0,80}|__Host-session=[0-9]{1,3}\\.[A-Za-z0-9_-]{0,60}(; __Host-session\\.1=x)?|state=.{0,20}&code=.{0,20}", 20)) {
        let world = world();
        for text in texts {
            prop_assert!(world.login.session(&text, at(NOW)).is_err());
            prop_assert!(world.runtime.block_on(world.login.callback(&text, &text, at(NOW))).is_err());
        }
    }
}
